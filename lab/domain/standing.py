"""How things stand in a lab: what needs somebody, what runs, waits and serves. Pure; sentences are not cleaned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Literal

from lab.dataclass import dataclass
from lab.domain.datasets import Dataset, Verdict
from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.guards import Firing
from lab.domain.rollouts import Outcome, Rollout
from lab.domain.runs import Run

#: What went wrong longer ago than this, seconds, no longer needs anyone.
RECENT = 86_400.0
#: What finds runs that came to no end of their own.
UNFINISHED = "status in (failed, interrupted, lost)"
#: Below this many free bytes the disk needs you.
LOW_DISK = 2 * 1024**3

_STEP_CAUSES = (Outcome.ROLLED_BACK, Outcome.FAILED)


@dataclass(frozen=True)
class Need:
    """Something that needs somebody: `level` is fail or warn, `word` the state in a word, `kind` and `id` what to open
    (`run`, `runs` by a filter, `deployment`, `dataset`, `queue`, `disk`), `told` what is wrong, `todo` what can be done
    about it. `at` is in seconds since the epoch, None where that is now; `count` is more than 1 where many are told in
    one."""

    level: Literal["fail", "warn"]
    word: str
    kind: str
    id: str
    name: str
    told: str
    todo: str
    at: float | None = None
    count: int = 1


@dataclass(frozen=True)
class Standing:
    """Everything of one moment. `waiting` are (name, reason) of what waits, the first first, `queue_eta` the seconds
    until all of it has ended, None where nobody knows; `rollouts` the last one of each deployment by its id; `copies`
    say how working copies differ from their latest version (by dataset id, "" for not at all), as far as somebody has
    looked; `seen` is the version of each dataset that its last run saw. `more_failed` counts those beside `failed`.
    `free` is in bytes."""

    counts: Mapping[str, int]
    running: Sequence[Run] = ()
    waiting: Sequence[tuple[str, str]] = ()
    paused: bool = False
    queue_eta: float | None = None
    failed: Sequence[Run] = ()
    more_failed: int = 0
    fired: Sequence[tuple[Firing, Run]] = ()
    latest: Sequence[Run] = ()
    deployments: Sequence[Deployment] = ()
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)
    datasets: Sequence[Dataset] = ()
    seen: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    models: int = 0
    free: int = 0
    notices: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing in the lab yet."""
        return not (self.counts or self.deployments or self.datasets or self.models)


def needs(standing: Standing, now: float) -> list[Need]:
    """What needs somebody, the worst first: failures before warnings, then by what breaks most."""
    found = [*_disk(standing), *_served(standing, now), *_failed(standing), *_fired(standing), *_data(standing)]
    if standing.paused and standing.waiting:
        found.append(
            Need("warn", "paused", "queue", "all", "queue", "what waits does not start",
                 f"P on the queue lets it go on: lab queue resume; {len(standing.waiting):,} wait")
        )  # fmt: skip
    return sorted(found, key=lambda need: need.level == "warn")


def _disk(standing: Standing) -> Iterable[Need]:
    if standing.free < LOW_DISK:
        yield Need("fail", "disk full", "disk", "all", "disk", "hardly any room is left: runs will not start",
                   "enter shows what takes it and what could be freed: lab gc")  # fmt: skip


def _served(standing: Standing, now: float) -> Iterable[Need]:
    for one in standing.deployments:
        last = standing.rollouts.get(one.id)
        if one.status in (DeploymentStatus.FAILED, DeploymentStatus.UNHEALTHY):
            level: Literal["fail", "warn"] = "fail" if one.status is DeploymentStatus.FAILED else "warn"
            yield Need(level, one.status.value, "deployment", one.id, one.name, one.cause or "it does not answer",
                       "B gives the requests back to the version before, l shows its log")  # fmt: skip
        elif last is not None and last.outcome in _STEP_CAUSES and now - (last.ended or last.started) < RECENT:
            red = next((step for step in last.steps if not step.ok), None)
            why = f"{red.step}: {red.told}" if red else last.cause
            told = f"{last.model}:v{last.version} was turned away by {why}" if red else why
            yield Need("warn", "gate red", "deployment", one.id, one.name, f"{told}; {last.before or 'nothing'} serves",
                       "] shows what each step saw; [deploy.budget] in lab.toml says what it must keep to",
                       last.ended)  # fmt: skip


def _failed(standing: Standing) -> Iterable[Need]:
    for run in standing.failed:
        yield Need("fail" if run.status.value == "failed" else "warn", run.status.value, "run", run.id, run.name,
                   run.cause or "no cause known", "enter opens its log, r there runs it again",
                   run.ended or run.created)  # fmt: skip
    if standing.more_failed:
        yield Need("warn", "more", "runs", UNFINISHED, f"{standing.more_failed:,} more",
                   "runs that failed, were interrupted or lost in the last day", "enter lists them",
                   count=standing.more_failed)  # fmt: skip


def _fired(standing: Standing) -> Iterable[Need]:
    failed = {run.id for run in standing.failed}
    for firing, run in standing.fired:
        if run.id not in failed:
            yield Need("warn", "stopped" if firing.do == "stop" else "guard", "run", run.id, run.name,
                       f"guard '{firing.guard}': {firing.evidence}", "enter opens it", firing.at)  # fmt: skip


def _data(standing: Standing) -> Iterable[Need]:
    for one in standing.datasets:
        latest = one.latest
        if latest.verdict in (Verdict.BLOCKED, Verdict.WARNED):
            level: Literal["fail", "warn"] = "fail" if latest.verdict is Verdict.BLOCKED else "warn"
            yield Need(level, latest.verdict.value, "dataset", one.id, one.name,
                       f"{latest.label} does not meet its expectations", "enter, then e shows which and the rows",
                       latest.created)  # fmt: skip
        seen, copy = standing.seen.get(one.id), standing.copies.get(one.id, "")
        if copy:
            yield Need("warn", "changed", "dataset", one.id, one.name, f"{copy}, since {latest.label}",
                       "n takes a snapshot; a run takes one by itself")  # fmt: skip
        elif seen is not None and seen < latest.number:
            yield Need("warn", "new data", "dataset", one.id, one.name,
                       f"{latest.label} is there, its last run saw v{seen}", "n on Runs trains on it",
                       latest.created)  # fmt: skip


def queue_eta(waiting: Sequence[float | None], running: Iterable[Run]) -> float | None:
    """Seconds until all that waits has ended, if as many go on side by side as now: `waiting` are the seconds that each
    will take. None where nothing waits, or of anything it is not known how long it takes."""
    left = [run.eta for run in running]
    known = [seconds for seconds in [*waiting, *left] if seconds is not None]
    if not waiting or len(known) < len(waiting) + len(left):
        return None
    return sum(known) / max(1, len(left))


def still_failed(failed: Iterable[Run], finished: Iterable[Run]) -> list[Run]:
    """Failures that nobody has mended: those of which the same, run again later, has not finished since."""
    mended: dict[tuple[object, ...], float] = {}
    for run in finished:
        key = _same(run)
        mended[key] = max(mended.get(key, 0.0), run.created)
    return [run for run in failed if mended.get(_same(run), 0.0) < run.created]


def _same(run: Run) -> tuple[object, ...]:
    return run.project, run.entry, run.seed, tuple(sorted((name, str(value)) for name, value in run.params.items()))


def seen_versions(runs: Iterable[Run], datasets: Iterable[Dataset]) -> dict[str, int]:
    """The newest version of each dataset that one of `runs` saw, by the dataset's id; without those none saw."""
    wanted = {(one.project, one.name): one.id for one in datasets}
    seen: dict[str, int] = {}
    for run in runs:
        for name, label in run.datasets.items():
            id = wanted.get((run.project, name))
            if id is not None and label[:1] == "v" and label[1:].isdigit():
                seen[id] = max(seen.get(id, 0), int(label[1:]))
    return seen
