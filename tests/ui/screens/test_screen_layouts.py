"""Every screen at every size, with ordinary and with hostile contents: it fits, and obeys nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_app import assert_tidy, opened, press, see, until
from seeding import HOSTILE, Seed
from textual.pilot import Pilot

from lab.ui.app import LabApp
from lab.ui.screens.base import RHYTHM
from lab.ui.screens.compare import CompareScreen
from lab.ui.screens.pick import PickScreen
from lab.ui.screens.run_detail import RunScreen

SIZES = [(80, 24), (120, 40), (160, 45)]


async def settled(app: LabApp, pilot: Pilot[int]) -> None:
    """Nothing is being read any more for what is shown."""
    await until(
        pilot, lambda: not [one for one in app.screen.workers if one.group not in ("live", RHYTHM)], "reading is over"
    )
    await pilot.pause()


async def visit(app: LabApp, pilot: Pilot[int], size: tuple[int, int]) -> None:
    """All screens with all their tabs, the dialogs that write nothing, and back."""
    for number in "12345":
        await pilot.press(number)
        await settled(app, pilot)
        assert_tidy(app, size)
        if number in "25":
            for _ in range(4 if number == "2" else 2):
                await pilot.press("]")
                await settled(app, pilot)
                assert_tidy(app, size)
        for key in ("?", "@", "ctrl+p"):
            await pilot.press(key)
            await pilot.pause()
            assert_tidy(app, size)
            if key == "ctrl+p":
                await until(pilot, lambda: isinstance(app.screen, PickScreen), "the palette")
                assert_tidy(app, size)
            await until(pilot, lambda: len(app.screen_stack) > 1, "a dialog")
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1, "the dialog closed")
    await pilot.press("3")
    await settled(app, pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
    for _ in range(4):
        await settled(app, pilot)
        assert_tidy(app, size)
        await pilot.press("]")
    await pilot.press("escape")
    await until(pilot, lambda: not isinstance(app.screen, RunScreen), "back")
    for key in ("space", "space", "space", "c"):
        await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the comparison")
    for key in ("=", "]", "m", "p", "="):
        await settled(app, pilot)
        assert_tidy(app, size)
        await pilot.press(key)
    await settled(app, pilot)
    assert not [job.line for job in app.jobs.all if job.title == "unexpected error"]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_an_ordinary_lab(lab_home: Path, project: Path, size: tuple[int, int]) -> None:
    async with opened(lab_home, project, size) as (app, pilot):
        await visit(app, pilot, size)


async def test_hostile_names_everywhere(seed: Seed, project: Path) -> None:
    size = SIZES[0]
    for index, name in enumerate(HOSTILE):
        seed.run(
            name, entry=name, project=name, status=("finished", "failed", "lost")[index % 3], cause=name, log=name * 50,
            params={name: name, "lr": 0.1}, metrics={name: index, "nan": float("nan")}, tags=(name,),
        )  # fmt: skip
        seed.dataset(name, project=name, path=name)
        seed.model(name, name, champion=1)
        seed.deployment(name, name, cause=name, status=("failed", "stopped")[index % 2])
    seed.project(HOSTILE[3], HOSTILE[4])
    async with opened(seed.root, project, size) as (app, pilot):
        await visit(app, pilot, size)
        # Every row of every list, not only those that fit.
        for number in "12345":
            await pilot.press(number)
            await settled(app, pilot)
            for _ in range(len(HOSTILE)):
                await pilot.press("j")
                await settled(app, pilot)
                assert_tidy(app, size)


async def test_an_empty_lab_says_how_to_begin(seed: Seed, tmp_path: Path) -> None:
    async with opened(seed.root, tmp_path) as (app, pilot):
        await see(pilot, "Three ways to begin", "lab demo", "lab init", "lab run")
        for number, words in (
            ("2", "no data yet"),
            ("3", "no runs yet"),
            ("4", "no models yet"),
            ("5", "nothing serves yet"),
        ):
            await press(pilot, number, words)
            assert_tidy(app, (80, 24))


async def test_a_strange_size_breaks_nothing(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project) as (app, pilot):
        await press(pilot, "3", "run-00011")
        for size in ((20, 5), (60, 16), (300, 100), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await see(pilot, "run-00011")
        assert_tidy(app, (80, 24))
