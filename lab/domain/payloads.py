"""What servers are asked: JSON or CSV made into a payload that they take. Pure functions."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any, NoReturn

from lab.domain.params import parse_value
from lab.domain.runs import Param
from lab.errors import UsageError

_SHAPES = 'write {"rows": [{"column": value, …}]} or {"data": [[value, …]]}'


def from_json(text: str) -> dict[str, Any]:
    """`{"rows": …}` or `{"data": …}` as they are; a lone row, a list of rows or a list of lists is wrapped.

    Raises UsageError for what is no JSON, or no such shape.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the input is not JSON: {error}", _SHAPES) from error
    if isinstance(value, dict):
        return value if "rows" in value or "data" in value else {"rows": [value]}
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return {"rows": value}
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        return {"data": value}
    if isinstance(value, list) and value:
        return {"data": [value]}
    raise UsageError("the input holds no rows", _SHAPES)


def from_lines(text: str) -> dict[str, Any]:
    """JSON lines, a row each. Raises UsageError as `from_json`, with the line's number."""
    rows: list[Any] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows += next(iter(from_json(line).values()))
            except UsageError as error:
                raise UsageError(f"line {number}: {error.message}", error.hint) from error
    if not rows or len({type(row) for row in rows}) > 1:
        raise UsageError("the lines are no rows of one kind", "write a JSON object on each line")
    return {"rows" if isinstance(rows[0], dict) else "data": rows}


def from_file(name: str, text: str) -> dict[str, Any]:
    """What the file `name` holds, by its ending: CSV, JSON lines, or else JSON. Raises UsageError."""
    ending = name.lower().rpartition(".")[2]
    return from_csv(text) if ending == "csv" else from_lines(text) if ending in ("jsonl", "ndjson") else from_json(text)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed; use null for a missing value")


def _finite(text: str) -> float:
    """JSON lets `1e999` through, which no float can hold."""
    return float(text) if math.isfinite(float(text)) else _refuse(text)


def from_csv(text: str) -> dict[str, Any]:
    """Rows of a CSV with a header; numbers are numbers, empty cells and NaN null.

    Raises UsageError when it holds none, or an infinite one.
    """
    reader = csv.DictReader(io.StringIO(text), restkey="", strict=True)
    try:
        rows = [{name: _cell(value) for name, value in row.items()} for row in reader]
    except csv.Error as error:
        raise UsageError(f"the CSV cannot be read: line {reader.line_num}: {error}", "check its quotes") from error
    if not rows:
        raise UsageError("the CSV holds no rows", "it needs a header and at least one row")
    for number, row in enumerate(rows, 1):
        if "" in row:
            raise UsageError(f"row {number} of the CSV has more cells than the header", "check its commas")
        if any(value in (math.inf, -math.inf) for value in row.values()):
            raise UsageError(
                f"row {number} of the CSV holds an infinite number", "leave the cell empty if it is missing"
            )
    return {"rows": rows}


def _cell(value: str | list[str] | None) -> Param:
    if not isinstance(value, str) or value == "":
        return None
    parsed = parse_value(value)
    if isinstance(parsed, float) and math.isnan(parsed):
        return None
    return value if isinstance(parsed, str) or parsed is None else parsed
