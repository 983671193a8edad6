"""All rooms of the lab, put together here and nowhere else. Each is loaded when it is first asked for, so that a quick
verb stays quick.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lab.catalog.connection import Catalog
from lab.errors import EngineError, EngineUnavailableError, LabError
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome, default_home
from lab.projects import Projects
from lab.settings import user_settings
from lab.settings.deploy import DeploySettings

if TYPE_CHECKING:
    from lab.datasets.findings import Findings
    from lab.datasets.service import Datasets
    from lab.datasets.sharing import Sharing
    from lab.domain.datasets import DatasetVersion
    from lab.engine.base import Engine
    from lab.experiments.captures import Captures
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


class Rooms:
    """The rooms of a lab home as seen from one folder. `notices` are sentences that the user must see."""

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
        self._journal = Journal(self.home, GOVERNANCE)
        self._catalog = Catalog(self.home)
        self._supervisor: Supervisor | None = None  # a workspace with a background has one
        self.notices = list(self._catalog.notices)
        self.projects = Projects((project_dir or Path.cwd()).absolute(), self._journal, self._catalog)

    def problems(self) -> list[str]:
        """Damage found in the journal, as sentences."""
        return [str(damage) for damage in self._catalog.damage()]

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
            Client(self.home).look,
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
