"""What a column of the run table holds, and only runs with the same in it."""

from __future__ import annotations

from pathlib import Path

from screen_app import assert_tidy, opened, press, see, shown, until
from seeding import Seed

SIZE = (80, 24)


async def test_a_column_is_described_and_filtered_by(seed: Seed, project: Path) -> None:
    for at in range(12):
        seed.run(f"run-{at}", params={"opt": "[/x]adam" if at % 3 else "sgd", "lr": at / 10},
                 metrics={"loss": 1 / (at + 1)}, files=False)  # fmt: skip
    async with opened(seed.root, project, SIZE) as (app, pilot):
        await press(pilot, "3", "run-11")
        await _to_column(app, pilot, "loss")
        await press(pilot, "i", "over 12 runs", "mean", "median", "12 distinct")
        assert_tidy(app, SIZE)
        await pilot.press("i")
        await until(pilot, lambda: "over 12 runs" not in shown(app), "closed")
        await pilot.press("comma")
        await see(pilot, "would find one run")
        await _to_column(app, pilot, "opt")
        await press(pilot, "h", "2 distinct", "[/x]adam", "8")
        await pilot.press("escape")
        name = "[/x]adam" if app.screen.current.params["opt"] != "sgd" else "sgd"  # type: ignore[attr-defined]
        await pilot.press("comma")
        count = 8 if name == "[/x]adam" else 4
        await see(pilot, f"{count} runs", "fitting")
        assert name in app.screen.filter_text  # type: ignore[attr-defined]
        await press(pilot, "i", f"over {count} runs", "1 distinct")
        await pilot.press("escape", "comma", "escape")
        await see(pilot, "12 runs")


async def _to_column(app: object, pilot: object, title: str) -> None:
    table = app.screen.table  # type: ignore[attr-defined]
    table.move_column_cursor([column.title for column in table.columns].index(title))
    await pilot.pause()  # type: ignore[attr-defined]
