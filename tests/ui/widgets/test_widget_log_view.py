from __future__ import annotations

import time
from pathlib import Path

from textual.pilot import Pilot
from widget_app import WidgetApp, assert_safe, lines, text

from lab.ui.render.logrows import Clock
from lab.ui.widgets.log_view import LogView


def write(path: Path, count: int, start: int = 0) -> Path:
    with path.open("a") as file:
        file.writelines(f"line {i}\n" for i in range(start, start + count))
    return path


def shown(app: WidgetApp) -> list[str]:
    return [line.rstrip(" ▁▂▃▄▅▆▇█").rstrip() for line in lines(app)]


async def until(pilot: Pilot[None], condition: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came"
        await pilot.pause()


async def test_opens_at_the_end_and_follows(tmp_path: Path) -> None:
    path = write(tmp_path / "log", 1000)
    view = LogView(path)
    app = WidgetApp(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert shown(app)[-1] == "line 999"
        write(path, 5, 1000)
        assert view.poll()
        await pilot.pause()
        assert shown(app)[-1] == "line 1004"
        assert not view.poll()
        assert_safe(app)


async def test_scrolling_up_stops_following_and_the_end_resumes_it(tmp_path: Path) -> None:
    path = write(tmp_path / "log", 100)
    view = LogView(path)
    app = WidgetApp(view, (LogView.FollowChanged,))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        await pilot.press("k", "k")
        assert not view.follow
        assert shown(app)[-1] == "line 97"
        write(path, 50, 100)
        view.poll()
        await pilot.pause()
        assert shown(app)[-1] == "line 97"
        await pilot.press("G")
        assert view.follow
        assert shown(app)[-1] == "line 149"
        await pilot.press("g")
        assert shown(app)[0] == "line 0"
        await pilot.press("s")
        assert shown(app)[-1] == "line 149"
        assert [event.follow for event in app.seen] == [False, True, False, True]


async def test_scrolling_up_finds_earlier_lines_without_a_jump(tmp_path: Path) -> None:
    path = write(tmp_path / "log", 1_200_000)
    view = LogView(path)
    app = WidgetApp(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        await pilot.press("k")
        top = shown(app)[0]
        before = view.virtual_size.height
        view.poll()
        await pilot.pause()
        assert view.virtual_size.height > before
        assert shown(app)[0] == top
        await pilot.press("g")
        await until(pilot, lambda: shown(app)[0] == "line 0")
        assert view.virtual_size.height == 1_200_000


async def test_search_finds_and_marks(tmp_path: Path) -> None:
    path = write(tmp_path / "log", 50_000)
    view = LogView(path)
    app = WidgetApp(view, (LogView.SearchEnded,))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        view.search("LINE 123")
        await until(pilot, lambda: len(app.seen) == 1)
        assert not app.seen[-1].found
        view.search("line 4999")
        await until(pilot, lambda: len(app.seen) == 2)
        assert app.seen[-1].found
        await pilot.press("N")
        await until(pilot, lambda: len(app.seen) == 3)
        assert not view.follow
        await pilot.pause()
        assert "line 49998" in text(app)
        view.search("line 77")
        await until(pilot, lambda: len(app.seen) == 4)
        await pilot.pause()
        assert "line 7799" in text(app)
        view.clear_search()
        assert view.search_text == ""


async def test_a_search_goes_on_from_the_other_end(tmp_path: Path) -> None:
    """Also in a log so long that its beginning is not known when it opens."""
    path = tmp_path / "log"
    path.write_text("".join(f"{'hit' if n in (3, 900_000) else 'line'} {n}\n" for n in range(1_000_000)))
    view = LogView(path)
    app = WidgetApp(view, (LogView.SearchEnded,))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        seen = 0

        async def goes(*keys: str) -> tuple[bool, bool]:
            nonlocal seen
            await pilot.press(*keys)
            seen += 1
            await until(pilot, lambda: len(app.seen) == seen)
            await pilot.pause()
            return app.seen[-1].found, app.seen[-1].around

        view.search("hit")
        assert await goes() == (True, False)
        assert "hit 900000" in text(app)
        assert await goes("n") == (True, True)
        assert "hit 3" in text(app)
        assert await goes("n") == (True, False)
        assert "hit 900000" in text(app)
        assert await goes("N") == (True, False)
        assert await goes("N") == (True, True)
        assert "hit 900000" in text(app)
        view.search("line 999999")
        assert await goes() == (True, True)
        view.search("line 4_2")
        assert await goes() == (False, True)


async def test_missing_truncated_and_other_files(tmp_path: Path) -> None:
    path = tmp_path / "log"
    view = LogView(path)
    app = WidgetApp(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert "does not exist yet" in text(app)
        path.write_text("")
        view.poll()
        await pilot.pause()
        assert "no output" in text(app)
        write(path, 500)
        view.poll()
        await pilot.pause()
        assert shown(app)[-1] == "line 499"
        path.write_text("again\n")
        view.poll()
        await pilot.pause()
        assert shown(app)[0] == "again"
        assert view.lines(5) == ["again"]
        view.show(write(tmp_path / "other", 3))
        await pilot.pause()
        assert view.visible_lines() == ["line 0", "line 1", "line 2"]
        view.show(None)
        await pilot.press("g", "G", "k", "n", "s")
        assert not view.poll()


async def test_an_unfinished_line_is_shown_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a\nhalf")
    view = LogView(path)
    app = WidgetApp(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert shown(app)[:2] == ["a", "half"]
        with path.open("a") as file:
            file.write(" and whole")
        view.poll()
        await pilot.pause()
        assert shown(app)[1] == "half and whole"


async def test_long_lines_scroll_sideways(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 100 + "END\nshort\n")
    app = WidgetApp(LogView(path))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        await pilot.press(*["right"] * 12)
        await pilot.pause()
        assert "END" in text(app)
        assert_safe(app)


async def test_hostile_lines_are_only_text(tmp_path: Path, hostile: str) -> None:
    path = tmp_path / "log"
    path.write_bytes((hostile + "\nfine\n" + hostile).encode("utf-8", "surrogatepass"))
    view = LogView(path, empty=hostile)
    app = WidgetApp(view)
    async with app.run_test(size=(60, 12)) as pilot:
        view.search(hostile)
        await pilot.press("g", "right")
        await pilot.click(LogView, offset=(3, 0))
        assert_safe(app)
        assert not app.quit_by_markup
        view.show(None)
        await pilot.pause()
        assert_safe(app)


async def test_selected_text_can_be_copied(tmp_path: Path) -> None:
    path = write(tmp_path / "log", 5)
    view = LogView(path)
    app = WidgetApp(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        view.text_select_all()
        await pilot.pause()
        assert app.screen.get_selected_text() == "line 0\nline 1\nline 2\nline 3\nline 4"
        assert_safe(app)


def test_every_binding_has_an_id() -> None:
    assert all(binding.id for binding in LogView.BINDINGS)  # type: ignore[union-attr]


async def test_only_lines_with_a_text_from_a_million(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as file:
        file.writelines(f"step {i} {'LOSS' if i % 100_000 == 0 else 'x'} {'y' * 20}\n" for i in range(1_000_000))
    view = LogView(path)
    app = WidgetApp(view)
    async with app.run_test(size=(60, 14)) as pilot:
        await pilot.pause()
        view.filter("loss")
        await until(pilot, lambda: view.matches == (10, True))
        await pilot.pause()
        assert [line.split()[1] for line in shown(app) if line] == [str(i) for i in range(0, 1_000_000, 100_000)]
        with path.open("a") as file:
            file.write("more\nstep new loss\n")
        assert view.poll()
        await pilot.pause()
        assert shown(app)[10] == "step new loss"
        view.filter("Loss")
        await until(pilot, lambda: view.matches == (0, True))
        await pilot.pause()
        assert any("no line with 'Loss'" in line for line in shown(app))
        view.filter("")
        await pilot.pause()
        assert shown(app)[-1] == "step new loss"
        assert_safe(app)


async def test_wraps_tells_times_and_goes_to_a_byte(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [f"{number:04d} " + "x" * 70 for number in range(500)]
    path.write_text("\n".join(lines) + "\n")
    view = LogView(path)
    app = WidgetApp(view)
    async with app.run_test(size=(51, 12)) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: shown(app)[-2].startswith("0499 "))
        assert shown(app)[-1].strip() == "x" * 25
        with path.open("a") as file:
            file.write("0500 end\n")
        view.poll()
        await until(pilot, lambda: shown(app)[-1].startswith("0500 end"))
        await pilot.press("k")
        await until(pilot, lambda: not view.follow)
        top = shown(app)[0]
        await pilot.press("k", "k")
        await until(pilot, lambda: shown(app)[0] != top)
        assert_safe(app)
        await pilot.press("g")
        await until(pilot, lambda: shown(app)[0].startswith("0000 "))
        view.set_clock(Clock([(0, 0.0), (76 * 250, 3600.0)]))
        await pilot.press("T")
        await until(pilot, lambda: ":00:00 0000 " in shown(app)[0])
        assert shown(app)[1].startswith(" " * 9)
        await pilot.press("w")
        await until(pilot, lambda: ":00:00 0001 " in shown(app)[1])
        view.go_to_byte(76 * 300 + 5)
        await until(pilot, lambda: " 0300 " in shown(app)[0])
        assert shown(app)[0].startswith(" " * 9), "no look was as late"
        view.filter("0499")
        await until(pilot, lambda: view.matches == (1, True))
        await until(pilot, lambda: any("0499" in line for line in shown(app)))
        assert_safe(app)
        await pilot.press("G")
        await pilot.resize_terminal(20, 5)
        assert_safe(app)
