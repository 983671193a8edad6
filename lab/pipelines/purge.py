"""Taking runs out of the lab for good: first a plan, then the trash for 14 days, and back from there.

The journal is told of a run before its folder moves, so that what a kill leaves behind can be finished, and before it
comes back, so that nobody finishes what is being undone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from lab.catalog import lineage, tombstones
from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.domain.purge import Candidate, Purged, PurgePlan
from lab.domain.runs import Run
from lab.errors import ConflictError, LabError
from lab.events import RUN_PRUNED, RUN_PURGED
from lab.journal import Journal
from lab.paths import LabHome
from lab.stores import gc, locks, marks, runtrash, trash
from lab.stores.durable import sync_filesystem
from lab.stores.manifests import ManifestStore

Progress = Callable[[str], None]

_TREE = ""  # owner of what is in the store, beside the ids of runs
_PATIENCE = 60.0  # seconds to wait for publishers


class Purge:
    """`in_use` gives the manifests whose trees are mounted now."""

    def __init__(self, home: LabHome, journal: Journal, catalog: Catalog, in_use: Callable[[], Iterable[str]]) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._in_use = in_use

    # -- plans ------------------------------------------------------------------------------------

    def plan(self, runs: Sequence[Run], *, force: bool = False) -> PurgePlan:
        """What would go of `runs`; changes nothing. What models, deployments or running work need stays, the first
        two unless forced."""
        return self._plan(runs, force)[0]

    def needs(self, runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
        """Why runs must stay (id → sentences), for those that something needs."""
        found = tombstones.needs(self._catalog, [run.id for run in runs])
        active = {run.id: (f"it is {run.status.value}",) for run in runs if run.status.active}
        return {**found, **{run: (*told, *found.get(run, ())) for run, told in active.items()}}

    def _plan(self, runs: Sequence[Run], force: bool) -> tuple[PurgePlan, gc.Plan | None]:
        needs = self.needs(runs)
        stays = [run for run in runs if run.status.active or (needs.get(run.id) and not force)]
        kept = {run.id for run in stays}
        goes = [run for run in runs if run.id not in kept]
        code = self._code(tombstones.code_of_these(self._catalog, [run.id for run in goes]))
        paths = [] if code is None else [
            *(marks.file_of(self._home, item.digest, item.parted) for item in code.objects),
            *(ManifestStore(self._home).path(cost.id) for cost in code.goes),
        ]  # fmt: skip
        room = runtrash.room({_TREE: paths, **{run.id: [self._home.run(run.id).root] for run in goes}})
        other = runtrash.room({run.id: [self._home.run(run.id).root] for run in stays})
        sizes = {**other.each, **room.each}
        first = sorted(runs, key=lambda run: (-sizes[run.id], run.created, run.id))
        candidates = [Candidate(run, sizes[run.id], needs.get(run.id, ())) for run in first]
        plan = PurgePlan(
            goes=tuple(item for item in candidates if item.run.id not in kept),
            stays=tuple(item for item in candidates if item.run.id in kept),
            bytes=room.bytes,
            files=room.files,
            code=room.each[_TREE],
            young=sum(cost.exclusive for cost in code.stays) if code else 0,
            forced=force,
        )
        return plan, code

    def _code(self, manifests: frozenset[str]) -> gc.Plan | None:
        """The garbage collection of exactly these manifests and of what only they name."""
        if not manifests:
            return None
        plan = gc.plan(self._home, self._all_but(manifests))
        shelf = marks.shelf(self._home)
        named: set[str] = set()
        for cost in plan.goes:
            for digest in marks.named(self._home, cost.id):
                named |= {digest, *shelf.holders(digest), *shelf.lists(digest)}
        objects = tuple(item for item in plan.objects if item.digest in named)
        young = tuple(cost for cost in plan.stays if cost.id in manifests and cost.why == gc.YOUNG)
        return replace(plan, objects=objects, caches=(), stays=young)

    def _all_but(self, manifests: frozenset[str], needed: Iterable[str] = ()) -> gc.Live:
        """All that is in the store counts as needed but `manifests`; what is `needed` does in any case."""
        roots = (frozenset(marks.manifests(self._home)) - manifests) | frozenset(needed)
        return gc.Live(roots, frozenset(self._in_use()))

    # -- deeds ------------------------------------------------------------------------------------

    def apply(self, plan: PurgePlan, *, now: bool = False, progress: Progress | None = None) -> Purged:
        """Carry out a plan: everything goes to one batch of the trash, with `now` for ever.

        What has come to be needed since the plan was made stays, and so does code while others keep the store busy:
        then `lab gc` frees it later.
        """
        self.finish()
        self._catalog.refresh()
        runs = catalog_runs.get_many(self._catalog, [item.run.id for item in plan.goes])
        fresh, code = self._plan(runs, plan.forced)
        if not fresh.goes:
            return Purged("", (), 0, 0, now)
        theirs = frozenset(cost.id for cost in code.goes) if code else frozenset()
        batch = trash.begin(self._home, time.time(), "purge")
        for done, item in enumerate(fresh.goes, 1):
            self._tell(item.run.id, True, batch.name, item.bytes)
            runtrash.put(self._home, batch, item.run.id)
            if progress and done % 100 == 0:
                progress(f"{done:,} of {len(fresh.goes):,} runs")
        self._catalog.refresh()
        size = fresh.bytes
        if code is not None:
            try:
                gc.collect(self._home, code, lambda: self._all_but(theirs, self._held()), batch=batch)
            except ConflictError:  # someone stores something large: the runs are gone all the same
                size -= fresh.code
        sync_filesystem(self._home.store)
        if now:
            self._erase(batch.name)
        return Purged(batch.name, tuple(item.run for item in fresh.goes), size, fresh.files, now)

    def prune(self, items: Sequence[Candidate], *, now: bool = False) -> Purged:
        """Move some files (`names`) of runs to one batch of the trash; the runs stay. With `now` for ever."""
        batch = trash.begin(self._home, time.time(), "prune")
        room = self.room(items)
        for item in items:
            names = item.names or ()
            runtrash.put(self._home, batch, item.run.id, names)
            body = {"batch": batch.name, "bytes": item.bytes, "files": len(names), "names": list(names[:100])}
            self._journal.append(RUN_PRUNED, item.run.id, body)
        self._catalog.refresh()
        sync_filesystem(self._home.store)
        if now:
            self._erase(batch.name)
        return Purged(batch.name, tuple(item.run for item in items), room.bytes, room.files, now)

    def room(self, items: Sequence[Candidate]) -> runtrash.Room:
        """What is free when the files `names` of runs go."""
        return runtrash.room(
            {item.run.id: [self._home.run(item.run.id).root / name for name in item.names or ()] for item in items}
        )

    def restore(self, batch: str) -> trash.Restored:
        """Bring a batch back from the trash; runs in it are in the table again.

        Raises NotFoundError if there is no such batch, ConflictError while others keep the store busy.
        """
        self._catalog.refresh()
        mine = [stone for stone in tombstones.all_stones(self._catalog) if stone.batch == batch]
        there = runtrash.held(self._home.trash / os.path.basename(batch))
        for stone in mine:
            if stone.id in there:
                self._tell(stone.id, False, batch, 0)
        try:
            back = trash.restore(self._home, batch)
        except LabError:
            for stone in mine:
                if stone.id in there:
                    self._tell(stone.id, True, batch, 0)
            raise
        finally:
            self._catalog.refresh()
        return back

    def finish(self) -> list[str]:
        """Move to the trash what a kill has left of purged runs. Returns their ids."""
        left = [stone for stone in tombstones.all_stones(self._catalog) if self._home.run(stone.id).root.is_dir()]
        for stone in left:
            batch = self._home.trash / stone.batch
            if not stone.batch or not batch.is_dir() or stone.id in runtrash.held(batch):
                batch = trash.begin(self._home, time.time(), "purge")
                self._tell(stone.id, True, batch.name, 0)
            runtrash.put(self._home, batch, stone.id)
        return [stone.id for stone in left]

    def _tell(self, run: str, purged: bool, batch: str, size: int) -> None:
        self._journal.append(RUN_PURGED, run, {"value": purged, "batch": batch, "bytes": size})

    def _held(self) -> set[str]:
        self._catalog.refresh()
        return {manifest for _, _, manifest in lineage.holders(self._catalog)}

    def _erase(self, batch: str) -> None:
        with locks.hold(self._home.store_lock, _PATIENCE):
            trash.erase(self._home, self._home.trash / batch)
