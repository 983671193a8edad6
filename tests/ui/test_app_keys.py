"""Moving about, filtering, finding, by keys."""

from __future__ import annotations

from pathlib import Path

from screen_app import opened, press, see, shown, until
from seeding import Seed

from lab.ui.screens.pick import Item, PickScreen, found
from lab.ui.screens.run_detail import RunScreen
from lab.ui.screens.run_pages import PAGE
from lab.ui.screens.runs import RunsScreen


async def test_screens_by_number_and_back(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await press(pilot, "4", "1 model")
        await press(pilot, "-", "12 runs")
        await press(pilot, "-", "1 model")
        await press(pilot, "escape", "1 model")  # escape never quits
        await press(pilot, "3", "12 runs")
        await press(pilot, "enter", "Params & data")
        await press(pilot, "q", "12 runs")
        await press(pilot, "enter", "Params & data")
        await press(pilot, "3", "12 runs")
        assert len(app.screen_stack) == 1
        await pilot.press("q")
        await pilot.pause()
    assert app.return_code == 0


async def test_only_a_screen_that_is_seen_counts_as_current(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await press(pilot, "enter", "Params & data")
        below, top = app.screen_stack
        assert (below.is_current, top.is_current) == (False, True)
        await press(pilot, "question_mark", "Help")
        assert app.screen.is_modal
        assert (below.is_current, top.is_current) == (False, True)
        await pilot.press("escape")
        await press(pilot, "escape", "12 runs")
        assert below.is_current


async def test_the_command_line(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await pilot.press("colon", *"runs lr<0.003", "enter")
        await see(pilot, "2 runs  fitting lr<0.003")
        await pilot.press("colon", *"run run-00002", "enter")
        await see(pilot, "Params & data", "run-00002")
        await pilot.press("colon", *"data", "enter")
        await see(pilot, "2 datasets")
        await pilot.press("colon", *"data hold", "enter")
        await see(pilot, "1 dataset  fitting hold")
        await pilot.press("colon", *"compare run-00000 run-00001", "enter")
        await see(pilot, "Compare 2", "PARAMETERS")
        await pilot.press("colon", *"rnus", "enter")
        await see(pilot, "did you mean runs?")
        await pilot.press("colon", *"run nobody", "enter")
        await see(pilot, "no run 'nobody'")
        await pilot.press("colon", "up", "up", "up", "enter")
        await see(pilot, "Compare 2")
        await pilot.press("colon", "escape")
        await pilot.press("colon", *"q", "enter")
        await until(pilot, lambda: app.return_code == 0, "the end")


async def test_a_filter_that_is_wrong_is_told_in_place(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await pilot.press("/", *"lr<fast")
        # Which rows are still there depends on how much of it a slow machine took for a filter of its own.
        await see(pilot, "'fast' is not a number")
        await pilot.press("escape")
        await until(pilot, lambda: "not a number" not in shown(app) and "fitting" not in shown(app), "as before")
        await pilot.press("/", *"status:failed")
        await see(pilot, "2 runs  fitting status:failed")
        await pilot.press("enter")
        assert app.focused is not None
        assert app.focused.id == "runs"
        await pilot.press("/", *"x", "enter")
        await see(pilot, "no run fits the filter")


async def test_sorting_by_the_column_under_the_cursor(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path, (160, 45)) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await pilot.press(*["right"] * 6, "s")
        await see(pilot, "by loss")
        await until(pilot, lambda: _first(shown(app)) == "run-00011", "the smallest loss first")
        await pilot.press("s")
        await until(pilot, lambda: _first(shown(app)) == "run-00000", "the greatest loss first")


def _first(text: str) -> str:
    return next(word for word in text.splitlines()[3].split() if word.startswith("run-"))


async def test_ten_thousand_runs_are_read_by_the_page(tmp_path: Path) -> None:
    seed = Seed(tmp_path / "home")
    for index in range(10_000):
        seed.run(f"run-{index:05d}", params={"lr": index}, metrics={"loss": index}, files=False)
    seed.close()
    async with opened(seed.root, tmp_path) as (app, pilot):
        await press(pilot, "3", "10,000 runs", "run-09999")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        await press(pilot, "G", "run-00000")
        await press(pilot, "g", "run-09999")
        assert len(screen._pages.known) <= 5 * PAGE
        await pilot.press("/", *"lr>=9990")
        await see(pilot, "10 runs")
        await pilot.press("enter", "*")
        await see(pilot, "10 marked")
        await pilot.press("u", "escape")
        await see(pilot, "10,000 runs")
        await pilot.press("*")
        await see(pilot, "1,000 marked")
        await pilot.press("c")
        await see(pilot, "do not fit beside each other")


async def test_help_runs_what_is_chosen(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await press(pilot, "?", "Keys of Runs", "Compare")
        await pilot.press(*"invert", "enter")
        await see(pilot, "12 marked")
        await press(pilot, "?", "Keys of Runs")
        await pilot.press(*"models", "enter")
        await see(pilot, "1 model")
        assert app.current_mode == "models"


async def test_the_palette_finds_objects_and_actions(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await press(pilot, "ctrl+p", "Go anywhere")
        await pilot.press(*"00007", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
        await see(pilot, "run-00007")
        await press(pilot, "ctrl+p", "Go anywhere")
        await pilot.press(*"holdout", "enter")
        await see(pilot, "2 datasets")
        await until(pilot, lambda: "▌  holdout" in shown(app), "the cursor on it")


async def test_comparing_marked_runs(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path, (160, 45)) as (app, pilot):
        await press(pilot, "3", "12 runs")
        await press(pilot, "c", "needs two runs or more")
        await pilot.press("j", "space", "space")
        await see(pilot, "2 marked")
        await press(pilot, "c", "PARAMETERS", "lr", "(base)")
        assert "epochs" not in shown(app)  # they do not differ in it
        await press(pilot, "=", "epochs")
        await press(pilot, "m", "metric accuracy")
        await press(pilot, "M", "metric val_accuracy")
        await pilot.press("right", "right", "p")
        await until(pilot, lambda: shown(app).index("(base)") > shown(app).index("run-00009"), "another baseline")
        await press(pilot, "enter", "Params & data", "run-00009")
        await press(pilot, "escape", "PARAMETERS")
        await press(pilot, "@")
        await see(pilot, "lab runs compare r0000011 r0000010")
        await press(pilot, "escape", "PARAMETERS")


async def test_the_run_screen(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await pilot.press("colon", *"run run-00001", "enter")
        await see(pilot, "● val_accuracy")
        await press(pilot, "n", "● accuracy")
        await press(pilot, "n", "● loss")
        await press(pilot, "N", "● accuracy")
        await pilot.press("space", "space")
        await see(pilot, "● accuracy", "■ loss")
        await press(pilot, "]", "starting run-00001")
        await pilot.press("/", *"nothing such", "enter")
        await see(pilot, "nothing in the log")
        await pilot.press("escape")
        await press(pilot, "]", "Parameters", "mlp")
        await press(pilot, "]", "events.jsonl", "stdout.log")
        await press(pilot, "[", "Parameters")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, RunScreen), "back")


async def test_enter_on_home_opens_what_it_is_on(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await press(pilot, "enter", "Params & data", "failed exit 3")
        await press(pilot, "q", "free")
        await pilot.press("G", "enter")
        await see(pilot, "2 datasets")
        assert app.current_mode == "data"


async def test_a_model_leads_to_its_run(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await press(pilot, "4", "champion", "v3")
        await pilot.press("enter", "enter")
        await see(pilot, "Params & data", "run-00000")
        await press(pilot, "q", "1 model")
        await pilot.press("j", "P")
        await see(pilot, "digits:v2 is champion already")
        await pilot.press("k", "P")
        await see(pilot, "Promote digits:v3 to champion?")
        await pilot.press("P")  # the key that asked does not confirm
        await see(pilot, "Promote digits:v3 to champion?")
        await pilot.press("y")
        await until(pilot, lambda: "digits v3 is champion now" in shown(app) or "v3  " in shown(app), "promoted")
        assert (await app.bridge.ask(lambda ws: ws.models.list()))[0].aliases == {"champion": 3}


async def test_an_unexpected_error_ends_only_its_own_work(lab_home: Path, tmp_path: Path) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("[/red] \x1b[2J")

    async with opened(lab_home, tmp_path) as (app, pilot):
        assert hasattr(app.screen, "start")
        app.screen.start(broken())
        await see(pilot, "ZeroDivisionError")
        await press(pilot, "3", "12 runs")
        await press(pilot, "@", "unexpected error")


async def test_what_serves_is_stopped_only_by_its_name(seed: Seed, tmp_path: Path) -> None:
    id = seed.deployment("fraud", "digits", status="ready")
    async with opened(seed.root, tmp_path) as (app, pilot):
        await press(pilot, "5", "fraud")
        await press(pilot, "x", "Stop fraud?", "Type fraud to confirm")
        await pilot.press("x", "y", "enter")
        await see(pilot, "Stop fraud?", "xy")
        await pilot.press("backspace", "backspace", *"fraud", "enter")
        await until(pilot, lambda: "Stop fraud?" not in shown(app), "confirmed")
        await until(pilot, lambda: "stopping fraud" in [job.title for job in app.jobs.all], "the command in the log")
        [job] = [job for job in app.jobs.all if job.title == "stopping fraud"]
        assert job.command == "lab deployments stop fraud", id
        await until(pilot, lambda: not app.jobs.active, "an end")
        await press(pilot, "E", "no lab.toml here")
        (tmp_path / "lab.toml").write_text('[project]\nname = "p"\n')
        await press(pilot, "E", "Gates", "p99 of one row")
        await pilot.press(*["backspace"] * 5, *"soon")
        await see(pilot, "is not a time")
        await pilot.press(*["backspace"] * 4, *"2s", "enter")
        await see(pilot, "wrote")
        assert 'p99 = "2s"' in (tmp_path / "lab.toml").read_text()
        assert app.jobs.all[-1].command == "lab gates p99=2s"


async def test_panes_jumps_and_explanations(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path, (120, 40)) as (app, pilot):
        await press(pilot, "2", "2 datasets", "Versions 3")
        upper, lower = app.screen.query_one("#datasets"), app.screen.query_one(".lower")
        before = upper.size.height
        await pilot.press("plus")
        await until(pilot, lambda: upper.size.height > before, "more room for the upper pane")
        await pilot.press("f")
        await until(pilot, lambda: not lower.display and upper.size.height > 30, "the upper pane alone")
        await pilot.press("escape")
        await until(pilot, lambda: lower.display, "both again")
        chosen = upper.size.height
        assert app.view_state.get("data", "panes", {})
        await press(pilot, "ctrl+o", " a ", " s ", " d ")
        await press(pilot, "d", "pixel")  # the letter on the tab of the schema
        await press(pilot, "ctrl+o", " a ")
        await pilot.press("h")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "schema", "the lower pane")
        await pilot.press("plus")
        await until(pilot, lambda: upper.size.height < chosen, "more room for the lower pane")
        await press(pilot, "3", "12 runs")
        await press(pilot, "w", "nothing waits")
        await press(pilot, "plus", "no other pane beside")
        await press(pilot, "escape", "12 runs")
        await pilot.press(*["right"] * 6)
        await press(pilot, "f1", "What is this?", "The Runs screen", "average over rows")
        await press(pilot, "escape", "12 runs")
        await pilot.press("colon", *"explain psi", "enter")
        await see(pilot, "What is psi?", "why", "0.25")
        await pilot.press("escape")
        await pilot.press("colon", *"explain psy", "enter")
        await see(pilot, "did you mean psi?")
        await pilot.press("colon", *"explain val_a")
        await until(pilot, lambda: ": explain val_accuracy" in shown(app), "a metric of the runs is offered")
        await pilot.press("tab")
        await press(pilot, "enter", "What is val_accuracy?", "share of rows", "val_accuracy in this lab")
        await pilot.press("escape")
        await pilot.press("colon", *"model di")
        await see(pilot, "digits")
        await pilot.press("tab", "enter")
        await see(pilot, "1 model")
        await press(pilot, "ctrl+p", "Go anywhere")
        await pilot.press(*"what waits, and", "enter")
        await see(pilot, "nothing waits")


def test_searching_a_list() -> None:
    items = [Item("a", "Stop", "x", "end the run"), Item("b", "Compare", "c", "runs"), Item("c", "Next tab", "]", "")]
    assert [item.key for item in found(items, "")] == ["a", "b", "c"]
    assert found(items, "x")[0].key == "a"
    assert [item.key for item in found(items, "run")] == ["a", "b"]
    assert [item.key for item in found(items, "nxtb")] == ["c"]
    assert found(items, "zzz") == []
    assert PickScreen("t", items)


async def test_the_mouse_reaches_screens_tabs_and_keys(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await pilot.click("#top", offset=(11, 0))
        await see(pilot, "2 datasets")
        await pilot.click("#tabs", offset=(16, 0))
        await see(pilot, "pixel")
        assert app.current_mode == "data"
        place = shown(app).splitlines()[-1].index("? Help")
        await pilot.click("#keys", offset=(place, 0))
        await see(pilot, "Keys of Data")
