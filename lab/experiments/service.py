"""Runs: launched, watched, read, compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lab.catalog import describe as catalog_describe
from lab.catalog import groups as catalog_groups
from lab.catalog import histories
from lab.catalog import lineage as catalog_lineage
from lab.catalog import parents as catalog_parents
from lab.catalog import runs as catalog_runs
from lab.catalog import sql as catalog_sql
from lab.catalog import tombstones as catalog_tombstones
from lab.domain.describe import Described
from lab.domain.directions import Direction
from lab.domain.groups import GroupPage, RunGroup, as_of_now, sort_groups, with_live
from lab.domain.launch import LaunchRequest
from lab.domain.names import check_name
from lab.domain.query import Order, Page, RunQuery, parse_filter, parse_orders
from lab.domain.query_names import known, nearest
from lab.domain.runs import IMPORTED, OWN, Edit, History, Param, Run, RunSpec, RunStatus
from lab.domain.text import clean
from lab.errors import ConflictError, EngineUnavailableError, NotFoundError, UsageError
from lab.events import (
    RUN_ARCHIVED,
    RUN_NOTED,
    RUN_RENAMED,
    RUN_STARRED,
    RUN_STOP_REQUESTED,
    RUN_TAGGED,
)
from lab.experiments import process
from lab.experiments.live import LiveMetrics
from lab.experiments.parts import Parts
from lab.experiments.vitals import Vitals
from lab.experiments.waiting import cancel
from lab.paths import RunFolder
from lab.stores import runfolder
from lab.stores.run_files import FileFact, list_files

if TYPE_CHECKING:
    import polars

    from lab.domain.changes import Changes, DiffLine
    from lab.domain.compare import Comparison
    from lab.experiments.guards import Guards
    from lab.experiments.importing import Importer
    from lab.experiments.logs import Logs
    from lab.experiments.views import Views
    from lab.experiments.watch import Watch
    from lab.learn import Entry

Progress = Callable[[str], None]

_POLL = 0.05  # seconds between two looks for exit.json: one stat each
_PATIENT_POLL = 0.25  # the same while it waits in the queue, after the first while: a look at the journal each
_SOON = 2.0
_ALL = 1 << 40  # runs on a page
_ASK_EVERY = 2.0  # seconds between two questions to the engine


class Runs:
    """The experiments room."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._live = LiveMetrics(parts.home)
        self.vitals = Vitals(parts.home, parts.catalog, self._live)
        self._asked: dict[str, float] = {}  # when the engine was last asked about a run, by waiting

    # Engines' nouns are loaded by the first verb that needs them; a listing of ended runs does not.

    @cached_property
    def _watch(self) -> Watch:
        from lab.experiments.watch import Watch

        return Watch(
            self._parts.home,
            self._parts.journal,
            self._parts.catalog,
            self._parts.engine_of,
            lambda run: self.imports.refresh(run),
            lambda run: self.guards.last_look(run),
        )

    @cached_property
    def imports(self) -> Importer:
        """Takes in what other tools recorded."""
        from lab.experiments.importing import Importer

        return Importer(self._parts.home, self._parts.journal, self._parts.catalog)

    @cached_property
    def views(self) -> Views:
        """Saved ways to look at the run table."""
        from lab.experiments.views import Views

        return Views(self._parts.journal, self._parts.catalog)

    @cached_property
    def logs(self) -> Logs:
        """What runs printed."""
        from lab.experiments.logs import Logs

        return Logs(self._parts.home, self, self._parts.engine_of)

    # -- doing --------------------------------------------------------------------------------------

    def launch(self, request: LaunchRequest, progress: Progress | None = None) -> Run:
        """Start a run; returns when its container runs. Its environment is built first if it has to be."""
        run_id = self._parts.launcher().launch(
            request, self._parts.settings_for(request.entry), self._parts.engine_of(request.engine), progress or _silent
        )
        self._parts.catalog.refresh()
        run = catalog_runs.get(self._parts.catalog, run_id)
        assert run is not None, "the journal has just told of it"
        return run

    @cached_property
    def guards(self) -> Guards:
        """Conditions that runs are looked after by."""
        from lab.experiments.guards import Guards

        return Guards(self._parts.home, self._parts.journal, self._parts.catalog, self.stop)

    def stop(self, ref: str, reason: str = "") -> Run:
        """End a run, or let one that waits never start; for a `reason` where it is not the user's wish.

        Raises ConflictError if it has ended already.
        """
        run = self.get(ref)
        if run.status is RunStatus.QUEUED:
            cancel(self._parts.home, self._parts.journal, self._parts.catalog, [run.id], reason)
            run = self.get(run.id)
            if run.status is RunStatus.STOPPED:
                return run
        if not run.status.active:
            raise ConflictError(f"run {run.name} has ended already: {run.cause}")
        if run.engine == IMPORTED:
            raise ConflictError(f"run {run.name} was imported: Lab only looks at it", "stop it where it was started")
        self._parts.journal.append(RUN_STOP_REQUESTED, run.id, {"reason": reason})
        if run.engine in OWN:
            process.interrupt(run)
        else:
            self._parts.engine_of(run.engine).stop(run.id)
        self._watch.settle(run)
        self._parts.catalog.refresh()
        return self.get(run.id)

    def wait(self, ref: str, timeout: float | None = None, stop: Callable[[], bool] | None = None) -> Run:
        """Return when the run has ended, after `timeout` seconds, or when `stop()` turns true: as it is then."""
        run = self.get(ref)
        begun = time.monotonic()
        deadline = None if timeout is None else begun + timeout
        while run.status.active and not (stop and stop()) and (deadline is None or time.monotonic() < deadline):
            # Remembered from call to call: who waits in short turns must ask all the same.
            ask = time.monotonic() - self._asked.setdefault(run.id, time.monotonic()) >= _ASK_EVERY
            if ask:
                self._asked[run.id] = time.monotonic()
            self.guards.look(run)
            if self._watch.settle(run, ask_engine=ask) or ask or run.status is RunStatus.QUEUED:
                self._parts.catalog.refresh()
                run = self.get(run.id)
            if run.status.active:
                patient = run.status is RunStatus.QUEUED and time.monotonic() - begun > _SOON
                time.sleep(_PATIENT_POLL if patient else _POLL)
        if not run.status.active:
            self._asked.pop(run.id, None)
        return run

    def settle(self, *, ask_engine: bool = True) -> list[str]:
        """Look after all active runs once, or only for exit records. Returns sentences about engines that do not
        answer."""
        silent: dict[str, str] = {}
        for run in catalog_runs.active(self._parts.catalog):
            if run.engine in silent:
                continue
            try:
                self._watch.settle(run, ask_engine=ask_engine)
            except EngineUnavailableError as error:
                silent[run.engine] = f"runs on {run.engine} could not be checked: {error.message}"
        return list(silent.values())

    def inputs_in_use(self) -> list[str]:
        """Manifests of the datasets that active runs have mounted."""
        active = [run.id for run in catalog_runs.active(self._parts.catalog)]
        return catalog_lineage.inputs_of(self._parts.catalog, active)

    def tag(self, ref: str, tags: Sequence[str]) -> Run:
        """Replace the run's tags."""
        run = self.get(ref)
        self._parts.journal.append(RUN_TAGGED, run.id, {"tags": list(dict.fromkeys(tags))})
        self._parts.catalog.refresh()
        return self.get(run.id)

    def retag(self, ref: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Run:
        """Give the run tags beside those that it has, and take others off."""
        run = self.get(ref)
        return self.tag(run.id, [*(tag for tag in run.tags if tag not in remove), *add])

    def note(self, ref: str, text: str, *, add: bool = False) -> Run:
        """Replace the run's notes; or `add` a line below them."""
        run = self.get(ref)
        text = "\n".join(filter(None, (run.notes, text))) if add else text
        self._parts.journal.append(RUN_NOTED, run.id, {"notes": text})
        self._parts.catalog.refresh()
        return self.get(run.id)

    def rename(self, ref: str, name: str) -> Run:
        """Give the run another name. Raises UsageError for one that cannot be, ConflictError for one that is taken."""
        run = self.get(ref)
        twins = [other for other in catalog_runs.named(self._parts.catalog, check_name("run", name)) if other != run.id]
        if twins:
            raise ConflictError(f"another run is called {name!r}: {twins[0]}", "choose another name")
        return self._edit(run, RUN_RENAMED, {"name": name})

    def star(self, ref: str, starred: bool = True) -> Run:
        """Put a star on the run, or take it off."""
        return self._edit(self.get(ref), RUN_STARRED, {"value": starred})

    def archive(self, ref: str, archived: bool = True) -> Run:
        """Take the run out of sight, or back. Raises ConflictError for one that is still going."""
        run = self.get(ref)
        if archived and run.status.active:
            raise ConflictError(f"run {run.name} is still {run.status.value}", f"lab runs stop {run.name}")
        return self._edit(run, RUN_ARCHIVED, {"value": archived})

    def _edit(self, run: Run, event: str, body: Mapping[str, object]) -> Run:
        self._parts.journal.append(event, run.id, dict(body))
        self._parts.catalog.refresh()
        return self.get(run.id)

    def edits(self, ref: str) -> Sequence[Edit]:
        """What was edited of the run, oldest first."""
        return catalog_runs.history(self._parts.catalog, self.get(ref).id)

    # -- looking ------------------------------------------------------------------------------------

    def list(self, query: RunQuery | None = None) -> Page:
        """One page of the run table; running ones with their metrics as of now."""
        asked = query or RunQuery()
        page = catalog_runs.page(self._parts.catalog, asked)
        if self._settle_ended(page.items):
            page = catalog_runs.page(self._parts.catalog, asked)
        return Page(tuple(self._as_of_now(run) for run in page.items), page.total)

    def place(self, query: RunQuery, run_id: str) -> int | None:
        """Where the run with that id stands, from 0, in the whole run table; None where it does not fit `query`."""
        return catalog_runs.place(self._parts.catalog, query, run_id)

    def now(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Those of `runs` that are still going, with their metrics as of now; of the others the journal tells."""
        return [self._as_of_now(run) for run in runs if not self._watch.settle(run, ask_engine=False)]

    def group(self, query: RunQuery, keys: Sequence[str], orders: Sequence[Order] = ()) -> GroupPage:
        """The runs that fit `query` by the values of `keys`, its page being one of groups; `seeds` puts together what
        differs in the seed alone. Running ones count with their metrics as of now, but for which groups come first."""
        page = catalog_groups.groups(self._parts.catalog, query, keys, orders)
        active = [self._as_of_now(run) for run in catalog_runs.active(self._parts.catalog)]
        return replace(page, items=tuple(sort_groups(as_of_now(page.items, active), keys, orders)))

    def groups_now(self, groups: Sequence[RunGroup]) -> Sequence[RunGroup]:
        """The same groups, in the same order, with the metrics of what is running as of now."""
        return [with_live(group, self.many(group.going)) if group.going else group for group in groups]

    def describe(self, key: str, query: RunQuery) -> Described:
        """One column over all runs that fit `query`, whatever its page. Raises UsageError for an unknown name."""
        params, metrics = self.keys()
        if not known(key, params, metrics):
            near = nearest(key, params, metrics)
            raise UsageError(f"no run has a {clean(key, 60)!r}", f"did you mean {near}?" if near else "lab runs ls")
        return catalog_describe.describe(self._parts.catalog, query, key)

    def explain(self, name: str, said: Direction | None = None, *, params: bool = True) -> Entry | None:
        """What the runs tell of a parameter or metric; None of what is neither, and without `params` of a parameter.
        `said` is which way of it is better."""
        from lab.experiments.meanings import explain

        return explain(self, name, said, params=params)

    def sql(self, text: str, limit: int = 1000, seconds: float = 10.0) -> catalog_sql.Answer:
        """One SELECT over the tables of `lab.catalog.sql`. Raises UsageError where it is refused, LabError when the
        time is up."""
        return catalog_sql.ask(self._parts.catalog, self._parts.home.index, text, limit, seconds)

    def get(self, ref: str) -> Run:
        """The run with that id, name, or beginning of either.

        Raises NotFoundError if there is none, ConflictError if there are several.
        """
        found = catalog_runs.find(self._parts.catalog, ref)
        for stone in () if found else catalog_tombstones.find(self._parts.catalog, ref)[:1]:
            there = (self._parts.home.trash / stone.batch).is_dir()
            hint = f"lab gc --undo {stone.batch} brings it back" if there else "its folder is gone for good"
            raise NotFoundError(f"run {clean(stone.name)} was purged", hint)
        if not found:
            raise NotFoundError(f"no run {clean(ref)!r}", "lab runs ls shows what there is")
        runs = catalog_runs.get_many(self._parts.catalog, found)
        if len(runs) > 1:
            names = ", ".join(f"{clean(run.name)} ({run.id})" for run in runs[:5])
            raise ConflictError(f"{clean(ref)!r} may mean several runs: {names}", "use the id")
        if self._settle_ended(runs):
            runs = catalog_runs.get_many(self._parts.catalog, [runs[0].id])
        return self._as_of_now(runs[0])

    def files(self, run_id: str) -> Sequence[FileFact]:
        """Files of a run's folder (path, bytes, time of change), without its copy of the code."""
        return list_files(self.folder(run_id).root)

    def many(self, ids: Sequence[str]) -> Sequence[Run]:
        """Those of `ids` that are ids of runs, in that order; running ones with their metrics as of now."""
        return [self._as_of_now(run) for run in catalog_runs.get_many(self._parts.catalog, list(ids))]

    def still_there(self, ids: Sequence[str]) -> Sequence[str]:
        """Those of `ids` that are ids of runs which are not purged."""
        there = {run.id for run in catalog_runs.get_many(self._parts.catalog, list(ids))}
        return [id for id in ids if id in there]

    def _as_of_now(self, run: Run) -> Run:
        return self.vitals.fill(self._live.fill(run))

    def remembered(self, run_id: str) -> Run:
        """The run with exactly that id, also one that was purged: its folder is gone then."""
        found = catalog_runs.purged(self._parts.catalog, [run_id])
        return found[0] if found else self.get(run_id)

    def _settle_ended(self, runs: Sequence[Run]) -> bool:
        """Journal those of `runs` that have left their exit record; no engine is asked. True if there were any."""
        settled = [self._watch.settle(run, ask_engine=False) for run in runs if run.status.active]
        return any(settled)

    def spec(self, ref: str) -> RunSpec:
        return runfolder.read_spec(self.folder(ref))

    def folder(self, ref: str) -> RunFolder:
        return self._parts.home.run(self.get(ref).id)

    def counts(self) -> dict[str, int]:
        """How many runs have each status."""
        return catalog_runs.counts(self._parts.catalog)

    def keys(self) -> tuple[Sequence[str], Sequence[str]]:
        """Names of all parameters and of all metrics of ended runs."""
        return catalog_runs.keys(self._parts.catalog)

    def metric_names(self, ref: str) -> Sequence[str]:
        run = self.get(ref)
        return self._live.names(run.id) if run.status.active else sorted(run.metrics)

    def history(self, ref: str, metric: str) -> History:
        """All values of one metric; of a running run as of now."""
        run = self.get(ref)
        if run.status.active:
            return self._live.history(run.id, metric)
        return History(*histories.read(self._history_of(run), metric))

    def overlay(self, runs: Sequence[Run], metric: str, *, times: bool = True) -> Sequence[History]:
        """`history` of several runs, in one look at their files; those without `times`, which are quicker, may have
        NaN for them."""
        ended = [run for run in runs if not run.status.active]
        read = histories.overlay([self._history_of(run) for run in ended], metric, times)
        found = {run.id: History(*columns) for run, columns in zip(ended, read, strict=True)}
        return [found.get(run.id) or self._live.history(run.id, metric) for run in runs]

    def _history_of(self, run: Run) -> Path:
        return histories.source(self._parts.home.run(run.id))

    def frame(
        self, filter: str = "", sort: str = "", columns: Sequence[str] = (), statistic: str = "last"
    ) -> polars.DataFrame:
        """All runs that fit, as a table for a notebook; see `lab.experiments.frames.frame`."""
        from lab.experiments.frames import frame

        orders = parse_orders(sort) if sort else (Order(),)
        self._parts.catalog.refresh()  # a notebook lives long, and other processes write
        page = self.list(RunQuery(parse_filter(filter), orders[0], _ALL, then=orders[1:]))
        return frame(page.items, columns, statistic, time.time(), self.keys())

    def histories(self, refs: Sequence[str], metrics: Sequence[str] = ()) -> polars.DataFrame:
        """All values of `metrics` (none: of all) of runs, one row each; see `lab.experiments.frames.histories`."""
        from lab.experiments.frames import histories

        self._parts.catalog.refresh()
        return histories(self._parts.home, self._get_all(refs), metrics, self.history)

    def compare(
        self, refs: Sequence[str], baseline: str = "", better: Mapping[str, Direction] | None = None
    ) -> Comparison:
        """Runs side by side, grouped by all but their seeds; the baseline is the first unless said.

        `better` says of metrics which way is better, where their names do not.
        """
        # Here and not above: a listing of runs must not wait for what judges them.
        from lab.experiments.compare import compare

        runs = self._get_all(refs)
        return compare(runs, self.get(baseline).id if baseline else runs[0].id, better)

    def _get_all(self, refs: Sequence[str]) -> Sequence[Run]:
        """`get` for many, in two queries where each says plainly what it means."""
        ids = catalog_parents.exact(self._parts.catalog, refs)
        ended = {run.id: run for run in catalog_runs.get_many(self._parts.catalog, list(ids.values()))}
        found = [ended.get(ids.get(ref, "")) for ref in refs]
        return [
            self.get(ref) if run is None or run.status.active else run for ref, run in zip(refs, found, strict=True)
        ]

    def more_seeds(self, comparison: Comparison, more: Mapping[int, int]) -> Sequence[LaunchRequest]:
        """Requests for so many `more` seeds of the comparison's groups, by index; see `lab.experiments.again`."""
        from lab.experiments.again import more_seeds

        return more_seeds(comparison, more, lambda run: catalog_parents.alike(self._parts.catalog, run), self.rerun)

    def changes(self, ref: str, other: str = "") -> Changes:
        """What changed in a run since `other`, or since the last earlier run of its entry if there is one."""
        run = self.get(ref)
        before = catalog_parents.before(self._parts.catalog, run)
        parent = self.get(other) if other else self.get(before) if before else None
        from lab.experiments.changes import changes  # no listing of runs is to wait for it

        return changes(self._parts.home, self._parts.catalog, run, parent)

    def code_diff(self, changed: Changes) -> Sequence[DiffLine]:
        """The text of what changed in the code, bounded."""
        from lab.experiments.changes import code_diff

        return code_diff(self._parts.home, changed)

    def rerun(self, ref: str, params: Mapping[str, Param] | None = None) -> LaunchRequest:
        """A request like the one that the run came from, with `params` changed.

        Raises ConflictError for an imported run, and for one of a notebook: what it takes to run it is not known.
        """
        from lab.experiments.again import request_like

        run = self.get(ref)
        return request_like(run, lambda: self.spec(run.id), params)


def _silent(_line: str) -> None:
    """Progress that nobody reads."""
