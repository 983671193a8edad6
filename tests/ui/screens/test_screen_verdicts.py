"""Verdicts and what changed, on the screens: seen first, also small, and hostile names obeyed by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_app import assert_tidy, opened, press, see, shown, until
from seeding import HOSTILE, Seed

from lab.ui.screens.compare import CompareScreen
from lab.ui.screens.run_changes import ChangesScreen
from lab.ui.screens.run_detail import RunScreen

SIZES = [(80, 24), (120, 40), (160, 45)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_verdict_comes_first(seed: Seed, project: Path, size: tuple[int, int]) -> None:
    for index in range(10):
        seed.run(
            f"run-{index}", params={"lr": 0.1 + index // 5 / 10, "random_state": index % 5},
            metrics={"accuracy": 0.9 + index / 100, "odd": 0.5 + index % 2},
        )  # fmt: skip
    async with opened(seed.root, project, size) as (app, pilot):
        await press(pilot, "3", "run-9")
        await pilot.press("*")
        await press(pilot, "c", "5/5 seeds, p = 0.008", "lr=0.1", "lr=0.2")
        assert isinstance(app.screen, CompareScreen)
        assert "accuracy" in shown(app).splitlines()[1]
        assert_tidy(app, size)
        await press(pilot, "m", "within noise")
        assert "odd" in shown(app).splitlines()[1]
        await press(pilot, "b", "higher is better")
        await press(pilot, "e", "run-9")
        assert_tidy(app, size)
        await pilot.press("e")
        await until(pilot, lambda: "run-8" not in app.screen.table.columns[1].title, "grouped again")
        await press(pilot, "A", "Launch", "new seeds")
        assert_tidy(app, size)
        await press(pilot, "escape", "within noise")


async def test_the_first_panel_of_a_run_says_what_changed(seed: Seed, project: Path) -> None:
    seed.run("before", params={"lr": 0.1, "old": 1}, metrics={"accuracy": 0.9})
    seed.run("after", params={"lr": 0.2, "new": 2}, metrics={"accuracy": 0.8})
    async with opened(seed.root, project) as (app, pilot):
        await press(pilot, "3", "after")
        await press(pilot, "enter", "since before", "0.9000 → 0.8000", "worse", "lr 0.1 → 0.2, +new=2, -old")
        assert isinstance(app.screen, RunScreen)
        await press(pilot, "d", "before → after", "PARAMETERS")
        assert isinstance(app.screen, ChangesScreen)
        assert_tidy(app, (80, 24))
        await pilot.press("n", "N", "=")
        await press(pilot, "escape", "since before")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_hostile_names_change_nothing(seed: Seed, project: Path, size: tuple[int, int]) -> None:
    for name in HOSTILE:
        for number in range(2):
            seed.run(f"{name}{number}", params={name: name * (number + 1), "seed": number}, metrics={name: number})
    async with opened(seed.root, project, size) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "finished" in shown(app), "the runs")
        for _ in range(4):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
            await see(pilot, "since")
            assert_tidy(app, size)
            await press(pilot, "d", "METRICS")
            assert_tidy(app, size)
            await pilot.press("escape", "escape", "j")
            await until(pilot, lambda: not isinstance(app.screen, RunScreen), "back")
        await pilot.press(*["space"] * 9, "c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the comparison")
        await see(pilot, "no final value")
        assert_tidy(app, size)
