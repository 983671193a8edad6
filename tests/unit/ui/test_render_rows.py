from __future__ import annotations

from lab.ui.render.cells import width_of
from lab.ui.render.legend import row_width
from lab.ui.render.rows import (
    Cell,
    Column,
    LazySource,
    ListSource,
    Row,
    RowWindow,
    fitted_widths,
    header_spans,
    natural_widths,
    row_spans,
)

COLUMNS = [
    Column("name", "Name", flex=1, min_width=6),
    Column("acc", "accuracy", align="right"),
    Column("id", "id", width=5),
]


def row(*texts: str, key: str = "k") -> Row:
    return Row(key, tuple(Cell(text) for text in texts))


def test_columns_are_as_wide_as_they_need() -> None:
    assert natural_widths(COLUMNS, [row("base-1", "0.5", "abcdefgh")]) == [6, 8, 5]
    assert natural_widths(COLUMNS, [row("x" * 100, "0.5", "")])[0] == 40
    assert natural_widths(COLUMNS, [row("12345678901", "", ""), row("表表表表表表", "", "")])[0] == 12
    assert natural_widths(COLUMNS, [row("1234567", "", ""), row("a\tb\tc", "", "")])[0] == 11


def test_flexible_columns_take_what_is_left_and_give_way() -> None:
    assert fitted_widths(COLUMNS, [6, 8, 5], 40) == [23, 8, 5]
    assert fitted_widths(COLUMNS, [30, 8, 5], 30) == [13, 8, 5]
    assert fitted_widths(COLUMNS, [30, 8, 5], 5) == [6, 8, 5]
    wide = [COLUMNS[0], *(Column(str(at), "x", width=20) for at in range(9))]
    assert fitted_widths(wide, [17, *[20] * 9], 120)[0] == 17, "it does not fit with a shorter name either"
    assert fitted_widths(wide, [40, *[20] * 9], 120)[0] == 24
    assert fitted_widths(wide, [40, *[20] * 9], 221)[0] == 23, "with a shorter one it does"


def test_spare_cells_are_shared_out_completely() -> None:
    columns = [Column(str(i), "x", flex=i) for i in range(1, 4)]
    for room in range(20, 60):
        assert sum(fitted_widths(columns, [4, 4, 4], room)) + 4 == room


def test_hostile_cells_keep_their_columns(hostile: str) -> None:
    widths = [10, 8, 5]
    spans = row_spans(row(hostile, hostile, hostile), COLUMNS, widths)
    assert [width_of(text) for text, _ in spans] == [10, 2, 8, 2, 5]
    natural_widths(COLUMNS, [row(hostile, hostile, hostile)])


def test_missing_cells_are_blank() -> None:
    assert row_width(row_spans(row("a"), COLUMNS, [10, 8, 5])) == 27


def test_the_sort_sign_takes_no_room() -> None:
    for column in ("name", "acc", "id"):
        spans = header_spans(COLUMNS, [10, 8, 5], [(column, True)], 0)
        assert row_width(spans) <= 28
        assert "▼" in "".join(text for text, _ in spans)
    plain = "".join(text for text, _ in header_spans(COLUMNS, [10, 8, 5], (), -1))
    assert plain == "Name        accuracy  id   "
    right = "".join(text for text, _ in header_spans(COLUMNS, [10, 8, 5], [("acc", False)], -1))
    assert right == "Name       ▲accuracy  id   "
    left = "".join(text for text, _ in header_spans(COLUMNS, [10, 8, 5], [("name", True)], -1))
    assert left == "Name ▼      accuracy  id   "


def test_sources_find_rows_by_key() -> None:
    rows = [row(str(i), key=f"k{i}") for i in range(100)]
    made: list[int] = []

    def make(item: int) -> Row:
        made.append(item)
        return rows[item]

    for source in (ListSource(rows), LazySource(range(100), lambda item: f"k{item}", make)):
        assert source.count() == 100
        assert source.find("k42") == 42
        assert source.find("nobody") is None
        assert [one.key for one in source.window(98, 10)] == ["k98", "k99"]
    assert made == [98, 99]


def test_a_window_asks_seldom() -> None:
    asked: list[tuple[int, int]] = []

    class Source(ListSource):
        def window(self, offset: int, limit: int) -> list[Row]:
            asked.append((offset, limit))
            return list(super().window(offset, limit))

    window = RowWindow(Source([row(str(i), key=str(i)) for i in range(1000)]))
    assert [window.get(i, 20).key for i in range(500, 540)] == [str(i) for i in range(500, 540)]  # type: ignore[union-attr]
    assert len(asked) == 1
    assert window.get(-1, 20) is None
    assert window.get(1000, 20) is None
