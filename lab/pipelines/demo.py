"""The demonstration: the whole life of a model on one sample project, each step real and each one resumable.

What a step made is found again by name, so a demonstration that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.datasets.service import Datasets
from lab.domain.demo import DemoReport, DemoStep
from lab.domain.deployments import Deployment, Health
from lab.domain.launch import LaunchRequest
from lab.domain.models import ModelVersion
from lab.domain.query import Condition, Order, RunQuery
from lab.domain.runs import Run, RunStatus
from lab.domain.text import count_of
from lab.errors import LabError
from lab.experiments.service import Runs
from lab.paths import LabHome
from lab.pipelines.samples import Sample, checkout, sample
from lab.registry.service import Models
from lab.serving.service import Deployments
from lab.settings import load_project

OnStep = Callable[[DemoStep], None]
Progress = Callable[[str], None]

#: Runs at a time: each takes one core.
PARALLEL = max(1, min(4, (os.cpu_count() or 2)))
_ROWS_A_REQUEST = 100
_HEALTHY_SECONDS = 15.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Rooms:
    """What the demonstration walks through; `enter` makes a folder the current project."""

    datasets: Datasets
    runs: Runs
    models: Models
    deployments: Deployments
    engine: Callable[[], str]
    enter: Callable[[Path], None]


@dataclass
class _Notes:
    """Steps so far, and what the one under way has to tell."""

    on_step: OnStep
    steps: list[DemoStep] = field(default_factory=list)
    detail: str = ""
    ids: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.detail, self.ids = "", {}
        began = time.monotonic()
        try:
            yield
        except LabError as error:
            self._done(name, began, ok=False, detail=error.message)
            raise
        self._done(name, began, ok=True, detail=self.detail)

    def _done(self, name: str, began: float, *, ok: bool, detail: str) -> None:
        step = DemoStep(name, ok, time.monotonic() - began, detail, dict(self.ids))
        self.steps.append(step)
        self.on_step(step)


class Demo:
    """Data version, sweep, compare, register, promote, deploy, predict, health."""

    def __init__(self, home: LabHome, rooms: Rooms) -> None:
        self._home = home
        self._rooms = rooms

    def run(self, project: str = "digits", *, on_step: OnStep, progress: Progress) -> DemoReport:
        """Walk all steps; `on_step` hears of each when it is done, `progress` of what goes on inside it.

        Raises what the step that failed raises, after telling it.
        """
        chosen = sample(project)
        progress = _once(progress)
        notes = _Notes(on_step)
        rooms = self._rooms
        with notes.step("project"):
            folder = checkout(self._home, project)
            rooms.enter(folder)
            engine = rooms.engine()
            notes.detail = f"{folder}, on the {engine} engine"
            notes.ids["project"] = project
        with notes.step("data"):
            self._version_data(folder, notes, progress)
        with notes.step("train"):
            runs = self._train(chosen, notes, progress)
        with notes.step("compare"):
            best = self._compare(chosen, runs, notes)
        with notes.step("register"):
            version = rooms.models.register(best.id, project, progress)
            notes.detail = f"{version.id} from run {best.name}"
            notes.ids |= {"model": version.model, "version": version.number, "run": best.id}
        with notes.step("promote"):
            rooms.models.promote(version.id)
            notes.detail = f"{version.model}@champion is {version.label}"
            notes.ids |= {"model": version.model, "alias": "champion"}
        with notes.step("deploy"):
            deployment = self._deploy(version, progress)
            notes.detail = f"{deployment.name} is ready at {deployment.url}"
            notes.ids |= {"deployment": deployment.id, "url": deployment.url}
        with notes.step("predict"):
            score, rows = self._predict(chosen, folder, deployment)
            unit = "accuracy" if chosen.task == "classification" else "R²"
            notes.detail = f"{unit} {score:.3f} on {rows} held-out rows, asked over HTTP"
            notes.ids |= {"rows": rows}
        with notes.step("health"):
            health = self._health(deployment)
            if not health.ready:
                raise LabError(
                    f"the deployment is not ready: {health.reason}", "lab deployments logs " + deployment.name
                )
            latency = f", p50 {health.p50 * 1000:.1f} ms" if health.p50 is not None else ""
            notes.detail = f"ready, {health.requests} requests, {health.errors} errors{latency}"
            notes.ids |= {"deployment": deployment.id}
        metric = "accuracy" if chosen.task == "classification" else "r2"
        return DemoReport(engine, tuple(notes.steps), score, deployment.id, metric)

    # -- steps --------------------------------------------------------------------------------------

    def _version_data(self, folder: Path, notes: _Notes, progress: Progress) -> None:
        told = []
        for dataset in load_project(folder).datasets.values():
            version, fresh = self._rooms.datasets.add(dataset.name, dataset.path, progress=progress)
            rows = count_of(version.files, "file") if version.rows is None else count_of(version.rows, "row")
            told.append(f"{dataset.name} {version.label} ({rows}{'' if fresh else ', unchanged'})")
            notes.ids[dataset.name] = version.id
        notes.detail = ", ".join(told)

    def _train(self, chosen: Sample, notes: _Notes, progress: Progress) -> list[Run]:
        """One run per kind and seed, a few at a time. Runs of an earlier, interrupted walk are taken over."""
        sweep = f"demo-{chosen.name}"
        wanted = [(kind, seed) for kind in chosen.kinds for seed in chosen.seeds]
        ended: dict[tuple[str, int], Run] = {}
        active: dict[tuple[str, int], Run] = {}
        for run in self._earlier(sweep):
            key = (str(run.params.get("model")), run.seed)
            if run.status is RunStatus.FINISHED:
                ended.setdefault(key, run)
            elif run.status.active:
                active.setdefault(key, run)
        earlier = set(active)
        waiting = [key for key in wanted if key not in ended and key not in active]
        while waiting or active:
            while waiting and len(active) < PARALLEL:
                kind, seed = waiting.pop(0)
                request = LaunchRequest("train", params={"model": kind}, seed=seed, sweep=sweep, tags=("demo",))
                active[kind, seed] = self._rooms.runs.launch(request, progress)
            for key in list(active):
                run = self._rooms.runs.wait(active[key].id, timeout=0.2)
                if run.status.active:
                    continue
                del active[key]
                if run.status is not RunStatus.FINISHED and key in earlier:
                    earlier.remove(key)
                    waiting.append(key)  # it went down with the walk that launched it
                    continue
                if run.status is not RunStatus.FINISHED:
                    raise LabError(f"run {run.name} {run.cause}", f"lab runs logs {run.name}")
                ended[key] = run
                progress(f"{len(ended)}/{len(wanted)} runs: {run.name} ({key[0]}, seed {key[1]}) {run.cause}")
        runs = [ended[key] for key in wanted]
        notes.detail = f"{len(runs)} runs: {', '.join(chosen.kinds)} × {len(chosen.seeds)} seeds"
        notes.ids |= {"sweep": sweep, "runs": [run.id for run in runs]}
        return runs

    def _earlier(self, sweep: str) -> Sequence[Run]:
        query = RunQuery((Condition("sweep", "=", sweep),), Order("created", descending=False), limit=500)
        return self._rooms.runs.list(query).items

    def _compare(self, chosen: Sample, runs: Sequence[Run], notes: _Notes) -> Run:
        self._rooms.runs.compare([run.id for run in runs])
        told = []
        for kind in chosen.kinds:
            values = [run.metrics[chosen.metric].last for run in runs if run.params.get("model") == kind]
            mean = sum(values) / len(values)
            spread = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
            told.append(f"{kind} {chosen.metric} {mean:.3f} ± {spread:.3f}")
        best = (max if chosen.higher else min)(runs, key=lambda run: run.metrics[chosen.metric].last)
        notes.detail = f"{'; '.join(told)}; best: {best.name}"
        notes.ids |= {"best": best.id}
        return best

    def _deploy(self, version: ModelVersion, progress: Progress) -> Deployment:
        for deployment in self._rooms.deployments.list():
            if deployment.name == version.model and deployment.status.active:
                same = deployment.version == version.number and deployment.status.value == "ready"
                if same and self._rooms.engine() == deployment.engine:
                    return deployment
                if deployment.status.value != "starting":
                    self._rooms.deployments.stop(deployment.id)
        return self._rooms.deployments.deploy(f"{version.model}@champion", progress=progress)

    def _health(self, deployment: Deployment) -> Health:
        """The first look that sees it ready: one alone may come too late on a machine that is busy."""
        deadline = time.monotonic() + _HEALTHY_SECONDS
        while not (health := self._rooms.deployments.health(deployment.id)).ready and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return health

    def _predict(self, chosen: Sample, folder: Path, deployment: Deployment) -> tuple[float, int]:
        """Accuracy, or the coefficient of determination R² = 1 − Σ(y−ŷ)²/Σ(y−ȳ)², on the held-out rows."""
        settings = load_project(folder)
        with open(folder / settings.dataset(chosen.holdout).path, newline="", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        labels = [row.pop(chosen.label) for row in table]
        answers: list[Any] = []
        for start in range(0, len(table), _ROWS_A_REQUEST):
            rows = [_numbers(row) for row in table[start : start + _ROWS_A_REQUEST]]
            answers += self._rooms.deployments.predict(deployment.id, {"rows": rows})["predictions"]
        if chosen.task == "classification":
            hits = sum(_same(answer, label) for answer, label in zip(answers, labels, strict=True))
            return hits / len(labels), len(labels)
        truth = [float(label) for label in labels]
        mean = sum(truth) / len(truth)
        residual = sum((y - float(answer)) ** 2 for y, answer in zip(truth, answers, strict=True))
        return 1 - residual / sum((y - mean) ** 2 for y in truth), len(truth)


def _once(progress: Progress) -> Progress:
    """Tell each line once: six runs choose their base image for the same reason."""
    told: set[str] = set()

    def tell(line: str) -> None:
        if line not in told:
            told.add(line)
            progress(line)

    return tell


def _numbers(row: Mapping[str, str]) -> dict[str, float | str]:
    return {name: _number(value) for name, value in row.items()}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _same(answer: Any, label: str) -> bool:
    """Whether a prediction means the label: as numbers where both are, else as text."""
    mine, theirs = _number(str(answer)), _number(label)
    return mine == theirs
