"""Which runs a project keeps: a policy, and what it says of each run. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from lab.dataclass import dataclass
from lab.domain.directions import Direction, direction
from lab.domain.runs import Run, RunStatus
from lab.errors import UsageError

#: What goes of a run that nothing keeps: files that look like checkpoints, or the run as a whole.
CHECKPOINTS, RUNS = "checkpoints", "runs"

#: What looks like a checkpoint, below `artifacts/` or beside the code. A run's `model/` never does.
PATTERNS = ("*.ckpt", "*.pt", "*.pth", "*.safetensors", "*.h5", "*.keras", "checkpoint*/*", "checkpoints/*")

_DAY = 86_400.0


@dataclass(frozen=True)
class Policy:
    """What stays. `best` says of metrics how many of the best finished runs, `last` how many of the latest, both for
    each entry; `younger` in seconds. What nobody keeps loses what `drop` says: CHECKPOINTS or RUNS."""

    best: Mapping[str, int] = field(default_factory=dict)
    last: int = 0
    younger: float = 0.0
    tagged: bool = True
    starred: bool = True
    drop: str = CHECKPOINTS
    checkpoints: tuple[str, ...] = PATTERNS

    @property
    def empty(self) -> bool:
        """Whether it says nothing: then it must not mean that everything goes."""
        return not (self.best or self.last or self.younger)


@dataclass(frozen=True)
class Judged:
    """A run and why it stays, as sentences; none, and it goes."""

    run: Run
    keeps: tuple[str, ...]


def judge(
    runs: Sequence[Run], policy: Policy, now: float, needs: Mapping[str, Sequence[str]] | None = None
) -> list[Judged]:
    """Every run with the reasons for which it stays, newest first. `needs` (id → sentences) are reasons from outside.

    Raises UsageError where a metric's name does not tell which way is better.
    """
    reasons: dict[str, list[str]] = {run.id: [*_own(run, policy, now), *(needs or {}).get(run.id, ())] for run in runs}
    newest = sorted(runs, key=lambda run: (-run.created, run.id))
    for entry in sorted({(run.project, run.entry) for run in runs}):
        mine = [run for run in newest if (run.project, run.entry) == entry]
        for place, run in enumerate(mine[: policy.last], 1):
            reasons[run.id].append(f"{_th(place)} latest of {run.entry or 'its entry'}")
        for metric, count in policy.best.items():
            for place, run in enumerate(_best(mine, metric)[:count], 1):
                name, _ = _way(metric)
                reasons[run.id].append(f"{_th(place)} best {name}, {run.metrics[name].last:.6g}")
    return [Judged(run, tuple(reasons[run.id])) for run in newest]


def _own(run: Run, policy: Policy, now: float) -> list[str]:
    found = [f"is {run.status.value}"] if run.status.active else []
    if policy.starred and run.starred:
        found.append("has a star")
    if policy.tagged and _given(run):
        found.append(f"is tagged {', '.join(_given(run))}")
    if policy.younger and now - run.created < policy.younger:
        found.append(f"is younger than {policy.younger / _DAY:g} days")
    return found


def _given(run: Run) -> list[str]:
    """Tags that somebody gave: those that an import sets tell only where a run comes from."""
    return list(run.tags[2:] if run.tags[:1] == ("imported",) else run.tags)


def _best(runs: Sequence[Run], metric: str) -> list[Run]:
    """Finished runs that have the metric, the best first; of equals the later one."""
    name, way = _way(metric)
    having = [
        run
        for run in runs
        if run.status is RunStatus.FINISHED and name in run.metrics and run.metrics[name].last == run.metrics[name].last
    ]
    sign = -1.0 if way is Direction.HIGHER else 1.0
    return sorted(having, key=lambda run: sign * run.metrics[name].last)


def _way(metric: str) -> tuple[str, Direction]:
    """`loss`, or `cost:lower` where the name does not tell."""
    name, colon, said = metric.rpartition(":")
    if colon and said in (Direction.HIGHER, Direction.LOWER):
        return name, Direction(said)
    way = direction(metric)
    if way is Direction.UNKNOWN:
        raise UsageError(
            f"whether more or less {metric} is better is not told by its name",
            f"write {metric}:higher or {metric}:lower",
        )
    return metric, way


def _th(place: int) -> str:
    ending = "th" if 10 <= place % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
