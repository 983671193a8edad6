"""The real program in processes of its own, on the process engine, in a lab home of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from lab_program import ROOT, Lab
from support import share_environments

from lab.paths import LabHome

LAB_TOML = """\
[project]
name = "small"

[datasets.table]
path = "data/table.csv"

[entries.train]
command = "python3 train.py"
datasets = ["table"]

[entries.train.params]
lr = 0.1
kind = "plain"

[entries.forever]
command = "python3 forever.py"

[resources]
memory = "256m"
"""

TRAIN = """\
import os
import sys
from pathlib import Path

from lab import track

rows = Path(track.data("table")).read_text().splitlines()
lr = float(track.params["lr"])
for step in range(3):
    track.log(loss=lr / (step + 1), step=step)
    print(f"step {step} of {len(rows)} lines")
print("\\x1b[31mred\\x1b[0m \\x1b]0;owned\\x07title")
if track.params["kind"] == "model":
    Path(os.environ["LAB_MODEL_DIR"]).mkdir(exist_ok=True)
    (Path(os.environ["LAB_MODEL_DIR"]) / "weights.txt").write_text(f"{lr}\\n")
if track.params["kind"] == "hostile":
    track.log(**{"\\x1b[2J\\u202eevil \\u624b": float("nan")})
sys.exit(3 if track.params["kind"] == "broken" else 0)
"""

FOREVER = """\
import time

while True:
    print("tick", flush=True)
    time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A project with a dataset, in a lab home that the tests of a module share."""
    root = tmp_path_factory.mktemp("cli")
    folder = root / "small"
    (folder / "data").mkdir(parents=True)
    (folder / "lab.toml").write_text(LAB_TOML)
    (folder / "data" / "table.csv").write_text("a,b\n1,2\n3,4\n")
    (folder / "train.py").write_text(TRAIN)
    (folder / "forever.py").write_text(FOREVER)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "PYTHON"))},
        "PYTHONPATH": str(ROOT),
        "LAB_HOME": str(root / "home"),
        "LAB_ENGINE": "process",
        "COLUMNS": "120",
    }
    share_environments(LabHome(root / "home"))
    lab = Lab(folder, environment)
    yield lab
    for run in json.loads(lab("runs", "ls", "status:running", "--json").stdout)["items"]:
        lab("runs", "stop", run["id"])
    for deployment in json.loads(lab("deployments", "ls", "--json").stdout)["items"]:
        if deployment["status"] in ("ready", "unhealthy"):
            lab("deployments", "stop", deployment["id"])
