from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lab.engine.base import Environment
from lab.engine.venvs import VenvBuilder
from lab.paths import LabHome

DEADLINE = 60.0


def test_homes_that_share_environments_build_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two homes, one folder of environments: the second waits for the first and takes what it made."""
    shared = tmp_path / "environments"
    shared.mkdir()
    homes = [LabHome(tmp_path / name) for name in ("one", "two")]
    for home in homes:
        home.root.mkdir()
        home.environments.symlink_to(shared)
    build, waits = VenvBuilder._build, threading.Event()
    built: list[Path] = []

    def slow(self: VenvBuilder, plan: object, python: Path, venv: Path, progress: object) -> None:
        built.append(venv)
        assert waits.wait(DEADLINE)  # until the other one says that it waits
        build(self, plan, python, venv, progress)  # type: ignore[arg-type]

    monkeypatch.setattr(VenvBuilder, "_build", slow)
    made: list[bool] = []

    def prepare(home: LabHome) -> None:
        made.append(VenvBuilder(home).prepare(Environment(), lambda _line: waits.set()).built)

    threads = [threading.Thread(target=prepare, args=(home,)) for home in homes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(made) == [False, True]
    assert len(built) == 1
