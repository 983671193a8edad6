"""Getting about: the last view, finding in tables, what is typed ahead, the mouse on borders and titles, themes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from screen_app import opened, press, see, shown, until
from seeding import Seed, fill
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input

from lab.domain.query import Page, RunQuery
from lab.events import RUN_CREATED
from lab.experiments.service import Runs
from lab.ui.app import LabApp
from lab.ui.screens import base
from lab.ui.screens.base import TAB, LabScreen
from lab.ui.screens.compare import CompareScreen
from lab.ui.screens.deployments import DeploymentsScreen
from lab.ui.screens.jump import LETTERS, goals
from lab.ui.screens.pick import PickScreen
from lab.ui.screens.prompt import Prompt
from lab.ui.screens.run_detail import RunScreen
from lab.ui.screens.runs import RunsScreen
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.chart_view import ChartView
from lab.ui.widgets.detail import DetailPanel
from lab.ui.widgets.forms import FormScreen
from lab.ui.widgets.frame_table import FrameTable

SIZE = (120, 40)


def runs(app: LabApp) -> FrameTable:
    screen = app.screen
    assert isinstance(screen, RunsScreen)
    return screen.table


async def on(pilot: Pilot[int], app: LabApp, kind: type, what: str) -> None:
    await until(pilot, lambda: isinstance(app.screen, kind), what)


async def test_the_last_view_is_one_key_away_whatever_it_was(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, SIZE) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await pilot.press("enter")
        await on(pilot, app, RunScreen, "the run")
        first = app.screen
        await pilot.press("escape", "-")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen is not first, "the run again")
        assert app.screen._made_of == first._made_of  # type: ignore[attr-defined]
        await pilot.press("-")
        await on(pilot, app, RunsScreen, "the table below it")
        for key in ("space", "space", "c"):
            await pilot.press(key)
        await on(pilot, app, CompareScreen, "the comparison")
        await pilot.press("5")
        await on(pilot, app, DeploymentsScreen, "deployments")
        await pilot.press("-")
        await on(pilot, app, CompareScreen, "the comparison, still open")
        await pilot.press("-")
        await on(pilot, app, DeploymentsScreen, "deployments again")


async def test_whatever_lies_over_a_numbered_screen_can_be_left_at_once(seed: Seed, project: Path) -> None:
    """By the number, by its name in the top line, by what leads to the table below: the app goes on afterwards."""
    fill(seed, 6)
    body = {"name": "swept", "project": "digits", "entry": "train", "sweep": "sweep-1", "params": {"model": "mlp"}}
    seed.journal.append(RUN_CREATED, "swept", body)
    async with opened(seed.root, project, SIZE) as (app, pilot):

        async def at_bottom(*texts: str) -> None:
            await on(pilot, app, RunsScreen, "the table")
            await see(pilot, *texts)
            await pilot.press("enter")
            await on(pilot, app, RunScreen, "a run: the app listens")
            await press(pilot, "d", "› changes")

        await press(pilot, "3", "7 runs")
        await pilot.press("E")
        await see(pilot, "sweep-1")
        await pilot.press("enter")
        await at_bottom("fitting sweep:sweep-1")
        await pilot.click("#top", offset=(shown(app).index("3 Runs"), 0))
        await at_bottom("fitting sweep:sweep-1")
        await pilot.click("#top", offset=(shown(app).index("swept"), 0))
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run, one step up")
        await pilot.press("ctrl+f", *"mlp", "enter")
        await see(pilot, "runs: model=mlp")
        await pilot.press("enter")
        await at_bottom("fitting param.model=mlp")
        await pilot.press("3")
        await at_bottom("fitting param.model=mlp")


async def test_finding_steps_through_rows_and_hides_none(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, SIZE) as (app, pilot):
        await press(pilot, "3", "12 runs")
        table = runs(app)
        await pilot.press("/", "/")
        prompt = app.screen.query_one(Prompt)
        await until(pilot, lambda: prompt.sign == "find", "the prompt of the find")
        await pilot.press(*"failed")
        await until(pilot, lambda: table.cursor_index > 0, "the first match, as it is typed")
        first = table.cursor_index
        await pilot.press("enter")
        await see(pilot, "n Next match")
        await pilot.press("n")
        await until(pilot, lambda: table.cursor_index > first, "the next one")
        second = table.cursor_index
        assert table.row_count == 12
        await pilot.press("n")
        await until(pilot, lambda: table.cursor_index == first, "round the end, to the first")
        await pilot.press("N")
        await until(pilot, lambda: table.cursor_index == second, "and back")
        await pilot.press("escape")
        await until(pilot, lambda: "Next match" not in shown(app), "n is the screen's own key again")
        assert isinstance(app.screen, RunsScreen)
        assert table.needle == ""
        await pilot.press("n")
        await until(pilot, lambda: "Launch" in shown(app) and not isinstance(app.screen, RunsScreen), "the launch form")
        await pilot.press("escape")
        await pilot.press("/", "/", *"nowhere", "enter")
        await see(pilot, "no row holds 'nowhere'")
        await pilot.press("1", "/")
        await until(pilot, lambda: app.screen.query_one(Prompt).sign == "find", "no filter on Home: / finds")


async def test_what_is_typed_ahead_is_not_lost(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, SIZE) as (app, pilot):
        await press(pilot, "3", "12 runs")
        for character in ":theme lab-light":
            app.post_message(events.Key(_character_to_key(character), character))
        app.post_message(events.Key("enter", "\r"))
        await until(pilot, lambda: app.theme == "lab-light", "the whole command")
        assert isinstance(app.screen, RunsScreen)


async def test_what_is_typed_behind_the_keys_of_dialogs_goes_into_them(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, SIZE) as (app, pilot):
        await press(pilot, "3", "12 runs")
        screen = app.screen

        def at_once(opener: str, text: str) -> None:
            app.post_message(events.Key(opener, None))
            for character in text:
                app.post_message(events.Key(_character_to_key(character), character))

        for opener, text in (("ctrl+p", "Dataxt"), ("question_mark", "Dstnx?")):
            at_once(opener, text)
            await on(pilot, app, PickScreen, "the list to choose from")
            line = app.screen.query_one(Input)
            await until(pilot, lambda line=line, text=text: line.value == text, f"{text} in its line")
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is screen, "nothing was done to the runs")
        assert not runs(app).marks
        await pilot.press("enter")
        await on(pilot, app, RunScreen, "the run")
        run = app.screen
        assert isinstance(run, RunScreen)
        await until(pilot, lambda: "Params & data" in shown(app), "its tabs")
        there = [goal.tab for goal in goals(run)]
        at = there.index(f"{TAB}logs")
        at_once("ctrl+o", LETTERS[at])
        await until(pilot, lambda: run.tabs.current == "logs", "the tab of that letter")
        await until(pilot, lambda: app.screen is run, "the letters are gone")
        app.post_message(events.Key("ctrl+p", None))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is run and app._held is None, "opened and closed again")


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Pages of runs are read but not given until this is left; tells when one was asked for."""
    asked, go, read = threading.Event(), threading.Event(), Runs.list

    def slow(runs: Runs, query: RunQuery | None = None) -> Page:
        page = read(runs, query)
        asked.set()
        go.wait(60)
        return page

    monkeypatch.setattr(Runs, "list", slow)
    try:
        yield asked
    finally:
        go.set()


async def test_the_cursor_stays_with_its_run_whatever_is_filtered(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = Seed(tmp_path / "many")
    seed.project()
    for index in range(1_200):
        seed.run(f"run-{index:05d}", params={"lr": index}, files=False)
    seed.close()
    async with opened(seed.root, project, SIZE) as (app, pilot):
        await press(pilot, "3", "by created")
        screen = app.screen
        assert isinstance(screen, RunsScreen)

        def name() -> str:
            return screen.current.name if screen.current is not None else ""

        async def far(filter: str, wanted: str) -> None:
            screen.apply_filter(filter)
            await until(pilot, lambda: name() == wanted, f"the cursor is on {wanted}")

        screen.table.action_to(1_000)
        await until(pilot, lambda: name() == "run-00199", "the 1,001st run")
        await far("lr<1100", "run-00199")
        await far("lr>=1150", "run-01199")
        assert screen.table.cursor_index == 0, "at the top while its own run does not fit"
        await far("", "run-00199")
        assert screen.table.cursor_index == 1_000
        assert "run-00199" in shown(app)
        with held(monkeypatch) as asked:  # what is typed while the index is asked is no news to it
            screen.apply_filter("lr>=1100")
            await until(pilot, asked.is_set, "the index is asked")
            screen.apply_filter("lr<=1190 lr>=1150")
        await until(pilot, lambda: name() == "run-01190", "the second filter is shown")
        await far("", "run-00199")
        await far("lr>=1150", "run-01199")
        await press(pilot, "j")
        await until(pilot, lambda: name() == "run-01198", "the user goes to another run")
        await press(pilot, "escape", "1,200 runs")
        await until(pilot, lambda: name() == "run-01198", "which is the cursor's from now on")
        await press(pilot, "*", "1,000 marked")
        await press(pilot, "u")
        await pilot.press("g", "v", "G")
        await press(pilot, "v", "1,000 marked", "marked the first 1,000 of")


async def test_themes_are_seen_before_they_are_chosen(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, SIZE) as (app, pilot):
        await pilot.press("f8")
        await on(pilot, app, PickScreen, "the themes")
        await pilot.press(*"nord")
        await until(pilot, lambda: app.theme == "nord", "nord is shown")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "lab-dark", "and forgotten")
        await pilot.press("f8")
        await on(pilot, app, PickScreen, "the themes")
        await pilot.press(*"lab-ansi-light")
        assert app.screen.query_one(Input).value == "lab-ansi-light"
        await pilot.press("enter")
        await until(pilot, lambda: app.view_state.get("app", "theme", "") == "lab-ansi-light", "this one stays")


async def drag(app: LabApp, pilot: Pilot[int], start: tuple[int, int], stop: tuple[int, int]) -> None:
    await pilot.mouse_down(offset=start)
    await pilot.hover(offset=((start[0] + stop[0]) // 2, (start[1] + stop[1]) // 2))
    await pilot.hover(offset=stop)
    await pilot.mouse_up(offset=stop)
    await pilot.pause()


async def test_titles_and_borders_can_be_dragged(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, (160, 45)) as (app, pilot):
        await press(pilot, "3", "12 runs")
        table = runs(app)
        before = [column.title for column in table.columns]
        top = table.region.y
        line = shown(app).split("\n")[top]
        await drag(app, pilot, (line.index("age") + 1, top), (line.index("took") + 3, top))
        await until(pilot, lambda: [one.title for one in table.columns] != before, "the columns have changed places")
        at = before.index("age")
        assert [one.title for one in table.columns][at : at + 2] == [before[at + 1], "age"]
        assert table.sorts[0][0] == "created", "a dragged title sorts nothing"
        summary = app.screen.query_one("#summary")
        x, width = summary.region.x, summary.region.width
        await drag(app, pilot, (x, 20), (x - 20, 20))
        await until(pilot, lambda: summary.region.width > width + 10, "the panel is wider")
        assert app.view_state.get("runs", "panes", {})
        await press(pilot, "2", "digits")
        tabs = app.screen.query_one("#tabs")
        datasets = app.screen.query_one("#datasets")
        y, height = tabs.region.y, datasets.region.height
        await drag(app, pilot, (80, y), (80, y + 8))
        await until(pilot, lambda: datasets.region.height > height + 4, "the upper list is higher")
        await pilot.click(offset=(20, tabs.region.y))
        await until(pilot, lambda: tabs.current == "schema", "a tab is still clicked")  # type: ignore[attr-defined]


async def click_as_terminals_do(app: LabApp, pilot: Pilot[int], x: int, y: int) -> None:
    """Down and up: that this was a click is the app's own finding. A pilot would send the click as well."""
    for kind in (events.MouseDown, events.MouseUp):
        app.post_message(kind(None, x, y, 0, 0, 1, False, False, False, screen_x=x, screen_y=y))
        await pilot.pause()


async def test_tabs_between_panes_are_clicked(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, (120, 40)) as (app, pilot):
        for keys, tab in (("2", "schema"), ("3", "")):
            await press(pilot, keys)
            await see(pilot, "digits" if tab else "12 runs")
            if not tab:
                await press(pilot, "enter", "Params & data")
                tab = "logs"
            await until(pilot, lambda: app.screen.query(Tabs), "tabs")
            tabs = app.screen.query_one(Tabs)
            at = {key.removeprefix("tab:"): start for start, key in tabs.places}[tab]
            await click_as_terminals_do(app, pilot, tabs.content_region.x + at + 1, tabs.region.y)
            await until(pilot, lambda tabs=tabs, tab=tab: tabs.current == tab, "the tab that was clicked")
        heading = app.screen.query_one("#heading")
        height = heading.region.height
        await drag(app, pilot, (80, tabs.region.y), (80, tabs.region.y + 8))
        assert heading.region.height == height, "lines are no panes"


async def test_f1_explains_whatever_has_the_focus(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, SIZE) as (app, pilot):
        table = app.screen.query_one(FrameTable)
        table.move_to(next(row.key for row in table.source.window(0, 99) if "failed" in row.cells[1].text))
        await press(pilot, "f1", "What is this?", "failed", "The Home screen")
        await pilot.press("escape", "3")
        await see(pilot, "12 runs", "enter Open")
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(app.focused, DetailPanel), "the panel beside has the focus")
        await until(pilot, lambda: "enter Open" not in shown(app), "where enter opens nothing")
        await press(pilot, "f1", "What is this?", "in this lab")
        await pilot.press("escape", "tab")
        await see(pilot, "enter Open")
        await pilot.press("enter")
        await on(pilot, app, RunScreen, "the run")
        await until(pilot, lambda: app.screen.query_one(ChartView).series, "its curves")
        app.screen.set_focus(app.screen.query_one(ChartView))
        await press(pilot, "f1", "What is this?", "accuracy", "The share of rows", "One pass over the training rows")
        await pilot.press("escape")
        await press(pilot, "]", "Logs")
        await press(pilot, "]", "Parameters")
        app.screen.set_focus(app.screen.query_one(DetailPanel))
        await press(pilot, "f1", "What is this?", "lr", "How far each step of training", "lr in this lab", "of all 12")
        await pilot.press("escape", "escape")
        await on(pilot, app, RunsScreen, "the table")
        await pilot.press("R")
        await on(pilot, app, FormScreen, "the launch form")
        await press(pilot, "f1", "What is this?", "several make a sweep", "How far each step of training")
        await pilot.press("escape")
        await on(pilot, app, FormScreen, "the form again, as it was")
        await pilot.press("escape")
        await press(pilot, "?", "Keys of Runs")
        await press(pilot, "f1", "What is this?", "`lr<0.01 and (status:failed or not tag:best)`, or a text")


async def test_what_was_typed_ahead_when_the_app_ends_is_for_nobody(lab_home: Path, project: Path) -> None:
    async with opened(lab_home, project, SIZE) as (app, pilot):
        app.hold_keys()
        for char in "jjj":
            await app.on_event(events.Key(char, char))
        app.exit(0)
        app.let_keys_go()
        await pilot.pause()
    await app._type_held()
    assert app.return_code == 0
    app._held = [events.Key("j", "j")]  # let go when all screens are gone
    await app._type_held()


async def test_what_is_looked_at_in_a_rhythm_is_looked_at_as_soon_as_one_is_back(
    lab_home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ages and health are not those of when the screen was left."""
    beat = asyncio.Event()

    async def sleep(_: float) -> None:
        await beat.wait()
        beat.clear()

    looked: list[str] = []

    async def look() -> None:
        looked.append(app.current_mode)

    async with opened(lab_home, project, SIZE) as (app, pilot):
        await press(pilot, "3", "12 runs")
        runs = app.screen
        assert isinstance(runs, LabScreen)
        monkeypatch.setattr(base, "asyncio", SimpleNamespace(sleep=sleep, Event=asyncio.Event))
        runs.every(60.0, look)
        await press(pilot, "4", "digits")
        beat.set()
        await until(pilot, lambda: not runs._back.is_set(), "the rhythm waits")
        assert not looked
        await press(pilot, "3", "12 runs")
        await until(pilot, lambda: looked == ["runs"], "looked at without another beat")
