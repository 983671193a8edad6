"""`lab predict`: a whole table through a model, as a run like any other.

The run's code is the model version itself, its input a dataset version, its environment the one that serves the model
with polars besides. So it queues, is watched, and can be reproduced as all runs are, and lineage knows both ends.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from lab.domain.batch import BatchRequest
from lab.domain.datasets import DatasetVersion
from lab.domain.names import check_name
from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, DataInput, Run, RunSpec, RunStatus
from lab.domain.text import clean
from lab.engine.base import Engine, Environment
from lab.errors import ConflictError, LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.runtime.tables import FORMATS
from lab.serving.requirements import environment
from lab.settings import ProjectSettings, legal_name
from lab.stores import locks, runfolder, trees
from lab.stores.durable import tell_full_disk

if TYPE_CHECKING:
    from lab.datasets.service import Datasets
    from lab.domain.models import ModelVersion
    from lab.experiments.queue import Queue
    from lab.registry.service import Models

ENTRY = "predict"
Progress = Callable[[str], None]


class BatchPredictions:
    """Launches such runs and fetches what they made."""

    def __init__(
        self,
        home: LabHome,
        models: Models,
        datasets: Datasets,
        queue: Queue,
        engine_of: Callable[[str], Engine],
        project: Callable[[], ProjectSettings | None],
    ) -> None:
        self._home = home
        self._models = models
        self._datasets = datasets
        self._queue = queue
        self._engine_of = engine_of
        self._project = project

    def launch(self, request: BatchRequest, folder: Path, progress: Progress) -> Run:
        """Start it, or let it wait for room; paths are relative to `folder`.

        Raises UsageError for an output or chunk that makes no sense, NotFoundError for a model or an input that is not
        there, ConflictError for an output that is, and what launching raises.
        """
        target = check_output(folder / request.output.expanduser())
        if request.chunk < 1:
            raise UsageError(f"{request.chunk} rows at a time are none", "--chunk 10000")
        if request.name:
            check_name("run", request.name)
        model = self._models.get(request.model)
        tree = trees.materialise(self._home, model.manifest)
        data = self._input(request.source, folder, progress)
        engine = self._engine_of(request.engine)
        prepared = engine.prepare(_with_polars(environment(tree)), progress)
        project = self._project()
        with locks.share(self._home.store_lock):  # gc waits until the journal tells what the run needs
            spec = RunSpec(
                id="",
                name=request.name,
                project=data.project,
                entry=ENTRY,
                command=("python3", "-m", "lab.runtime.batch"),
                params={
                    "model": model.id,
                    "input": data.dataset,
                    "output": f"predictions{target.suffix.lower()}",
                    "chunk": request.chunk,
                },
                seed=0,
                datasets={data.dataset: DataInput(data.dataset, data.label, data.id)},
                code=self._code(model),
                engine=engine.name,
                image=prepared.image,
                environment=prepared.digest,
                image_id=prepared.image_id,
                base=prepared.base,
                base_id=prepared.base_id,
                resources=project.resources if project else Resources(),
                network=False,
                created=0.0,
            )
            return self._queue.enqueue(spec, engine)

    def fetch(self, run: Run, target: Path) -> Path:
        """Copy what a finished run of this kind made to `target`, which appears whole or not at all.

        Raises LabError, with the run's own words, for one that did not finish.
        """
        folder = self._home.run(run.id)
        if run.status is not RunStatus.FINISHED:
            said = [line for line in runfolder.tail(folder.stdout, 5) if line.startswith("error: ")]
            reason = clean(said[-1].removeprefix("error: "), 400) if said else run.cause
            raise LabError(f"nothing was predicted: {reason}", f"lab runs logs {run.name}")
        made = folder.artifacts / f"predictions{target.suffix.lower()}"
        if made.is_symlink() or not made.is_file():
            raise NotFoundError(f"run {run.name} left no {made.name}", f"lab runs logs {run.name}")
        fresh = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with tell_full_disk(clean(str(target)), made.stat().st_size, target.parent):
                shutil.copyfile(made, fresh)
            os.rename(fresh, check_output(target))
        finally:
            fresh.unlink(missing_ok=True)
        return target

    def _input(self, source: str, folder: Path, progress: Progress) -> DatasetVersion:
        """A file that lies there becomes a version of the dataset that has it, or of one that is called as it is."""
        path = folder / Path(source).expanduser()
        if not path.exists():
            try:
                return self._datasets.get(source)
            except NotFoundError as error:
                raise NotFoundError(
                    f"no file and no dataset {clean(source)!r}", "lab data ls shows the datasets"
                ) from error
        project = self._project()
        declared = project.datasets.items() if project else ()
        place = path.resolve()
        known = [name for name, one in declared if project and (project.root / one.path).resolve() == place]
        name = known[0] if known else legal_name(path.stem, "input")
        if not known and project and name in project.datasets:
            name = legal_name(f"{name}-input", "input")
        version, new = self._datasets.add(name, place, progress=progress)
        if new:
            progress(f"the input is {version.ref}")
        return version

    def _code(self, model: ModelVersion) -> CodeSnapshot:
        files = self._models.files(model)
        return CodeSnapshot(model.manifest, len(files), sum(size for _, size in files))


def check_output(path: Path) -> Path:
    """Raises UsageError for a file that cannot hold a table by its name, ConflictError for one that is there."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{clean(path.name)!r} does not say what to write", f"end its name in one of {', '.join(FORMATS)}"
        )
    if not path.parent.is_dir():
        raise NotFoundError(f"there is no folder {clean(str(path.parent))!r}", "make it first")
    if os.path.lexists(path):
        raise ConflictError(f"{clean(str(path))} is there already", "name another file, or remove it first")
    return path


def _with_polars(served: Environment) -> Environment:
    """The server's environment, and the library that reads tables, in the version that is tested here."""
    ((name, content),) = served.files
    if any(line.startswith(b"polars==") for line in content.splitlines()):
        return served
    return Environment(((name, content + f"polars=={installed('polars')}\n".encode()),), served.base, served.python)
