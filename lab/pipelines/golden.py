"""Asking a model about the rows of a dataset version while it is registered: in its own environment, by a job."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab import paths
from lab.dataclass import dataclass
from lab.domain.ids import short_id
from lab.domain.text import clean
from lab.engine import home_id
from lab.engine.base import Engine, Job, JobState, Mount
from lab.errors import EngineError, UsageError
from lab.paths import LabHome
from lab.serving.requirements import environment
from lab.serving.servers import RESOURCES
from lab.stores import runtimes
from lab.stores.durable import write_json

#: Names that the job knows too (lab.runtime.golden, which needs numpy).
_ROWS, _ANSWERS = "rows.json", "answers.json"
_SECONDS = 600.0
_POLL = 0.05
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Answers:
    """Lines of `golden.jsonl`, and what the predictions of all rows are like (`outputs` and `score` of a profile);
    nothing where no server could open such a model."""

    golden: Sequence[Mapping[str, Any]]
    outputs: Mapping[str, Any]


def ask(home: LabHome, engine: Engine, model: Path, rows: list[list[Any]], progress: Callable[[str], None]) -> Answers:
    """What the model in folder `model` says of `rows`, which are in the order of its columns.

    Raises NotFoundError or IntegrityError where its requirements are missing or none, UsageError with the reason when
    it cannot predict the rows, EngineError when the job ends without an answer.
    """
    prepared = engine.prepare(environment(model), progress)
    with tempfile.TemporaryDirectory(dir=home.tmp, prefix=".golden-") as name:
        folder = Path(name)
        write_json(folder / _ROWS, rows)
        job = _job(home, prepared.image, model, folder)
        engine.submit(job)
        try:
            _await(engine, job)
            said = _read(folder / _ANSWERS)
            if said is None:
                words = " ".join(clean(line, 200) for line in engine.logs(job.id, 3))
                raise EngineError(
                    f"the model said nothing of the reference rows: {words or 'the job ended'}", "try again"
                )
        finally:
            engine.remove(job.id)
    if "error" in said:
        raise UsageError(
            f"the reference rows cannot be predicted: {clean(str(said['error']), 300)}",
            "name a dataset version that the model was made for, or leave --reference out",
        )
    return Answers(said["golden"], {name: said[name] for name in ("outputs", "score") if name in said})


def _job(home: LabHome, image: str, model: Path, folder: Path) -> Job:
    return Job(
        id=f"golden-{short_id()}",
        image=image,
        command=("python3", "-m", "lab.runtime.golden"),
        env={
            "LAB_MODEL_DIR": paths.MODEL_DIR,
            "LAB_RUN_DIR": paths.RUN_DIR,
            "PYTHONPATH": paths.RUNTIME_DIR,
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        },
        workdir=paths.RUN_DIR,
        mounts=(
            Mount(model, paths.MODEL_DIR),
            Mount(folder, paths.RUN_DIR, read_only=False),
            Mount(runtimes.publish(home), paths.RUNTIME_DIR),
        ),
        resources=RESOURCES,
        labels={"lab.home": home_id(home)},
    )


def _await(engine: Engine, job: Job) -> None:
    deadline = time.monotonic() + _SECONDS
    while (status := engine.status(job.id)).state is JobState.RUNNING:
        if time.monotonic() > deadline:
            raise EngineError(f"the model took longer than {_SECONDS:g} s for the reference rows", "name fewer rows")
        time.sleep(_POLL)
    if status.out_of_memory:
        raise EngineError("the model ran out of memory on the reference rows", "name fewer rows")


def _read(path: Path) -> dict[str, Any] | None:
    """What the job left; None for nothing, or for what is none. It comes out of a container."""
    try:
        if path.is_symlink() or path.stat().st_size > _MAX_BYTES:
            return None
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    lines = said.get("golden", [])
    sound = isinstance(lines, list) and all(isinstance(line, dict) and "prediction" in line for line in lines)
    return said if sound and ("error" in said or "golden" in said) else None
