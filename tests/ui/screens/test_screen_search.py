"""Searching in the app: hits as they come, one place or all, and each opened where it is."""

from __future__ import annotations

from pathlib import Path

from screen_app import assert_tidy, opened, press, see, shown, until
from seeding import HOSTILE, Seed, fill
from textual.pilot import Pilot

from lab.events import RUN_CREATED
from lab.paths import LabHome
from lab.stores.snapshot import snapshot
from lab.ui.app import LabApp
from lab.ui.screens.search import SearchScreen
from lab.ui.widgets.frame_table import FrameTable


def with_code(root: Path) -> None:
    """Two runs with code beside the ordinary ones."""
    seed = Seed(root / "home")
    fill(seed, 6)
    for number in range(2):
        folder = root / f"code-{number}"
        folder.mkdir()
        (folder / "train.py").write_text("import lab\n" * 60 + f"momentum = 0.{number}\n")
        code = snapshot(folder, LabHome(root / "home")).id
        seed.journal.append(RUN_CREATED, f"code{number}", {
            "name": f"coded-{number}", "project": "digits", "entry": "coded", "engine": "process", "code": code,
            "params": {"opt": "sgd"}, "datasets": {}, "launcher": "1:0@x", "at": seed.now - 10 + number,
        })  # fmt: skip
        LabHome(root / "home").run(f"code{number}").root.mkdir()
        LabHome(root / "home").run(f"code{number}").stdout.write_text("step\n" * 200 + "momentum is strange\nend\n" * 9)
        seed.journal.append("run.ended", f"code{number}", {"ending": "failed", "authority": 3, "metrics": {}})
    for text in HOSTILE:
        seed.run(text, params={text or "p": text}, tags=(text,), log=f"{text} momentum {text}\n")
    seed.close()


async def test_a_search_is_shown_as_it_goes_and_opens_what_it_finds(tmp_path: Path) -> None:
    with_code(tmp_path)
    size = (80, 24)
    async with opened(tmp_path / "home", tmp_path, size=size) as (app, pilot):
        await pilot.press("colon")
        await pilot.press(*"search momentum", "enter")
        await see(pilot, "train.py:61", "+ train.py", "code", "diffs", "logs")
        screen = app.screen
        assert isinstance(screen, SearchScreen)
        await until(pilot, lambda: not screen._busy, "the search is over")
        assert_tidy(app, size)
        await press(pilot, "enter", "momentum = 0.1", "import lab")
        assert_tidy(app, size)
        await press(pilot, "escape", "train.py:61")
        await pilot.press("]", "]")
        await until(pilot, lambda: "train.py:61" not in shown(app) and "+ train.py" in shown(app), "only differences")
        await press(pilot, "enter", "momentum = 0.1", "-")
        await press(pilot, "escape", "+ train.py")
        await press(pilot, "]", "stdout.log")
        await until(pilot, lambda: "+ train.py" not in shown(app), "only logs")
        assert_tidy(app, size)
        await pilot.press("G")
        await press(pilot, "enter", "Logs", "momentum")
        await press(pilot, "escape")
        await press(pilot, "escape", "stdout.log")
        await pilot.press("slash")
        await pilot.press(*["backspace"] * 8, *"opt=", "enter")
        await see(pilot, "opt=sgd", "2 runs")
        await until(pilot, lambda: not screen._busy, "the search is over")
        await press(pilot, "enter", "2 runs", "coded-0", "coded-1")
        await pilot.press("ctrl+f")
        await pilot.press(*"/(/", "enter")
        await see(pilot, "no regular expression")


async def go_to_hit(app: LabApp, pilot: Pilot[int], typed: str, kind: str) -> None:
    """Search for `typed` and open the first hit that is of `kind`."""
    await press(pilot, "ctrl+f", "type what you look for")
    await pilot.press(*typed, "enter")
    screen = app.screen
    assert isinstance(screen, SearchScreen)
    await until(pilot, lambda: screen._hits and not screen._busy, "found")
    wanted = {str(number) for *_, number, hit in screen._hits if hit.kind == kind}
    table = screen.query_one(FrameTable)
    while table.cursor_key not in wanted:
        await pilot.press("j")
    await pilot.press("enter")
    await until(pilot, lambda: not screen.is_attached, "the search is closed")


async def test_what_lies_below_the_search_itself_is_gone_to(tmp_path: Path) -> None:
    """The search closes with the way there, and what was to be done there is done."""
    seed = Seed(tmp_path / "home")
    for name in ("one", "two", "three"):
        seed.run(name, params={"opt": "sgd" if name != "two" else "adam"}, metrics={"loss": 0.5})
        seed.model(name, "r0000001")
    seed.close()
    async with opened(tmp_path / "home", tmp_path, (120, 40)) as (app, pilot):
        await press(pilot, "4", "3 models")
        below = app.screen.query_one("#models", FrameTable)
        await go_to_hit(app, pilot, "two", "model")
        await until(pilot, lambda: below.screen is app.screen and below.cursor_key == "two", "the model is found")
        await press(pilot, "3", "3 runs")
        await go_to_hit(app, pilot, "opt=sgd", "run")
        await see(pilot, "2 runs", "opt=sgd")
