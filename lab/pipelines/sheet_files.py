"""A sheet as CSV, JSON, Parquet, HTML or SVG."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from lab.domain.numbers import jsonable
from lab.domain.report import Cell, Heading, Report, Table, Text
from lab.domain.sheets import Sheet, Value
from lab.domain.text import count_of
from lab.pipelines.figure_frame import short, width_of
from lab.pipelines.figure_svg import to_svg
from lab.pipelines.palette import ON_WHITE
from lab.pipelines.report_html import to_html
from lab.pipelines.shapes import Drawing, Shape, Stroke, Words, box

Plain = str | int | float | bool | None

#: A spreadsheet takes a text that begins so for a formula, and would compute it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST = 40  # characters of a cell in a picture
_MOST_ROWS = 2000  # of a picture
_LINE = 20  # pixels


def to_csv(sheet: Sheet) -> bytes:
    """With a head, `\\n` at the ends of lines. A text that a spreadsheet would compute has `'` in front."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_harmless(name) for name in sheet.columns])
    writer.writerows([_harmless(_plain(value)) for value in row] for row in sheet.rows)
    return out.getvalue().encode("utf-8", "replace")


def _harmless(value: Plain) -> Plain:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def to_json(sheet: Sheet) -> bytes:
    """`{"items": [{column: value}], "total": n}`, as `lab … --json` tells lists."""
    items = [{name: jsonable(_plain(value)) for name, value in zip(sheet.columns, row, strict=True)}
             for row in sheet.rows]  # fmt: skip
    return (json.dumps({"items": items, "total": len(items)}, ensure_ascii=False, indent=1) + "\n").encode(
        "utf-8", "replace"
    )


def to_parquet(sheet: Sheet) -> bytes:
    """One column per name; a column of values of several kinds is of text."""
    import polars as pl

    columns = {name: _series([row[at] for row in sheet.rows]) for at, name in enumerate(sheet.columns)}
    out = io.BytesIO()
    pl.DataFrame({name: pl.Series(name, values) for name, values in columns.items()}).write_parquet(out)
    return out.getvalue()


def _series(values: Sequence[Value]) -> list[Value]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]  # type: ignore[arg-type]
    if len(kinds) <= 1:
        return [value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for value in values]
    return [None if value is None else text(value) for value in values]


def to_page(sheet: Sheet) -> bytes:
    """An HTML page that stands alone."""
    rows = tuple(tuple(Cell(text(value)) for value in row) for row in sheet.rows)
    table = Table(sheet.columns, rows, right=False)
    report = Report(sheet.title, (Heading(1, sheet.title), Text(count_of(len(rows), "row")), table))
    return to_html(report).encode("utf-8", "replace")


def to_picture(sheet: Sheet) -> bytes:
    """An SVG of text and lines; long texts are cut, of very many rows the first are there."""
    ground, shown = ON_WHITE, sheet.rows[:_MOST_ROWS]
    texts = [[short(text(value), _LONGEST) for value in row] for row in shown]
    heads = [short(name, _LONGEST) for name in sheet.columns]
    widths = [max(map(width_of, (head, *(row[at] for row in texts)))) + 18 for at, head in enumerate(heads)]
    right = [all(isinstance(row[at], int | float | None) for row in shown) and bool(shown) for at in range(len(heads))]
    starts = [20.0 + sum(widths[:at]) for at in range(len(heads))]
    width = int(max(400.0, 20 + sum(widths) + 20))
    found: list[Shape] = [Words((20, 30), short(sheet.title, 90), ground.text, 16, bold=True)]
    rest = len(sheet.rows) - len(shown)
    for line, row in enumerate([heads, *texts]):
        y = 60 + line * _LINE
        if line and line % 2 == 0:
            found.append(box(14, y - 14, width - 28, _LINE, "#f4f6f9"))
        for at, value in enumerate(row):
            where = starts[at] + (widths[at] - 18 if right[at] else 0)
            colour = ground.text if line else ground.quiet
            found.append(Words((where, y), value, colour, 12, "end" if right[at] else "start", bold=not line))
    found.append(Stroke(((14, 66), (width - 14, 66)), ground.quiet))
    height = 60 + (len(texts) + 1) * _LINE
    if rest:
        found.append(Words((20, height), f"and {rest:,} more rows", ground.quiet))
    return to_svg(Drawing(width, height + 20, ground.back, sheet.title, tuple(found))).encode("utf-8", "replace")


def text(value: Value) -> str:
    """A value as people read it."""
    plain = _plain(value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    return f"{plain:.6g}" if isinstance(plain, float) else str(plain)


def _plain(value: Value) -> Plain:
    """Times as RFC 3339 in UTC, durations in seconds."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        return str(jsonable(value))
    return value


WRITERS = {
    ".csv": to_csv,
    ".json": to_json,
    ".parquet": to_parquet,
    ".html": to_page,
    ".htm": to_page,
    ".svg": to_picture,
}
