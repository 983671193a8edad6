from __future__ import annotations

from lab.ui.render.copies import markdown, tsv
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
