"""The front door: one object through which screens and commands reach everything, and the only place that puts the
rooms together. Each room is loaded when it is first asked for, so that a quick verb stays quick.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lab.catalog.connection import Catalog
from lab.domain.checks import Check
from lab.domain.text import clean
from lab.domain.watched import Watched
from lab.errors import ConflictError, EngineError, EngineUnavailableError, LabError
from lab.events import GOVERNANCE, Bus, Listener
from lab.journal import Journal
from lab.paths import LabHome, default_home
from lab.projects import Projects
from lab.settings import user_settings
from lab.settings.deploy import DeploySettings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lab.datasets.findings import Findings
    from lab.datasets.service import Datasets
    from lab.datasets.sharing import Sharing
    from lab.domain.datasets import DatasetVersion
    from lab.engine.base import Engine
    from lab.experiments.captures import Captures
    from lab.experiments.driver import Driver
    from lab.experiments.launch import Launcher
    from lab.experiments.own_runs import OwnRuns
    from lab.experiments.parts import Parts
    from lab.experiments.queue import Queue
    from lab.experiments.reproduce import Reproductions
    from lab.experiments.service import Runs
    from lab.experiments.sweeps import Sweeps
    from lab.pipelines.batch_prediction import BatchPredictions
    from lab.pipelines.comparing import Comparing
    from lab.pipelines.demo import Demo
    from lab.pipelines.drawings import Drawings
    from lab.pipelines.exporting import Exports
    from lab.pipelines.lineage import LineageRoom
    from lab.pipelines.purge import Purge
    from lab.pipelines.registration import Registration
    from lab.pipelines.reporting import Reports
    from lab.pipelines.retention import Retention
    from lab.pipelines.search import Search
    from lab.pipelines.standing import Standings
    from lab.pipelines.storekeeping import Store
    from lab.pipelines.undo import Undo
    from lab.registry.service import Models
    from lab.serving.service import Deployments
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


class Workspace:
    """A lab home as seen from one folder. Opening is cheap; engines and heavy libraries load on first use.

    `notices` are sentences that the user must see.
    """

    def __init__(self, home: Path | None = None, project_dir: Path | None = None, *, engine: str = "") -> None:
        """Raises LabError when the lab home cannot be made or written, SettingsError for a wrong config.toml."""
        self.home = LabHome((home or default_home()).expanduser().absolute())
        try:
            self.home.create()
        except OSError as error:
            raise LabError(
                f"cannot use the lab home {self.home.root}: {error.strerror}", "set LAB_HOME elsewhere"
            ) from error
        self.user = user_settings(self.home.root)
        self._engine = engine or os.environ.get("LAB_ENGINE", "") or self.user.engine
        self._engines: dict[str, Engine] = {}
        self._engines_lock = threading.Lock()
        self._bus = Bus()
        self._journal = Journal(self.home, GOVERNANCE)
        self._catalog = Catalog(self.home)
        self._catalog.listener = self._bus.publish
        self._supervisor: Supervisor | None = None
        self._warned: set[str] = set()
        self._drives = False
        self.notices = list(self._catalog.notices)
        self.projects = Projects((project_dir or Path.cwd()).absolute(), self._journal, self._catalog)

    # -- rooms --------------------------------------------------------------------------------------

    @cached_property
    def datasets(self) -> Datasets:
        from lab.datasets.service import Datasets

        return Datasets(self.home, self._journal, self._catalog, self.projects.place, self._inspect, self._recheck)

    def _recheck(self, version: DatasetVersion) -> None:
        settings = self.projects.settings_of(version.project)
        declared = settings.datasets.get(version.dataset) if settings else None
        if version.verdict or (declared and declared.expect):
            self.findings.check(version)

    def _inspect(self, version: DatasetVersion, progress: Callable[[str], None] | None) -> None:
        """Look at a new version. What takes long goes on in the background: in this process where it stays, else in
        one that outlives it."""
        if self.findings.inspect(version, progress):
            return
        if self._supervisor is not None:
            self._supervisor.submit(lambda: self.findings.profile(version))
        else:
            command = [sys.executable, "-m", "lab", "--home", str(self.home.root), "data", "profile", version.ref]
            with suppress(OSError):  # no process can be had: the profile is made when it is asked for
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )

    @cached_property
    def findings(self) -> Findings:
        from lab.datasets.findings import Findings

        return Findings(self.home, self._journal, self._catalog, self.datasets, self.projects.settings_of)

    @cached_property
    def sharing(self) -> Sharing:
        from lab.datasets.sharing import Sharing

        return Sharing(self.home, self.datasets, self.projects.settings_of)

    @cached_property
    def lineage(self) -> LineageRoom:
        from lab.pipelines.lineage import LineageRoom

        return LineageRoom(
            self._catalog, self.home, self.runs.remembered, self.models.get, lambda: self.deployments.list()
        )

    @cached_property
    def store(self) -> Store:
        from lab.pipelines.storekeeping import Store

        return Store(
            self.home,
            self._catalog,
            lambda: self.runs.inputs_in_use(),
            lambda *wanted: self.sharing.copies(*wanted),
            lambda manifest: self.sharing.manifest_copies(manifest),
            self._images,
            lambda batch: self.purge.restore(batch),
        )

    @cached_property
    def purge(self) -> Purge:
        from lab.pipelines.purge import Purge

        return Purge(self.home, self._journal, self._catalog, lambda: self.runs.inputs_in_use())

    @cached_property
    def search(self) -> Search:
        from lab.pipelines.search import Search

        return Search(self.home, self._catalog)

    @cached_property
    def retention(self) -> Retention:
        from lab.pipelines.retention import Retention

        return Retention(self.home, self._catalog, self.purge)

    @cached_property
    def comparing(self) -> Comparing:
        from lab.pipelines.comparing import Comparing

        return Comparing(self.home, self.runs.get, self.datasets, self.findings)

    @cached_property
    def standings(self) -> Standings:
        from lab.pipelines.standing import Standings

        return Standings(
            self.home, lambda: self.runs, lambda: self.queue, lambda: self.datasets, lambda: self.models,
            lambda: self.deployments, lambda: [*self.notices, *self.problems()],
        )  # fmt: skip

    @cached_property
    def undo(self) -> Undo:
        from lab.pipelines.undo import Undo

        return Undo(self._journal, self._catalog)

    @cached_property
    def reports(self) -> Reports:
        from lab.pipelines.reporting import Reports

        return Reports(self.runs, self.comparing)

    @cached_property
    def drawings(self) -> Drawings:
        from lab.pipelines.drawings import Drawings

        return Drawings(self.home, self.runs)

    @cached_property
    def exports(self) -> Exports:
        from lab.pipelines.exporting import Exports

        return Exports(self.runs)

    def _images(self) -> Mapping[str, int]:
        """Images that the engine keeps for Lab; none where it does not answer."""
        from lab.engine.base import KeepsImages

        try:
            engine = self.engine()
            return engine.images() if isinstance(engine, KeepsImages) else {}
        except EngineError:
            return {}

    @cached_property
    def runs(self) -> Runs:
        from lab.experiments.service import Runs

        return Runs(self._launching)

    @cached_property
    def captures(self) -> Captures:
        from lab.experiments.captures import Captures

        return Captures(self.home, self.runs.get)

    @cached_property
    def reproductions(self) -> Reproductions:
        from lab.experiments.reproduce import Reproductions

        return Reproductions(
            self._launching,
            self.runs,
            self.datasets,
            lambda run: self.projects.settings_of(run.project) or self.projects.settings_for(run.entry),
            lambda old, new, tolerance: self.comparing.predictions(old, new, tolerance),
        )

    @cached_property
    def own_runs(self) -> OwnRuns:
        from lab.experiments.own_runs import OwnRuns

        place, current = self.projects.place, lambda: self.projects.current
        return OwnRuns(self.home, self._journal, lambda: self._launcher, self.datasets, place, current)

    @cached_property
    def _launcher(self) -> Launcher:
        from lab.experiments.launch import Launcher

        return Launcher(self.home, self._journal, self.datasets)

    @cached_property
    def _launching(self) -> Parts:
        from lab.experiments.parts import Parts

        settings_for = self.projects.settings_for
        return Parts(self.home, self._journal, self._catalog, lambda: self._launcher, self.engine, settings_for)

    @cached_property
    def queue(self) -> Queue:
        from lab.experiments.queue import Queue

        return Queue(self._launching, self.runs)

    @cached_property
    def sweeps(self) -> Sweeps:
        from lab.experiments.sweeps import Sweeps

        return Sweeps(self._launching, self.runs)

    @cached_property
    def models(self) -> Models:
        from lab.registry.service import Models

        return Models(self.home, self._journal, self._catalog, self.runs.get)

    @cached_property
    def registration(self) -> Registration:
        from lab.pipelines.registration import Registration

        return Registration(self.home, self.models, self.datasets, self.engine)

    @cached_property
    def batch(self) -> BatchPredictions:
        from lab.pipelines.batch_prediction import BatchPredictions

        current = self.projects
        return BatchPredictions(self.home, self.models, self.datasets, self.queue, self.engine, lambda: current.current)

    @cached_property
    def deployments(self) -> Deployments:
        from lab.monitoring.health import HealthWatch
        from lab.monitoring.history import HealthLog
        from lab.serving.http import Client
        from lab.serving.seeing import see
        from lab.serving.servers import RESOURCES
        from lab.serving.service import Deployments

        health = HealthWatch(
            Client(self.home).get,
            RESOURCES.memory,
            lambda deployment: see(self.home, self.engine(deployment.engine), deployment),
            HealthLog(lambda deployment_id: self.home.deployment(deployment_id).health),
        )
        return Deployments(
            self.home, self._journal, self._catalog, self.models, health, self.engine, self._deploy_settings
        )

    def _deploy_settings(self) -> DeploySettings:
        settings = self.projects.current
        return settings.deploy if settings else DeploySettings()

    @cached_property
    def demo(self) -> Demo:
        from lab.pipelines.demo import Demo, Rooms

        rooms = Rooms(
            self.datasets,
            self.runs,
            self.models,
            self.deployments,
            lambda: self.engine().available().name,
            self.projects.enter,
        )
        return Demo(self.home, rooms)

    def engine(self, name: str = "") -> Engine:
        """The engine of that name, or the default one. Raises UsageError for a name that there is not."""
        from lab.engine import connect

        wanted = name or self._engine or "auto"
        with self._engines_lock:
            if wanted not in self._engines:
                engine = connect(wanted, self.home)
                self._engines[wanted] = self._engines.setdefault(engine.name, engine)
                if wanted == "auto" and engine.name == "process":
                    self.notices.append("no container engine answers: runs are plain processes, isolation is off")
            return self._engines[wanted]

    def silent_engines(self) -> dict[str, str]:
        """Of the engines that were used so far, those that do not answer now: why, by name."""
        with self._engines_lock:
            engines = {engine.name: engine for engine in self._engines.values()}
        found = {}
        for name, engine in engines.items():
            try:
                engine.available()
            except EngineUnavailableError as error:
                found[name] = error.message
        return found

    # -- news ---------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of new events, in batches, on core threads. Call what is returned to hear no more."""
        return self._bus.subscribe(listener)

    def refresh(self) -> None:
        """Take in what other processes have written."""
        self._catalog.refresh()

    def problems(self) -> list[str]:
        """Damage found in the journal, as sentences."""
        return [str(damage) for damage in self._catalog.damage()]

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
