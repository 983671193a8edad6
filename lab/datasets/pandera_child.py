"""Runs a project's pandera schema over a table, in a process of its own: the project's code is not Lab's.

Reads its order as JSON on standard input and writes its answer as JSON to the file that the order names.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from lab.datasets import tables

SAMPLE_ROWS = 20
_CHECKS_MAX = 50
_TEXT_MAX = 200


def main() -> None:
    order = json.load(sys.stdin)
    Path(order["answer"]).write_text(json.dumps(_answer(order)), encoding="utf-8")


def _answer(order: Mapping[str, Any]) -> dict[str, Any]:
    try:
        errors = importlib.import_module("pandera.errors")  # an optional extra
        importlib.import_module("pandera.polars")
    except ImportError as error:
        return {"refused": "missing", "reason": str(error)}
    try:
        frame = tables.collect(tables.scan([(name, Path(path)) for name, path in order["files"]]))
    except tables.NotATableError as error:
        return {"refused": "table", "reason": error.message}
    try:
        schema = _schema(order["schema"], order["project"])
        return _validated(schema, frame, order["key"], errors)
    except Exception as error:  # noqa: BLE001 (the project's code may raise anything)
        return {"refused": "code", "reason": _told(error, order["project"])}


def _schema(name: str, project: str) -> Any:
    """The object of that name, imported from the project."""
    sys.path.insert(0, project)
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    if not callable(getattr(found, "validate", None)):
        raise TypeError(f"{name} is no schema: it has no validate()")
    return found


def _validated(schema: Any, frame: pl.DataFrame, key: Sequence[str], errors: ModuleType) -> dict[str, Any]:
    try:
        schema.validate(frame, lazy=True)
    except errors.SchemaErrors as error:
        return _failures(error.failure_cases, frame, [name for name in key if name in frame.columns])
    except errors.SchemaError as error:
        return {"refused": "code", "reason": _cut(str(error))}
    return {"failures": 0}


def _failures(cases: pl.DataFrame, frame: pl.DataFrame, key: Sequence[str]) -> dict[str, Any]:
    """Checks that failed with how often, and failing rows; `cases` has `column`, `check`, `failure_case`, `index`."""
    counts: dict[tuple[str, str], int] = {}
    sample: list[list[str | None]] = []
    numbers: list[int] = []
    for case in cases.iter_rows(named=True):
        about = (_cut(str(case["column"])), _cut(str(case["check"])))
        counts[about] = counts.get(about, 0) + 1
        index = case["index"]
        if index is not None and 0 <= index < len(frame) and len(sample) < SAMPLE_ROWS:
            shown = [*(frame[name][index] for name in key), *about, case["failure_case"]]
            sample.append([None if cell is None else _cut(str(cell)) for cell in shown])
            numbers.append(int(index) + 1)
    checks = [[*about, count] for about, count in sorted(counts.items(), key=lambda item: -item[1])]
    return {
        "checks": checks[:_CHECKS_MAX],
        "failures": len(cases),
        "sample": {"columns": [*key, "column", "check", "value"], "rows": sample, "numbers": numbers},
    }


def _told(error: Exception, project: str) -> str:
    """The error with the place in the project's own code where it came up."""
    own = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith(project)]
    place = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {_cut(str(error))}{place}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_MAX else line[: _TEXT_MAX - 1] + "…"


if __name__ == "__main__":
    main()
