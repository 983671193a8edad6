"""A lab with one small project, on either engine. The scripts need nothing but the standard library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import docker_or_skip, remove_jobs

from lab.workspace import Workspace

LAB_TOML = """
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

[resources]
memory = "128m"
"""


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.engine)])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    (folder / "data").mkdir(parents=True)
    (folder / "lab.toml").write_text(LAB_TOML)
    (folder / "data" / "table.csv").write_text("a,b\n1,2\n3,4\n")
    (folder / "train.py").write_text("print('nothing to do')\n")
    return folder


OpenLab = Callable[[str], Workspace]


@pytest.fixture
def open_lab(tmp_path: Path, project: Path) -> Iterator[OpenLab]:
    """Opens workspaces on one home; at the end their jobs are removed and they are closed."""
    opened: list[Workspace] = []

    def opener(engine: str) -> Workspace:
        ws = Workspace(tmp_path / "home", project, engine=engine)
        if engine == "docker":
            docker_or_skip(ws.home).close()
        opened.append(ws)
        return ws

    yield opener
    for ws in opened:
        remove_jobs(ws.engine(), ws.home)
        ws.close()


@pytest.fixture
def lab(open_lab: OpenLab, engine_name: str) -> Workspace:
    return open_lab(engine_name)
