"""Predictions for a whole table, piece by piece: what `lab predict` runs, in the model's own environment with polars.

The current folder holds the model. Parameters: `input` names the dataset, `output` the file to leave in the run's
artifacts, `chunk` says how many rows are held at once. The output has the columns of the input, then `prediction`, and
`probability_<class>` where the model tells probabilities. It appears whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from lab.runtime import tracking
from lab.runtime.serving.compute import Output
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.model import ServedModel, load
from lab.runtime.serving.signature import Signature
from lab.runtime.tables import FORMATS

_TYPES: Mapping[str, type[pl.DataType]] = {"bool": pl.Boolean, "string": pl.String, "float64": pl.Float64}


class InputError(Exception):
    """The table is not what the model takes; the message names columns and rows, never values."""


def main() -> int:
    try:
        model = load(Path.cwd(), "")
        table = open_table(tracking.data(str(tracking.params["input"])), model.signature)
        check_columns(table.collect_schema(), model.signature)
        target = tracking.run_dir() / "artifacts" / str(tracking.params["output"])
        rows, seconds = predict_all(model, table, target, int(tracking.params["chunk"]))
    except (InputError, LoadError, pl.exceptions.PolarsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    tracking.log(rows=rows, rows_per_second=rows / max(seconds, 1e-9))
    print(f"{rows:,} rows predicted in {seconds:.1f} s")
    return 0


def open_table(path: Path, signature: Signature) -> pl.LazyFrame:
    """A file, or a folder of files of one format, read as it is asked for. Raises InputError for anything else."""
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    formats = {FORMATS.get(one.suffix.lower(), "") for one in files}
    if len(formats) != 1 or "" in formats:
        raise InputError(f"the input must be of one kind: {', '.join(FORMATS)}")
    if formats == {"parquet"}:
        return pl.scan_parquet(files)
    if formats == {"jsonl"}:
        return pl.scan_ndjson(files)
    # What the model takes for text is text, also where it looks like numbers.
    types = {column.name: _TYPES[column.dtype] for column in signature.columns if column.dtype in _TYPES}
    tabs = all(one.suffix.lower() == ".tsv" for one in files)
    head = pl.scan_csv(files[0], separator="\t" if tabs else ",", infer_schema_length=0).collect_schema()
    known = {name: kind for name, kind in types.items() if name in head}
    return pl.scan_csv(files, separator="\t" if tabs else ",", schema_overrides=known, infer_schema_length=10_000)


def check_columns(schema: pl.Schema, signature: Signature) -> None:
    """Raises InputError for columns that are missing or of another type than the model takes."""
    if not signature.columns:
        return
    missing = [name for name in signature.names if name not in schema]
    if missing:
        raise InputError(f"the input lacks {len(missing)} column(s): {', '.join(missing[:10])}")
    wrong = [
        f"{column.name} ({schema[column.name]}, not {column.dtype})"
        for column in signature.columns
        if not _fits(schema[column.name], column.dtype)
    ]
    if wrong:
        raise InputError(f"{len(wrong)} column(s) are of another type: {', '.join(wrong[:10])}")


def _fits(found: pl.DataType, wanted: str) -> bool:
    if found == pl.Null:
        return True  # nothing but nulls; whether those are allowed is told per row
    if wanted == "bool":
        return found == pl.Boolean
    if wanted == "string":
        return found == pl.String or isinstance(found, pl.Categorical | pl.Enum)
    return found.is_numeric()


def predict_all(model: ServedModel, table: pl.LazyFrame, target: Path, chunk: int) -> tuple[int, float]:
    """Write the table with its predictions to `target`; returns the number of rows and the seconds it took."""
    total = int(table.select(pl.len()).collect().item())
    parts = target.with_name(f".{target.name}.parts")
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    began, done, pieces = time.monotonic(), 0, max(1, -(-total // chunk))
    try:
        for number, (rows, predicted) in enumerate(_pieces(model, table, chunk), 1):
            predicted.write_parquet(parts / f"{number:09d}.parquet")
            done += rows
            print(f"batch {number}/{pieces}  {done:,} of {total:,} rows", flush=True)
            tracking.log(step=done, rows_done=done)
        _join(parts, target, done, model)
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    return done, time.monotonic() - began


def _pieces(model: ServedModel, table: pl.LazyFrame, chunk: int) -> Iterator[tuple[int, pl.DataFrame]]:
    done = 0
    for piece in table.collect_batches(chunk_size=chunk, maintain_order=True):
        for frame in piece.iter_slices(chunk):
            if frame.height:
                yield frame.height, with_predictions(model, frame, done)
                done += frame.height


def with_predictions(model: ServedModel, frame: pl.DataFrame, before: int) -> pl.DataFrame:
    """`frame` and what the model says of it; `before` is the number of rows that came before. Raises InputError."""
    names = model.signature.names or tuple(frame.columns)
    for column in model.signature.columns:
        values = frame[column.name]
        if values.null_count() and not column.nullable:
            row = before + int(values.is_null().arg_max() or 0) + 1
            raise InputError(f"row {row}: {column.name} is empty, and the model takes no empty values")
    given = frame.select(pl.col(name).cast(pl.String) if _coded(frame.schema[name]) else name for name in names)
    output = model.predict([list(row) for row in given.rows()])
    return frame.with_columns(_columns(model, frame, output))


def _coded(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Categorical | pl.Enum)


def _columns(model: ServedModel, frame: pl.DataFrame, output: Output) -> list[pl.Series]:
    made = [pl.Series(_free("prediction", frame), output.predictions.tolist())]
    if output.probabilities is not None:
        classes = model.signature.classes or range(output.probabilities.shape[1])
        made += [
            pl.Series(_free(f"probability_{label}", frame), output.probabilities[:, place])
            for place, label in enumerate(classes)
        ]
    return made


def _free(name: str, frame: pl.DataFrame) -> str:
    """A name that the input does not have."""
    while name in frame.columns:
        name += "_"
    return name


def _join(parts: Path, target: Path, rows: int, model: ServedModel) -> None:
    """One file of all pieces, in the format that its name says."""
    fresh = parts / f"all{target.suffix}"
    if not rows:
        raise InputError("the input has no rows")
    whole = pl.scan_parquet(sorted(parts.glob("*.parquet")))
    if FORMATS[target.suffix] == "parquet":
        whole.sink_parquet(fresh, compression="zstd", maintain_order=True)
    elif FORMATS[target.suffix] == "jsonl":
        whole.sink_ndjson(fresh, maintain_order=True)
    else:
        whole.sink_csv(fresh, separator="\t" if target.suffix == ".tsv" else ",", maintain_order=True)
    os.replace(fresh, target)


if __name__ == "__main__":
    sys.exit(main())
