"""Rows in the order of what stands in their cells."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.ui.render.number import format_age, format_duration, format_number, format_size
from lab.ui.render.order import cell_key, sorted_rows, value_of
from lab.ui.render.rows import Cell, Column, Row

COLUMNS = (Column("name", "name"), Column("size", "size"))


def rows(*cells: tuple[str, ...]) -> list[Row]:
    return [Row(str(at), tuple(map(Cell, texts))) for at, texts in enumerate(cells)]


def keys(*sorts: tuple[str, bool], of: list[Row]) -> list[str]:
    return [row.key for row in sorted_rows(of, COLUMNS, sorts)]


def test_several_columns_empty_ones_last_and_equal_ones_as_they_were() -> None:
    some = rows(("b", "10 KB"), ("a", "2 MB"), ("b", "9 KB"), ("a", ""), ("c",), ("a", "2 MB"))
    assert keys(("name", False), ("size", True), of=some) == ["1", "5", "3", "0", "2", "4"]
    assert keys(("size", False), of=some) == ["2", "0", "1", "5", "3", "4"]
    assert keys(("size", True), of=some) == ["1", "5", "0", "2", "3", "4"]
    assert keys(("no such column", True), of=some) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    "texts",
    [
        [format_size(size) for size in (5, 2000, 3_000_000, 7_000_000_000)],
        [format_duration(seconds) for seconds in (0.0004, 0.02, 1.5, 59, 75, 4000, 90_000)],
        [format_age(0, now) for now in (1, 50, 4000, 100_000, 400 * 86400)],
        [format_number(value) for value in (-5e9, -2.5, 0.0, 1e-7, 0.5, 1234.0, 5e9, float("inf"))],
        ["v1", "v2", "v10", "v10b"],
        ["12%", "98 %", "+99 %"],
        ["0.1 ± 0.02 (5)", "0.93  +0.1 (+3%)", "12/30"],
    ],
)
def test_what_lab_writes_is_sorted_by_value(texts: list[str]) -> None:
    assert [cell_key(text) for text in texts] == sorted(map(cell_key, texts))
    assert all(cell_key(one) < cell_key(two) for one, two in itertools.pairwise(texts))


@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_text_has_a_place(texts: list[str]) -> None:
    sorted(map(cell_key, texts))


def test_words_with_numbers_are_words() -> None:
    assert value_of("3 little pigs") is None
    assert value_of("nan") is None
    assert value_of("3/10") == 3.0
    assert value_of("in 5m") == -300.0
