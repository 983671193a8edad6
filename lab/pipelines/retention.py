"""Carrying out what a project says of the runs that it keeps."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch

from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.dataclass import dataclass
from lab.domain.purge import Candidate, Purged, PurgePlan
from lab.domain.query import RunQuery, parse_filter
from lab.domain.retention import CHECKPOINTS, Judged, Policy, judge
from lab.domain.runs import Run
from lab.errors import UsageError
from lab.paths import LabHome
from lab.pipelines.purge import Progress, Purge

_MOST = 1_000_000  # runs of one project that are looked at
#: Where a run leaves what it makes: here, and beside the code that it ran.
_PLACES = ("artifacts", "code")


@dataclass(frozen=True)
class Pruning:
    """What a policy says of every run of a project, and what it would do. Only runs that have something to lose are
    in `plan.goes`."""

    project: str
    policy: Policy
    judged: tuple[Judged, ...]
    plan: PurgePlan


class Retention:
    def __init__(self, home: LabHome, catalog: Catalog, purge: Purge) -> None:
        self._home = home
        self._catalog = catalog
        self._purge = purge

    def plan(self, project: str, policy: Policy, now: float | None = None) -> Pruning:
        """What goes and why the rest stays; changes nothing.

        Raises UsageError for a policy that keeps nothing, or by a metric of which nobody knows what is better.
        """
        if policy.empty:
            raise UsageError(
                f"nothing says which runs of {project} are to be kept",
                "write [retention] in lab.toml, or give --last 10, --best accuracy=3 or --younger 14d",
            )
        runs = self._runs(project)
        judged = judge(runs, policy, time.time() if now is None else now, self._purge.needs(runs))
        free = [item.run for item in judged if not item.keeps]
        stays = tuple(Candidate(item.run, 0, item.keeps) for item in judged if item.keeps)
        plan = self._files(free, policy) if policy.drop == CHECKPOINTS else self._purge.plan(free)
        return Pruning(project, policy, tuple(judged), replace(plan, stays=(*plan.stays, *stays)))

    def apply(self, pruning: Pruning, *, now: bool = False, progress: Progress | None = None) -> Purged:
        """Carry it out: everything goes to one batch of the trash, with `now` for ever."""
        if not pruning.plan.goes:
            return Purged("", (), 0, 0, now)
        if pruning.policy.drop == CHECKPOINTS:
            return self._purge.prune(pruning.plan.goes, now=now)
        return self._purge.apply(pruning.plan, now=now, progress=progress)

    def _runs(self, project: str) -> Sequence[Run]:
        """All runs of a project, archived ones too."""
        found: list[Run] = []
        for archived in ("no", "yes"):
            conditions = parse_filter(f'project="{project}" archived:{archived}')
            found += catalog_runs.page(self._catalog, RunQuery(conditions, limit=_MOST)).items
        return found

    def _files(self, runs: Sequence[Run], policy: Policy) -> PurgePlan:
        having = [Candidate(run, 0, (), names) for run in runs if (names := self._checkpoints(run.id, policy))]
        room = self._purge.room(having)
        goes = [replace(item, bytes=room.each[item.run.id]) for item in having]
        return PurgePlan(tuple(sorted(goes, key=lambda item: -item.bytes)), (), room.bytes, room.files)

    def _checkpoints(self, run_id: str, policy: Policy) -> tuple[str, ...]:
        """Files of a run that the policy's patterns fit, relative to its folder."""
        root = str(self._home.run(run_id).root)
        found = []
        for place in _PLACES:
            for folder, _, names in os.walk(f"{root}/{place}"):
                inside = os.path.relpath(folder, f"{root}/{place}")
                for name in sorted(names):
                    path = name if inside == "." else f"{inside}/{name}"
                    if any(_fits(path, pattern) for pattern in policy.checkpoints):
                        found.append(f"{place}/{path}")
        return tuple(found)


def _fits(path: str, pattern: str) -> bool:
    """A pattern with `/` is about the end of the path from some folder on, one without about the name alone."""
    if "/" not in pattern:
        return fnmatch(path.rpartition("/")[2], pattern)
    return fnmatch(path, pattern) or fnmatch(path, f"*/{pattern}")
