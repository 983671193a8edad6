"""Lineage in one key from runs, models and deployments, and enter leads to what a line is about."""

from __future__ import annotations

from pathlib import Path

from screen_app import assert_tidy, opened, press
from seeding import HOSTILE, Seed, fill

from lab.events import RUN_CREATED, RUN_ENDED
from lab.stores.snapshot import snapshot


async def test_one_key_both_ways(tmp_path: Path) -> None:
    seed = Seed(tmp_path / "home")
    fill(seed, 3)
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text("learn = True\n" * 99)
    code = snapshot(folder, seed.home).id
    seed.journal.append(RUN_CREATED, "coded", {
        "name": "coded-1", "project": "digits", "entry": "coded", "engine": "process", "code": code, "params": {},
        "datasets": {name: {"name": name, "version": "v1", "manifest": f"b3:{name}"} for name in HOSTILE if name},
    })  # fmt: skip
    seed.journal.append(RUN_ENDED, "coded", {"ending": "finished", "authority": 3, "metrics": {}})
    seed.model("price", "coded", champion=1)
    seed.deployment("live", "price")
    seed.close()
    async with opened(tmp_path / "home", tmp_path) as (app, pilot):
        await press(pilot, "5", "live")
        await press(pilot, "L", "live saw code", "price:v1", "coded-1", "train.py")
        assert_tidy(app, (80, 24))
        await pilot.press("j")
        await press(pilot, "enter", "sklearn", "champion")
        await press(pilot, "L", "price:v1 saw code", "coded-1", "train.py", "serves")
        await press(pilot, "escape", "champion")
        await press(pilot, "3", "coded-1")
        await press(pilot, "L", "coded-1 saw code", "price:v1 came of it", "train.py")
        await pilot.press("=")
        await pilot.press("=", "j", "j")
        await press(pilot, "enter", "learn = True")
        assert_tidy(app, (80, 24))
        await press(pilot, "escape", "coded-1 saw code")
        await press(pilot, "escape", "run-00002")
        await press(pilot, "enter", "Metrics")
        await press(pilot, "L", "coded-1 saw code")
