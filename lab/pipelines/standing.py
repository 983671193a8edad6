"""How things stand: one look over all rooms, for Home and `lab status`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from lab.datasets.service import Datasets
from lab.domain.datasets import Changes, Dataset
from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.guards import Firing
from lab.domain.query import Condition, RunQuery
from lab.domain.queue import Waiting
from lab.domain.rollouts import Rollout
from lab.domain.runs import Run, RunStatus
from lab.domain.standing import RECENT, Standing, queue_eta, seen_versions, still_failed
from lab.domain.text import count_of
from lab.errors import LabError, NotFoundError
from lab.experiments.service import Runs
from lab.paths import LabHome
from lab.registry.service import Models

_RUNNING, _FAILED, _FIRED, _LATEST, _DEPLOYMENTS = 20, 5, 5, 8, 20
_LOOKED = 200  # so many of the newest runs of each bad end are looked at
_SEEN = 200  # so many of the newest runs tell which version of a dataset was used last


class _Deployments(Protocol):
    def list(self) -> Sequence[Deployment]: ...

    def history(self, ref: str) -> Sequence[Rollout]: ...


class _Queue(Protocol):
    @property
    def paused(self) -> bool: ...

    def list(self) -> Sequence[Waiting]: ...


class Standings:
    """Reads, and changes nothing. Rooms are asked for when they are needed: where nothing is deployed, serving is not
    loaded, where nothing waits, the queue is not."""

    def __init__(
        self,
        home: LabHome,
        runs: Callable[[], Runs],
        queue: Callable[[], _Queue],
        datasets: Callable[[], Datasets],
        models: Callable[[], Models],
        deployments: Callable[[], _Deployments],
        notices: Callable[[], Sequence[str]],
    ) -> None:
        self._home = home
        self._runs = runs
        self._queue = queue
        self._datasets = datasets
        self._models = models
        self._deployments = deployments
        self._notices = notices

    def look(self, copies: Mapping[str, str] | None = None) -> Standing:
        """Everything but `copies`, which take a look at the files themselves: see `compare_copies`."""
        runs, now = self._runs(), time.time()
        counts = runs.counts()
        finished = self._by_status(RunStatus.FINISHED, _SEEN)
        datasets = self._datasets().list()
        deployments = self._served()
        waiting = self._queue().list() if counts.get("queued") else []
        running, seconds = self.active(), runs.vitals.typical_seconds
        failed = still_failed(self._failed(now), finished)
        return Standing(
            counts=counts,
            running=running,
            waiting=[(item.run.name, item.reason) for item in waiting],
            paused=bool(waiting) and self._queue().paused,
            queue_eta=queue_eta([seconds(item.run.project, item.run.entry) for item in waiting], running),
            failed=failed[:_FAILED],
            more_failed=len(failed[_FAILED:]),
            fired=self._fired(),
            latest=finished[:_LATEST],
            deployments=deployments,
            rollouts={one.id: history[0] for one in deployments if (history := self._deployments().history(one.id))},
            datasets=datasets,
            seen=seen_versions(finished, datasets),
            copies=copies or {},
            models=len(self._models().list()),
            free=shutil.disk_usage(self._home.root).free,
            notices=self._notices(),
        )

    def active(self) -> list[Run]:
        """What runs, and what is about to."""
        return self._by_status(RunStatus.RUNNING, _RUNNING) + self._by_status(RunStatus.CREATED, _RUNNING)

    def compare_copies(self, datasets: Iterable[Dataset]) -> dict[str, str]:
        """How each working copy differs from its latest version; "" where it does not or nobody knows."""
        return {one.id: self._difference(one) for one in datasets if one.path}

    def _difference(self, one: Dataset) -> str:
        try:
            return told(self._datasets().status(one.id)[1])
        except NotFoundError:
            return "its working copy is gone"
        except LabError:  # unreadable, or just being written: the Data screen tells
            return ""

    def _served(self) -> list[Deployment]:
        wanted = [one for one in self._deployments().list() if one.status is not DeploymentStatus.STOPPED]
        return wanted[:_DEPLOYMENTS]

    def _failed(self, now: float) -> list[Run]:
        found = [
            run
            for status in (RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.LOST)
            for run in self._by_status(status, _LOOKED)
            if now - (run.ended or run.created) < RECENT
        ]
        return sorted(found, key=lambda run: -(run.ended or run.created))

    def _fired(self) -> list[tuple[Firing, Run]]:
        """Guards that fired of late; a run that one stopped is told once."""
        runs = self._runs()
        found: dict[str, Firing] = {}
        for firing in reversed(runs.guards.recent(RECENT, _FIRED)):
            if firing.run not in found or firing.do == "stop":
                found[firing.run] = firing
        return [(firing, runs.get(id)) for id, firing in reversed(found.items())]

    def _by_status(self, status: RunStatus, limit: int) -> list[Run]:
        return list(self._runs().list(RunQuery((Condition("status", "=", status.value),), limit=limit)).items)


def told(changes: Changes) -> str:
    """`3 files changed, 1 file added`; "" where nothing differs."""
    parts = [(changes.changed, "changed"), (changes.added, "added"), (changes.removed, "removed")]
    return ", ".join(f"{count_of(len(paths), 'file')} {word}" for paths, word in parts if paths)
