"""What is in a table file: columns, rows, the first lines. CSV, TSV, Parquet and JSON lines, by the file's name.

Contents are hostile. Nothing here raises for what a file holds, and nothing loads one whole.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl
from polars.exceptions import PanicException, PolarsError

from lab.domain.datasets import Column

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_JSON_LINES = (".jsonl", ".ndjson")

_SAMPLE_ROWS = 10_000  # rows that a text file's types are read from
_SAMPLE_BYTES = 16 << 20
_LINE_MAX = 16 << 20
_BUFFER = 1 << 20
_COLUMNS_MAX = 10_000
_TYPE_MAX = 120  # characters of a nested type's name
_CELL_MAX = 200  # characters of a previewed value

_NUMERIC = ("Int64", "Float64")

# PanicException is what polars raises for its own bugs, which a broken file may meet; it is no Exception.
_BROKEN = (PolarsError, PanicException, OSError, ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Table:
    """`rows` in all files together, and their columns with names as they stand in the file (clean them to show)."""

    rows: int
    columns: tuple[Column, ...]


class _NotATableError(Exception):
    """Why a file is no table, or files are not one."""


def inspect(files: Sequence[tuple[str, Path]], explain: Callable[[str], None] | None = None) -> Table | None:
    """Rows and columns of files, given as (name, where its content is); None if they are not tables of one schema.

    `explain` hears why not, in a sentence part. Types of CSV, TSV and JSON lines are those of the first 10,000 rows;
    where files differ only in how their numbers or text look, the wider type holds. Blank lines are no rows.
    """
    try:
        if not files:
            raise _NotATableError("there are no files")
        return _sum([_read(name, path) for name, path in files])
    except _NotATableError as reason:
        if explain:
            explain(str(reason))
        return None


def head(name: str, path: Path, limit: int) -> tuple[list[str], list[list[str]]]:
    """Column names and the first `limit` rows as text, values cut at 200 characters; both empty for no table."""
    kind = _kind(name)
    try:
        if kind in _SEPARATORS:
            names, rows = _text_head(path, _SEPARATORS[kind], limit)
        elif kind in _PARQUET:
            frame = pl.scan_parquet(path, glob=False).head(limit).collect()
            names, rows = frame.columns, frame.rows()
        elif kind in _JSON_LINES:
            frame = pl.read_ndjson(io.BytesIO(_first_lines(_sample(path), limit)))
            names, rows = frame.columns, frame.rows()
        else:
            return [], []
    except (_NotATableError, *_BROKEN):
        return [], []
    return names, [[_cell(value) for value in row] for row in rows]


def _kind(name: str) -> str:
    return Path(name).suffix.lower()


def _read(name: str, path: Path) -> Table:
    kind = _kind(name)
    try:
        if kind in _SEPARATORS:
            table = _text(path, _SEPARATORS[kind])
        elif kind in _PARQUET:
            table = _parquet(path)
        elif kind in _JSON_LINES:
            table = _json_lines(path)
        else:
            raise _NotATableError(f"{name} is not CSV, TSV, Parquet or JSON lines by its name")
    except _BROKEN as error:
        raise _NotATableError(f"{name} cannot be read as a table: {str(error)[:200]}") from error
    if not table.columns:
        raise _NotATableError(f"{name} has no columns")
    if len(table.columns) > _COLUMNS_MAX:
        raise _NotATableError(f"{name} has more than {_COLUMNS_MAX:,} columns")
    return table


def _sum(tables: Sequence[Table]) -> Table:
    columns = tables[0].columns
    for table in tables[1:]:
        if [column.name for column in table.columns] != [column.name for column in columns]:
            raise _NotATableError("the files have different columns")
        columns = tuple(_wider(one, other) for one, other in zip(columns, table.columns, strict=True))
    return Table(sum(table.rows for table in tables), columns)


def _wider(one: Column, other: Column) -> Column:
    if one.type == other.type or other.type == "Null":
        return one
    if one.type == "Null":
        return other
    if one.type in _NUMERIC and other.type in _NUMERIC:
        return Column(one.name, "Float64")
    if "String" in (one.type, other.type):
        return Column(one.name, "String")
    raise _NotATableError(f"the files disagree on the type of column {one.name!r}: {one.type} and {other.type}")


def _columns(schema: pl.Schema) -> tuple[Column, ...]:
    return tuple(Column(name, str(kind)[:_TYPE_MAX]) for name, kind in schema.items())


def _parquet(path: Path) -> Table:
    schema = pl.Schema(pl.read_parquet_schema(path))
    rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    return Table(int(rows), _columns(schema))


def _text(path: Path, separator: str) -> Table:
    sample = pl.scan_csv(
        io.BytesIO(_sample(path)), separator=separator, infer_schema_length=_SAMPLE_ROWS, encoding="utf8-lossy"
    )
    return Table(_text_rows(path, separator), _columns(sample.collect_schema()))


def _text_rows(path: Path, separator: str) -> int:
    """Rows after the header. Lines with a quote are parsed, with as many after them as belong to their record.

    (Polars counts quotes only, so that one stray `5" disk` hides the rest of the file from it.)
    """
    records = 0
    with path.open("rb", buffering=_BUFFER) as file:
        lines = _lines(file)
        for line in lines:
            if b'"' in line:
                records += _record(line, lines, separator)
            elif not line.isspace():
                records += 1
    return max(0, records - 1)


def _record(line: bytes, lines: Iterator[bytes], separator: str) -> bool:
    """Consume one record that begins with `line`; whether it holds anything."""
    text = (part.decode("utf-8", "replace") for part in itertools.chain([line], lines))
    try:
        return bool(next(csv.reader(text, delimiter=separator), []))
    except csv.Error as error:
        raise _NotATableError(f"{error}: perhaps a quote is never closed") from error


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends, none of them endless."""
    for line in iter(functools.partial(file.readline, _LINE_MAX), b""):
        if len(line) == _LINE_MAX:
            raise _NotATableError(f"a line is longer than {_LINE_MAX >> 20} MB")
        yield line


def _sample(path: Path) -> bytes:
    """The file's beginning, cut after a whole line where it goes on."""
    with path.open("rb") as file:
        data = file.read(_SAMPLE_BYTES)
        if b"\0" in data:
            raise _NotATableError("it holds zero bytes, so it is no text in UTF-8")
        if not file.read(1):
            return data
    end = data.rfind(b"\n") + 1
    if not end:
        raise _NotATableError(f"its first line is longer than {_SAMPLE_BYTES >> 20} MB")
    return data[:end]


def _json_lines(path: Path) -> Table:
    with path.open("rb", buffering=_BUFFER) as file:
        rows = sum(not line.isspace() for line in _lines(file))
    schema = pl.read_ndjson(io.BytesIO(_first_lines(_sample(path), _SAMPLE_ROWS)), infer_schema_length=None).schema
    return Table(rows, _columns(schema))


def _first_lines(data: bytes, count: int) -> bytes:
    """The first lines that are not blank; polars takes blank ones for broken."""
    lines = (line for line in data.split(b"\n") if line and not line.isspace())
    return b"\n".join(itertools.islice(lines, count))


def _text_head(path: Path, separator: str, limit: int) -> tuple[list[str], list[tuple[str, ...]]]:
    text = io.StringIO(_sample(path).decode("utf-8-sig", "replace"), newline="")
    try:
        rows = (row for row in csv.reader(text, delimiter=separator) if row)
        names = next(rows, [])
        found = list(itertools.islice(rows, limit))
    except csv.Error as error:
        raise _NotATableError(str(error)) from error
    width = len(names)
    return names, [tuple((row + [""] * width)[:width]) for row in found]


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _CELL_MAX else text[: _CELL_MAX - 1] + "…"
