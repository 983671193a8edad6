"""What kinds of table files there are, and what every reader of them shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
from polars import selectors
from polars.exceptions import PanicException, PolarsError

from lab.domain.text import clean
from lab.errors import LabError

#: Text files of cells, by suffix, and what stands between their cells.
SEPARATORS = {".csv": ",", ".tsv": "\t"}
_UNUSUAL = (";", "\t", "|")
PARQUET = (".parquet", ".pq")
JSON_LINES = (".jsonl", ".ndjson")
ARROW = (".arrow", ".feather", ".ipc")
SUFFIXES = (*SEPARATORS, *PARQUET, *JSON_LINES, *ARROW)

SAMPLE_ROWS = 10_000  # rows that a text file's types are read from
COLUMNS_MAX = 10_000
_SAMPLE_BYTES = 16 << 20
_HEADER_BYTES = 64 << 10
_ARROW_FILE = b"ARROW1"

# PanicException is what polars raises for its own bugs, which a broken file may meet; it is no Exception.
BROKEN = (PolarsError, PanicException, OSError, ValueError, TypeError, OverflowError, RecursionError)


class NotATableError(LabError):
    """The file is no table, or files are not one; the message is a part of a sentence that says why."""

    code = "not_a_table"


def column(name: str) -> pl.Expr:
    """The column of exactly that name; `pl.col` takes `*` and `^…$` for patterns, and so does `select`."""
    return selectors.by_name(name).as_expr()


def exactly(names: Iterable[str]) -> list[pl.Expr]:
    """The columns of exactly these names."""
    return [column(name) for name in names]


def kind(name: str) -> str:
    """The suffix that tells how the file is read, in small letters."""
    return Path(name).suffix.lower()


def sample(path: Path) -> bytes:
    """A text file's beginning, cut after a whole line where it goes on. Raises NotATableError for what is no text."""
    with path.open("rb") as file:
        data = file.read(_SAMPLE_BYTES)
        if b"\0" in data:
            raise NotATableError("it holds zero bytes, so it is no text in UTF-8")
        if not file.read(1):
            return data
    end = data.rfind(b"\n") + 1
    if not end:
        raise NotATableError(f"its first line is longer than {_SAMPLE_BYTES >> 20} MB")
    return data[:end]


def separator(name: str, path: Path) -> str:
    """What stands between the cells of a text file: what its name says or, where a CSV file's header has no comma,
    the semicolon, tab or bar that it has instead."""
    usual = SEPARATORS[kind(name)]
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES).lstrip().partition(b"\n")[0]
    if usual != "," or b"," in header:
        return usual
    return next((mark for mark in _UNUSUAL if mark.encode() in header), usual)


def arrow(path: Path) -> pl.LazyFrame:
    """Arrow content, in the file format or, read whole, as a stream."""
    with path.open("rb") as file:
        begins = file.read(len(_ARROW_FILE))
    if begins == _ARROW_FILE:
        return pl.scan_ipc(path, glob=False, hive_partitioning=False)
    return pl.read_ipc_stream(path).lazy()


def common_schema(schemas: Sequence[pl.Schema]) -> pl.Schema:
    """One schema for files of the same columns, in which every file's values fit. Raises NotATableError."""
    common = schemas[0]
    for schema in schemas[1:]:
        if schema.names() != common.names():
            raise NotATableError("the files have different columns")
        common = pl.Schema({name: wider(name, dtype, schema[name]) for name, dtype in common.items()})
    return common


def wider(name: str, one: pl.DataType, other: pl.DataType) -> pl.DataType:
    """The type that holds values of both, for one column of several files. Raises NotATableError if none does."""
    if one == other or other == pl.Null:
        return one
    if one == pl.Null:
        return other
    if one.is_integer() and other.is_integer():
        return pl.Int64() if pl.Int128 not in (one, other) and pl.UInt64 not in (one, other) else pl.Int128()
    if one.is_numeric() and other.is_numeric():
        return pl.Float64()
    if pl.String in (one, other) and not (one.is_nested() or other.is_nested()):
        return pl.String()
    raise NotATableError(f"the files disagree on the type of column {clean(name, 80)!r}: {one} and {other}")
