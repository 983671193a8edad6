"""The queue: runs wait until the machine has room for them, and any Lab process may start them, each exactly once.

Which run starts is decided under one lock and written down at once (`run.claimed`), so that whoever decides next
knows of it; handing it to the engine comes after. A claim of a process that was killed is taken back when the
engine knows nothing of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from lab.catalog import queue as catalog_queue
from lab.catalog import runs as catalog_runs
from lab.catalog import sweeps as catalog_sweeps
from lab.catalog.queue import Asked
from lab.domain.launch import LaunchRequest
from lab.domain.queue import MARGIN, Demand, Load, Machine, Rules, Ticket, Waiting, between, line_up
from lab.domain.runs import NOBODY, STOPPED_BY_USER, Run, RunSpec, RunStatus
from lab.errors import ConflictError, EngineUnavailableError, LabError, UsageError
from lab.events import QUEUE_LIMITED, QUEUE_PAUSED, RUN_CLAIMED, RUN_ENDED, RUN_HELD, RUN_PLACED, RUN_STARTED
from lab.experiments import machine
from lab.experiments.parts import Parts
from lab.experiments.process import alive, identity
from lab.experiments.waiting import cancel, deciding
from lab.experiments.watch import never_started
from lab.stores import locks, runfolder

if TYPE_CHECKING:
    from lab.engine.base import Engine, JobStatus
    from lab.experiments.service import Runs

Progress = Callable[[str], None]

_EARLIER = 5  # runs whose peaks tell what the next one needs
_SILENT = 10.0  # seconds until an engine that did not answer is asked again


class Queue:
    """Launches runs when there is room. `look` tells what the machine has."""

    def __init__(self, parts: Parts, runs: Runs, look: Callable[[], Machine] | None = None) -> None:
        self._parts = parts
        self._runs = runs
        self._look = look or (lambda: machine.look(parts.home.root))
        self._silent: dict[str, float] = {}  # engine → when it is asked again

    # -- asking for runs ----------------------------------------------------------------------------

    def launch(self, request: LaunchRequest, progress: Progress | None = None) -> Run:
        """Start a run if there is room, else let it wait; code and data are those of now in either case.

        Raises what launching raises. The environment is built first if it has to be.
        """
        tell = progress or _silent
        settings, engine = self._parts.settings_for(request.entry), self._parts.engine_of(request.engine)
        with self._parts.launcher().draft(request, settings, engine, tell) as draft:
            return self.enqueue(draft, engine)

    def enqueue(self, draft: RunSpec, engine: Engine) -> Run:
        """`launch` what is drafted already; gc must wait meanwhile."""
        spec = self._parts.launcher().record(draft, queued=True)
        self._parts.catalog.refresh()
        if self._claim_soon(spec.id):
            self._parts.launcher().submit(spec, engine)
        self._parts.catalog.refresh()
        return self._runs.get(spec.id)

    def _claim_soon(self, run_id: str) -> bool:
        """Claim one run, if need be after a look which of those that are in its way have ended."""
        for ask_engine in (False, True):
            self._runs.settle(ask_engine=ask_engine)
            if self.claim([run_id]):
                return True
        return False

    # -- looking ------------------------------------------------------------------------------------

    def list(self) -> Sequence[Waiting]:
        """All runs that wait, in their order, each with its reason."""
        asked, reasons = self._reasons()
        runs = {run.id: run for run in catalog_runs.get_many(self._parts.catalog, [one.id for one in asked])}
        return [
            Waiting(runs[one.id], number, reasons[one.id], one.held)
            for number, one in enumerate(asked, 1)
            if one.id in runs
        ]

    def reason(self, run_id: str) -> str:
        """Why a run waits; "" for one that does not, or is about to start."""
        return self._reasons()[1].get(run_id, "")

    @property
    def paused(self) -> bool:
        return catalog_queue.marks(self._parts.catalog)[0]

    @property
    def jobs(self) -> int:
        """How many runs may go at a time; 0 for as many as have room."""
        return catalog_queue.marks(self._parts.catalog)[1]

    @property
    def length(self) -> int:
        """How many runs wait."""
        return len(catalog_queue.waiting(self._parts.catalog))

    @property
    def startable(self) -> int:
        """How many runs start as soon as there is room: those that wait and that nobody has paused."""
        if self.paused:
            return 0
        held, _ = catalog_sweeps.limits(self._parts.catalog)
        return sum(not one.held and one.sweep not in held for one in catalog_queue.waiting(self._parts.catalog))

    @property
    def going(self) -> Sequence[str]:
        """Ids of the runs that have their share of the machine."""
        return [one.id for one in catalog_queue.going(self._parts.catalog)]

    def refresh(self) -> None:
        """Take in what other processes have written."""
        self._parts.catalog.refresh()

    @property
    def driven(self) -> bool:
        """Whether some Lab process starts what waits as soon as there is room."""
        try:
            with locks.hold(self._parts.home.driver_lock):
                return False
        except ConflictError:
            return True

    def _reasons(self) -> tuple[Sequence[Asked], dict[str, str]]:
        """All runs that wait, in their order, and id → why."""
        asked, others = catalog_queue.lined_up(self._parts.catalog)
        if not asked:
            return [], {}
        held, jobs = catalog_sweeps.limits(self._parts.catalog)
        strict = catalog_sweeps.strict(self._parts.catalog)
        held |= {name for name, broken in strict.items() if broken}
        # One that has left its exit record has left its room too, though nobody may have noted its end yet; except
        # where it depends on how it ended whether another one starts.
        going = [
            one for one in others if one.sweep in strict or not self._parts.home.run(one.id).exit.exists()
        ]  # fmt: skip
        demands = self._demands([*asked, *going])
        loads = [Load(one.name, demands[one.id], one.sweep) for one in going]
        # A server computes when it is asked, which is not for long; its memory it has all the time.
        loads += [
            Load(f"deployment {name}", Demand(0.0, memory), serves=True)
            for name, memory in catalog_queue.serving(self._parts.catalog).items()
        ]
        tickets = [Ticket(one.id, one.name, demands[one.id], one.sweep, one.held) for one in asked]
        paused, most = catalog_queue.marks(self._parts.catalog)
        return asked, line_up(tickets, loads, self._look(), Rules(paused, held, jobs, most))

    def _demands(self, asked: Collection[Asked]) -> Mapping[str, Demand]:
        """What each needs. Without a limit of cores a run counts as one; what earlier runs of its entry have used of
        memory counts rather than its limit, which nearly all stay far below."""
        peaks = catalog_queue.peaks(self._parts.catalog, {one.entry for one in asked}, _EARLIER)
        return {one.id: _demand(one, peaks.get((one.project, one.entry), 0)) for one in asked}

    # -- what the user says -------------------------------------------------------------------------

    def pause(self, paused: bool = True) -> None:
        """Start nothing more until told otherwise; what runs goes on."""
        self._parts.journal.append(QUEUE_PAUSED, "queue", {"value": paused})
        self._parts.catalog.refresh()

    def limit(self, jobs: int) -> None:
        """Let no more than `jobs` runs of the queue go at a time; 0 for as many as have room. What runs goes on.
        Raises UsageError for less than 0."""
        if jobs < 0:
            raise UsageError("a number of runs is 0 or more", "lab queue jobs 2")
        self._parts.journal.append(QUEUE_LIMITED, "queue", {"value": jobs})
        self._parts.catalog.refresh()

    def hold(self, refs: Sequence[str], held: bool = True) -> Sequence[Run]:
        """Let these runs wait whatever room there is, or no longer. Raises ConflictError for one that does not wait."""
        runs = [self._waiting(ref) for ref in refs]
        for run in runs:
            self._parts.journal.append(RUN_HELD, run.id, {"value": held})
        self._parts.catalog.refresh()
        return runs

    def cancel(self, refs: Sequence[str]) -> Sequence[Run]:
        """Let these runs never start. Raises ConflictError for one that does not wait (any more)."""
        runs = [self._waiting(ref) for ref in refs]
        gone = cancel(self._parts.home, self._parts.journal, self._parts.catalog, [run.id for run in runs])
        started = [run.name for run in runs if run.id not in gone]
        if started:
            raise ConflictError(f"{started[0]} has started meanwhile", f"lab runs stop {started[0]}")
        return [self._runs.get(run.id) for run in runs]

    def move(self, ref: str, position: int) -> Run:
        """Put a run at `position`, from 1; behind all others if there are fewer. Raises ConflictError if it does not
        wait, UsageError for a position below 1."""
        if position < 1:
            raise UsageError("positions count from 1", f"lab queue move {ref} 1 puts it first")
        run = self._waiting(ref)
        with deciding(self._parts.home, self._parts.catalog):
            places = [one.place for one in catalog_queue.waiting(self._parts.catalog) if one.id != run.id]
            self._parts.journal.append(RUN_PLACED, run.id, {"place": between(places, position - 1)})
        self._parts.catalog.refresh()
        return run

    def _waiting(self, ref: str) -> Run:
        run = self._runs.get(ref)
        if run.status is not RunStatus.QUEUED:
            state = f"has ended: {run.cause}" if not run.status.active else f"is {run.status.value} already"
            raise ConflictError(f"{run.name} does not wait: it {state}", "lab queue ls shows what waits")
        return run

    # -- starting -----------------------------------------------------------------------------------

    def claim(self, only: Collection[str] | None = None) -> Sequence[str]:
        """Promise to start what may start now, or what of it is among `only`. Returns ids, in their order; the caller
        must `start` each."""
        if not catalog_queue.waiting(self._parts.catalog):
            return []
        with deciding(self._parts.home, self._parts.catalog):
            now = time.monotonic()
            silent = {engine for engine, until in self._silent.items() if until > now}
            asked, reasons = self._reasons()
            chosen = [one.id for one in asked if not reasons[one.id] and (only is None or one.id in only)]
            if silent:
                runs = catalog_runs.get_many(self._parts.catalog, chosen)
                chosen = [run.id for run in runs if run.engine not in silent]
            if chosen:
                self._parts.journal.append_all(RUN_CLAIMED, [(run_id, {"by": identity()}) for run_id in chosen])
                self._parts.catalog.refresh()
        return chosen

    def start(self, run_id: str) -> None:
        """Hand a claimed run to its engine. One that cannot be started is journalled as failed, except where its
        engine does not answer: it goes back to its place and is tried later. One that was stopped meanwhile is
        stopped, whichever of the two came first."""
        name = ""
        try:
            spec = runfolder.read_spec(self._parts.home.run(run_id))
            name = spec.engine
            engine = self._parts.engine_of(name)
            if self._stopped(run_id):
                body = {"ending": "stopped", "cause": STOPPED_BY_USER, "authority": NOBODY, "ended": time.time()}
                self._parts.journal.append(RUN_ENDED, run_id, body)
                return
            self._parts.launcher().start(spec, engine)
            if self._stopped(run_id):
                engine.stop(run_id)
        except EngineUnavailableError:
            self._silent[name] = time.monotonic() + _SILENT
            self._parts.journal.append(RUN_CLAIMED, run_id, {"by": ""})
            raise
        except (LabError, OSError) as error:
            self._parts.launcher().refuse(run_id, error)
            raise
        finally:
            self._parts.catalog.refresh()

    def _stopped(self, run_id: str) -> bool:
        self._parts.catalog.refresh()
        run = catalog_runs.get(self._parts.catalog, run_id)
        return run is not None and run.stop_requested

    def take_back(self) -> Sequence[str]:
        """Give their places back to runs whose starter was killed before the engine heard of them; note the start of
        those that it did hear of. Returns the ids of the former."""
        going = catalog_queue.going(self._parts.catalog)
        stale = [one for one in going if one.status == "created" and not alive(one.launcher)]
        if not stale:
            return []
        given = []
        with deciding(self._parts.home, self._parts.catalog):
            for run in catalog_runs.get_many(self._parts.catalog, [one.id for one in stale]):
                if run.status is RunStatus.CREATED and run.queued and not alive(run.launcher):
                    given += [run.id] if self._look_after(run) else []
            self._parts.catalog.refresh()
        return given

    def _look_after(self, run: Run) -> bool:
        folder = self._parts.home.run(run.id)
        try:
            engine = self._parts.engine_of(run.engine)
            status: JobStatus = engine.status(run.id)
            if not never_started(status):
                if status.started is not None or folder.stdout.exists():
                    self._parts.journal.append(RUN_STARTED, run.id)
                return False
            if folder.stdout.exists() or folder.exit.exists():
                return False  # it ran: whoever looks after runs tells how it ended
            engine.remove(run.id)
        except EngineUnavailableError:
            return False
        self._parts.journal.append(RUN_CLAIMED, run.id, {"by": ""})
        return True


def _demand(one: Asked, peak: int) -> Demand:
    expected = round(peak * MARGIN)
    learned = bool(peak) and (not one.memory or expected < one.memory)
    return Demand(one.cpus or 1.0, expected if learned else one.memory, one.gpus, learned)


def _silent(_line: str) -> None:
    """Progress that nobody reads."""
