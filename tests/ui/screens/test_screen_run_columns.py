"""Columns of the run table by keys, remembered with the project and in views; edits undone by a key."""

from __future__ import annotations

from pathlib import Path

from screen_app import assert_tidy, opened, press, see, shown, until
from seeding import Seed

SIZE = (80, 24)


def head(app: object) -> list[str]:
    return shown(app).splitlines()[2].split()  # type: ignore[arg-type]


async def test_columns_are_chosen_moved_hidden_and_pinned_and_stay(seed: Seed, project: Path) -> None:
    for at in range(3):
        seed.run(f"run-{at}", params={"lr": at / 10}, metrics={"loss": 1 / (at + 1)}, files=False)
    async with opened(seed.root, project, SIZE) as (app, pilot):
        await press(pilot, "3", "run-2")
        await pilot.press("right", "right", "H")
        await until(pilot, lambda: head(app)[:3] == ["status", "name", "took"], "the age is gone")
        await pilot.press("shift+right")
        await until(pilot, lambda: head(app)[2:4] == ["loss", "took"], "moved")
        await pilot.press("shift+left", "shift+left")
        await until(pilot, lambda: head(app)[1:4] == ["took", "name", "loss"], "moved back")
        assert any("0.3333" in line and "run-2" in line for line in shown(app).splitlines())
        await pilot.press("P")
        assert_tidy(app, SIZE)
        await press(pilot, "#", "Columns: space marks", "loss.best")
        assert_tidy(app, SIZE)
        await pilot.press("u", *"jjjjjjjjjjjj", "space", "enter")
        await until(pilot, lambda: "loss.mean" in shown(app).splitlines()[2], "the one column")
        await press(pilot, "W", "Save this view")
        await pilot.press(*"mine", "enter")
        await see(pilot, "saved")
    async with opened(seed.root, project, SIZE) as (app, pilot):
        await press(pilot, "3", "loss.mean")
        await press(pilot, "#", "Columns")
        await pilot.press("u", "enter")
        await until(pilot, lambda: "age" in shown(app).splitlines()[2], "as usual")
        await pilot.press("colon", *"view mine", "enter")
        await until(pilot, lambda: "loss.mean" in shown(app).splitlines()[2], "the view")


async def test_an_edit_is_undone_and_done_again(seed: Seed, project: Path) -> None:
    seed.run("run-0", files=False)
    async with opened(seed.root, project, SIZE) as (app, pilot):
        await press(pilot, "3", "run-0")
        await pilot.press("b")
        await see(pilot, "run-0 *")
        await press(pilot, "z", "undone: starred of run-0: yes → no")
        await until(pilot, lambda: "run-0 *" not in shown(app), "no star")
        await press(pilot, "Z", "done again: starred of run-0: no → yes")
        await see(pilot, "run-0 *")
        await pilot.press("z", "z")
        await see(pilot, "nothing to undo")
