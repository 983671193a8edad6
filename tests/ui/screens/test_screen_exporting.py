"""`ctrl+s`: tables and charts to files, from the screens that show them."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

from PIL import Image
from screen_app import assert_tidy, opened, press, see, shown, told, until
from textual.pilot import Pilot
from textual.widgets import Input

from lab.ui.app import LabApp

SIZE = (80, 24)


async def write(app: LabApp, pilot: Pilot[int], path: Path) -> None:
    """Answer the form with a path, and wait until the file is said to be written."""
    await see(pilot, "as .", "Write")
    assert_tidy(app, SIZE)
    app.screen.query_one(Input).value = path.name
    await pilot.press("enter")
    await until(pilot, lambda: path.name in told(app) or any(path.name in job.line for job in app.jobs.all), "written")
    await until(pilot, lambda: path.exists(), f"{path.name} is there")


async def test_tables_and_charts_go_to_files(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, SIZE) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await pilot.press("/", *"status:failed", "enter")
        await see(pilot, "2 runs")
        await pilot.press("ctrl+s")
        await write(app, pilot, project / "runs.csv")
        with (project / "runs.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert sorted(row["name"] for row in rows) == ["run-00003", "run-00009"]
        assert {row["status"] for row in rows} == {"failed"}
        assert float(rows[0]["loss"]) in (0.25, 0.1)  # the number, not what there was room for
        command = app.jobs.all[-1].command
        assert command.startswith("lab runs ls status:failed --sort")
        assert command.endswith(f"--export {project / 'runs.csv'}")

        await press(pilot, "escape", "12 runs")
        await press(pilot, "i", "ctrl+s export")
        await pilot.press("ctrl+s")
        await write(app, pilot, project / "status.svg")
        assert "finished" in (project / "status.svg").read_text()

        await press(pilot, "enter", "Params & data", "last")
        await pilot.press("ctrl+s")
        await write(app, pilot, project / "metrics.json")
        found = json.loads((project / "metrics.json").read_text())
        assert {row["metric"] for row in found["items"]} == {"accuracy", "loss", "val_accuracy"}
        await pilot.press("enter", "ctrl+s")
        await write(app, pilot, project / "curve.png")
        with Image.open(project / "curve.png") as image:
            assert image.width > 1000
        assert app.jobs.all[-1].command.startswith("lab runs plot ")

        await pilot.press("escape")
        await see(pilot, "12 runs")
        await pilot.press("space", "space", "c")
        await see(pilot, "PARAMETERS")
        await pilot.press("]")
        await until(pilot, lambda: app.screen.tab == "chart", "the chart")  # type: ignore[attr-defined]
        await until(pilot, lambda: "⠉" in shown(app) or "⣀" in shown(app), "curves")
        await pilot.press("ctrl+s")
        await write(app, pilot, project / "both.svg")
        ET.parse(project / "both.svg")
        assert "run-000" in (project / "both.svg").read_text()
        await pilot.press("ctrl+s")
        await see(pilot, "Write")
        await pilot.press("ctrl+u", *"both.svg", "enter")
        await see(pilot, "is there already")
