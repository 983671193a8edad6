"""The log of a run at a step, wrapped, with times from the looks at the run."""

from __future__ import annotations

import json
from pathlib import Path

from screen_app import assert_tidy, opened, press, see, shown, until
from seeding import Seed

SIZE = (80, 24)


async def test_a_step_leads_to_what_was_printed_then(seed: Seed, project: Path) -> None:
    lines = [f"epoch {number:02d} " + "·" * 90 for number in range(20)]
    run = seed.run("long", log="\n".join(lines) + "\n")
    size = len((lines[0] + "\n").encode())
    looks = [
        {"t": seed.now - 60 + at, "cpu": 1.0, "memory": 1, "peak": 1, "read": 0, "write": 0, "cpu_time": 1.0,
         "log": at * size, "limit": 0}
        for at in range(21)
    ]  # fmt: skip
    (seed.home.run(run).root / "system.jsonl").write_text("".join(json.dumps(look) + "\n" for look in looks))
    async with opened(seed.root, project, SIZE) as (app, pilot):
        await press(pilot, "3", "long")
        await press(pilot, "enter", "Params & data")
        await press(pilot, "]", "epoch 19")
        await press(pilot, "w", "epoch 19")
        assert_tidy(app, SIZE)
        await pilot.press("T")
        await until(pilot, lambda: any(line[3:6:3] == "::" or line[2:6:3] == "::" for line in shown(app).splitlines()
                                       if "epoch 1" in line), "times")  # fmt: skip
        assert_tidy(app, SIZE)
        await pilot.press("J", *"8", "enter")
        await until(pilot, lambda: "epoch 08" in shown(app) and "epoch 07" not in shown(app), "the step at the top")
        await pilot.press("J", *"999", "enter")
        await see(pilot, "logged nothing at step 999", "the last one is 19")
        await pilot.press("J", *"x", "enter")
        await see(pilot, "is no step")


async def test_where_no_times_are_known_that_is_said(seed: Seed, project: Path) -> None:
    seed.run("calm", log="".join(f"line {number}\n" for number in range(99)))
    async with opened(seed.root, project, SIZE) as (_, pilot):
        await press(pilot, "3", "calm")
        await press(pilot, "enter", "Params & data")
        await press(pilot, "]", "line 98")
        await press(pilot, "T", "line by line is not known")
        await pilot.press("J", *"8", "enter")
        await see(pilot, "this is its beginning", "line 0")
