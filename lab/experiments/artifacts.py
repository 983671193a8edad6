"""The files that a run left under `artifacts/`, and those of them whose form Lab knows. Standard library only.

A run is a stranger: links are not followed, sizes are looked at before anything is read.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.dataclass import dataclass
from lab.errors import LabError
from lab.paths import RunFolder

#: So many files are looked at.
MOST = 5_000
PREDICTIONS = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson")
CONFUSION = (".csv", ".json")

_LARGEST_MATRIX = 4 << 20  # bytes
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class Artifact:
    """A file: `path` relative to `artifacts/`, `size` in bytes, and where it is."""

    path: str
    size: int
    real: Path


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix, `[label][prediction]`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class NotAMatrixError(LabError):
    """The file holds no confusion matrix; the message says why."""

    code = "not_a_matrix"


def artifacts(folder: RunFolder) -> tuple[Artifact, ...]:
    """The run's plain files, by path; the first 5,000."""
    found = []
    for path in _walk(folder.artifacts, ""):
        found.append(path)
        if len(found) == MOST:
            break
    return tuple(sorted(found, key=lambda one: one.path))


def _walk(folder: Path, prefix: str) -> Iterator[Artifact]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in entries:
        if entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
        elif entry.is_file():
            yield Artifact(prefix + entry.name, entry.stat().st_size, Path(entry.path))


def named(files: Sequence[Artifact], start: str, suffixes: Sequence[str]) -> dict[str, Artifact]:
    """Files whose name begins with `start` and ends so, by path."""
    return {
        one.path: one
        for one in files
        if one.path.rpartition("/")[2].lower().startswith(start) and Path(one.path).suffix.lower() in suffixes
    }


def read_matrix(file: Artifact) -> Matrix:
    """From CSV: numbers, or numbers with the classes in the first line and, if there is one more, the first column.
    From JSON: a list of lists, or an object with `matrix` and perhaps `labels`. Raises NotAMatrixError."""
    if file.size > _LARGEST_MATRIX:
        raise NotAMatrixError(f"{file.path} is too large for a confusion matrix: {file.size:,} bytes")
    try:
        text = file.real.read_text("utf-8-sig", "replace")
        labels, rows = _from_json(text) if file.path.lower().endswith(".json") else _from_csv(text)
        counts = tuple(tuple(_count(value) for value in row) for row in rows)
    except (OSError, ValueError, TypeError, RecursionError, csv.Error) as error:
        raise NotAMatrixError(f"{file.path} holds no confusion matrix: {error}") from error
    size = len(counts)
    names = tuple(labels) or tuple(str(at) for at in range(size))
    if not size or len(names) != size or any(len(row) != size for row in counts):
        raise NotAMatrixError(f"{file.path} holds no square matrix with a name per class")
    if size > _MOST_CLASSES or len(set(names)) < size:
        raise NotAMatrixError(f"{file.path} has more than {_MOST_CLASSES:,} classes, or two of one name")
    return Matrix(names, counts)


def _count(value: object) -> int:
    number = float(value)  # type: ignore[arg-type]
    if number != int(number) or number < 0 or number > 2**53:
        raise ValueError(f"{value!r} is no count")
    return int(number)


def _from_json(text: str) -> tuple[list[str], list[list[object]]]:
    found = json.loads(text)
    if isinstance(found, dict):
        labels = found.get("labels") or found.get("classes") or []
        rows = found.get("matrix", found.get("confusion_matrix", found.get("counts")))
    else:
        labels, rows = [], found
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise ValueError("no list of lists")
    return [str(label) for label in labels], rows


def _from_csv(text: str) -> tuple[list[str], list[list[object]]]:
    lines = [line for line in csv.reader(io.StringIO(text)) if line]
    if not lines:
        raise ValueError("it is empty")
    if len(lines) == len(lines[0]) and all(_is_number(cell) for cell in lines[0]):
        return [], [list(line) for line in lines]
    head, body = lines[0], lines[1:]
    size = len(body)
    if not size or any(len(line) not in (size, size + 1) for line in lines):
        raise ValueError("its lines are not as many as its columns")
    return head[-size:], [list(line[-size:]) for line in body]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
