"""What `y` copies: a run in several ways, the cell under the cursor, and the marked rows."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from screen_app import opened, press, see, until
from seeding import Seed, fill

from lab.ui.widgets.frame_table import FrameTable


@pytest.fixture(autouse=True)
def no_other_clipboards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on this machine is to be filled by tests."""
    for name in ("WAYLAND_DISPLAY", "DISPLAY", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")


async def test_a_run_is_handed_on_in_many_ways(seed: Seed, project: Path) -> None:
    for at in range(3):
        seed.run(f"run-{at}", params={"lr": at / 10}, metrics={"loss": float("nan") if at else 0.5}, files=False)
    async with opened(seed.root, project, (100, 30)) as (app, pilot):
        await press(pilot, "3", "run-2")
        await press(pilot, "y", "Copy what?", "JSON", "1 row as TSV")
        await pilot.press(*"json", "enter")
        await see(pilot, "copied JSON")
        copied = json.loads(app.clipboard)
        assert (copied["name"], copied["params"], copied["metrics"]) == ("run-2", {"lr": 0.2}, {"loss": "NaN"})
        await pilot.press("space", "space")
        await press(pilot, "y", "2 rows as Markdown")
        await pilot.press(*"markdown", "enter")
        await until(pilot, lambda: app.clipboard.startswith("| status |"), "the rows")
        assert [name in app.clipboard for name in ("run-0", "run-1", "run-2")] == [False, True, True]
        await pilot.press("u", "right")
        await press(pilot, "y", "Copy what?")
        await pilot.press(*"python", "enter")
        await until(pilot, lambda: "ws.runs.get(" in app.clipboard, "a snippet")


async def test_what_is_under_the_cursor_can_be_copied_on_every_list(seed: Seed, project: Path) -> None:
    fill(seed, 4)
    async with opened(seed.root, project, (120, 40)) as (app, pilot):

        async def copied(search: str) -> str:
            before = app.clipboard
            await press(pilot, "y", "Copy what?")
            await pilot.press(*search, "enter")
            await until(pilot, lambda: app.clipboard != before, f"{search} is copied")
            return app.clipboard

        await see(pilot, "LATELY")
        assert (await copied("command")).startswith("lab runs show r000")
        assert set(json.loads(await copied("json"))) == {"section", "state", "name", "what", "when"}
        await press(pilot, "2", "holdout")
        assert await copied("command") == "lab data show digits/digits@v3"
        assert "ws.datasets.get('digits/digits@v3')" in await copied("python")
        assert json.loads(await copied("json"))["latest"] == "v3"
        await press(pilot, "4", "1 model")
        assert "ws.models.get('digits:v" in await copied("python")
        assert json.loads(await copied("1 row as json"))["model"] == "digits"
        await press(pilot, "5", "of 1")
        assert "ws.deployments.get(" in await copied("python")
        await press(pilot, "3", "4 runs")
        await pilot.press("slash", *"lr<0.003", "enter")
        await see(pilot, "fitting lr<0.003")
        words = shlex.split(await copied("command of this table"))
        assert words[:6] == ["lab", "runs", "ls", "lr<0.003", "--sort", "-created"]
        assert words[6:] == ["--columns", ",".join(column.id for column in app.screen.query_one(FrameTable).columns)]
        await pilot.press("space", "j", "space")
        await press(pilot, "c", "Compare 2")
        assert (await copied("command")).startswith("lab runs compare r000")
        assert "status" in await copied("tsv")
        await press(pilot, "escape", "fitting")
        await pilot.press("colon", *"disk", "enter")
        await see(pilot, "free on the disk")
        assert await copied("command") == "lab disk"
        await press(pilot, "escape", "fitting")
        await pilot.press("at")
        await see(pilot, "lab runs compare")
        await pilot.press("y")
        await see(pilot, "if this terminal knows OSC 52")
