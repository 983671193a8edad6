"""What a sweep goes through: `lr=0.1,0.01`, `depth=2..8`, `lr=0.0001..0.1:log`, and the points that follow from it.

    VALUE            one value; the same in every run
    V1,V2,…          a list; a comma inside quotes belongs to its value
    LO..HI           whole numbers, both ends included; or, if either is a decimal number, all numbers between
    LO..HI:STEP      LO, LO+STEP, … up to HI
    LO..HI:log       numbers between (whole where both ends are), as many in each power of ten

A list may hold ranges that are countable: `1,2,4..8`. A range that is not (decimal numbers without a step, or `log`)
can be drawn from, by `random` and `adaptive`, but has no grid.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lab.dataclass import dataclass
from lab.domain.params import parse_value
from lab.domain.runs import Param
from lab.errors import UsageError

#: The most runs of one sweep, and the most values of one axis.
MOST = 10_000

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}?)\.\.({_NUMBER})(?::(.*))?")
_LIKE_RANGE = re.compile(rf"{_NUMBER}\.\.[^/]*|\.\.{_NUMBER}")
_WHOLE = re.compile(r"[+-]?\d+")
_FORMS = "write LO..HI, LO..HI:STEP or LO..HI:log; quote it to mean the text"


@dataclass(frozen=True)
class Choices:
    """One of a few values, in the order given."""

    values: tuple[Param, ...]

    @property
    def countable(self) -> bool:
        return True

    def draw(self, rng: random.Random) -> Param:
        return rng.choice(self.values)


@dataclass(frozen=True)
class Span:
    """Numbers from `low` to `high`, both included; `step` 0 for all between (of `whole`: every whole number)."""

    low: float
    high: float
    whole: bool
    step: float = 0.0
    log: bool = False

    @property
    def countable(self) -> bool:
        return bool(self.step) or (self.whole and not self.log)

    @property
    def values(self) -> tuple[Param, ...]:
        """All of them. Raises UsageError if they cannot be counted or are more than MOST."""
        if not self.countable:
            raise UsageError(
                f"{self.text} has no grid: there are endless values between",
                "give a step (0.1..0.5:0.1) or a list, or draw from it: --sweep random --trials 20",
            )
        if self._count() > MOST:
            raise UsageError(f"{self.text} has {self._count():,} values, more than {MOST:,}", "give a larger step")
        return tuple(self._at(index) for index in range(self._count()))

    @property
    def text(self) -> str:
        """As it is typed."""
        low, high = (int(self.low), int(self.high)) if self.whole else (self.low, self.high)
        step = int(self.step) if self.whole else self.step
        return f"{low}..{high}" + (":log" if self.log else f":{step}" if self.step else "")

    def draw(self, rng: random.Random) -> Param:
        """One of them, each as likely as another; with `log`, each power of ten as likely as another."""
        if self.countable:
            return self._at(rng.randrange(self._count()))
        if not self.log:
            return rng.uniform(self.low, self.high)
        # A whole number has the width from half below to half above it, so that the ends are drawn too.
        margin = 0.5 if self.whole else 0.0
        value = math.exp(rng.uniform(math.log(self.low - margin), math.log(self.high + margin)))
        bounded = min(self.high, max(self.low, value))
        return round(bounded) if self.whole else bounded

    def _count(self) -> int:
        # Steps such as 0.1 have no exact form: what is within a billionth of the next value counts as there.
        return int((self.high - self.low) / (self.step or 1.0) + 1e-9) + 1

    def _at(self, index: int) -> Param:
        step = self.step or 1.0
        if self.whole:
            return int(self.low) + index * int(step)
        return min(self.high, max(self.low, _tidy(self.low + index * step)))


Axis = Choices | Span
#: Parameter → what it goes through; in the order given.
Space = Mapping[str, Axis]


def parse_axis(name: str, text: str) -> Axis:
    """What `name=text` says; one value alone is `Choices` of one. Raises UsageError that says what is wrong."""
    pieces = _split(name, text)
    if len(pieces) == 1:
        span = _span(name, pieces[0])
        return span or Choices((parse_value(pieces[0]),))
    values: list[Param] = []
    for piece in pieces:
        span = _span(name, piece)
        values += span.values if span else (parse_value(piece),)
    twice = next((value for index, value in enumerate(values) if _among(value, values[:index])), None)
    if twice is not None:
        raise UsageError(f"{name}: {twice!r} stands in the list twice", "each value once")
    if len(values) > MOST:
        raise UsageError(f"{name} has {len(values):,} values, more than {MOST:,}")
    return Choices(tuple(values))


def parse_space(words: Iterable[str]) -> tuple[dict[str, Param], dict[str, Axis]]:
    """`["lr=0.1,0.01", "kind=forest"]` as (parameters that stay, parameters that vary); of a key given twice the last
    holds. Raises UsageError."""
    fixed: dict[str, Param] = {}
    space: dict[str, Axis] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name and equals):
            raise UsageError(f"{word!r} is not a parameter", "write -p key=value, such as -p lr=0.1")
        fixed.pop(name, None)
        space.pop(name, None)
        axis = parse_axis(name, text)
        if isinstance(axis, Choices) and len(axis.values) == 1:
            fixed[name] = axis.values[0]
        else:
            space[name] = axis
    return fixed, space


def parse_seeds(text: str) -> tuple[int, ...]:
    """`7`, `0..4` or `1,5,9` as seeds. Raises UsageError."""
    axis = parse_axis("seed", text)
    values = axis.values if axis.countable else ()
    seeds = tuple(value for value in values if isinstance(value, int) and not isinstance(value, bool))
    if not seeds or len(seeds) != len(values):
        raise UsageError(f"{text!r} does not say seeds", "write --seed 7, --seed 0..4 or --seed 1,5,9")
    return seeds


def grid(space: Space) -> list[dict[str, Param]]:
    """Every combination; the last parameter varies fastest. One empty point for an empty space.

    Raises UsageError for an axis that has no grid, and for more than MOST points.
    """
    size = math.prod(len(axis.values) for axis in space.values())
    if size > MOST:
        raise UsageError(f"the grid has {size:,} points, more than {MOST:,}", "--sweep random --trials 100 draws some")
    return [dict(zip(space, point, strict=True)) for point in itertools.product(*(a.values for a in space.values()))]


#: After so many draws without a new point there is none left that is worth looking for.
_PATIENCE = 10_000


def sample(space: Space, trials: int, seed: int) -> list[dict[str, Param]]:
    """`trials` points drawn at random, no two alike; the same for the same `seed`.

    Of a countable space that has no more points than `trials`, all of them, in the order of the grid; fewer also of a
    range in which so many draws found no other one, such as `1..3:log`. Raises UsageError for more than MOST trials.
    """
    if trials > MOST:
        raise UsageError(f"{trials:,} trials are more than {MOST:,}")
    if all(axis.countable for axis in space.values()) and _at_most(space, trials):
        return grid(space)
    rng = random.Random(seed)
    return list(itertools.islice(_unlike(space, rng), trials))


def _unlike(space: Space, rng: random.Random) -> Iterator[dict[str, Param]]:
    seen: set[str] = set()
    alike = 0
    while alike < _PATIENCE:
        point = {name: axis.draw(rng) for name, axis in space.items()}
        alike += 1
        if repr(point) not in seen:
            seen.add(repr(point))
            alike = 0
            yield point


def _at_most(space: Space, trials: int) -> bool:
    size = 1
    for axis in space.values():
        size *= len(axis.values) if isinstance(axis, Choices) else axis._count()
    return size <= trials


def axis_json(axis: Axis) -> dict[str, Any]:
    """An axis for the journal."""
    if isinstance(axis, Choices):
        return {"values": list(axis.values)}
    return {"low": axis.low, "high": axis.high, "whole": axis.whole, "step": axis.step, "log": axis.log}


def axis_from_json(raw: Mapping[str, Any]) -> Axis:
    """Inverse of `axis_json`. Raises KeyError or TypeError for anything else."""
    return Choices(tuple(raw["values"])) if "values" in raw else Span(**raw)


def axis_text(axis: Axis) -> str:
    """An axis as it is typed."""
    if isinstance(axis, Span):
        return axis.text
    return ",".join(param_text(value) for value in axis.values)


def param_text(value: Param) -> str:
    """A value as it is typed: text that would read as something else is quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    plain = not isinstance(parse_value(value), str) or "," in value or _LIKE_RANGE.fullmatch(value)
    return f"'{value}'" if plain and "'" not in value else f'"{value}"' if plain else value


def _split(name: str, text: str) -> Sequence[str]:
    """Pieces between commas that stand outside quotes, each stripped. One piece may be empty: an empty text."""
    pieces, start, quote = [], 0, ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and not text[start:index].strip():
            quote = char  # a quote inside a word is an apostrophe
        elif char == ",":
            pieces.append(text[start:index].strip())
            start = index + 1
    if quote and "," in text:
        raise UsageError(f"{name}: the quote {quote} is not closed in {text!r}", f"write {name}='\"a,b\",c'")
    pieces.append(text[start:].strip() if pieces else text)
    if len(pieces) > 1 and "" in pieces:
        raise UsageError(f"{name}: a value is missing between the commas of {text!r}", "write v1,v2; quotes for a text")
    return pieces


def _span(name: str, text: str) -> Span | None:
    """The range that `text` is, None if it is none."""
    match = _RANGE.fullmatch(text)
    if match is None or not match[1]:
        if _LIKE_RANGE.fullmatch(text):
            raise UsageError(f"{name}: {text!r} is not a range", _FORMS)
        return None
    low, high, how = float(match[1]), float(match[2]), match[3]
    whole = all(_WHOLE.fullmatch(end) for end in (match[1], match[2]))
    if how is not None and how != "log" and not re.fullmatch(_NUMBER, how):
        raise UsageError(f"{name}: {how!r} after ':' is neither a step nor log", _FORMS)
    step = float(how) if how not in (None, "log") else 0.0
    if low >= high:
        raise UsageError(f"{name}: {text!r} ends before it begins", f"write {match[2]}..{match[1]}")
    if how == "log" and low <= 0:
        raise UsageError(f"{name}: a log range begins above 0, not at {match[1]}", "write such as 0.0001..1:log")
    if how not in (None, "log") and step <= 0:
        raise UsageError(f"{name}: a step is above 0, not {how}", _FORMS)
    whole = whole and (not step or step.is_integer())
    return Span(low, high, whole, step, how == "log")


def _among(value: Param, others: Sequence[Param]) -> bool:
    return any(value == other and type(value) is type(other) for other in others)


def _tidy(value: float) -> float:
    """0.30000000000000004 is meant to be 0.3: fifteen digits are what a double can promise."""
    return float(f"{value:.15g}")
