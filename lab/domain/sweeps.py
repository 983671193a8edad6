"""Sweeps: the runs of one plan, and what becomes of the plan when some of them fail or are hopeless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any

from lab.dataclass import dataclass
from lab.domain.axes import Axis, Space, axis_from_json, axis_json, grid, sample
from lab.domain.directions import Direction, direction
from lab.domain.runs import Param
from lab.errors import UsageError

ADAPTIVE_EXTRA = "pip install 'lab[sweep]'"

#: How many trials an adaptive sweep has unless said, and how many of a random one.
TRIALS = 20


class Method(StrEnum):
    GRID = "grid"  # every combination
    RANDOM = "random"  # `trials` points drawn at random
    ADAPTIVE = "adaptive"  # each next point follows from the results so far


class SweepState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"  # some of its runs wait, none runs
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"  # over, and no run has finished
    FINISHED = "finished"

    @property
    def active(self) -> bool:
        return self in (SweepState.RUNNING, SweepState.WAITING, SweepState.PAUSED)


@dataclass(frozen=True)
class FailurePolicy:
    """What a failed run means for the others: `continue`, `stop` (start no more), or `retry` so many times each."""

    what: str = "continue"
    times: int = 0

    @property
    def text(self) -> str:
        return f"retry {self.times}" if self.what == "retry" else self.what


def parse_policy(words: Sequence[str]) -> FailurePolicy:
    """`continue`, `stop` or `retry N`. Raises UsageError."""
    said = " ".join(words).split()
    if said in (["continue"], ["stop"]):
        return FailurePolicy(said[0])
    if len(said) in (1, 2) and said[0] == "retry":
        times = said[1] if len(said) == 2 else "1"
        if times.isdecimal() and 1 <= int(times) <= 100:
            return FailurePolicy("retry", int(times))
        raise UsageError(f"a run is tried again 1 to 100 times, not {times!r}", "write --on-failure retry 2")
    raise UsageError(f"{' '.join(words)!r} is no policy", "write --on-failure continue, stop, or retry 2")


class Pruner(StrEnum):
    """What tells that a run of a sweep is hopeless. All but the median are Optuna's and need an adaptive sweep."""

    NONE = ""
    MEDIAN = "median"  # worse than the median of finished runs at the same step
    HALVING = "halving"  # asynchronous successive halving
    HYPERBAND = "hyperband"


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep goes through and how.

    Without `seeds` each point has the seed that its parameters say. `goal` is which way `metric` is better; `seed` is
    that of the drawing.
    `trials` is the number of points (each with every seed) of a random or adaptive sweep, 0 for a grid; `jobs` the
    most runs at a time, 0 for as many as there is room for. `pruner` stops hopeless runs.
    """

    method: Method
    space: Space
    seeds: tuple[int, ...] = ()
    trials: int = 0
    jobs: int = 0
    metric: str = ""
    goal: Direction = Direction.UNKNOWN
    on_failure: FailurePolicy = field(default_factory=FailurePolicy)
    pruner: Pruner = Pruner.NONE
    seed: int = 0

    @property
    def total(self) -> int:
        """How many runs it comes to, without those that are tried again."""
        return (self.trials or len(grid(self.space))) * max(1, len(self.seeds))

    def points(self) -> list[dict[str, Param]]:
        """What is known beforehand: all points of a grid or random plan, none of an adaptive one."""
        if self.method is Method.ADAPTIVE:
            return []
        return grid(self.space) if self.method is Method.GRID else sample(self.space, self.trials, self.seed)

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method.value,
            "space": {name: axis_json(axis) for name, axis in self.space.items()},
            "seeds": list(self.seeds),
            "trials": self.trials,
            "jobs": self.jobs,
            "metric": self.metric,
            "goal": self.goal.value,
            "on_failure": [self.on_failure.what, self.on_failure.times],
            "pruner": self.pruner.value,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> SweepPlan:
        """Inverse of `to_json`. Raises KeyError, TypeError or ValueError for anything else."""
        space: dict[str, Axis] = {str(name): axis_from_json(axis) for name, axis in raw["space"].items()}
        what, times = raw["on_failure"]
        return cls(
            Method(raw["method"]),
            space,
            tuple(int(seed) for seed in raw["seeds"]),
            int(raw["trials"]),
            int(raw["jobs"]),
            str(raw["metric"]),
            Direction(raw["goal"]),
            FailurePolicy(str(what), int(times)),
            _pruner(raw),
            int(raw["seed"]),
        )


def make_plan(
    space: Space,
    seeds: Sequence[int] = (),
    *,
    method: str = "",
    trials: int = 0,
    jobs: int = 0,
    metric: str = "",
    goal: str = "",
    on_failure: FailurePolicy | None = None,
    pruner: Pruner = Pruner.NONE,
    seed: int = 0,
) -> SweepPlan:
    """A plan that makes sense. `method` "" is a grid, or random where `trials` are asked for; `goal` "" follows from
    the metric's name.

    Raises UsageError: nothing varies, a grid of what cannot be counted or with `trials`, adaptive or early stopping
    without a metric, a metric whose better way is not known, a pruner of Optuna's where Optuna is not asked.
    """
    how = Method(method) if method else Method.RANDOM if trials else Method.GRID
    if not space and how is Method.ADAPTIVE:
        raise UsageError("an adaptive sweep needs a parameter to vary", "such as -p lr=0.0001..0.1:log")
    if how is Method.GRID and trials:
        raise UsageError("a grid has all its points: --trials means nothing to it", "add --sweep random, or leave it")
    if pruner not in (Pruner.NONE, Pruner.MEDIAN) and how is not Method.ADAPTIVE:
        raise UsageError(f"--pruner {pruner.value} is for adaptive sweeps", "add --sweep adaptive, or take the median")
    if (how is Method.ADAPTIVE or pruner) and not metric:
        raise UsageError(f"{'an adaptive sweep' if how is Method.ADAPTIVE else '--early-stop'} needs to know what to "
                         "look at", "add --metric val_accuracy")  # fmt: skip
    way = _goal(metric, goal)
    if (how is Method.ADAPTIVE or pruner) and way is Direction.UNKNOWN:
        raise UsageError(f"whether more of {metric!r} is better does not follow from its name", "add --goal max or min")
    points = 0
    if how is Method.RANDOM:
        points = len(sample(space, trials or TRIALS, seed))
    elif how is Method.ADAPTIVE:
        points = _no_more_than_there_are(space, trials or TRIALS)
    plan = SweepPlan(
        how, space, tuple(dict.fromkeys(seeds)), points, jobs, metric, way, on_failure or FailurePolicy(), pruner, seed
    )
    if plan.total > 10_000:
        raise UsageError(f"the sweep has {plan.total:,} runs, more than 10,000", "fewer values, or fewer seeds")
    return plan


def _pruner(raw: Mapping[str, Any]) -> Pruner:
    """Plans were once written with `early`, which is the median."""
    return Pruner(raw["pruner"]) if "pruner" in raw else Pruner.MEDIAN if raw["early"] else Pruner.NONE


def _no_more_than_there_are(space: Space, trials: int) -> int:
    countable = all(axis.countable for axis in space.values())
    return len(sample(space, trials, 0)) if countable else trials


def _goal(metric: str, goal: str) -> Direction:
    if goal not in ("", "max", "min"):
        raise UsageError(f"a goal is max or min, not {goal!r}")
    if goal:
        return Direction.HIGHER if goal == "max" else Direction.LOWER
    return direction(metric) if metric else Direction.UNKNOWN


@dataclass(frozen=True)
class Sweep:
    """A sweep as the catalog knows it. Counts are of its runs; `best` is the best last value of `metric` and
    `best_run` the run that has it.

    `plan` is None for runs that only share a sweep's name: imported ones, and those of the demonstration. `done` counts
    points that need nothing more, `failed` those of them whose every try has failed; `total` what the plan comes to, or
    the points that there are.
    """

    id: str
    name: str
    project: str
    entry: str
    created: float
    plan: SweepPlan | None
    state: SweepState
    runs: int
    done: int
    total: int
    queued: int
    running: int
    finished: int
    failed: int
    held: bool = False
    cause: str = ""
    metric: str = ""
    best: float | None = None
    best_run: str = ""
    ended: float | None = None


def state_of(
    *, stopped: bool, held: bool, running: int, queued: int, finished: int, runs: int, more: bool
) -> SweepState:
    """The state of a sweep with so many runs; `more` tells that its plan has runs that were not asked for yet."""
    if running:
        return SweepState.RUNNING
    if stopped:
        return SweepState.STOPPED
    if queued or more:
        return SweepState.PAUSED if held else SweepState.WAITING
    return SweepState.FINISHED if finished or not runs else SweepState.FAILED
