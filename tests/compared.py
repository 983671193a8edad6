"""Two runs that left something to compare: a lab home with a dataset, and runs with artifacts, written without an
engine."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, DataInput, RunSpec
from lab.events import RUN_CREATED, RUN_ENDED, RUN_STARTED
from lab.journal import Journal
from lab.paths import LabHome
from lab.stores import runfolder
from lab.workspace import Workspace

#: Four flowers: `kind` is the label.
DATA = "size,kind\n1.5,rose\n2.5,tulip\n3.5,rose\n4.5,tulip\n"
#: The old run is right of rows 0 and 1, the new one of 1, 2 and 3.
OLD = "row,label,prediction,score\n0,rose,rose,0.9\n1,tulip,tulip,0.8\n2,rose,tulip,0.7\n3,tulip,rose,0.6\n"
NEW = "row,label,prediction,score\n0,rose,tulip,0.6\n1,tulip,tulip,0.9\n2,rose,rose,0.8\n3,tulip,tulip,0.9\n"


def project(folder: Path) -> Path:
    """A project with the flowers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lab.toml").write_text('[project]\nname = "flowers"\n[datasets.flowers]\npath = "flowers.csv"\n')
    (folder / "flowers.csv").write_text(DATA)
    return folder


def dataset(ws: Workspace, name: str = "flowers", path: str = "flowers.csv") -> DataInput:
    version, _ = ws.datasets.add(name, path)
    return DataInput(version.dataset, version.label, version.id)


def run(
    home: LabHome,
    name: str,
    files: Mapping[str, str | bytes],
    *,
    data: DataInput | None = None,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    code: str = "b3:0",
    packages: Mapping[str, str] | None = None,
    seed: int = 1,
) -> str:
    """A finished run with `files` among its artifacts; its id is its name."""
    now = time.time()
    inputs = {data.name: data} if data else {}
    spec = RunSpec(
        id=name, name=name, project="flowers", entry="train", command=("python", "train.py"), params=dict(params or {}),
        seed=seed, datasets=inputs, code=CodeSnapshot(code, 1, 1), engine="process", image="env", environment="env",
        resources=Resources(), network=False, created=now,
    )  # type: ignore[arg-type]  # fmt: skip
    folder = home.run(name)
    runfolder.create(folder)
    runfolder.write_spec(folder, spec)
    for path, content in files.items():
        target = folder.artifacts / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    if packages:
        folder.exit.write_text(json.dumps({"exit_code": 0, "python": "3.12.1", "packages": dict(packages)}))
    journal = Journal(home, ())
    journal.append(RUN_CREATED, name, {
        "name": name, "project": "flowers", "entry": "train", "engine": "process", "image": "env", "code": code,
        "sweep": "", "seed": seed, "memory": 1 << 30, "launcher": "1:0@boot", "params": dict(params or {}),
        "datasets": {key: {"name": one.name, "version": one.version, "manifest": one.manifest}
                     for key, one in inputs.items()},
    })  # fmt: skip
    journal.append(RUN_STARTED, name)
    summaries = {
        key: {"last": value, "min": value, "max": value, "mean": value, "count": 1, "step": 0}
        for key, value in (metrics or {"accuracy": 0.5}).items()
    }
    journal.append(RUN_ENDED, name, {
        "ending": "finished", "cause": "finished", "exit_code": 0, "authority": 3, "started": now - 60,
        "ended": now - 5, "metrics": summaries,
    })  # fmt: skip
    journal.close()
    return name
