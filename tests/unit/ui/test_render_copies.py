from __future__ import annotations

import json

from lab.ui.render.copies import as_json, markdown, tsv
from lab.ui.render.rows import Cell, Column, Row

COLUMNS = (Column("mark", ""), Column("name", "name"), Column("loss", "loss", align="right"))
ROWS = [
    Row("a", (Cell("●"), Cell("calm-otter"), Cell(" 0.25 "))),
    Row("b", (Cell(""), Cell("tab\there|pipe `x` <b>"), Cell("\x1b[31mnan"))),
]


def test_rows_for_a_spreadsheet() -> None:
    assert tsv(COLUMNS, ROWS) == "name\tloss\ncalm-otter\t0.25\ntab    here|pipe `x` <b>\t[31mnan\n"


def test_rows_for_people() -> None:
    assert markdown(COLUMNS, ROWS).splitlines() == [
        "| name | loss |",
        "| --- | ---: |",
        "| calm-otter | 0.25 |",
        "| tab    here\\|pipe \\`x\\` &lt;b> | [31mnan |",
    ]


def test_rows_for_programs() -> None:
    assert json.loads(as_json(COLUMNS, ROWS[:1])) == {"name": "calm-otter", "loss": "0.25"}
    assert [row["name"] for row in json.loads(as_json(COLUMNS, ROWS))] == ["calm-otter", "tab    here|pipe `x` <b>"]


def test_what_a_row_is_called_comes_along_also_below_no_title() -> None:
    columns = (Column("metric", ""), Column("bar", ""), Column("r1", "run-1"), Column("r2", "run-1"))
    rows = [Row("a", (Cell("accuracy"), Cell("███"), Cell("0.5"), Cell("0.6")))]
    assert tsv(columns, rows) == "metric\trun-1\trun-1\naccuracy\t0.5\t0.6\n"
    assert list(json.loads(as_json(columns, rows)).values()) == ["accuracy", "0.5", "0.6"]


def test_rows_with_fewer_cells_than_columns_say_nothing_there() -> None:
    rows = [*ROWS[:1], Row("section", (Cell("METRICS"),), head=True)]
    assert tsv(COLUMNS, rows) == "mark\tname\tloss\n●\tcalm-otter\t0.25\nMETRICS\t\t\n"
    assert json.loads(as_json(COLUMNS, rows))[1] == {"mark": "METRICS", "name": "", "loss": ""}
    assert markdown(COLUMNS, rows[1:]).splitlines()[2] == "| METRICS |  |  |"
