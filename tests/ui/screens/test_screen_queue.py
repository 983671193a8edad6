"""A sweep from the launch form, the queue and the sweeps by their keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_app import assert_tidy, opened, press, see, shown, until

from lab.domain.queue import Machine
from lab.paths import LabHome
from lab.ui.screens.queue import QueueScreen
from lab.ui.screens.runs import RunsScreen
from lab.ui.screens.sweeps import SweepsScreen


def order(app: object) -> list[str]:
    return [item.run.params["lr"] for item in app.screen._items]  # type: ignore[attr-defined]


async def test_a_sweep_waits_is_reordered_paused_and_cancelled(
    home: LabHome, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(cores=1, memory=16 << 30, gpus=0, disk=1 << 40, disk_floor=1 << 30)
    monkeypatch.setattr("lab.experiments.machine.look", lambda _home: machine)
    async with opened(home.root, project) as (app, pilot):
        await press(pilot, "n", "Launch train", "several make a sweep")
        await pilot.press("ctrl+u", *"0.1,0.2,0.3,0.4")
        await press(pilot, "enter", "3 waiting", "1 running", "waits for 1 of 1 c")
        assert_tidy(app, (80, 24))

        await press(pilot, "w", "3 wait", "waits for 1 of 1 cores")
        assert isinstance(app.screen, QueueScreen)
        await until(pilot, lambda: order(app) == [0.2, 0.3, 0.4], "the order of the plan")
        await pilot.press("J")
        await until(pilot, lambda: order(app) == [0.3, 0.2, 0.4], "moved down")
        await pilot.press("T")
        await until(pilot, lambda: order(app) == [0.2, 0.3, 0.4], "moved to the top")
        await press(pilot, "p", "paused by you")
        await press(pilot, "P", "the queue is paused")
        await press(pilot, "m", "How many runs go at a time")
        await pilot.press("2")
        await press(pilot, "enter", "2 at a time")
        assert_tidy(app, (80, 24))
        await press(pilot, "x", "Cancel", "never starts")
        await press(pilot, "y", "2 wait")

        await press(pilot, "E", "1 sweep", "1 going on", "1/4")
        assert isinstance(app.screen, SweepsScreen)
        assert len(app.screen_stack) == 2, "in place of the queue"
        assert_tidy(app, (80, 24))
        await press(pilot, "p", "starts no more for now")
        await press(pilot, "x", "Stop sweep", "2 that wait never start")
        await press(pilot, "y", "is stopped")
        await press(pilot, "enter", "sweep:")
        assert isinstance(app.screen, RunsScreen)
        await see(pilot, "4 runs")
        assert "queued" not in shown(app)
