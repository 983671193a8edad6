"""What is in a table file: columns, rows, the first lines. CSV, TSV, Parquet, JSON lines and Arrow, by the file's name.

Contents are hostile. Nothing here raises for what a file holds, and nothing loads one whole, but an Arrow stream.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from lab.dataclass import dataclass
from lab.datasets import lines
from lab.datasets.formats import (
    ARROW,
    BROKEN,
    COLUMNS_MAX,
    JSON_LINES,
    PARQUET,
    SAMPLE_ROWS,
    SEPARATORS,
    NotATableError,
    arrow,
    common_schema,
    kind,
    sample,
    separator,
)
from lab.domain.datasets import Column

_BUFFER = 1 << 20
_TYPE_MAX = 120  # characters of a nested type's name
_CELL_MAX = 200  # characters of a previewed value


@dataclass(frozen=True)
class Table:
    """`rows` in all files together, and their columns with names as they stand in the file (clean them to show)."""

    rows: int
    columns: tuple[Column, ...]


def inspect(files: Sequence[tuple[str, Path]], explain: Callable[[str], None] | None = None) -> Table | None:
    """Rows and columns of files, given as (name, where its content is); None if they are not tables of one schema.

    `explain` hears why not, in a sentence part. Types of CSV, TSV and JSON lines are those of the first 10,000 rows;
    where files differ only in how their numbers or text look, the wider type holds. Blank lines are no rows.
    """
    try:
        if not files:
            raise NotATableError("there are no files")
        found = [_read(name, path) for name, path in files]
        schema = common_schema([columns for _, columns in found])
    except NotATableError as reason:
        if explain:
            explain(str(reason))
        return None
    columns = tuple(Column(name, str(dtype)[:_TYPE_MAX]) for name, dtype in schema.items())
    return Table(sum(rows for rows, _ in found), columns)


def grown(known: Table, name: str, tail: Path, *, whole_lines: bool) -> Table | None:
    """What `inspect` says of a text table that it said `known` of, grown by the content of `tail`; None where that
    has to be read anew. `whole_lines` tells that a line had ended where the tail begins."""
    suffix = kind(name)
    if suffix not in SEPARATORS or not whole_lines or known.rows < SAMPLE_ROWS:
        return None
    try:
        found = lines.survey(tail, SEPARATORS[suffix])
    except NotATableError:
        return None
    return None if found.quoted else Table(known.rows + found.records, known.columns)


def head(name: str, path: Path, limit: int) -> tuple[list[str], list[list[str]]]:
    """Column names and the first `limit` rows as text, values cut at 200 characters; both empty for no table."""
    suffix = kind(name)
    try:
        if suffix in SEPARATORS:
            names, rows = _text_head(path, separator(name, path), limit)
        elif suffix in PARQUET:
            frame = pl.scan_parquet(path, glob=False).head(limit).collect()
            names, rows = frame.columns, frame.rows()
        elif suffix in JSON_LINES:
            frame = pl.read_ndjson(io.BytesIO(_first_lines(sample(path), limit)))
            names, rows = frame.columns, frame.rows()
        elif suffix in ARROW:
            frame = arrow(path).head(limit).collect()
            names, rows = frame.columns, frame.rows()
        else:
            return [], []
    except (NotATableError, *BROKEN):
        return [], []
    return names, [[_cell(value) for value in row] for row in rows]


def _read(name: str, path: Path) -> tuple[int, pl.Schema]:
    suffix = kind(name)
    try:
        if suffix in SEPARATORS:
            rows, schema = _text(path, separator(name, path))
        elif suffix in PARQUET:
            rows, schema = _parquet(path)
        elif suffix in JSON_LINES:
            rows, schema = _json_lines(path)
        elif suffix in ARROW:
            rows, schema = _arrow(path)
        else:
            raise NotATableError(f"{name} is not CSV, TSV, Parquet, JSON lines or Arrow by its name")
    except BROKEN as error:
        raise NotATableError(f"{name} cannot be read as a table: {str(error)[:200]}") from error
    if not schema:
        raise NotATableError(f"{name} has no columns")
    if len(schema) > COLUMNS_MAX:
        raise NotATableError(f"{name} has more than {COLUMNS_MAX:,} columns")
    return rows, schema


def _parquet(path: Path) -> tuple[int, pl.Schema]:
    schema = pl.Schema(pl.read_parquet_schema(path))
    rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    return int(rows), schema


def _arrow(path: Path) -> tuple[int, pl.Schema]:
    frame = arrow(path)
    rows = frame.select(pl.len()).collect().item()
    return int(rows), frame.collect_schema()


def _text(path: Path, mark: str) -> tuple[int, pl.Schema]:
    beginning = pl.scan_csv(
        io.BytesIO(sample(path)), separator=mark, infer_schema_length=SAMPLE_ROWS, encoding="utf8-lossy"
    )
    schema = beginning.collect_schema()
    return max(0, lines.survey(path, mark).records - 1), schema


def _json_lines(path: Path) -> tuple[int, pl.Schema]:
    with path.open("rb", buffering=_BUFFER) as file:
        rows = sum(not line.isspace() for line in lines.lines(file))
    schema = pl.read_ndjson(io.BytesIO(_first_lines(sample(path), SAMPLE_ROWS)), infer_schema_length=None).schema
    return rows, schema


def _first_lines(data: bytes, count: int) -> bytes:
    """The first lines that are not blank; polars takes blank ones for broken."""
    filled = (lines.plain_json(line) for line in data.split(b"\n") if line and not line.isspace())
    return b"\n".join(itertools.islice(filled, count))


def _text_head(path: Path, mark: str, limit: int) -> tuple[list[str], list[tuple[str, ...]]]:
    text = io.StringIO(sample(path).decode("utf-8-sig", "replace"), newline="")
    try:
        rows = (row for row in csv.reader(text, delimiter=mark) if row)
        names = next(rows, [])
        found = list(itertools.islice(rows, limit))
    except csv.Error as error:
        raise NotATableError(str(error)) from error
    width = len(names)
    return names, [tuple((row + [""] * width)[:width]) for row in found]


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _CELL_MAX else text[: _CELL_MAX - 1] + "…"
