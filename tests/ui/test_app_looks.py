"""What the app looks like: the same text at three sizes in four ways of colouring. `LAB_WRITE_LOOKS=1` writes it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from screen_app import assert_tidy, opened, press, see, shown, until
from seeding import Seed, fill
from textual.pilot import Pilot

from lab.ui.app import LabApp
from lab.ui.screens.base import RHYTHM

LOOKS = Path(__file__).parent / "looks"
SIZES = [(80, 24), (120, 40), (200, 60)]
#: What differs from one time to the next: ages and durations, padded to the same width.
_PASSING = re.compile(
    r" *(just now|\d{4}-\d\d-\d\d \d\d:\d\d|\d\d:\d\d:\d\d|\d+(?:\.\d+)?(?:ms|s|m|h)(?: \d+s)?(?: ago)?) *"
)


def still(text: str) -> str:
    """The screen without what passes."""
    return "\n".join(_PASSING.sub(lambda found: " ~".ljust(len(found[0])), line).rstrip() for line in text.splitlines())


def compare(app: LabApp, name: str) -> None:
    """The screen is what it was when somebody looked at it."""
    path, found = LOOKS / f"{name}-{app.size.width}x{app.size.height}.txt", still(shown(app)) + "\n"
    if os.environ.get("LAB_WRITE_LOOKS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
    assert found == path.read_text(), f"{path.name}: look at it, then LAB_WRITE_LOOKS=1"


def colours(app: LabApp) -> set[str]:
    """All colours on the screen as the terminal gets them: `#rrggbb`, or the name of one of its own."""
    found = set()
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            for colour in (style.color, style.bgcolor) if style is not None else ():
                if colour is not None:
                    found.add(colour.triplet.hex if colour.triplet is not None else colour.name)
    return found


async def settle(app: LabApp, pilot: Pilot[int]) -> None:
    await until(
        pilot, lambda: not [one for one in app.screen.workers if one.group not in ("live", RHYTHM)], "reading is over"
    )
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_same_in_dark_light_and_the_terminals_own_colours(
    seed: Seed, project: Path, size: tuple[int, int]
) -> None:
    fill(seed)
    async with opened(seed.root, project, size) as (app, pilot):
        for key, name, there in (("3", "runs", "12 runs"), ("4", "models", "champion"), ("2", "data", "holdout")):
            await press(pilot, key, there)
            await settle(app, pilot)
            compare(app, name)
        await press(pilot, "3", "12 runs")
        for theme in ("lab-light", "lab-ansi-dark", "lab-ansi-light"):
            app.theme = theme
            await settle(app, pilot)
            compare(app, "runs")
            assert_tidy(app, size)
            own = {colour for colour in colours(app) if colour.startswith("#")}
            assert bool(own) == (theme == "lab-light"), theme


async def test_without_colour_or_signs_through_a_storm_of_sizes_and_with_no_engine(
    seed: Seed, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(seed)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LAB_ASCII", "1")
    monkeypatch.setenv("LAB_ENGINE", "docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'gone.sock'}")
    async with opened(seed.root, project, SIZES[0]) as (app, pilot):
        for key, there in (("3", "12 runs"), ("5", "digits"), ("2", "holdout"), ("1", "free")):
            await press(pilot, key, there)
        await press(pilot, "3", "12 runs")
        await pilot.press("space", "space")
        await see(pilot, "[XX] failed", "[ok] finished", "2 marked")
        assert shown(app).isascii(), [char for char in shown(app) if not char.isascii()]
        greys = {colour for colour in colours(app) if colour.startswith("#")}
        assert all(len({colour[at : at + 2] for at in (1, 3, 5)}) == 1 for colour in greys), greys
        await press(pilot, "enter", "Params & data")
        for width, height in ((200, 60), (20, 5), (61, 17), (1, 1), (119, 33), (160, 10), (80, 24)) * 2:
            await pilot.resize_terminal(width, height)
            assert_tidy(app, (width, height))
        await settle(app, pilot)
        await see(pilot, "val_accuracy", "Params & data")
        await press(pilot, "question_mark", "esc")
        assert shown(app).isascii(), [char for char in shown(app) if not char.isascii()]
        await pilot.press("escape")
        assert shown(app).isascii(), [char for char in shown(app) if not char.isascii()]
        await press(pilot, "A", "Note on", "Cancel")
        assert shown(app).isascii(), [char for char in shown(app) if not char.isascii()]
        assert not [job.line for job in app.jobs.all if job.title == "unexpected error"]
