"""Running runs again from their captures, and the verdict on what came out."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from lab.catalog import parents as catalog_parents
from lab.dataclass import dataclass
from lab.domain.capture import Capture, Cause, Difference, differences
from lab.domain.judging import curves_digest, judge_metric, judge_outputs, spreads
from lab.domain.reproduction import (
    EXACT,
    Attempt,
    PredictionVerdict,
    Preflight,
    Reproduction,
    Swap,
    Tolerance,
    parse_swap,
    tell,
    tell_change,
)
from lab.domain.resources import Resources
from lab.domain.runs import OWN, Badge, DataInput, Param, Run, RunSpec, RunStatus
from lab.domain.seeds import key
from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, LabError, NotFoundError, UsageError
from lab.events import RUN_REPRODUCED
from lab.experiments import code, machine
from lab.experiments.captures import gather
from lab.experiments.environments import environment
from lab.experiments.launch import THREADS
from lab.experiments.parts import Parts
from lab.experiments.preflight import Preflights
from lab.settings import ProjectSettings
from lab.stores import locks, runfolder, trees

if TYPE_CHECKING:
    from lab.engine.base import Engine
    from lab.experiments.launch import DataSource, Launcher
    from lab.experiments.service import Runs

Progress = Callable[[str], None]

#: The most runs that one call makes.
MOST_REPEATS = 100


@dataclass(frozen=True)
class Plan:
    """How to reproduce: so many times, with one factor from now and, if that is `params`, these on top."""

    tolerance: Tolerance = EXACT
    repeat: int = 1
    swap: Swap = field(default_factory=Swap)
    params: Mapping[str, Param] | None = None


class Reproductions:
    """Reproduces runs. `settings_of` gives the settings of the project of a run as they are now, `predicted` the
    verdict on what two runs predicted."""

    def __init__(
        self,
        parts: Parts,
        runs: Runs,
        data: DataSource,
        settings_of: Callable[[Run], ProjectSettings],
        predicted: Callable[[Run, Run, Tolerance], tuple[PredictionVerdict, ...]],
    ) -> None:
        self._parts = parts
        self._runs = runs
        self._data = data
        self._settings_of = settings_of
        self._predicted = predicted
        self._preflights = Preflights(parts.home, data.get, parts.engine_of)

    @staticmethod
    def plan(tolerance: Tolerance, repeat: int = 1, swap: str = "", params: Mapping[str, Param] | None = None) -> Plan:
        """A plan; `swap` is as `parse_swap` takes it. Raises UsageError for one that makes no sense."""
        plan = Plan(tolerance, repeat, parse_swap(swap), params or None)
        check(plan)
        return plan

    def preflight(self, ref: str, swap: str = "") -> Preflight:
        """Whether all is there that running the run again takes; if so, and nothing better is known of it, the run is
        marked as rerunnable. Raises ConflictError for a run that is still going, UsageError for a swap that is none."""
        return self._preflight(ref, parse_swap(swap))

    def _preflight(self, ref: str, swap: Swap) -> Preflight:
        run = self._runs.get(ref)
        found = self._preflights.look(run, swap)
        if found.ready and not swap.factor and run.badge is Badge.CAPTURED:
            self._mark(run, Badge.RERUNNABLE, "all that it takes is there", ())
        return found

    def again(self, ref: str, params: Mapping[str, Param], progress: Progress) -> Run:
        """Start it once more from the capture, with `params` on top, and wait for nothing. Raises what `start` does."""
        swap = "params" if params else ""
        return self.start(self.preflight(ref, swap), self.plan(EXACT, 1, swap, params), progress)

    def start(self, flight: Preflight, plan: Plan, progress: Progress) -> Run:
        """Run it once more from the capture, in a tree of its own; returns when it runs.

        Raises NotFoundError where something is missing, IntegrityError when the tree is not what its digest says,
        ConflictError when what is to be swapped is now what it was then, and what launching raises.
        """
        spec = _whole(flight)
        launcher, engine = self._parts.launcher(), self._parts.engine_of("" if spec.engine in OWN else spec.engine)
        if spec.engine in OWN:  # what its process could use of the machine was nobody's choice
            spec = replace(spec, resources=Resources(), network=False)
        draft = replace(
            spec,
            id="",
            name="",
            tags=(),
            sweep="",
            engine=engine.name,
            reproduces=flight.run.id,
            swapped=plan.swap.factor,
            threads=self._threads(flight.run, spec, engine.name),
        )
        if flight.rebuild:
            progress("making the environment again from the captured dependency files")
            made = engine.prepare(self._preflights.environment(spec), progress)
            draft = replace(draft, image=made.image, environment=made.digest, rebuilt=True)
        # gc waits until the journal tells what the run needs.
        with locks.share(self._parts.home.store_lock):
            if plan.swap.factor:
                draft = self._swapped(flight.run, draft, plan, engine, progress)
            recorded = launcher.record(draft)
        try:
            self._check_tree(recorded, launcher)
            launcher.submit(recorded, engine)
        finally:
            self._parts.catalog.refresh()
        return self._runs.get(recorded.id)

    def _threads(self, run: Run, spec: RunSpec, engine: str) -> Mapping[str, str]:
        """What bounds the threads as it did, where neither the run's own limit nor this machine does that anyway."""
        old = self._capture(run)
        if spec.resources.cpus or spec.engine in OWN or old is None or not old.software.python:
            return {}
        here = machine.cores() if engine == "process" else os.cpu_count()
        cores = old.machine.cores
        pinned = dict.fromkeys(THREADS, str(cores)) if cores and cores != here else {}
        return {**pinned, **old.software.threads}

    def _check_tree(self, spec: RunSpec, launcher: Launcher) -> None:
        """Make the run's tree and compare its digest with the one that was captured."""
        folder = self._parts.home.run(spec.id).code
        try:
            trees.materialise(self._parts.home, spec.code.tree, folder, read_only=False)
            found = trees.digest(folder)
            if found != spec.code.tree:
                raise IntegrityError(
                    f"the code is not what was captured: its digest is {found[:15]}, not {spec.code.tree[:15]}",
                    "lab data verify --repair",
                )
        except LabError as error:
            launcher.refuse(spec.id, error)
            raise

    def _swapped(self, run: Run, draft: RunSpec, plan: Plan, engine: Engine, progress: Progress) -> RunSpec:
        """The draft with one factor from now."""
        factor = plan.swap.factor
        if factor == "params":
            given = {**draft.params, **(plan.params or {})}
            seed = given.get("seed") if "seed" in (plan.params or {}) else None
            known = isinstance(seed, int) and not isinstance(seed, bool)
            fresh = replace(draft, params=given, seed=seed if known else draft.seed)  # type: ignore[arg-type]
        else:
            settings = self._settings_of(run)
            if factor == "code":
                taken = code.take(settings, self._parts.home, [item.path for item in settings.datasets.values()])
                entry = settings.entries.get(draft.entry)
                fresh = replace(draft, code=taken)
                if entry is not None:
                    fresh = replace(fresh, command=entry.command, workdir=entry.workdir)
            elif factor == "data":
                fresh = replace(draft, datasets=self._other_data(draft, settings, plan.swap.versions, progress))
            else:
                made = engine.prepare(environment(settings), progress)
                fresh = replace(draft, image=made.image, environment=made.digest)
        if _factors(fresh) == _factors(draft):
            raise ConflictError(
                f"{factor} is now what it was then: there is nothing to swap", "lab runs reproduce without --swap"
            )
        return fresh

    def _other_data(
        self, draft: RunSpec, settings: ProjectSettings, versions: Mapping[str, str], progress: Progress
    ) -> dict[str, DataInput]:
        """The run's datasets with the versions that are named, or all of them at their latest."""
        strange = next((name for name in versions if name not in draft.datasets), None)
        if strange is not None:
            known = ", ".join(draft.datasets) or "none"
            raise UsageError(f"the run saw no dataset {clean(strange, 60)!r}", f"it saw: {known}")
        found = dict(draft.datasets)
        for name in versions or draft.datasets:
            version = self._data.resolve(settings, name, versions.get(name, ""), progress)
            found[name] = replace(found[name], version=version.label, manifest=version.id)
        return found

    def reproduce(
        self, ref: str, plan: Plan, progress: Progress, stop: Callable[[], bool] | None = None
    ) -> Reproduction:
        """Run it again, `plan.repeat` times one after the other, wait, judge, and mark the run with the verdict.

        Raises NotFoundError with all that is missing, and what `start` raises. When `stop()` turns true, what has ended
        by then is judged.
        """
        flight = self._preflight(ref, plan.swap)
        for note in flight.notes:
            progress(note)
        done: list[Run] = []
        for number in range(plan.repeat):
            again = self.start(flight, plan, progress)
            progress(f"{again.name} runs {flight.run.name} again ({number + 1} of {plan.repeat})")
            ended = self._runs.wait(again.id, stop=stop)
            if ended.status.active:
                break
            done.append(ended)
        return self.judge(ref, plan.tolerance, done, keep=True)

    def judge(
        self, ref: str, tolerance: Tolerance = EXACT, again: Sequence[Run] = (), *, keep: bool = False
    ) -> Reproduction:
        """The verdict on a run by `again` or, without them, by all that reproduced it as captured; `keep` marks the run
        with it. Raises NotFoundError for an unknown run."""
        run = self._runs.get(ref)
        chosen = list(again) or [
            one
            for id in catalog_parents.reproductions(self._parts.catalog, run.id)
            if not (one := self._runs.get(id)).status.active
        ]
        old = self._capture(run)
        attempts = tuple(self._attempt(run, old, one, tolerance) for one in chosen)
        swapped = chosen[0].swapped if chosen else ""
        found = Reproduction(
            run=run,
            attempts=attempts,
            tolerance=tolerance,
            swapped=swapped,
            change=tell_change(_of(swapped, attempts[0].causes)) if swapped and attempts else "",
            missing=old.missing if old else ("what went into it is not known",),
            spreads=spreads(run, attempts),
        )
        if keep and attempts and not swapped:
            self._mark(run, found.badge, tell(found), [one.id for one in chosen])
            found = replace(found, run=self._runs.get(run.id))
        return found

    def _attempt(self, run: Run, old: Capture | None, again: Run, tolerance: Tolerance) -> Attempt:
        new = self._capture(again)
        curves = {name: self._runs.history(again.id, name) for name in again.metrics}
        metrics = []
        for name in dict.fromkeys((*run.metrics, *again.metrics)):
            before, after = (self._runs.history(one.id, name) for one in (run, again))
            metrics.append(judge_metric(name, before, after, tolerance, self._sigma(run, name, tolerance)))
        return Attempt(
            run=again,
            metrics=tuple(metrics),
            outputs=judge_outputs(old.outputs, new.outputs) if old and new else (),
            causes=differences(old, new) if old and new else (),
            alike=(run.status, run.exit_code) == (again.status, again.exit_code),
            digest=curves_digest(curves),
            rebuilt=self._rebuilt(again),
            predictions=self._predicted(run, again, tolerance),
        )

    def _sigma(self, run: Run, metric: str, tolerance: Tolerance) -> float | None:
        """The standard deviation of a metric over the finished runs that are equal but for their seed."""
        if not tolerance.sigmas:
            return None
        values: dict[object, float] = {}
        for one in catalog_parents.alike(self._parts.catalog, run):
            summary = one.metrics.get(metric)
            if one.status is RunStatus.FINISHED and key(one) == key(run) and not one.reproduces and summary:
                values.setdefault(one.seed, summary.last)
        known = [value for value in values.values() if math.isfinite(value)]
        return statistics.stdev(known) if len(known) > 1 else None

    def _capture(self, run: Run) -> Capture | None:
        folder = self._parts.home.run(run.id)
        try:
            return gather(runfolder.read_spec(folder), folder, ended=not run.status.active)
        except (NotFoundError, IntegrityError):
            return None

    def _rebuilt(self, run: Run) -> bool:
        try:
            return runfolder.read_spec(self._parts.home.run(run.id)).rebuilt
        except (NotFoundError, IntegrityError):
            return False

    def _mark(self, run: Run, badge: Badge, note: str, by: Sequence[str]) -> None:
        self._parts.journal.append(RUN_REPRODUCED, run.id, {"badge": badge.value, "note": note, "by": list(by)})
        self._parts.catalog.refresh()


def check(plan: Plan) -> None:
    """Raises UsageError for a plan that makes no sense."""
    if bool(plan.params) != (plan.swap.factor == "params"):
        raise UsageError("--swap params and -p belong together", "lab runs reproduce REF --swap params -p lr=0.1")
    if not 1 <= plan.repeat <= MOST_REPEATS:
        raise UsageError(f"--repeat is from 1 to {MOST_REPEATS}")


def _whole(flight: Preflight) -> RunSpec:
    """The spec of what is all there. Raises NotFoundError that lists what is not."""
    if flight.missing or flight.spec is None:
        lacks = "; ".join(f"{lack.what}: {lack.message}" for lack in flight.missing)
        hints = dict.fromkeys(lack.hint for lack in flight.missing if lack.hint)
        raise NotFoundError(f"{flight.run.name} cannot be reproduced: {lacks}", "; ".join(hints))
    return flight.spec


def _factors(spec: RunSpec) -> tuple[object, ...]:
    """What swaps may change, by content."""
    data = {name: item.manifest for name, item in spec.datasets.items()}
    params = {name: repr(value) for name, value in spec.params.items()}
    return spec.code.tree, spec.command, spec.workdir, data, spec.environment, spec.image, params, spec.seed


_FACTORS = {
    "code": (Cause.CODE,),
    "data": (Cause.DATA,),
    "params": (Cause.PARAMS, Cause.SEED),
    "env": (Cause.PACKAGES, Cause.IMAGE),
}


def _of(swapped: str, causes: Sequence[Difference]) -> tuple[Difference, ...]:
    return tuple(item for item in causes if item.cause in _FACTORS.get(swapped, ()))
