"""A run that goes on: what it uses, which guards fired, and only some lines of its log."""

from __future__ import annotations

import json
from pathlib import Path

from screen_app import assert_tidy, opened, press, see, shown, until
from seeding import Seed

from lab.events import RUN_GUARD_FIRED
from lab.ui.screens.run_detail import RunScreen
from lab.ui.widgets.log_view import LogView


async def test_a_run_shows_its_vitals_its_guards_and_a_filtered_log(seed: Seed, project: Path) -> None:
    log = "".join(f"{'loss' if number % 1000 == 0 else 'other'} {number}\n" for number in range(20_000))
    run = seed.run("busy", status="created", log=log, metrics={"loss": 1.0})
    folder = seed.home.run(run)
    sample = {"cpu": 1.25, "memory": 512 << 20, "peak": 600 << 20, "read": 0, "write": 0, "cpu_time": 75.0}
    lines = [json.dumps({"t": seed.now - 60 + at, **sample}) for at in range(60)]
    folder.system.write_text("\n".join(lines) + "\n")
    body = {"guard": "slow", "when": "elapsed > 1m", "do": "notify", "step": 3, "at": seed.now, "evidence": "it was"}
    seed.journal.append(RUN_GUARD_FIRED, run, body)
    seed.close()
    async with opened(seed.root, project) as (app, pilot):
        await see(pilot, "guard 'slow': it was")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
        await see(pilot, "cpu 1.25", "512 MB of 1 GB", "guard 'slow' (notify)")
        await press(pilot, "]", "other 19999")
        await press(pilot, "&")
        await pilot.press(*"loss", "enter")
        await see(pilot, "Logs &loss 20", "loss 19000", "loss 0")
        assert "other" not in shown(app)
        await press(pilot, "k")
        await pilot.press("escape")
        view = app.screen.query_one(LogView)
        await until(pilot, lambda: not view.filter_text and "other" in shown(app), "all lines again")
        await press(pilot, "[")
        await press(pilot, "[", "cpu time", "peak 600 MB of 1 GB")
        assert_tidy(app, (80, 24))
