"""Datasets as the real workspace makes them, with names and values that nobody should trust."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

from lab.domain.datasets import DatasetVersion
from lab.events import DEPLOYMENT_CREATED, DEPLOYMENT_STATUS, MODEL_REGISTERED, RUN_CREATED, RUN_ENDED, RUN_STARTED
from lab.journal import Journal
from lab.paths import LabHome
from lab.workspace import Workspace

#: Names of columns, and values, that hold what a terminal or a markup parser would obey.
EVIL = "[/x]\x1b[2J[@click=app.quit]e\u202evil"
ROWS = 400

TOML = """
[project]
name = "proj"
[datasets.points]
path = "points.csv"
label = "y"
[datasets.points.expect]
rows = {min = 10, severity = "warn"}
[datasets.points.expect.columns]
score = {not_null = 0.1, severity = "block"}
id = {unique = true}
"""


def rows(number: int) -> list[dict[str, object]]:
    """Version 1, 2 or 3 of the table: rows go, come and change, values drift, a column is dropped."""
    found = []
    for at in range(ROWS):
        one: dict[str, object] = {
            "id": f"i{at:04d}",
            "size": at % 37 + (40 if number == 3 else 0),
            "score": "" if at % 3 == 0 else at / ROWS,
            EVIL: EVIL if at % 5 == 0 else "calm",
            "mail": f"user{at}@example.com",
            "told": "yes" if at % 2 else "no",
            "y": at % 2,
        }
        if number < 3:
            one["gone"] = "x"
        if number > 1 and at % 40 == 0:
            one["size"] = -1
        found.append(one)
    return found[:-10] if number > 1 else found


def write_csv(path: Path, number: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = rows(number)
        pen = csv.DictWriter(file, list(lines[0]))
        pen.writeheader()
        pen.writerows(lines)


def make(home: Path, project: Path) -> list[DatasetVersion]:
    """Three versions of a table and one of a folder with a hostile name in it."""
    project.mkdir(parents=True, exist_ok=True)
    (project / "lab.toml").write_text(TOML)
    ws = Workspace(home, project)
    try:
        versions = []
        for number in (1, 2, 3):
            write_csv(project / "points.csv", number)
            version, _ = ws.datasets.add("points", project / "points.csv", message=f"take {number} {EVIL}")
            versions.append(version)
        folder = project / "notes"
        folder.mkdir()
        (folder / EVIL.replace("/", "")).write_text("x" * 5000)
        (folder / "b.txt").write_text("y")
        ws.datasets.add("notes", folder)
        return versions
    finally:
        ws.close()


def use(home: Path, version: DatasetVersion) -> None:
    """A run that saw the version, a model of that run, a deployment of that model."""
    journal = Journal(LabHome(home), ())
    run = {"name": EVIL, "project": "proj", "entry": "train", "params": {}, "engine": "process", "code": "",
           "datasets": {"points": {"name": "points", "version": version.label, "manifest": version.id}}}  # fmt: skip
    journal.append(RUN_CREATED, "r0000001", run)
    journal.append(RUN_STARTED, "r0000001")
    journal.append(RUN_ENDED, "r0000001", {
        "ending": "finished", "cause": "finished", "exit_code": 0, "authority": 3, "started": time.time() - 60,
        "ended": time.time() - 5, "metrics": {},
    })  # fmt: skip
    journal.append(MODEL_REGISTERED, "seer", {
        "model": "seer", "number": 1, "manifest": "b3:1", "framework": "sklearn", "run": "r0000001", "project": "proj",
        "bytes": 1, "metrics": {}, "signature": {}, "datasets": {"points": version.label},
    })  # fmt: skip
    journal.append(DEPLOYMENT_CREATED, "d0000001", {
        "name": "oracle", "model": "seer", "version": 1, "alias": "", "engine": "process", "port": 1, "image": "env",
    })  # fmt: skip
    journal.append(
        DEPLOYMENT_STATUS, "d0000001", {"status": "stopped", "cause": "", "ready": None, "ended": time.time()}
    )
    journal.close()


def age(home: Path, days: float = 2) -> None:
    """Let all that is stored have been written that long ago, so that nothing stays only for its youth."""
    then = time.time() - days * 86_400
    for folder in ("objects", "manifests"):
        for root, _, names in os.walk(LabHome(home).store / folder):
            for name in names:
                os.utime(Path(root, name), (then, then))
