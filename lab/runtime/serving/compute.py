"""Which way to compute: each is tried on the golden rows and measured, and the fastest that is right is taken.

A way that answers one row in less than `INLINE_SECONDS` is called in place, on the event loop; others share one
thread. Needs numpy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.runtime import tabular
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.signature import Row

INLINE_SECONDS = 0.0001
#: The longest that calling in place may hold up everyone else.
INLINE_CALL_SECONDS = 0.001

#: Where another form of the model answers one row faster than this, the model itself is not opened: its library takes
#: seconds to import, and more memory than most models.
ENOUGH_SECONDS = 0.001

#: Rows of the larger of the two calls that are measured: what some thirty clients who wait together ask for.
MEASURED_ROWS = 32
_TRIES = 7
_MEASURE_SECONDS = 0.5

#: How near a way in single precision must come to what the golden rows say.
_SINGLE_RTOL, _SINGLE_ATOL = 1e-4, 1e-5


@dataclass(frozen=True)
class Output:
    """One entry of each array per row; `probabilities` in the order of the signature's classes."""

    predictions: Any
    probabilities: Any | None = None

    def part(self, start: int, stop: int) -> Output:
        chances = None if self.probabilities is None else self.probabilities[start:stop]
        return Output(self.predictions[start:stop], chances)


Predict = Callable[[list[Row]], Output]


@dataclass(frozen=True)
class Way:
    """A way to ask the model. `open` returns the function to call, once.

    `own` is the framework's own, which must be right or the model is not served. Of others, `exact` ones must answer
    bit for bit as the own one, or else as the golden rows say; the rest within single precision.
    """

    name: str
    open: Callable[[], Predict]
    own: bool = True
    exact: bool = False


@dataclass(frozen=True)
class Cost:
    """Seconds that a call takes, and each row of it besides."""

    call: float
    row: float

    def inline(self, rows: int) -> bool:
        """Whether to call in place rather than on the batch thread."""
        return self.call + self.row < INLINE_SECONDS and self.call + self.row * rows < INLINE_CALL_SECONDS

    def rows_inline(self, most: int) -> int:
        """How many rows of several requests may be called with in place at once."""
        return self.rows_within(INLINE_CALL_SECONDS, 1, most)

    def rows_within(self, seconds: float, least: int, most: int) -> int:
        """How many rows a call of that length takes, within bounds."""
        if self.row <= 0.0:
            return most
        return max(least, min(most, int((seconds - self.call) / self.row)))


#: Of a way that nobody measured: to be called on the batch thread.
UNKNOWN_COST = Cost(1.0, 0.0)


@dataclass(frozen=True)
class Choice:
    """The way taken, what each one took ((rows, seconds) pairs), and why others were not."""

    way: str
    timings: Sequence[tuple[str, Sequence[tuple[int, float]]]] = ()
    passed_over: Sequence[tuple[str, str]] = ()

    @property
    def about(self) -> dict[str, Any]:
        return {
            "way": self.way,
            "seconds": {name: {str(rows): took for rows, took in timings} for name, timings in self.timings},
            "passed_over": dict(self.passed_over),
        }

    @property
    def sentence(self) -> str:
        timings = ", ".join(f"{name} {took[0][1] * 1000:.3g} ms a row" for name, took in self.timings)
        reasons = "".join(f"; not {name}: {reason}" for name, reason in self.passed_over)
        return f"computed by {self.way}" + (f" ({timings})" if timings else "") + reasons


def choose(
    ways: Iterable[Way], golden: Sequence[Mapping[str, Any]], exact: bool = False
) -> tuple[Predict, Cost, Choice]:
    """Open ways in their order; the fastest of those seen is taken, by one row and a batch together.

    Twins are all tried; where one of them is fast enough, or the model itself is, nothing is opened after that.

    `golden` are lines `{"data": row, "prediction": …, "probabilities": …?}`. Without any, the first own way is taken,
    unmeasured. With `exact`, ways in single precision are not tried. Raises LoadError if the own way cannot answer
    the golden rows, or answers otherwise.
    """
    if not golden:
        own = next(way for way in ways if way.own)
        return own.open(), UNKNOWN_COST, Choice(own.name)
    rows = [list(line["data"]) for line in golden]
    wanted = Output([line["prediction"] for line in golden], [line.get("probabilities") for line in golden])
    found: list[tuple[Way, Predict, Cost, list[tuple[int, float]]]] = []
    passed: list[tuple[str, str]] = []
    own_answer: Output | None = None
    enough = False
    for way in ways:
        if enough and (way.own or own_answer is not None):
            break
        if exact and not (way.own or way.exact):
            passed.append((way.name, "only exact answers are wanted"))
            continue
        try:
            predict = way.open()
            answer = predict(rows)
            reason = _difference(way, answer, wanted, own_answer)
            cost, timings = (UNKNOWN_COST, []) if reason else measure(predict, rows)
        except LoadError:
            raise
        except Exception as error:  # the model's own code, on rows from a file
            if way.own:
                raise LoadError(f"the model cannot predict its golden rows ({type(error).__name__})") from error
            missing = error.name if isinstance(error, ImportError) else None
            passed.append(
                (way.name, f"{missing} is not installed" if missing else f"it failed ({type(error).__name__})")
            )
            continue
        if reason and way.own:
            raise LoadError("the model does not predict its golden rows as it did in training")
        if reason:
            passed.append((way.name, reason))
            continue
        own_answer = answer if way.own else own_answer
        found.append((way, predict, cost, timings))
        enough = enough or cost.inline(1) or (not way.own and cost.call + cost.row < ENOUGH_SECONDS)
    way, predict, cost, _ = min(found, key=lambda entry: sum(took for _, took in entry[3]))
    choice = Choice(way.name, [(entry[0].name, entry[3]) for entry in found], passed)
    return predict, cost, choice


def _difference(way: Way, answer: Output, wanted: Output, own: Output | None) -> str:
    """Why the way's answer to the golden rows is not good enough; "" if it is."""
    if way.exact:
        alike = identical(answer, own) if own is not None else _equal(answer, wanted)
        return "" if alike else "it does not answer bit for bit alike"
    tolerance = {} if way.own else {"rtol": _SINGLE_RTOL, "atol": _SINGLE_ATOL}
    alike = tabular.same(answer.predictions, wanted.predictions, **tolerance)
    if alike and answer.probabilities is not None:
        alike = tabular.same(answer.probabilities, wanted.probabilities, **tolerance)
    return "" if alike else "it does not answer alike"


def _equal(answer: Output, wanted: Output) -> bool:
    """Whether the answer is to the bit what the golden rows' file says; JSON keeps every bit of a float."""
    if answer.predictions.tolist() != wanted.predictions:
        return False
    return answer.probabilities is None or answer.probabilities.tolist() == wanted.probabilities


def identical(left: Output, right: Output) -> bool:
    """Whether two answers agree in every bit."""
    if (left.probabilities is None) != (right.probabilities is None):
        return False
    pairs = [(left.predictions, right.predictions)]
    if left.probabilities is not None:
        pairs.append((left.probabilities, right.probabilities))
    return all(a.dtype == b.dtype and a.shape == b.shape and _bits(a) == _bits(b) for a, b in pairs)


def _bits(array: Any) -> Any:
    return array.tolist() if array.dtype == object else np.ascontiguousarray(array).tobytes()


def measure(predict: Predict, rows: list[Row]) -> tuple[Cost, list[tuple[int, float]]]:
    """The cost, and (rows, seconds) of a call with one row and with many: the best of a few of each."""
    many = [rows[index % len(rows)] for index in range(MEASURED_ROWS)]
    single, batch = _best(predict, rows[:1]), _best(predict, many)
    per_row = max(0.0, (batch - single) / (MEASURED_ROWS - 1))
    return Cost(max(0.0, single - per_row), per_row), [(1, single), (MEASURED_ROWS, batch)]


def _best(predict: Predict, rows: list[Row]) -> float:
    best, deadline = float("inf"), time.perf_counter() + _MEASURE_SECONDS
    for _ in range(_TRIES):
        begin = time.perf_counter()
        predict(rows)
        end = time.perf_counter()
        best = min(best, end - begin)
        if end > deadline:
            break
    return best
