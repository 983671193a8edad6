"""Table files as one polars frame: CSV, TSV, Parquet, JSON lines and Arrow, by their names.

Contents are hostile: what does not hold together is a NotATableError, whatever polars thinks of it.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl

from lab.dataclass import dataclass
from lab.datasets import lines
from lab.datasets.formats import (
    BROKEN,
    COLUMNS_MAX,
    JSON_LINES,
    PARQUET,
    SAMPLE_ROWS,
    SEPARATORS,
    SUFFIXES,
    NotATableError,
    arrow,
    column,
    common_schema,
    kind,
    sample,
    separator,
)
from lab.domain.text import clean

__all__ = ["NotATableError", "Tables", "collect", "read", "scan"]

#: Text files are parsed to see that they fit their types; up to so many bytes of them, the rows are kept.
_KEPT_BYTES = 512 << 20

#: A text column whose later values do not fit is read as the next of these that all its values fit.
_LADDER: tuple[pl.DataType, ...] = (pl.Int64(), pl.Int128(), pl.Float64(), pl.String())


@dataclass(frozen=True)
class Tables:
    """All files as one frame; `notes` are sentences about what had to be done to read them."""

    frame: pl.LazyFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """One file, opened: its columns, and for text what is to be parsed."""

    name: str
    schema: pl.Schema
    frame: pl.LazyFrame | None = None
    parquet: Path | None = None
    text: Path | BinaryIO | None = None
    separator: str = ""
    bytes: int = 0


def scan(files: Sequence[tuple[str, Path]]) -> pl.LazyFrame:
    """One frame of all rows of files, given as (name, where its content is), in their order.

    Raises NotATableError if they are not tables of the same columns. Text is parsed here, so that its types hold for
    every row, and kept in memory up to half a gigabyte; use `collect` for the frame all the same, since a Parquet or
    Arrow file may be broken inside.
    """
    return read(files).frame


def read(files: Sequence[tuple[str, Path]]) -> Tables:
    """Like `scan`, with notes on what was not as it should be."""
    if not files:
        raise NotATableError("there are no files")
    notes: list[str] = []
    sources = [_open(name, path, notes) for name, path in files]
    schema = common_schema([source.schema for source in sources])
    texts = [source for source in sources if source.text is not None]
    keep = sum(source.bytes for source in texts) <= _KEPT_BYTES
    schema, parsed = _fit(texts, schema, keep, notes) if texts else (schema, [])
    try:
        frames = _frames(sources, schema, parsed)
        frame = frames[0] if len(frames) == 1 else pl.concat(frames)
        if keep and len(texts) == len(sources):
            frame = frame.collect().lazy()  # one frame of them all, that shares their memory
    except BROKEN as error:
        raise _broken(error) from error
    return Tables(frame, tuple(notes))


def collect(frame: pl.LazyFrame, *, streaming: bool = False) -> pl.DataFrame:
    """The rows of a frame made from `scan`. Raises NotATableError for what is broken inside its files."""
    try:
        return frame.collect(engine="streaming" if streaming else "auto")
    except BROKEN as error:
        raise _broken(error) from error


def row_hashes(frame: pl.LazyFrame) -> pl.Series:
    """A 64-bit hash of every row, the same for equal rows of frames with the same column types; NaN equals NaN.

    Rows are read in pieces. Raises NotATableError as `collect` does.
    """
    try:
        pieces = [piece.hash_rows(seed=0) for piece in frame.collect_batches(maintain_order=True)]
    except BROKEN as error:
        raise _broken(error) from error
    return pl.concat(pieces) if pieces else pl.Series(dtype=pl.UInt64)


def _broken(error: BaseException, name: str = "") -> NotATableError:
    reason = clean(str(error).partition("\n")[0], 200)
    return NotATableError(f"{clean(name) or 'a file'} cannot be read as a table: {reason}")


def _open(name: str, path: Path, notes: list[str]) -> _Source:
    suffix = kind(name)
    if suffix not in SUFFIXES:
        raise NotATableError(f"{clean(name)} is not CSV, TSV, Parquet, JSON lines or Arrow by its name")
    try:
        if suffix in SEPARATORS:
            source = _open_text(name, path, separator(name, path), notes)
        else:
            frame = _frame(name, path, notes)
            parquet = path if suffix in PARQUET else None
            source = _Source(name, frame.collect_schema(), frame, parquet)
    except NotATableError as reason:
        raise NotATableError(f"{clean(name)}: {reason}") from reason
    except BROKEN as error:
        raise _broken(error, name) from error
    if not source.schema:
        raise NotATableError(f"{clean(name)} has no columns")
    if len(source.schema) > COLUMNS_MAX:
        raise NotATableError(f"{clean(name)} has more than {COLUMNS_MAX:,} columns")
    return source


def _frame(name: str, path: Path, notes: list[str]) -> pl.LazyFrame:
    if kind(name) in PARQUET:
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    return _json_lines(path, notes, name) if kind(name) in JSON_LINES else arrow(path)


def _open_text(name: str, path: Path, mark: str, notes: list[str]) -> _Source:
    beginning = sample(path)
    try:
        beginning.decode()
    except UnicodeDecodeError:
        notes.append(f"{clean(name)}: bytes that are no UTF-8 are read as \ufffd; the file may be in another encoding.")
    found = lines.survey(path, mark, count_irregular=False)
    text: Path | BinaryIO = path
    if found.blank or not found.regular:
        copy = lines.straighten(path, mark, found)
        beginning = copy.read(len(beginning))
        copy.seek(0)
        beginning = beginning[: beginning.rfind(b"\n") + 1] or beginning
        text = copy
        if not found.regular:
            notes.append(f"{clean(name)}: quotes inside unquoted values are taken as characters.")
    schema = pl.scan_csv(
        io.BytesIO(beginning), separator=mark, infer_schema_length=SAMPLE_ROWS, encoding="utf8-lossy"
    ).collect_schema()
    return _Source(name, schema, text=text, separator=mark, bytes=path.stat().st_size)


def _json_lines(path: Path, notes: list[str], name: str) -> pl.LazyFrame:
    """Types are those of all rows; what polars calls broken about JSON lines is found here, in one reading."""
    odd = False
    with path.open("rb") as file:
        for line in lines.lines(file):
            odd = odd or lines.plain_json(line) is not line
    # Polars takes these characters for a pattern of names here, and lets nobody say otherwise.
    source: Path | BinaryIO = path.open("rb") if set("*?[") & set(str(path)) else path
    if odd:
        source = lines.straighten_json(path)
        notes.append(f"{clean(name)}: NaN and infinities are read as null.")
    frame = pl.scan_ndjson(source, infer_schema_length=None)
    frame.select(pl.len(), pl.all().null_count().name.prefix("_")).collect(engine="streaming")
    return frame


def _fit(
    texts: Sequence[_Source], schema: pl.Schema, keep: bool, notes: list[str]
) -> tuple[pl.Schema, list[pl.LazyFrame]]:
    """`schema`, widened where values of text files do not fit what their beginnings promised, and their frames."""
    if (frames := _parsed(texts, schema, keep, notes)) is not None:
        return schema, frames
    misfits = _misfits(texts, schema)
    widened = pl.Schema({**schema, **misfits})
    if misfits and (frames := _parsed(texts, widened, keep, notes)) is not None:
        for name, dtype in misfits.items():
            notes.append(f"Column {clean(name, 80)!r} is read as {dtype}: a later value is no {schema[name]}.")
        return widened, frames
    strings = pl.Schema({name: pl.String() for name in schema})
    if (frames := _parsed(texts, strings, keep, notes)) is not None:
        notes.append("All columns are read as text: values do not fit the types of the first rows.")
        return strings, frames
    names = ", ".join(clean(source.name) for source in texts[:3])
    raise NotATableError(f"{names} cannot be read as a table: quotes or line ends do not match up")


def _parsed(texts: Sequence[_Source], schema: pl.Schema, keep: bool, notes: list[str]) -> list[pl.LazyFrame] | None:
    """The frames of text files whose values all fit, held in memory or not; None if some do not fit.

    Cells beyond the header's are given up only where a file is no table otherwise, and then a note says so.
    """
    frames: list[pl.LazyFrame] = []
    cut: list[str] = []
    for source in texts:
        frame = _whole(_parse(source, schema), keep)
        if frame is None:
            frame = _whole(_parse(source, schema, ragged=True), keep)
            cut.append(f"{clean(source.name)}: cells beyond those of the header are left out.")
        if frame is None:
            return None
        frames.append(frame)
    notes += cut
    return frames


def _whole(frame: pl.LazyFrame, keep: bool) -> pl.LazyFrame | None:
    """The frame, read to its end; None if that fails."""
    try:
        if keep:
            return frame.collect().lazy()
        frame.select(pl.all().null_count()).collect(engine="streaming")
    except BROKEN:
        return None
    return frame


def _misfits(texts: Sequence[_Source], schema: pl.Schema) -> dict[str, pl.DataType]:
    """Columns that hold a value which their type does not, with a type that holds all."""
    strings = pl.Schema({name: pl.String() for name in schema})
    typed = [name for name, dtype in schema.items() if dtype != pl.String]
    rungs = _LADDER[:-1]
    counts: dict[str, list[int]] = {name: [0] * len(rungs) for name in typed}
    wrong: set[str] = set()
    for source in texts:
        frame = _parse(source, strings, ragged=True)
        for name in typed:
            text = column(name).str.strip_chars()
            asked = [_unlike(text, dtype).alias(str(at)) for at, dtype in enumerate((schema[name], *rungs))]
            try:
                row = frame.select(asked).collect(engine="streaming").row(0)
            except BROKEN:
                return {}
            if row[0]:
                wrong.add(name)
            counts[name] = [sum(pair) for pair in zip(counts[name], row[1:], strict=True)]
    return {name: _lowest(schema[name], counts[name]) for name in typed if name in wrong}


def _unlike(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """How many values of a text column are not of a type."""
    if dtype == pl.Boolean:
        fits = column.str.to_lowercase().is_in(["true", "false"])
    else:
        fits = column.cast(dtype, strict=False).is_not_null()
    return (column.is_not_null() & ~fits).sum()


def _lowest(dtype: pl.DataType, counts: Sequence[int]) -> pl.DataType:
    if dtype in _LADDER:
        for rung, count in zip(_LADDER, counts, strict=False):
            if not count:
                return rung
    return pl.String()


def _parse(source: _Source, schema: pl.Schema, *, ragged: bool = False) -> pl.LazyFrame:
    assert source.text is not None
    return pl.scan_csv(
        source.text,
        separator=source.separator,
        schema_overrides=schema,
        infer_schema=False,
        encoding="utf8-lossy",
        truncate_ragged_lines=ragged,
        glob=False,
    )


def _frames(sources: Sequence[_Source], schema: pl.Schema, parsed: Sequence[pl.LazyFrame]) -> list[pl.LazyFrame]:
    """The frames of all files, in their order; Parquet files of the same types in a row are one."""
    frames: list[pl.LazyFrame] = []
    texts = iter(parsed)
    for alike, group in itertools.groupby(
        sources, lambda source: source.parquet is not None and source.schema == schema
    ):
        if alike:
            paths = [source.parquet for source in group if source.parquet is not None]
            frames.append(pl.scan_parquet(paths, glob=False, hive_partitioning=False))
        else:
            frames += [
                next(texts) if source.frame is None else _typed(source, source.frame, schema) for source in group
            ]
    return frames


def _typed(source: _Source, frame: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """A file's frame with the types that all files share."""
    changed = [column(name).cast(dtype) for name, dtype in schema.items() if source.schema[name] != dtype]
    return frame.with_columns(changed) if changed else frame
