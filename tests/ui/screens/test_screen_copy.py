"""What `y` copies: a run in several ways, the cell under the cursor, and the marked rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from screen_app import opened, press, see, until
from seeding import Seed


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
