"""A project with a table, in a lab home of its own, on the process engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import ROWS, write_rows

from lab.workspace import Workspace

LAB_TOML = """\
[project]
name = "shop"

[datasets.sales]
path = "data/sales.csv"
key = "id"
label = "bought"

[datasets.sales.expect]
rows = { min = 3 }
columns.id = { unique = true, not_null = true }
columns.amount = { range = [0, 1000] }

[entries.train]
command = "python3 train.py"
datasets = ["sales"]
"""

TRAIN = """\
import os
from pathlib import Path

from lab import track

track.log(rows=len(Path(track.data("sales")).read_text().splitlines()) - 1)
Path(os.environ["LAB_MODEL_DIR"]).mkdir(exist_ok=True)
(Path(os.environ["LAB_MODEL_DIR"]) / "weights.txt").write_text("1")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "data").mkdir(parents=True)
    (folder / "lab.toml").write_text(LAB_TOML)
    (folder / "train.py").write_text(TRAIN)
    write_rows(folder, ROWS)
    return folder


@pytest.fixture
def ws(tmp_path: Path, project: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home", project, engine="process") as opened:
        yield opened
