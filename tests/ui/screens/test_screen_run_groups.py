"""Runs in groups: heads with means and spreads, which fold, in the run table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from screen_app import opened, press, see, shown, until
from seeding import Seed

from lab.ui.screens import run_grouping
from lab.ui.screens.compare import CompareScreen
from lab.ui.screens.pick import PickScreen
from lab.ui.screens.runs import RunsScreen


async def test_groups_fold_and_tell_mean_and_spread(seed: Seed, project: Path) -> None:
    seed.project()
    ids = [
        seed.run(f"run-{model}-{number}", params={"model": model, "seed": number},
                 metrics={"accuracy": 0.8 + 0.1 * (model == "mlp") + 0.01 * number})
        for model in ("forest", "mlp") for number in (1, 2, 3)
    ]  # fmt: skip
    async with opened(seed.root, project, (120, 40)) as (app, pilot):
        await press(pilot, "3", "6 runs")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        table = screen.table
        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, PickScreen), "what to group by")
        await pilot.press(*"seeds", "enter")
        await see(pilot, "6 runs in 2 groups", "0.9200 ± 0.01", "0.8200 ± 0.01")
        assert table.row_count == 2, "folded at first"
        assert "model=mlp" in shown(app)
        await see(pilot, "6 runs       all", "0.8700 ± 0.055")
        await pilot.press("enter")
        await see(pilot, "run-mlp-1", "run-mlp-3")
        assert table.row_count == 5
        await until(pilot, lambda: screen.current is None, "a head is no run")
        assert "Metrics, mean" in shown(app), "the panel tells of the group"
        await pilot.press("down")
        await until(
            pilot, lambda: screen.current is not None and screen.current.name == "run-mlp-3", "the newest first"
        )
        await pilot.press("`")
        await until(pilot, lambda: table.row_count == 2, "all folded")
        await pilot.press("`")
        await until(pilot, lambda: table.row_count == 8, "all shown")
        await pilot.press("g", "space")
        await until(pilot, lambda: set(table.marks) == set(ids[3:]), "a head's mark is that of its runs")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen), "which can be compared")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen, "back")
        await pilot.press("/", "/", *"forest-2", "enter")
        await until(pilot, lambda: screen.current is not None and screen.current.name == "run-forest-2", "found")
        await pilot.press("escape", "B")
        await until(pilot, lambda: isinstance(app.screen, PickScreen), "what to group by")
        await pilot.press("enter")
        await until(pilot, lambda: "groups" not in shown(app) and table.row_count == 6, "one row per run again")
        assert "±" not in shown(app)


async def test_no_more_groups_than_anybody_reads_are_shown(
    seed: Seed, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_grouping, "_MOST", 2)
    seed.project()
    for number in range(4):
        seed.run(f"run-{number}", params={"lr": number, "random_state": number}, metrics={"loss": 0.1 * number})
    seed.run("run-twin", params={"lr": 3, "random_state": 7}, metrics={"loss": 0.5})
    async with opened(seed.root, project, (120, 40)) as (app, pilot):
        await press(pilot, "3", "5 runs")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        screen.group_by("seeds")
        await see(pilot, "5 runs in 4 groups by all but the seed   the first 2 are shown", "lr=3", "lr=2", "2 runs")
        assert screen.table.row_count == 2
        screen.apply_filter("lr<2")
        await see(pilot, "2 runs in 2 groups by all but the seed", "lr<2", "lr=1", "lr=0")


async def test_heads_follow_what_their_running_runs_log(seed: Seed, project: Path) -> None:
    seed.project()
    for number in (1, 2):
        seed.run(f"run-{number}", params={"model": "mlp", "seed": number}, metrics={"accuracy": 0.8 + 0.1 * number})
    going = seed.run("run-3", status="created", params={"model": "mlp", "seed": 3}, metrics={"accuracy": 0.6})
    events = seed.home.run(going).events
    async with opened(seed.root, project, (120, 40)) as (app, pilot):
        await press(pilot, "3", "3 runs")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        screen.group_by("seeds")
        await see(pilot, "3 runs in 1 group", "0.8289 ± 0.22")
        reads = []
        screen.reload = lambda **_: reads.append(1)  # type: ignore[method-assign]
        with events.open("a") as file:
            file.write(json.dumps({"t": seed.now, "s": 30, "m": {"accuracy": 0.95}}) + "\n")
        await see(pilot, "0.9500 ± 0.05")
        head = screen.table.cursor_key
        assert head is not None
        assert screen.table.row_count == 1, "folded still, and in its place"
