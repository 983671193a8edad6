"""Whether a run comes out again, on the screen: real runs of the process engine, tried again from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_app import assert_tidy, opened, press, shown, until

from lab.domain.launch import LaunchRequest
from lab.ui.screens.reproduction import ReproductionScreen
from lab.workspace import Workspace

SCRIPT = """
import os
from lab import track
track.log(step=1, loss=0.25, **{"a [b] name that is long enough to be cut somewhere": 1})
if track.params.get("odd"): track.log(step=2, loss=int.from_bytes(os.urandom(4), "big"))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    (folder / "lab.toml").write_text('[project]\nname = "trial"\n[entries.train]\ncommand = "python3 train.py"\n')
    with Workspace(tmp_path / "home", folder, engine="process") as ws:
        for name, params in (("chance", {"odd": True}), ("steady", {})):
            ws.runs.wait(ws.runs.launch(LaunchRequest("train", params=params, name=name)).id, timeout=60)
    return tmp_path / "home"


async def test_look_reproduce_and_read_the_verdict(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_ENGINE", "process")
    async with opened(home, tmp_path / "trial") as (app, pilot):
        await press(pilot, "3", "steady")
        await press(pilot, "V", "not run again yet", "all that it takes is there")
        assert isinstance(app.screen, ReproductionScreen)
        await press(pilot, "n", "Reproduce steady", "tolerance")
        await press(pilot, "enter", "reproduced, bitwise", "identical", "RUN AGAIN AS")
        assert_tidy(app, (80, 24))
        await press(pilot, "c", "Baseline")
        await press(pilot, "escape", "reproduced, bitwise")
        await pilot.press("escape", "/", *"chance", "enter")
        await until(pilot, lambda: "chance" in shown(app) and "steady" not in shown(app), "the filter holds")
        await press(pilot, "V", "not run again yet")
        await pilot.press("n")
        await press(pilot, "enter", "not reproduced", "different", "at step 2")
        assert "not deterministic" in " ".join(shown(app).split())
        assert_tidy(app, (80, 24))
        await pilot.press("escape")
        await press(pilot, "enter", "does not reproduce")
