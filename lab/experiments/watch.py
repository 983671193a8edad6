"""How runs end: the first of exit.json, the engine's memory and nobody's that has an answer.

Any Lab process may find out. Whoever does writes the metric history, then the journal, then lets the engine forget
the job, so that a kill in between only repeats work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.domain.numbers import jsonable
from lab.domain.runs import (
    ENGINE,
    ENTRY,
    IMPORTED,
    NOBODY,
    OWN,
    STOPPED_BY_USER,
    Ending,
    MetricSummary,
    Run,
    RunStatus,
    ending_of,
)
from lab.domain.system import Usage
from lab.engine.base import Engine, JobState, JobStatus
from lab.errors import ConflictError, EngineUnavailableError
from lab.events import RUN_CREATED, RUN_ENDED, RUN_STARTED
from lab.experiments import process, sources
from lab.experiments.collector import Collectors
from lab.experiments.process import alive
from lab.journal import Journal
from lab.paths import LabHome, RunFolder
from lab.stores import locks, runfolder, systemlog
from lab.stores.runfolder import ExitRecord

#: Start and end, seconds since the epoch.
_Times = tuple[float | None, float | None]

_LOST = "lost: its container is gone and it left no exit record"
_LOST_PROCESS = "lost: its process is gone and it left no exit record"


class Watch:
    """Finds out which runs have ended. `engine_of` gives the engine of that name, `imported` looks at the source of a
    run that another tool recorded, `last_look` is called when a run has ended and all of its metrics are there, before
    the journal tells of it."""

    def __init__(
        self,
        home: LabHome,
        journal: Journal,
        catalog: Catalog,
        engine_of: Callable[[str], Engine],
        imported: Callable[[Run], bool],
        last_look: Callable[[Run], None],
    ) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._engine_of = engine_of
        self._imported = imported
        self._collectors = Collectors(home)
        self._last_look = last_look

    def settle(self, run: Run, *, ask_engine: bool = True) -> bool:
        """Journal the ending of an active run if it has one. True when it has ended.

        Without `ask_engine` only exit.json is looked at, which costs one stat. Raises EngineUnavailableError when
        the engine must be asked and does not answer: the run may well go on.
        """
        if run.status is RunStatus.QUEUED:
            return False
        if run.engine == IMPORTED:
            return ask_engine and self._imported(run)
        if not self._home.run(run.id).exit.exists() and not (ask_engine and self._gone(run)):
            self._collect(run)
            return False
        try:
            with locks.hold(self._home.locks / f"run-{run.id}.lock", timeout=0.0):
                return self._settle(run.id)
        except ConflictError:  # another process is at it
            return False

    def _gone(self, run: Run) -> bool:
        """Whether the engine says that the job no longer runs. Also repairs a start that nobody wrote down."""
        status = self._status(run)
        if status.state is JobState.RUNNING:
            if run.status is RunStatus.CREATED and not alive(run.launcher):
                self._journal.append(RUN_STARTED, run.id)
            return False
        taken_back = run.queued and run.status is RunStatus.CREATED
        if taken_back and never_started(status) and not self._home.run(run.id).stdout.exists():
            return False  # the queue takes it back
        return status.state is JobState.EXITED or not alive(run.launcher) or run.status is RunStatus.RUNNING

    def _settle(self, run_id: str) -> bool:
        self._catalog.refresh()
        run = catalog_runs.get(self._catalog, run_id)
        if run is None or not run.status.active:
            return True
        found = self._ending(run)
        if found is None:
            return False
        ending, times = found
        folder = self._home.run(run_id)
        self._collect(run, last=True)
        metrics = sources.settle(folder)
        self._last_look(run)
        self._journal.append(RUN_ENDED, run_id, _body(ending, times, metrics, _usage(folder)))
        self._catalog.refresh()
        self._forget(run)
        return True

    def _collect(self, run: Run, *, last: bool = False) -> None:
        """Take in what other tools wrote in the run; parameters that they were told become the run's."""
        found = self._collectors.look(run.id, last=last)
        params = {**found, **run.params}
        if len(params) == len(run.params):
            return
        from lab.experiments.launch import created_body  # it needs engines, and most runs do not come here

        spec = runfolder.read_spec(self._home.run(run.id))
        who = {"launcher": run.launcher, "queued": run.queued}
        body = {**created_body(spec), **who, "params": jsonable(params)}
        self._journal.append(RUN_CREATED, run.id, {**body, "at": run.created, "revised": True})
        self._catalog.refresh()

    def _ending(self, run: Run) -> tuple[Ending, _Times] | None:
        """The verdict and the times of start and end; None while the engine says that the job runs.

        An exit record of a running job is either a moment old or forged by the run: the next look will tell.
        """
        told, _ = runfolder.read_exit(self._home.run(run.id))
        status = self._engine_status(run, needed=told is None)
        if status is not None and status.state is JobState.RUNNING:
            return None
        if told is not None:
            return self._entry_ending(run, told, status), (told.started, told.ended)
        assert status is not None
        times = (status.started, status.ended or time.time())
        if status.state is JobState.GONE or status.exit_code is None:
            if run.stop_requested:
                return Ending(RunStatus.STOPPED, run.stop_reason or STOPPED_BY_USER, None, NOBODY), times
            return Ending(RunStatus.LOST, _LOST_PROCESS if run.engine in OWN else _LOST, None, NOBODY), times
        return self._engine_ending(run, status, status.exit_code), times

    def _engine_status(self, run: Run, *, needed: bool) -> JobStatus | None:
        """What the engine says; None when it does not answer and is not `needed`, else EngineUnavailableError."""
        try:
            return self._status(run)
        except EngineUnavailableError:
            if needed:
                raise
            return None

    def _status(self, run: Run) -> JobStatus:
        return process.status(self._home, run) if run.engine in OWN else self._engine_of(run.engine).status(run.id)

    def _entry_ending(self, run: Run, told: ExitRecord, status: JobStatus | None) -> Ending:
        if run.engine in OWN and told.error and not run.stop_requested:
            if told.received:
                return Ending(RunStatus.STOPPED, "stopped by Ctrl-C", told.exit_code, ENTRY)
            return Ending(RunStatus.FAILED, f"failed: {told.error}", told.exit_code, ENTRY)
        from_outside = bool(told.received) and bool(told.exit_code) and not run.stop_requested
        why = status.interruption if status else ""
        return ending_of(
            exit_code=told.exit_code,
            signal=told.signal,
            out_of_memory=told.oom or (status is not None and status.out_of_memory),
            memory=run.memory,
            stop_requested=run.stop_requested,
            stop_reason=run.stop_reason,
            interruption=(why or "killed from outside") if from_outside else "",
            authority=ENTRY,
        )

    def _engine_ending(self, run: Run, status: JobStatus, exit_code: int) -> Ending:
        return ending_of(
            exit_code=exit_code,
            signal=max(0, exit_code - 128),
            out_of_memory=status.out_of_memory,
            memory=run.memory,
            stop_requested=run.stop_requested,
            stop_reason=run.stop_reason,
            interruption=status.interruption,
            authority=ENGINE,
        )

    def _forget(self, run: Run) -> None:
        if run.engine in OWN:
            return
        try:
            self._engine_of(run.engine).remove(run.id)
        except EngineUnavailableError:
            return  # its leftover is found by label when the engine is back


def _usage(folder: RunFolder) -> Usage | None:
    """What the run used in all: by its exit record, or by the last look where there is none."""
    told, _ = runfolder.read_exit(folder)
    whole = systemlog.usage(told.usage) if told is not None else None
    seen = None if whole else systemlog.last(folder.system)
    return whole or (seen.usage if seen else None)


def never_started(status: JobStatus) -> bool:
    """Whether the engine knows of no moment at which the job ran."""
    return status.state is not JobState.RUNNING and status.exit_code is None and status.started is None


def _body(ending: Ending, times: _Times, metrics: dict[str, MetricSummary], used: Usage | None) -> dict[str, Any]:
    return {
        "ending": ending.status.value,
        "cause": ending.cause,
        "exit_code": ending.exit_code,
        "authority": ending.authority,
        "started": times[0],
        "ended": times[1],
        "metrics": {name: jsonable(summary._asdict()) for name, summary in metrics.items()},
        **(vars(used) if used else {}),
    }
