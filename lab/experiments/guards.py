"""Guards over active runs: looked at as they go on, journalled when they fire, carried out; and replayed over old runs.

Any number of Lab processes may look at the same run. Each comes to the same finding, since it reads the run from its
first line; the first one to take the run's lock journals it, and the others find it there.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import groupby

from lab.catalog import firings, histories
from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.dataclass import dataclass
from lab.domain.collecting import Collecting, counted
from lab.domain.directions import Direction
from lab.domain.guard_language import names_of, parse_guard
from lab.domain.guard_watch import Reference, Watcher
from lab.domain.guards import Firing, Guard
from lab.domain.query_tree import QueryError
from lab.domain.runs import IMPORTED, Run
from lab.domain.system import Sample
from lab.errors import ConflictError, EngineUnavailableError, IntegrityError, NotFoundError
from lab.events import RUN_GUARD_FIRED
from lab.journal import Journal
from lab.paths import LabHome, RunFolder
from lab.stores import locks, runfolder
from lab.stores.runfolder import EventTail
from lab.stores.systemlog import SystemTail

_EVERY = 0.5  # seconds between two looks at one run
_AGAIN = 20.0  # seconds after which a stop that another process owed is carried out here


@dataclass(frozen=True)
class Record:
    """Something that a run told: metrics that were logged together, or a look at what it uses."""

    at: float
    step: float | None = None
    metrics: dict[str, float] | None = None
    sample: Sample | None = None


@dataclass(frozen=True)
class Owed:
    """A firing that is still to be journalled or carried out, not before `due` (monotonic)."""

    firing: Firing
    due: float = 0.0


class Stream:
    """What a run tells as it goes on, in the order of time as far as it is read together."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._tails = [EventTail(path) for path in runfolder.files(folder)]
        self._names: list[set[str]] = [set() for _ in self._tails]
        self._system = SystemTail(folder.system)
        self._collecting: Collecting | None = None

    def poll(self) -> Iterator[list[Record]]:
        """What is new, some megabytes at a time."""
        samples = [Record(sample.at, sample=sample) for sample in self._system.poll()]
        while any(batches := [list(_records(tail.poll())) for tail in self._tails]):
            for names, batch in zip(self._names, batches, strict=True):
                names.update(name for record in batch for name in record.metrics or ())
            yield sorted([*self._counted(batches), *samples], key=_when)
            samples = []
        if samples:
            yield samples

    def _counted(self, batches: Sequence[Sequence[Record]]) -> Iterator[Record]:
        """Without the names that are told better elsewhere."""
        if not any(batches[1:]):
            yield from batches[0]
            return
        if self._collecting is None:
            self._collecting, _ = runfolder.collecting_of(self._folder)
        for kept, batch in zip(counted(self._names, self._collecting), batches, strict=True):
            for record in batch:
                metrics = {name: value for name, value in (record.metrics or {}).items() if name in kept}
                if metrics:
                    yield replace(record, metrics=metrics)


class _Follow:
    """One active run with guards."""

    def __init__(self, stream: Stream, watchers: Sequence[Watcher]) -> None:
        self.watchers = watchers
        self.owed: list[Owed] = []
        self.next = 0.0
        self.lock = threading.RLock()  # a stop finds out that the run has ended, and looks once more
        self._stream = stream

    def poll(self, limit: int) -> list[Firing]:
        """The watchers' findings in what is new. `limit` is that of the memory, 0 for none known."""
        found = [firing for records in self._stream.poll() for firing in _feed(self.watchers, records, limit)]
        now = time.time()
        return found + [firing for one in self.watchers if (firing := one.clock(now)) is not None]


class Guards:
    """The guards of all runs. `stop` ends a run and takes the cause. Safe to use from any thread."""

    def __init__(self, home: LabHome, journal: Journal, catalog: Catalog, stop: Callable[[str, str], object]) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._stop = stop
        self._follows: dict[str, _Follow | None] = {}
        self._lock = threading.Lock()

    # -- active runs --------------------------------------------------------------------------------

    def look(self, run: Run) -> None:
        """Look at what is new of one active run, at most twice a second. Raises EngineUnavailableError when a run is to
        be stopped and its engine does not answer; it is tried again."""
        follow = self._follow(run) if run.engine != IMPORTED else None
        if follow is None or not follow.lock.acquire(blocking=False):
            return
        try:
            if time.monotonic() >= follow.next:
                self._look(run, follow, ended=False)
                follow.next = time.monotonic() + _EVERY
        finally:
            follow.lock.release()

    def last_look(self, run: Run) -> None:
        """Look at what a run that has ended told last. Nothing is stopped any more."""
        follow = self._follow(run)
        if follow is not None:
            with follow.lock:
                self._look(run, follow, ended=True)

    def _look(self, run: Run, follow: _Follow, *, ended: bool) -> None:
        owed, follow.owed = [*follow.owed, *map(Owed, follow.poll(run.memory))], []
        for place, one in enumerate(owed):
            try:
                rest = self._carry_out(one, ended=ended)
            except EngineUnavailableError:
                follow.owed += owed[place:]
                raise
            follow.owed += [rest] if rest is not None else []

    def look_all(self) -> list[str]:
        """Look at every active run. Returns sentences about what could not be done."""
        active = catalog_runs.active(self._catalog)
        with self._lock:
            for gone in self._follows.keys() - {run.id for run in active}:
                del self._follows[gone]
        said = []
        for run in active:
            try:
                self.look(run)
            except EngineUnavailableError as error:
                said.append(f"run {run.name} was to be stopped by a guard: {error.message}")
        return said

    def _follow(self, run: Run) -> _Follow | None:
        """None for a run without guards."""
        with self._lock:
            if run.id not in self._follows and run.started is not None:
                guards = self.of(run)
                watchers = [self._watcher(run, guard) for guard in guards if _known(guard)]
                self._follows[run.id] = _Follow(Stream(self._home.run(run.id)), watchers) if watchers else None
            return self._follows.get(run.id)

    def of(self, run: Run) -> Sequence[Guard]:
        """The guards that a run was launched with."""
        try:
            return runfolder.read_spec(self._home.run(run.id)).guards
        except (NotFoundError, IntegrityError):
            return ()

    def _carry_out(self, owed: Owed, *, ended: bool) -> Owed | None:
        """Journal it if nobody has, then stop the run if that is to be done. What is still to do."""
        if time.monotonic() < owed.due and not ended:
            return owed
        firing = owed.firing
        if not owed.due:
            try:
                with locks.hold(self._home.locks / f"guards-{firing.run}.lock", timeout=1.0):
                    first = self._told(firing)
            except ConflictError:
                return owed
            if firing.do == "stop" and not first and not ended:  # who told it stops the run too, unless it was killed
                return Owed(firing, time.monotonic() + _AGAIN)
        if firing.do == "stop" and not ended:
            with suppress(ConflictError):  # it has ended meanwhile
                self._stop(firing.run, firing.cause)
        return None

    def _told(self, firing: Firing) -> bool:
        """Journal a firing unless it is known. Whether it was new."""
        self._catalog.refresh()
        if any(one.guard == firing.guard for one in firings.of_run(self._catalog, firing.run)):
            return False
        body = {name: value for name, value in asdict(firing).items() if name != "run"}
        self._journal.append(RUN_GUARD_FIRED, firing.run, body)
        self._catalog.refresh()
        return True

    def _watcher(self, run: Run, guard: Guard) -> Watcher:
        started = run.started if run.started is not None else run.created
        return Watcher(run.id, guard, parse_guard(guard.when), lambda *asked: self._reference(run, *asked), started)

    def _reference(self, run: Run, metric: str, way: Direction) -> Reference | None:
        """The best run of the entry that had finished before this one began, so that whoever asks gets the same."""
        before = run.started if run.started is not None else run.created
        found = firings.best(self._catalog, run.project, run.entry, before, metric, way)
        if found is None:
            return None
        steps, _, values = histories.read(histories.source(self._home.run(found[0])), metric)
        points = sorted(zip(steps, values, strict=True), key=lambda point: point[0])
        return Reference(found[1], [step for step, _ in points], [value for _, value in points])

    # -- what fired ---------------------------------------------------------------------------------

    def fired(self, run: Run) -> Sequence[Firing]:
        """The guards that fired in a run, the first one first."""
        return firings.of_run(self._catalog, run.id)

    def recent(self, seconds: float, most: int = 5) -> Sequence[Firing]:
        """What fired in the last `seconds` and is more than a mark, the latest first."""
        return firings.since(self._catalog, time.time() - seconds, most)

    def replay(self, run: Run, guards: Sequence[Guard]) -> Sequence[Firing | None]:
        """When each of `guards` would have fired in a run, from what is kept of it; None for never."""
        watchers = [self._watcher(run, guard) for guard in guards]
        folder = self._home.run(run.id)
        if folder.metrics.exists():
            names = {name.name for guard in guards for name in names_of(parse_guard(guard.when)) if not name.fact}
            told = [sorted([*_points(folder, names), *_looks(folder)], key=_when)]
        else:
            told = list(Stream(folder).poll())
        found = {firing.guard: firing for records in told for firing in _feed(watchers, records, run.memory)}
        if run.ended is not None:
            late = [one.clock(run.ended) for one in watchers]
            found.update({firing.guard: firing for firing in late if firing is not None})
        return [found.get(guard.name) for guard in guards]


def _points(folder: RunFolder, names: Iterable[str]) -> Iterator[Record]:
    """The values of some metrics of a run that is over; those that were logged together as one record."""
    points = []
    for order, name in enumerate(sorted(names)):
        for step, at, value in zip(*histories.read(folder.metrics, name), strict=True):
            points.append((at if math.isfinite(at) else 0.0, step, order, name, value))
    points.sort(key=lambda point: point[:3])
    for (at, step), together in groupby(points, key=lambda point: point[:2]):
        yield Record(at, step, {name: value for *_, name, value in together})


def _known(guard: Guard) -> bool:
    """Whether this version understands the condition: a run may have been launched by a later one."""
    try:
        parse_guard(guard.when)
    except QueryError:
        return False
    return True


def _records(lines: Sequence[dict[str, object]]) -> Iterator[Record]:
    for line in lines:
        values = line.get("m")
        if not isinstance(values, dict):
            continue
        metrics = {str(name): number for name, raw in values.items() if (number := runfolder.number(raw)) is not None}
        if metrics:
            yield Record(runfolder.number(line.get("t")) or 0.0, runfolder.number(line.get("s")), metrics)


def _looks(folder: RunFolder) -> list[Record]:
    return [Record(sample.at, sample=sample) for sample in SystemTail(folder.system).poll()]


def _when(record: Record) -> float:
    return record.at if math.isfinite(record.at) else 0.0


def _feed(watchers: Sequence[Watcher], records: Iterable[Record], limit: int) -> list[Firing]:
    found = []
    for record in records:
        for watcher in watchers:
            if watcher.fired:
                continue
            firing = _tell(watcher, record, limit)
            if firing is not None:
                found.append(firing)
    return found


def _tell(watcher: Watcher, record: Record, limit: int) -> Firing | None:
    if record.sample is None:
        return watcher.metrics(record.step, record.at, record.metrics or {})
    sample = record.sample
    facts = {"cpu": sample.cpu, "memory": float(sample.memory), "peak_memory": float(sample.peak)}
    limits = {"memory": float(sample.limit or limit), "peak_memory": float(sample.limit or limit)}
    if sample.gpu is not None:
        facts |= {"gpu": sample.gpu, "gpu_memory": float(sample.gpu_memory)}
        limits["gpu_memory"] = float(sample.gpu_limit)
    return watcher.facts(sample.at, facts, limits)
