from __future__ import annotations

from collections.abc import Sequence

import pytest
from textual.geometry import Region
from widget_app import WidgetApp, assert_safe, lines, text

from lab.ui.widgets.frame_table import Cell, Column, FrameTable, ListSource, Row

COLUMNS = (
    Column("name", "Name", flex=1, min_width=8),
    Column("status", "Status"),
    Column("acc", "accuracy", align="right"),
)


def make_rows(count: int, accuracy: float = 0.5, first: int = 0) -> list[Row]:
    return [
        Row(f"k{i}", (Cell(f"run-{i}", "bold"), Cell("● ok", "ok"), Cell(f"{accuracy:.3f}")))
        for i in range(first, first + count)
    ]


def table(count: int = 100, **more: object) -> FrameTable:
    return FrameTable(COLUMNS, ListSource(make_rows(count)), **more)  # type: ignore[arg-type]


MESSAGES = (FrameTable.RowSelected, FrameTable.RowHighlighted, FrameTable.MarksChanged, FrameTable.SortRequested)


class Watched:
    """Counts which lines of a table are asked to be painted again."""

    def __init__(self, table: FrameTable, monkeypatch: pytest.MonkeyPatch) -> None:
        self.regions: list[Region] = []
        self.whole = 0
        original = table.refresh

        def refresh(*regions: Region, **kwargs: object) -> FrameTable:
            self.regions += regions
            self.whole += not regions
            return original(*regions, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(table, "refresh", refresh)

    @property
    def rows(self) -> set[int]:
        return {region.y - 1 for region in self.regions if region.y > 0}


async def test_shows_header_rows_and_cursor() -> None:
    app = WidgetApp(table())
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        shown = lines(app)
        assert shown[0].split() == ["Name", "Status", "accuracy"]
        assert shown[1].startswith("▌  run-0 ")
        assert shown[11].startswith("   run-10 ")
        assert_safe(app)


async def test_keys_move_and_scroll() -> None:
    widget = table()
    app = WidgetApp(widget, MESSAGES)
    async with app.run_test(size=(60, 12)) as pilot:
        for keys, expected in (
            (("j", "j"), "k2"),
            (("k",), "k1"),
            (("G",), "k99"),
            (("g",), "k0"),
            (("pagedown",), "k10"),
            (("pageup", "pageup"), "k0"),
            (("end",), "k99"),
            (("home",), "k0"),
        ):
            await pilot.press(*keys)
            assert widget.cursor_key == expected
            assert any(line.startswith("▌") and f"run-{expected[1:]} " in line for line in lines(app))
        await pilot.press("enter")
        assert app.seen[-1].key == "k0"
        assert isinstance(app.seen[-1], FrameTable.RowSelected)


async def test_moving_the_cursor_paints_two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = table()
    app = WidgetApp(widget)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        watched = Watched(widget, monkeypatch)
        await pilot.press("j")
        assert watched.rows == {0, 1}
        assert watched.whole == 0


async def test_marks() -> None:
    widget = table(20)
    app = WidgetApp(widget, MESSAGES)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("space", "space")
        assert widget.marks == ("k0", "k1")
        assert lines(app)[1].startswith(" ✓ run-0")
        await pilot.press("j", "v", "j", "j", "v")
        assert widget.marks == ("k0", "k1", "k3", "k4", "k5")
        await pilot.press("!")
        assert len(widget.marks) == 15
        assert "k3" not in widget.marks
        await pilot.press("*")
        assert len(widget.marks) == 20
        await pilot.press("u")
        assert widget.marks == ()
        assert widget.selection_keys == ("k5",)
        changes = [event.keys for event in app.seen if isinstance(event, FrameTable.MarksChanged)]
        assert changes[0] == ("k0",)
        assert changes[-1] == ()


async def test_sort_asks_for_the_cursor_column_and_then_the_other_way() -> None:
    widget = table()
    app = WidgetApp(widget, MESSAGES)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("right", "right", "s")
        assert (app.seen[-1].column, app.seen[-1].reverse) == ("acc", False)
        assert "▲" in lines(app)[0]
        await pilot.press("s")
        assert (app.seen[-1].column, app.seen[-1].reverse) == ("acc", True)
        assert "▼" in lines(app)[0]
        await pilot.press("right", "left", "left", "left", "s")
        assert (app.seen[-1].column, app.seen[-1].reverse) == ("name", False)


async def test_rows_are_sorted_by_several_columns() -> None:
    cells = [("b", "9 KB"), ("a", "2 MB"), ("b", "10 KB"), ("a", "")]
    rows = [Row(f"k{at}", tuple(Cell(text) for text in texts)) for at, texts in enumerate(cells)]
    widget = FrameTable((Column("name", "Name"), Column("size", "Size", align="right")), ListSource(rows))
    app = WidgetApp(widget, MESSAGES)

    def order() -> str:
        return "".join(row.key[1] for row in widget.source.window(0, 9))

    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("j", "s", "right", "S")
        assert order() == "1302"
        assert widget.cursor_key == "k1", "the cursor stays with its row"
        assert "1▲" in lines(app)[0]
        assert "2▲" in lines(app)[0]
        await pilot.press("S")
        assert order() == "1320"
        assert app.seen[-1].sorts == (("name", False), ("size", True))
        widget.replace(ListSource([*rows, Row("k4", (Cell("a"), Cell("3 MB")))]))
        assert order() == "41320"
        await pilot.click(FrameTable, offset=(4, 0), control=True)
        assert widget.sorts == (("name", True), ("size", True))
        await pilot.press("s")
        assert widget.sorts == (("name", False),)
        assert order() == "13402"


async def test_columns_become_wider_by_keys_and_by_dragging() -> None:
    widget = table(5)
    app = WidgetApp(widget, (FrameTable.WidthsChanged,))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("right", ")", ")", "(")
        assert app.seen[-1].widths == {"status": 8}
        border = lines(app)[0].index("accuracy") - 1
        await pilot.mouse_down(FrameTable, offset=(border, 0))
        await pilot.hover(FrameTable, offset=(border + 6, 0))
        await pilot.mouse_up(FrameTable, offset=(border + 6, 0))
        assert app.seen[-1].widths["status"] > 8
        assert widget.sorts == (), "dragging is no click"
        again = FrameTable(COLUMNS, ListSource(make_rows(5)))
        await app.mount(again)
        again.set_widths({"name": 12, "nonsense": 3, "acc": 9999})
        await pilot.pause()
        assert_safe(app)


async def test_totals_stay_below_the_rows() -> None:
    widget = table(100)
    app = WidgetApp(widget)
    async with app.run_test(size=(60, 12)) as pilot:
        widget.set_totals(Row("", (Cell("all 100 runs"), Cell(""), Cell("0.5 ± 0.1"))))
        await pilot.press("G")
        assert lines(app)[-1].split() == ["all", "100", "runs", "0.5", "±", "0.1"]
        assert lines(app)[-2].startswith("▌  run-99")
        await pilot.click(FrameTable, offset=(5, 11))
        assert widget.cursor_key == "k99"
        await pilot.resize_terminal(60, 6)
        assert "all 100" not in text(app)
        widget.set_totals(None)
        assert_safe(app)


async def test_mouse() -> None:
    widget = table()
    app = WidgetApp(widget, MESSAGES)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.click(FrameTable, offset=(5, 4))
        assert widget.cursor_key == "k3"
        await pilot.double_click(FrameTable, offset=(5, 6))
        assert app.seen[-1].key == "k5"
        assert isinstance(app.seen[-1], FrameTable.RowSelected)
        await pilot.click(FrameTable, offset=(5, 0))
        assert isinstance(app.seen[-1], FrameTable.SortRequested)
        assert app.seen[-1].column == "name"


async def test_new_rows_above_keep_cursor_and_marks_with_their_keys() -> None:
    widget = table(50)
    app = WidgetApp(widget)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("j", "j", "space", "j")
        before = widget.cursor_key
        widget.replace(ListSource(make_rows(3, first=900) + make_rows(50)))
        await pilot.pause()
        assert widget.cursor_key == before
        assert widget.cursor_index == 7
        assert widget.marks == ("k2",)
        assert lines(app)[1].startswith("   run-900")


async def test_new_rows_above_do_not_move_a_view_further_down() -> None:
    widget = table(50)
    app = WidgetApp(widget)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("G")
        before = lines(app)[1:]
        widget.replace(ListSource(make_rows(3, first=900) + make_rows(50)))
        await pilot.pause()
        assert [line[:20] for line in lines(app)[1:]] == [line[:20] for line in before]


async def test_an_update_paints_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = make_rows(50)
    widget = FrameTable(COLUMNS, ListSource(rows))
    app = WidgetApp(widget)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        watched = Watched(widget, monkeypatch)
        changed = list(rows)
        changed[4] = Row("k4", (Cell("run-4"), Cell("✖ bad", "fail"), Cell("0.100")))
        changed[40] = Row("k40", (Cell("run-40"), Cell("✖ bad", "fail"), Cell("0.100")))
        widget.replace(ListSource(changed))
        await pilot.pause()
        assert watched.rows == {4}
        assert watched.whole == 0
        assert "✖ bad" in lines(app)[5]
        watched.regions.clear()
        widget.replace(ListSource(list(changed)))
        assert not watched.regions
        assert not watched.whole


async def test_rows_that_vanish_leave_the_cursor_in_place() -> None:
    widget = table(10)
    app = WidgetApp(widget, MESSAGES)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("G")
        widget.replace(ListSource(make_rows(5)))
        await pilot.pause()
        assert widget.cursor_key == "k4"
        assert app.seen[-1].key == "k4"
        widget.replace(ListSource())
        await pilot.pause()
        assert widget.cursor_key is None
        await pilot.press("j", "space", "v", "v", "*", "!", "s", "enter", "G")
        widget.replace(ListSource(make_rows(3)))
        await pilot.pause()
        assert widget.cursor_key == "k0"


async def test_an_empty_table_says_why() -> None:
    app = WidgetApp(FrameTable(COLUMNS, empty="no runs yet\npress n to launch one"))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        assert "no runs yet" in text(app)
        assert "press n to launch one" in text(app)
        assert_safe(app)


async def test_many_columns_scroll_sideways_beside_the_first() -> None:
    columns = [Column("name", "Name", width=10), *(Column(f"c{i}", f"metric-{i}", width=12) for i in range(10))]
    rows = [Row("a", (Cell("run-a"), *(Cell(f"value-{i}") for i in range(10))))]
    app = WidgetApp(FrameTable(columns, ListSource(rows)))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press(*["right"] * 10)
        await pilot.pause()
        assert lines(app)[1].startswith("▌  run-a")
        assert "value-9" in lines(app)[1]
        assert "value-0" not in lines(app)[1]
        assert "metric-9" in lines(app)[0]
        assert_safe(app)
        await pilot.press(*["left"] * 10)
        assert "value-0" in lines(app)[1]


async def test_hostile_text_is_only_text(hostile: str) -> None:
    columns = [Column("a", hostile or "a", flex=1), Column("b", "b")]
    rows = [Row(hostile, (Cell(hostile), Cell(hostile))), Row("x", (Cell("fine"), Cell("fine")))]
    app = WidgetApp(FrameTable(columns, ListSource(rows), empty=hostile))
    async with app.run_test(size=(60, 8)) as pilot:
        await pilot.press("space", "j", "right")
        await pilot.click(FrameTable, offset=(5, 1))
        assert_safe(app)
        app.query_one(FrameTable).replace(ListSource())
        await pilot.pause()
        assert_safe(app)
        assert not app.quit_by_markup


async def test_tiny_and_growing_sizes() -> None:
    app = WidgetApp(table())
    async with app.run_test(size=(8, 2)) as pilot:
        await pilot.press("j", "G", "right", "right")
        assert_safe(app)
        await pilot.resize_terminal(200, 60)
        await pilot.pause()
        assert "run-99" in text(app)
        assert_safe(app)


async def test_without_colour_cursor_and_marks_still_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_ASCII", "1")
    app = WidgetApp(table(5))
    async with app.run_test(size=(60, 8)) as pilot:
        await pilot.press("space")
        assert [line[:3] for line in lines(app)[1:4]] == [" * ", ">  ", "   "]


class CountingSource(ListSource):
    """Tells how many rows were asked for."""

    asked = 0

    def window(self, offset: int, limit: int) -> Sequence[Row]:
        self.asked += limit
        return super().window(offset, limit)


async def test_a_hundred_thousand_rows_cost_no_more_than_a_hundred() -> None:
    async def rows_asked(rows: list[Row]) -> int:
        source = CountingSource(rows)
        async with WidgetApp(FrameTable(COLUMNS, source)).run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            await pilot.press(*["pagedown", "pageup"] * 2, "G", "g")
            await pilot.pause()
        return source.asked

    small, large = await rows_asked(make_rows(100)), await rows_asked(make_rows(100_000))
    assert 0 < large < 2 * small + 400, "only what is on the screen is ever asked for"


def test_a_table_that_is_not_laid_out_yet_has_no_widths_to_change() -> None:
    for one in (table(), FrameTable(())):
        one.action_resize(1)


def test_every_binding_has_an_id() -> None:
    assert all(binding.id for binding in FrameTable.BINDINGS)  # type: ignore[union-attr]


async def test_columns_and_groups_by_keys_and_mouse() -> None:
    rows = [
        Row("A", (Cell("ALPHA"),), head=True),
        *(Row(f"a{at}", (Cell(f"a{at}"), Cell(str(at % 2)), Cell("x"))) for at in range(3)),
        Row("B", (Cell("BETA"),), head=True),
        Row("b0", (Cell("b0"), Cell("1"), Cell("y"))),
    ]
    columns = [Column(key, key) for key in ("name", "odd", "kind")]
    widget = FrameTable(columns, ListSource(rows))
    app = WidgetApp(widget, (FrameTable.Arranged, FrameTable.DescribeRequested, FrameTable.RowSelected))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("right", "shift+right")
        assert lines(app)[0].split() == ["name", "kind", "odd"]
        assert lines(app)[2].split()[-3:] == ["a0", "x", "0"]
        await pilot.press("j", ",")
        assert widget.marks == ("a0", "a2")
        await pilot.press("left", "H", ".")
        assert [column.id for column in widget.columns] == ["name", "odd"]
        assert widget.arrangement.pinned == 2
        assert len([one for one in app.seen if isinstance(one, FrameTable.Arranged)]) == 3
        await pilot.press("h")
        assert widget.column_texts() == ["0", "1", "0", "1"]
        await pilot.press("g", "enter")
        assert "(3)" in lines(app)[1]
        assert [row.key for row in widget.source.window(0, 9)] == ["A", "B", "b0"]
        await pilot.press("`")
        assert widget.row_count == 2
        await pilot.press("`")
        assert widget.row_count == 6
        await pilot.click(FrameTable, offset=(6, 5))
        assert widget.row_count == 5
        await pilot.press("u")
        await pilot.click(FrameTable, offset=(1, 2))
        await pilot.click(FrameTable, offset=(8, 4), shift=True)
        assert widget.marks == ("a0", "a1", "a2")
        assert not [one for one in app.seen if isinstance(one, FrameTable.RowSelected)]
        assert_safe(app)


async def test_news_leave_a_view_that_was_scrolled_away_from_the_cursor() -> None:
    shown = table(100)
    app = WidgetApp(shown)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        shown.scroll_to(y=40, animate=False)  # as the wheel does
        await pilot.pause()
        shown.replace(ListSource(make_rows(100, accuracy=0.7)))
        await pilot.pause()
        assert lines(app)[1].split()[0] == "run-40"
        assert "0.700" in lines(app)[1]
        await pilot.press("down")
        assert "run-1 " in text(app)
