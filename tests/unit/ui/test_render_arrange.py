"""Columns that were moved and hidden, groups that are folded, and how a column is spread."""

from __future__ import annotations

import random

from lab.domain.describe import BINS
from lab.ui.render.arrange import Arrangement, Reordered, folded_rows
from lab.ui.render.column_facts import described, teller
from lab.ui.render.describe import lines
from lab.ui.render.order import sorted_rows
from lab.ui.render.rows import Cell, Column, ListSource, Row

COLUMNS = [Column(key, key) for key in "abcd"]


def shown(way: Arrangement, columns: list[Column] = COLUMNS) -> str:
    return "".join(columns[at].id for at in way.places(columns))


def test_columns_move_and_go_and_new_ones_stand_where_they_belong() -> None:
    way = Arrangement().moved("abcd", 0, 1)
    assert shown(way) == "bacd"
    assert way.moved("bacd", 0, -1) == way
    way = Arrangement(pinned=2).without("abcd", 1)
    assert (shown(way), way.pinned) == ("acd", 1)
    assert Arrangement().without("a", 0) == Arrangement()
    assert shown(Arrangement(hidden=frozenset("abcd"))) == "abcd"
    assert Arrangement.from_json(way.to_json()) == way
    for junk in (None, [], {"order": 3, "hidden": [1], "pinned": True}, {"pinned": -1}):
        assert Arrangement.from_json(junk) == Arrangement()


def test_cells_follow_their_columns() -> None:
    rows = [Row("1", tuple(Cell(text) for text in "wxyz")), Row("2", (Cell("w"),))]
    source = Reordered(ListSource(rows), (3, 0))
    assert [[cell.text for cell in row.cells] for row in source.window(0, 9)] == [["z", "w"], ["", "w"]]
    assert (source.count(), source.find("2"), source.find("3")) == (2, 1, None)


def test_groups_fold_and_are_sorted_each_for_itself() -> None:
    rows = [
        Row("A", (Cell("PARAMS"),), head=True),
        *(Row(key, (Cell(key),)) for key in ("p2", "p1")),
        Row("B", (Cell("DATA"),), head=True),
        Row("d1", (Cell("d1"),)),
    ]
    ordered = sorted_rows(rows, [Column("x", "x")], [("x", False)])
    assert [row.key for row in ordered] == ["A", "p1", "p2", "B", "d1"]
    folded = folded_rows(ordered, {"A"})
    assert [row.key for row in folded] == ["A", "B", "d1"]
    assert folded[0].cells[0].text.endswith("PARAMS  (2)")
    assert folded[0].cells[0].text[0] != folded[1].cells[0].text[0]


def test_a_column_is_described_by_its_cells() -> None:
    one = described(["1.5 KB", "500 B", "", "1 KB", "–"], "size")
    assert one.numbers is not None
    assert (one.runs, one.missing, one.distinct, one.numbers.low, one.numbers.median) == (5, 2, 3, 500.0, 1000.0)
    assert teller(["1.5 KB", ""])(1500) == "1.5 KB"
    assert teller(["2m", "3s"])(120.0) == teller(["5m ago"])(120.0)
    words = described(["train", "train", "test", "7"], "entry")
    assert words.numbers is None
    assert words.values[0] == ("train", 2)
    values = [random.Random(1).gauss(0, 1) for _ in range(1000)]
    many = described([f"{value}" for value in values], "x").numbers
    assert many is not None
    assert (sum(many.bins), len(many.bins), many.high) == (1000, BINS, max(values))
    assert described([], "x").runs == 0
    assert described(["7"], "x").counted, "one value is no histogram"
    same = described(["3", "3"], "x").numbers
    assert same is not None
    assert sum(same.bins) == 2


def test_values_that_are_counted_are_written_as_in_the_table() -> None:
    def told(values: list[str]) -> str:
        return "\n".join("".join(text for text, _ in row) for row in lines(described(values, "loss"), "loss"))

    few = told(["0.26247697047678537"] * 4 + ["0.2199808549950374"] * 4 + ["12000"] * 1000)
    assert {"0.2625", "0.2200", "12,000"} <= set(few.split())
    assert few.splitlines()[-1].split()[1] == "▏", "hardly anything beside the others"
    assert {"0.100001", "0.100002"} <= set(told(["0.100001"] * 4 + ["0.100002"] * 4).split()), "told apart"
    assert {"1.5.2", "0.50000"} <= set(told(["1.5.2", "0.50000"]).split()), "no numbers"
