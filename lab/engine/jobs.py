"""`jobs/<id>/` in the lab home: what an engine must remember of a job so that a later Lab process can tell its fate."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.engine.base import Job
from lab.errors import EngineError, UsageError
from lab.paths import LabHome


@dataclass(frozen=True)
class JobFolder:
    """The notes of one job. All but `stopped` are the process engine's; the guard writes `child` and `exit`."""

    root: Path

    @property
    def spec(self) -> Path:
        return self.root / "job.json"

    @property
    def guard(self) -> Path:
        return self.root / "guard.json"

    @property
    def child(self) -> Path:
        return self.root / "child.json"

    @property
    def exit(self) -> Path:
        return self.root / "exit.json"

    @property
    def log(self) -> Path:
        return self.root / "job.log"

    @property
    def stopped(self) -> Path:
        """There when Lab itself asked the job to end."""
        return self.root / "stopped"

    def mark_stopped(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stopped.touch()

    def forget(self) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self.root)


def job_folder(home: LabHome, job_id: str) -> JobFolder:
    return JobFolder(home.jobs / job_id)


def check_job(job: Job) -> None:
    """Raise UsageError or EngineError for a job that no engine could start."""
    if not job.command:
        raise UsageError(f"the job {job.id} has no command")
    for mount in job.mounts:
        if not mount.source.exists():
            raise EngineError(f"the job {job.id} cannot be started: there is no {mount.source}")


def read_note(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`, or None while there is no such file."""
    try:
        note: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return note


def write_note(path: Path, note: dict[str, Any]) -> None:
    """Put `note` at `path` in one step, readable by the user alone."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(note, file)
    part.replace(path)
