"""How far a run is and when it will have ended: by its parameters, by what it prints, or by earlier runs of its entry.

Nobody promises anything: where none of these tells, there is no estimate rather than a wrong one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from lab.dataclass import dataclass
from lab.domain.runs import Param, Run

#: Parameters that tell how long a run will be, in the order in which they are believed.
TOTALS = ("epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "steps", "max_steps", "num_steps",
          "total_steps", "iterations", "num_iterations", "max_iter", "n_iter", "rounds", "num_boost_round",
          "n_estimators")  # fmt: skip

#: The first so many of them are numbers of epochs.
_OF_EPOCHS = 5
#: Metrics by which a run tells in which epoch it is.
_EPOCH = ("epoch", "train/epoch", "trainer/epoch")
#: `Epoch 3/10`, `epoch [3/10]`, `Step 30 of 100`, `iter: 30/100`.
_COUNTED = re.compile(
    r"\b(epochs?|steps?|iter(?:ation)?s?|rounds?|batch(?:es)?)\b[ :#=]{0,3}\[?\s*(\d{1,12})\s*(?:/|of)\s*(\d{1,12})",
    re.IGNORECASE,
)
#: tqdm: `45%|████▌     | 45/100 [00:10<00:12, 4.5it/s]`.
_BAR = re.compile(r"(\d{1,3})%\|")
#: Earlier runs tell a duration where the longest of them took at most so many times the shortest.
_ALIKE = 2.0
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps; `total` None where nobody knows it. `by` is the metric whose values count them, "" where
    they are the steps at which values are logged."""

    done: float
    total: float | None
    by: str = ""

    @property
    def share(self) -> float | None:
        return None if self.total is None else self.done / self.total


def progress_of(run: Run, typical: float | None = None) -> Progress:
    """By what it logged, its parameters and, where those do not tell, the `typical` number of steps.

    Where the parameters tell a number of epochs and the run logs its epoch, that counts: its steps are something else.
    """
    epochs, by = _epochs_of(run.params), next((name for name in _EPOCH if name in run.metrics), "")
    if by and epochs is not None and 0 <= (epoch := run.metrics[by].last) <= epochs:  # false of NaN
        return Progress(epoch, epochs, by)
    step = max((one.step for one in run.metrics.values() if math.isfinite(one.step)), default=0.0)
    total = total_of(run.params)
    total = typical if total is None else total
    if total is None or step > total:  # it counts something else than what it logs
        return Progress(step, None)
    logged = max((one.count for one in run.metrics.values()), default=0)
    return Progress(max(step, float(logged) if logged <= total else 0.0), total)


def _epochs_of(params: Mapping[str, Param]) -> float | None:
    """How many epochs there will be, where that is what the parameters tell."""
    return total_of({name: value for name, value in params.items() if name in TOTALS[:_OF_EPOCHS]})


def total_of(params: Mapping[str, Param]) -> float | None:
    """How many steps there will be according to the parameters."""
    for name in TOTALS:
        value = params.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
            return float(value)
    return None


def printed_share(lines: Sequence[str]) -> float | None:
    """Which part is done according to the last lines of the output; None where they do not tell.

    A progress bar inside an epoch is a part of it; that of the last epoch is not the end of all.
    """
    outer: tuple[str, float, float] | None = None
    inner: float | None = None
    for line in reversed(lines):
        for word, done, total in reversed(_COUNTED.findall(line)):
            place = word.lower()[:4], float(done), float(total)
            if place[2] > 0 and place[1] <= place[2] and (outer is None or place[0] == "epoc" != outer[0]):
                outer = place
        bars = _BAR.findall(line)
        if inner is None and bars and outer is None:
            inner = min(1.0, float(bars[-1]) / 100)
    if outer is None:
        return inner
    if inner is None:
        return outer[1] / outer[2]
    return min(1.0, (max(0.0, outer[1] - 1) + inner) / outer[2])


def typical_of(values: Sequence[float]) -> float | None:
    """The middle of what earlier runs had, where they were alike; None otherwise."""
    from statistics import median  # takes longer to load than all else here

    known = [value for value in values if value > 0]
    return median(known) if known and max(known) <= _ALIKE * min(known) else None


def remaining_by_pace(progress: Progress, pace: tuple[float, float, float, float], now: float) -> float | None:
    """Seconds until the end at the pace between two steps: (first step, its time, last step, its time)."""
    first, began, last, at = pace
    if progress.total is None or last <= first or at <= began:
        return None
    return max(0.0, (progress.total - progress.done) * (at - began) / (last - first) - max(0.0, now - at))


def remaining_by_share(share: float | None, elapsed: float) -> float | None:
    """Seconds until the end when so much was done in `elapsed` seconds."""
    if share is None or not _LEAST_SHARE <= share <= 1 or elapsed <= 0:
        return None
    return elapsed * (1 - share) / share
