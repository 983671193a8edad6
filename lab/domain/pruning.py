"""Which running runs are hopeless: the median stopping rule."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from lab.dataclass import dataclass
from lab.domain.directions import Direction
from lab.domain.runs import History

#: So many runs must have got as far before one is judged by them.
LEAST = 3


@dataclass(frozen=True)
class Verdict:
    """Why a run is hopeless: its best value up to `step`, and the median of `others` runs there."""

    step: float
    best: float
    median: float
    others: int

    def text(self, metric: str) -> str:
        return (
            f"stopped early: best {metric} {self.best:.4g} by step {self.step:g}, "
            f"median of {self.others} finished runs {self.median:.4g}"
        )


def hopeless(run: History, finished: Sequence[History], goal: Direction, warmup: float = 0.0) -> Verdict | None:
    """Whether a run that is at some step should be stopped; None where it should not, or nobody can tell.

    The median stopping rule (Golovin et al., "Google Vizier", KDD 2017, section 3.2.2, as in Optuna's MedianPruner): a
    run is stopped at a step if its best value so far is worse than the median of the values that the finished runs had
    at that step (the last one they logged up to it). Only runs that got as far count, and there must be LEAST of them;
    nothing is said up to the step `warmup`. NaN and infinite values are no values.
    """
    values = [value for value in run.values if math.isfinite(value)]
    if not values:
        return None
    step = run.steps[-1]
    if step <= warmup:
        return None
    at = [value for other in finished if (value := _at(other, step)) is not None]
    if len(at) < LEAST:
        return None
    median = statistics.median(at)
    best = max(values) if goal is Direction.HIGHER else min(values)
    worse = best < median if goal is Direction.HIGHER else best > median
    return Verdict(step, best, median, len(at)) if worse else None


def _at(history: History, step: float) -> float | None:
    """The last finite value up to `step`, of a run that got as far."""
    if not history.steps or max(history.steps) < step:
        return None
    found = None
    for at, value in zip(history.steps, history.values, strict=True):
        if at <= step and math.isfinite(value):
            found = value
    return found
