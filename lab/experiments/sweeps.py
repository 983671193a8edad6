"""Sweeps: many runs of one plan, recorded at once, and looked after while they go."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.catalog import histories
from lab.catalog import runs as catalog_runs
from lab.catalog import sweeps as catalog_sweeps
from lab.domain.directions import Direction, direction
from lab.domain.ids import short_id
from lab.domain.launch import LaunchRequest
from lab.domain.names import check_name, run_name
from lab.domain.pruning import hopeless
from lab.domain.query import Condition, Order, RunQuery
from lab.domain.runs import History, Param, Run, RunSpec, RunStatus
from lab.domain.sweeps import Method, Pruner, Sweep, SweepPlan
from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, NotFoundError
from lab.events import SWEEP_CREATED, SWEEP_HELD, SWEEP_STOPPED
from lab.experiments import machine
from lab.experiments.launch import seed_of
from lab.experiments.parts import Parts
from lab.experiments.waiting import cancel
from lab.stores import locks
from lab.stores.durable import write_json

if TYPE_CHECKING:
    from lab.experiments.service import Runs

Progress = Callable[[str], None]

_MOST = 100_000  # runs of one sweep, tried again ones included
_END_SECONDS = 10.0  # until the end of a stopped run is noted


class Sweeps:
    """Plans, and what becomes of them."""

    def __init__(self, parts: Parts, runs: Runs) -> None:
        self._parts = parts
        self._runs = runs
        self._over: set[str] = set()  # ids of sweeps that need no more looking after
        self._ended: dict[tuple[str, str], History] = {}  # (run, metric) → history of one that has ended

    def create(
        self, request: LaunchRequest, plan: SweepPlan, name: str = "", progress: Progress | None = None
    ) -> Sweep:
        """Record all runs of a plan as waiting (of an adaptive one the first); code and data are those of now.

        Raises what launching raises, ConflictError for a name that is taken, UsageError for an adaptive sweep without
        Optuna.
        """
        if plan.method is Method.ADAPTIVE:
            from lab.experiments import adaptive

            adaptive.require()
        sweep_id = short_id()
        name = check_name("sweep", name) if name else run_name(sweep_id)
        if name in catalog_sweeps.find(self._parts.catalog, name):
            raise ConflictError(f"there is a sweep {name!r} already", "give another one with --name")
        settings, engine = self._parts.settings_for(request.entry), self._parts.engine_of(request.engine)
        wanted = replace(request, name="", sweep=name, seed=plan.seeds[0] if plan.seeds else request.seed)
        with self._parts.launcher().draft(wanted, settings, engine, progress or _silent) as draft:
            folder = self._parts.home.sweep(sweep_id)
            folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_json(folder.draft, draft.to_json())
            body = {"name": name, "project": draft.project, "entry": draft.entry, "plan": plan.to_json()}
            self._parts.journal.append(SWEEP_CREATED, sweep_id, body)
            self._parts.launcher().record_all([one for point in plan.points() for one in _runs_of(draft, plan, point)])
        self._parts.catalog.refresh()
        if plan.method is Method.ADAPTIVE:
            self.tend(self.get(name))
        return self.get(name)

    def list(self) -> Sequence[Sweep]:
        """All sweeps, the latest first; also runs that only share a sweep's name."""
        return catalog_sweeps.all_sweeps(self._parts.catalog)

    def get(self, ref: str) -> Sweep:
        """The sweep with that name or id, or the beginning of either.

        Raises NotFoundError if there is none, ConflictError if there are several.
        """
        names = catalog_sweeps.find(self._parts.catalog, ref)
        if not names:
            raise NotFoundError(f"no sweep {clean(ref)!r}", "lab sweeps ls shows what there is")
        if len(names) > 1:
            raise ConflictError(f"{clean(ref)!r} may mean several sweeps: {', '.join(map(clean, names[:5]))}")
        return catalog_sweeps.all_sweeps(self._parts.catalog, names[0])[0]

    def runs(self, sweep: Sweep, limit: int = _MOST) -> Sequence[Run]:
        """Its runs, the first asked for first."""
        query = RunQuery(
            (Condition("sweep", "=", sweep.name), Condition("archived", "=", "any")),
            Order("created", descending=False),
            limit=limit,
        )
        return catalog_runs.page(self._parts.catalog, query).items

    def best_first(self, sweep: Sweep) -> Sequence[Run]:
        """Its runs, the best by the sweep's metric first; in their order where it has none."""
        runs = self.runs(sweep)
        way = sweep.plan.goal if sweep.plan and sweep.plan.metric else direction(sweep.metric)
        sign = -1.0 if way is Direction.HIGHER else 1.0

        def rank(run: Run) -> float:
            last = run.metrics[sweep.metric].last if sweep.metric in run.metrics else math.nan
            return math.inf if math.isnan(last) else sign * last

        return sorted(runs, key=rank) if sweep.metric else runs

    def stop(self, ref: str, cause: str = "stopped by user", *, running: bool = True) -> Sweep:
        """Start no more of its runs, and end those that go on unless not `running`. Raises ConflictError if it is
        over."""
        sweep = self.get(ref)
        if not sweep.state.active:
            raise ConflictError(f"sweep {sweep.name} is over: {sweep.state.value}")
        if sweep.id:
            self._parts.journal.append(SWEEP_STOPPED, sweep.id, {"cause": cause})
        waiting = [run.id for run in self.runs(sweep) if run.status is RunStatus.QUEUED]
        cancel(self._parts.home, self._parts.journal, self._parts.catalog, waiting)
        going = [run for run in self.runs(sweep) if run.status.active] if running else []
        for run in going:
            self._runs.stop(run.id)
        for run in going:  # another thread may be about to note its end
            self._runs.wait(run.id, timeout=_END_SECONDS)
        return self.get(sweep.name)

    def hold(self, ref: str, held: bool = True) -> Sweep:
        """Start none of its waiting runs for now, or go on."""
        sweep = self.get(ref)
        if not sweep.id or not sweep.state.active:
            raise ConflictError(f"sweep {sweep.name} is over: {sweep.state.value}")
        self._parts.journal.append(SWEEP_HELD, sweep.id, {"value": held})
        self._parts.catalog.refresh()
        return self.get(sweep.name)

    # -- while it goes ------------------------------------------------------------------------------

    def tended(self) -> Sequence[Sweep]:
        """Sweeps that are not over and that somebody must look after: adaptive ones, those that stop hopeless runs, and
        those with a policy on failures."""
        found = catalog_sweeps.unfinished(self._parts.catalog, self._over)
        self._over |= {sweep.id for sweep in found if not sweep.state.active}
        return [sweep for sweep in found if sweep.state.active]

    def tend(self, sweep: Sweep, *, judge: bool = True) -> None:
        """Do what the plan says about what has ended so far; with `judge`, also look for hopeless runs. Only one
        process at a time; what is done is the same whoever does it, and doing it again changes nothing."""
        plan = sweep.plan
        if plan is None or not sweep.id:
            return
        try:
            with locks.hold(self._parts.home.locks / f"sweep-{sweep.id}.lock"):
                self._parts.catalog.refresh()
                if sweep.failed and plan.on_failure.what == "stop":
                    self._give_up(sweep)
                    return
                if plan.on_failure.what == "retry":
                    self._retry(sweep, plan)
                if plan.method is Method.ADAPTIVE:
                    self._adapt(sweep, plan)
                if judge and plan.pruner is Pruner.MEDIAN:
                    self._judge(sweep, plan)
                elif judge and plan.pruner:
                    self._prune(sweep, plan)
        except ConflictError:  # another process is at it
            return

    def _give_up(self, sweep: Sweep) -> None:
        failed = next(run for run in self.runs(sweep) if _failed(run))
        if sweep.state.active:
            self.stop(sweep.name, f"{failed.name} failed: {failed.cause}", running=False)

    def _retry(self, sweep: Sweep, plan: SweepPlan) -> None:
        """Ask again for what has failed every time so far, if the policy allows another time."""
        tries: dict[str, list[Run]] = {}
        for run in self.runs(sweep):
            tries.setdefault(_key(run.params, run.seed), []).append(run)
        again = [runs[0] for runs in tries.values() if all(map(_failed, runs)) and len(runs) <= plan.on_failure.times]
        if again:
            draft = self._draft(sweep)
            self._parts.launcher().record_all([replace(draft, params=dict(run.params), seed=run.seed) for run in again])
            self._parts.catalog.refresh()

    def _adapt(self, sweep: Sweep, plan: SweepPlan) -> None:
        from lab.experiments import adaptive

        study = adaptive.Study(self._parts.home.sweep(sweep.id).study, plan)
        fresh = study.advance(self.runs(sweep), plan.jobs or machine.cores())
        if fresh:
            draft = self._draft(sweep)
            self._parts.launcher().record_all([one for point in fresh for one in _runs_of(draft, plan, point)])
            self._parts.catalog.refresh()

    def _judge(self, sweep: Sweep, plan: SweepPlan) -> None:
        runs = self.runs(sweep)
        going = [run for run in runs if run.status is RunStatus.RUNNING and not run.stop_requested]
        finished = [run for run in runs if run.status is RunStatus.FINISHED and plan.metric in run.metrics]
        others = [self._history(run, plan.metric) for run in finished] if going else []
        for run in going:
            verdict = hopeless(self._runs.history(run.id, plan.metric), others, plan.goal)
            if verdict is not None:
                self._runs.stop(run.id, verdict.text(plan.metric))

    def _prune(self, sweep: Sweep, plan: SweepPlan) -> None:
        from lab.experiments import adaptive

        study = adaptive.Study(self._parts.home.sweep(sweep.id).study, plan)
        for run, reason in study.hopeless(self.runs(sweep), lambda run: self._runs.history(run.id, plan.metric)):
            self._runs.stop(run.id, reason)

    def _history(self, run: Run, metric: str) -> History:
        key = (run.id, metric)
        if key not in self._ended:
            path = self._parts.home.run(run.id).metrics
            self._ended[key] = History(*histories.read(path, metric)) if path.exists() else History((), (), ())
        return self._ended[key]

    def _draft(self, sweep: Sweep) -> RunSpec:
        path = self._parts.home.sweep(sweep.id).draft
        try:
            return RunSpec.from_json(json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{clean(str(path))} cannot be read: {clean(str(error), 120)}") from error


def _runs_of(draft: RunSpec, plan: SweepPlan, point: Mapping[str, Param]) -> list[RunSpec]:
    """One run of the point for each seed."""
    params = {**draft.params, **point}
    seeds = plan.seeds or (seed_of(None, params) if "seed" in point else draft.seed,)
    return [replace(draft, params=params, seed=seed) for seed in seeds]


def _failed(run: Run) -> bool:
    return run.status in (RunStatus.FAILED, RunStatus.LOST, RunStatus.INTERRUPTED)


def _key(params: Mapping[str, Param], seed: int) -> str:
    return json.dumps([sorted(params.items()), seed], default=str)


def _silent(_line: str) -> None:
    """Progress that nobody reads."""
