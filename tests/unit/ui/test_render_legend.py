from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.ui.render.cells import tidy
from lab.ui.render.legend import Entry, legend_rows, pad_row, place_labels, row_width


def entries(*names: str, highlighted: int = -1) -> list[Entry]:
    return [Entry("●", name, "0.5", "series.0", index == highlighted) for index, name in enumerate(names)]


def text(rows: list) -> list[str]:
    return ["".join(part for part, _ in row) for row in rows]


def test_entries_follow_the_heading() -> None:
    assert text(legend_rows([("loss", "title")], entries("a", "b"), 40, 2)) == ["loss  ● a 0.5  ● b 0.5"]


def test_entries_wrap() -> None:
    assert text(legend_rows([], entries("aaaa", "bbbb", "cccc"), 22, 2)) == ["● aaaa 0.5  ● bbbb 0.5", "● cccc 0.5"]


def test_names_give_way_before_entries_do() -> None:
    rows = text(legend_rows([], entries("a" * 30, "b" * 30), 40, 1))
    assert len(rows) == 1
    assert "aaaa" in rows[0]
    assert "bbbb" in rows[0]


def test_what_is_missing_is_told_and_the_highlighted_stays() -> None:
    rows = text(legend_rows([], entries(*(f"series-{i:03}" for i in range(50)), highlighted=49), 40, 2))
    assert rows[0].startswith("● series-049")
    assert rows[-1].rstrip().endswith("more")
    assert all(len(row) <= 40 for row in rows)


def test_hostile_widths(hostile: str) -> None:
    for width in (1, 5, 12, 80):
        for row in legend_rows([], entries(tidy(hostile)[:200], "b"), width, 2):
            assert row_width(pad_row(row, width)) == width


def test_labels_stay_where_they_want_when_they_can() -> None:
    assert place_labels([(3, False), (7, False), (5, False)], 10) == [3, 7, 5]


def test_labels_that_want_one_row_spread_around_it() -> None:
    placed = place_labels([(5, False)] * 3, 20)
    assert sorted(placed) == [4, 5, 6]


def test_labels_at_the_bottom_move_up() -> None:
    assert place_labels([(9, False), (9, False), (9, False)], 10) == [7, 8, 9]


def test_highlighted_labels_come_first_when_there_is_no_room() -> None:
    placed = place_labels([(0, False), (0, False), (0, True)], 2)
    assert placed[2] is not None
    assert placed.count(None) == 1


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60), st.integers(0, 41))
def test_labels_never_overlap(wanted: list[tuple[int, bool]], height: int) -> None:
    wanted = [(min(row, max(0, height - 1)), highlighted) for row, highlighted in wanted]
    rows = [row for row in place_labels(wanted, height) if row is not None]
    assert len(rows) == len(set(rows)) == min(len(wanted), height)
    assert all(0 <= row < height for row in rows)
