"""The run table's filter, edits and saved views, by keys."""

from __future__ import annotations

from pathlib import Path

from screen_app import opened, press, see, shown, until

from lab.domain.views import RunView


async def test_an_error_stands_below_a_caret(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path, (100, 30)) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await pilot.press("/", *"lr<fast or x")
        await see(pilot, "'fast' is not a number")
        lines = shown(app).splitlines()
        at = next(index for index, line in enumerate(lines) if "^ 'fast'" in line)
        assert lines[at - 1][lines[at].index("^") :].startswith("fast")
        await pilot.press("escape")
        await see(pilot, "12 runs")
        await pilot.press("/", *"(status:failed or lr<0.003) not name:9", "enter")
        await see(pilot, "3 runs")


async def test_rename_star_and_archive(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path, (120, 30)) as (_, pilot):
        await press(pilot, "3", "12 runs", "run-00009")
        await pilot.press("/", *"name:00009", "enter")
        await see(pilot, "1 run ")
        await press(pilot, "b", "run-00009 *")
        await press(pilot, "f2", "Rename run-00009")
        await pilot.press("ctrl+u", *"chosen-00009", "enter")
        await see(pilot, "chosen-00009 *")
        await press(pilot, "D", "no run fits the filter")
        await pilot.press("escape")
        await see(pilot, "11 runs")
        await pilot.press("/", *"archived:yes", "enter")
        await see(pilot, "1 run ", "chosen-00009")
        await press(pilot, "D", "no run fits the filter")
        await pilot.press("escape")
        await see(pilot, "12 runs")


async def test_a_saved_view_opens_by_name(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path, (120, 30)) as (app, pilot):
        view = RunView("", "failures", "status:failed", "name", ("name", "loss.min"))

        def save(ws: object) -> None:
            ws.runs.views.save(RunView(ws.projects.name, *list(vars(view).values())[1:]))  # type: ignore[attr-defined]

        await app.bridge.ask(save)
        await pilot.press("colon", *"view f")
        await until(pilot, lambda: "view failures" in shown(app), "the rest of the name is offered")
        await pilot.press("right", "enter")
        await see(pilot, "2 runs  fitting status:failed", "by name", "loss.min")
        await pilot.press("colon", *"view nothing", "enter")
        await see(pilot, "no view 'nothing'")
