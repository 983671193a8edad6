"""The work itself by keys alone, with real processes: make a project, add data, launch, watch, stop, note, register."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from screen_app import opened, press, see, shown, until
from seeding import Seed, fill
from textual.widgets import Input

from lab.events import RUN_CREATED
from lab.journal import Journal
from lab.paths import LabHome
from lab.ui.bridge import NOUNS
from lab.ui.jobs import Job


async def test_a_run_from_launch_to_end(home: LabHome, project: Path) -> None:
    async with opened(home.root, project, (100, 40)) as (app, pilot):
        await press(pilot, "n", "Launch train", "epochs")
        await pilot.press("tab", "ctrl+u", *"4.5")
        await see(pilot, "a whole number is needed")
        await pilot.press("ctrl+u", *"50", "enter")
        await see(pilot, "◐ running")
        await press(pilot, "3", "◐ running")
        await press(pilot, "enter", "Params & data", "accuracy", "/50")
        run = (await app.bridge.ask(lambda ws: ws.runs.list())).items[0]
        before = run.metrics["loss"].count
        await until(
            pilot, lambda: f"loss {1 / (before + 5):.2g}"[:6] in shown(app) or _step(shown(app)) > before + 5, "growth"
        )
        await press(pilot, "]", "epoch")
        await until(pilot, lambda: f"epoch {before + 20}" in shown(app), "the log grows")
        (home.run(run.id).root / "go").touch()
        await see(pilot, "● finished", "the end")
        await press(pilot, "@", "lab run train -p lr=0.1 -p epochs=50")
        await press(pilot, "escape", "the end")
        await press(pilot, "t", "Tags of")
        await pilot.press(*"good night", "enter")
        await see(pilot, "good night")
        await press(pilot, "A", "Note on")
        await pilot.press(*"as expected", "enter")
        await until(pilot, lambda: not app.jobs.active, "noted")
        await press(pilot, "m", "Register model")
        await pilot.press("enter")
        await see(pilot, "saved no model")
        noted = await app.bridge.ask(lambda ws: ws.runs.get(run.id))
        assert (noted.tags, noted.notes, noted.params["epochs"]) == (("good", "night"), "as expected", 50)
        await press(pilot, "escape", "1 run")
        await press(pilot, "n", "Launch train", f"Parameters of {run.name}")
        assert "50" in [box.value for box in app.screen.query(Input)], "as the run under the cursor had it"


def _step(text: str) -> float:
    done = next((word for line in text.splitlines() for word in line.split() if "/50" in word), "0/50")
    return float(done.partition("/")[0])


async def test_stopping_asks_first(home: LabHome, project: Path) -> None:
    async with opened(home.root, project) as (app, pilot):
        await press(pilot, "3", "no runs yet")
        await press(pilot, "n", "Launch train")
        await pilot.press("enter")
        await see(pilot, "◐ running", "x Stop")
        await press(pilot, "x", "Stop ", "It ends now")
        await pilot.press("x", "enter")  # neither the opening key nor enter confirms
        await until(pilot, lambda: "It ends now" not in shown(app), "cancelled")
        assert "◐ running" in shown(app)
        await press(pilot, "x", "It ends now")
        await pilot.press("y")
        await see(pilot, "○ stopped")
        await press(pilot, "x", "nothing to stop")


async def test_a_run_again_and_edited(home: LabHome, project: Path) -> None:
    async with opened(home.root, project) as (app, pilot):
        await press(pilot, "3", "no runs yet")
        await press(pilot, "n", "Launch train")
        await pilot.press("enter")
        await see(pilot, "◐ running")
        await press(pilot, "r", "2 runs")
        await press(pilot, "R", "Launch train", "data points")
        await pilot.press("ctrl+u", *"0.25", "enter")
        await see(pilot, "3 runs")
        runs = (await app.bridge.ask(lambda ws: ws.runs.list())).items
        assert sorted(run.params["lr"] for run in runs) == [0.1, 0.1, 0.25]
        await pilot.press("*")
        await see(pilot, "3 marked")
        await press(pilot, "x", "Stop 3 runs?")
        await pilot.press("y")
        await until(pilot, lambda: shown(app).count("○ stopped") == 3, "all stopped")

        await press(pilot, "*", "3 marked")
        await press(pilot, "t", "Tags of 3 runs", "give tags")
        await pilot.press(*"good bad", "enter")
        await until(pilot, lambda: "Tags of" not in shown(app), "tagged")
        await press(pilot, "t", "Tags of 3 runs")
        await pilot.press("tab", *"bad", "enter")
        await until(pilot, lambda: "Tags of" not in shown(app), "taken off")
        for _ in range(2):
            await press(pilot, "A", "Note on 3 runs", "a line below")
            await pilot.press(*"seen", "enter")
            await until(pilot, lambda: "Note on" not in shown(app), "noted")
        await pilot.press("b")
        await press(pilot, "@", "lab runs note", "seen --add")
        runs = (await app.bridge.ask(lambda ws: ws.runs.list())).items
        assert [(run.tags, run.notes, run.starred) for run in runs] == [(("good",), "seen\nseen", True)] * 3


async def test_a_project_and_its_data(home: LabHome, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    folder.mkdir()
    (folder / "points.csv").write_text("x,y\n1,2\n3,4\n")
    async with opened(home.root, folder) as (app, pilot):
        await press(pilot, "n", "nothing to launch", "no lab.toml")
        await press(pilot, "i", "Make a project")
        await pilot.press("enter")
        await until(pilot, lambda: (folder / "lab.toml").exists(), "lab.toml written")
        await see(pilot, "fresh")
        await press(pilot, "2", "no data yet")
        await press(pilot, "n", "Snapshot data")
        await pilot.press(*"points", "tab", *"points.csv", "enter")
        await see(pilot, "1 dataset", "v1")
        await press(pilot, "n", "Snapshot data", "points.csv")
        await pilot.press("enter")
        await see(pilot, "nothing has changed")
        (folder / "points.csv").write_text("x,y,z\n1,2,3\n")
        await press(pilot, "n", "Snapshot data")
        await pilot.press("enter")
        await see(pilot, "v2")
        await pilot.press("]", "]")
        await see(pilot, "x", "y", "z")
        await press(pilot, "n", "Snapshot data")
        await pilot.press("tab", "ctrl+u", *"nowhere.csv", "enter")
        await see(pilot, "nowhere.csv")
        assert app.jobs.all[-1].state == "failed"
        app.clear_notifications()
        await press(pilot, "n", "Snapshot data", "nowhere.csv", "ctrl+r begins anew")


async def test_news_of_other_processes_arrives_by_itself(home: LabHome, tmp_path: Path) -> None:
    async with opened(home.root, tmp_path) as (_, pilot):
        await press(pilot, "3", "no runs yet")
        other = Journal(home, ())
        other.append(RUN_CREATED, "r1", {"name": "from-elsewhere", "project": "p", "entry": "e", "params": {}})
        other.close()
        await see(pilot, "from-elsewhere")


async def test_a_storm_of_news_is_gathered(tmp_path: Path) -> None:
    seed = Seed(tmp_path / "home")
    fill(seed)
    async with opened(seed.root, tmp_path) as (app, pilot):
        await press(pilot, "3", "12 runs")
        heard: list[frozenset[str]] = []
        tell = app._tell_screens

        def count(nouns: frozenset[str]) -> None:
            heard.append(nouns)
            tell(nouns)

        app._tell_screens = count  # type: ignore[method-assign]
        for index in range(500):
            seed.run(f"storm-{index:03d}", files=False)
        await see(pilot, "512 runs")
        assert 1 <= len(heard) < 60
        assert all(nouns <= NOUNS for nouns in heard)
        seed.close()


async def test_a_home_that_vanishes_does_not_kill_the_app(home: LabHome, project: Path) -> None:
    async with opened(home.root, project) as (app, pilot):
        shutil.rmtree(home.runs)
        (home.root / "runs").write_text("in the way")
        await press(pilot, "n", "Launch train")
        await pilot.press("enter")
        await until(pilot, lambda: app.jobs.all and app.jobs.all[-1].state == "failed", "the failure told")
        await press(pilot, "3", "runs")
        (home.root / "runs").unlink()


async def test_what_the_system_refuses_is_told_and_no_bug(home: LabHome, project: Path) -> None:
    async def refuse() -> None:
        (project / ("x" * 300)).read_text()

    async with opened(home.root, project) as (app, pilot):
        await app.guard(refuse())
        await see(pilot, "File name too long")
        assert not app.jobs.all


async def test_quitting_asks_only_while_something_would_be_cut_off(home: LabHome, project: Path) -> None:
    async with opened(home.root, project) as (app, pilot):
        go = asyncio.Event()

        async def work(_: Job) -> str:
            await go.wait()
            return "over"

        job = app.background("building", "lab run x", work)
        await see(pilot, "building")
        await press(pilot, "q", "Quit now?", "cut off: building")
        await pilot.press("escape")
        await press(pilot, "ctrl+q", "Quit now?")
        await pilot.press("q")
        await pilot.pause()
        await pilot.press("escape")
        go.set()
        await until(pilot, lambda: job.state == "done", "the job's end")
        await until(pilot, lambda: len(app.screen_stack) == 1, "no dialog")
        await pilot.press("q")
        await pilot.pause()
    assert app.return_code == 0


async def test_what_another_process_ends_is_told_outside(
    seed: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process writes the journal; this one sees it, and has the desktop tell."""
    tool = tmp_path / "bin" / "notify-send"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/told\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    seed.run("early", status="failed", files=False)
    async with opened(seed.root, tmp_path) as (_, pilot):
        await see(pilot, "early")
        seed.run("late", status="failed", cause="out of memory", files=False)
        await see(pilot, "late")
        await until(pilot, (tmp_path / "told").exists, "the desktop heard of it")
        await until(pilot, lambda: "late: out of memory" in (tmp_path / "told").read_text(), "in words")
        assert "early" not in (tmp_path / "told").read_text()
