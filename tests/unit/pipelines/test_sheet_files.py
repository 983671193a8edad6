"""A table as a file of each kind: values come back as they were, and no text is obeyed."""

from __future__ import annotations

import csv
import io
import json
import math
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import polars as pl

from lab.domain.sheets import Sheet, distinct
from lab.pipelines.sheet_files import WRITERS

EVIL = '=cmd|"/c calc"!A0<script>\x1b[2J'
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHEET = Sheet(
    "Runs <b>",
    ("name", "loss", "mixed", "ok", "at", "took"),
    (
        (EVIL, 0.1, 1, True, AT, timedelta(seconds=1.5)),
        ("b,\n\"c", math.nan, "x", None, None, None),
        ("", None, 2.5, False, AT, timedelta(0)),
    ),
)  # fmt: skip


def test_csv_is_read_back_and_computes_nothing() -> None:
    rows = list(csv.reader(io.StringIO(WRITERS[".csv"](SHEET).decode(), newline="")))
    assert rows[0] == list(SHEET.columns)
    assert rows[1][0] == f"'{EVIL}"
    assert rows[1][1:] == ["0.1", "1", "True", "2026-01-02T03:04:05.000Z", "1.5"]
    assert rows[2][:3] == ['b,\n"c', "NaN", "x"]


def test_json_has_the_shape_of_lists() -> None:
    told = json.loads(WRITERS[".json"](SHEET))
    assert told["total"] == 3
    assert told["items"][0] == {
        "name": EVIL, "loss": 0.1, "mixed": 1, "ok": True, "at": "2026-01-02T03:04:05.000Z", "took": 1.5,
    }  # fmt: skip
    assert told["items"][1]["loss"] == "NaN"


def test_parquet_keeps_types_and_mixed_columns_are_text() -> None:
    frame = pl.read_parquet(io.BytesIO(WRITERS[".parquet"](SHEET)))
    assert frame.schema["loss"] == pl.Float64
    assert frame.schema["mixed"] == pl.String
    assert frame.schema["took"] == pl.Duration
    assert frame["name"].to_list() == [EVIL, 'b,\n"c', ""]
    assert frame["mixed"].to_list() == ["1", "x", "2.5"]


def test_pages_and_pictures_are_only_text() -> None:
    page = WRITERS[".html"](SHEET).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    root = ET.fromstring(WRITERS[".svg"](SHEET))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "title", "rect", "path", "text"}


def test_a_picture_of_very_many_rows_says_how_many_are_left_out() -> None:
    picture = WRITERS[".svg"](Sheet("t", ("a",), [(at,) for at in range(5000)])).decode()
    assert "and 3,000 more rows" in picture
    assert WRITERS[".svg"](Sheet("t", ("a",), ())).decode().count("<text") == 2


def test_names_of_columns_differ() -> None:
    assert distinct(["a", "a", "", "a", ""]) == ("a", "a_2", "column", "a_3", "column_2")
