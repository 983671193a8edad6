"""The front door: one object through which screens and commands reach everything."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lab.domain.checks import Check
from lab.domain.text import clean
from lab.domain.watched import Watched
from lab.errors import ConflictError
from lab.events import Bus, Listener
from lab.rooms import Rooms

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lab.experiments.driver import Driver
    from lab.supervisor import Supervisor

T = TypeVar("T")

_JOURNAL_EVERY = 0.25  # seconds between two looks at what other processes wrote
_MEMORY_EVERY = 2.0
_RUNS_EVERY = 1.0
_DEPLOYMENTS_EVERY = 3.0
_HEALTH_EVERY = 1.0
_LEFTOVERS_EVERY = 30.0
_SCRUB_EVERY = 60.0
_WATCH_EVERY = 2.0  # seconds between two looks whether any dataset is to be watched


class Workspace(Rooms):
    """A lab home as seen from one folder, its news and its background work. Opening is cheap; engines and heavy
    libraries load on first use."""

    def __init__(self, home: Path | None = None, project_dir: Path | None = None, *, engine: str = "") -> None:
        """Raises LabError when the lab home cannot be made or written, SettingsError for a wrong config.toml."""
        super().__init__(home, project_dir, engine=engine)
        self._bus = Bus()
        self._catalog.listener = self._bus.publish
        self._warned: set[str] = set()
        self._drives = False

    # -- news ---------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of new events, in batches, on core threads. Call what is returned to hear no more."""
        return self._bus.subscribe(listener)

    def refresh(self) -> None:
        """Take in what other processes have written."""
        self._catalog.refresh()

    def settle(self) -> list[str]:
        """Find out which active runs have ended. Returns sentences about engines that do not answer."""
        return self.runs.settle()

    def sweep(self) -> list[str]:
        """Remove what engines kept of runs and deployments that have ended, and finish purges that were cut short.
        Returns the ids."""
        from lab.pipelines.leftovers import sweep

        self.purge.finish()
        return sweep(self.home, self._catalog, self.engine())

    # -- background work ----------------------------------------------------------------------------

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run `work` on a background thread."""
        return self._supervise().submit(work)

    def start(self, *, looking: bool = False) -> None:
        """Start the services that keep the picture true while a screen is open; only those, for one who is `looking`,
        and otherwise also what acts by itself: guards, the queue, watched datasets, tidying up."""
        from lab.supervisor import Every

        supervisor = self._supervise()
        supervisor.start(Every("journal", _JOURNAL_EVERY, lambda: self._catalog.refresh()))
        supervisor.start(Every("memory", _MEMORY_EVERY, lambda: self._catalog.trim()))
        supervisor.start(Every("runs", _RUNS_EVERY, lambda: self.warn(self.runs.settle())))
        if looking:
            return
        supervisor.start(Every("guards", _RUNS_EVERY, lambda: self.warn(self.runs.guards.look_all())))
        supervisor.start(Every("leftovers", _LEFTOVERS_EVERY, self.sweep))
        supervisor.start(Every("deployments", _DEPLOYMENTS_EVERY, lambda: self.warn(self.deployments.settle())))
        supervisor.start(Every("health", _HEALTH_EVERY, lambda: self.deployments.watch()))
        supervisor.start(_Watching(self))
        self.drive()
        supervisor.start(Every("scrub", _SCRUB_EVERY, self._scrub))

    def drive(self, *, until_empty: bool = False) -> None:
        """Start what waits in the queue, in the background, unless another process does."""
        self._drives = True
        self._supervise().start(_Driving(self, until_empty=until_empty))

    def driver(self, *, until_empty: bool = False) -> Driver:
        """What drives the queue, for whoever runs it."""
        from lab.experiments.driver import Driver

        driver = Driver(
            self.home, self.queue, self.runs, self.sweeps, self.submit, lambda text: self.warn([text]),
            until_empty=until_empty,
        )  # fmt: skip
        self.subscribe(driver.hear)
        return driver

    def leave_to_driver(self) -> bool:
        """See to it that what waits is started when this process is gone. False if nothing does."""
        if not (self.queue.startable or self.sweeps.tended()):
            return False
        if not self.queue.driven:
            from lab.experiments.driver import spawn

            spawn(self.home.root)
        return True

    def _scrub(self) -> None:
        """Look for rot while the machine has nothing better to do."""
        if os.getloadavg()[0] < (os.cpu_count() or 1) / 2 and not self.runs.inputs_in_use():
            with suppress(ConflictError):  # another process is at it
                self.warn(self.store.scrub())

    def close(self) -> list[str]:
        """End services, engines, journal and index. Returns the names of what did not end in time."""
        stuck = self._supervisor.close() if self._supervisor else []
        if self._drives:
            self._drives = False  # closing may be repeated
            self.leave_to_driver()
        for engine in set(self._engines.values()):
            engine.close()
        self._journal.close()
        self._catalog.close()
        return stuck

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- care ---------------------------------------------------------------------------------------

    def rebuild(self) -> int:
        """Make the index again from the files. Returns the number of events."""
        return self._catalog.rebuild()

    def doctor(self) -> list[Check]:
        """Look at everything that must be right: home, journal, index, engine, disk."""
        from lab.pipelines.doctor import examine

        return examine(self.home, self._catalog, self.store, self.engine)

    def _supervise(self) -> Supervisor:
        """Made when first needed: a quick verb has no background."""
        if self._supervisor is None:
            from lab.supervisor import Supervisor

            self._supervisor = Supervisor(self._crashed)
        return self._supervisor

    def warn(self, sentences: Sequence[str]) -> None:
        """Add to the notices what is not among them."""
        for sentence in sentences:
            if sentence not in self._warned:
                self._warned.add(sentence)
                self.notices.append(sentence)

    def _crashed(self, name: str, error: Exception) -> None:
        self.warn([f"background work {name!r} failed and starts again: {clean(str(error), 200)}"])


class _Driving:
    """The service that drives the queue. It loads what it needs on its own thread."""

    name = "queue"

    def __init__(self, ws: Workspace, *, until_empty: bool) -> None:
        self._ws = ws
        self._until_empty = until_empty

    def run(self, stop: threading.Event) -> None:
        self._ws.driver(until_empty=self._until_empty).run(stop)


class _Watching:
    """The service that watches datasets. It loads what it needs when there is something to watch."""

    name = "datasets"

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def run(self, stop: threading.Event) -> None:
        while not self._wanted():
            if stop.wait(_WATCH_EVERY):
                return
        from lab.datasets.watch import DatasetWatch

        DatasetWatch(self._wanted, self._look, self._warn, self._ws.home.locks / "watch.lock").run(stop)

    def _wanted(self) -> Sequence[Watched]:
        return self._ws.projects.watched(self._warn)

    def _warn(self, sentence: str) -> None:
        self._ws.warn([sentence])

    def _look(self, watched: Watched, restless: bool) -> None:
        self._ws.datasets.keep_up(watched, restless=restless)
