"""One demonstration per engine and session; the tests of registry and serving go on from what it made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from demonstration import Shown
from support import docker_or_skip, remove_jobs, share_environments

from lab.domain.demo import DemoStep
from lab.paths import LabHome
from lab.workspace import Workspace


@pytest.fixture(scope="session", params=["process", pytest.param("docker", marks=pytest.mark.engine)])
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp(f"demo-{request.param}")
    home = share_environments(LabHome(folder / "home"))
    ws = Workspace(home.root, folder, engine=request.param)
    if request.param == "docker":
        docker_or_skip(ws.home).close()
    told: list[DemoStep] = []
    try:
        report = ws.demo.run("digits", on_step=told.append, progress=print)
        yield Shown(ws, report, tuple(told))
    finally:
        remove_jobs(ws.engine(), ws.home)
        ws.close()
