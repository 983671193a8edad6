"""What clients of `mlflow models serve` send: `POST /invocations`, with `/ping` and `/health`.

JSON as `dataframe_split`, `dataframe_records`, `instances` or `inputs`, and CSV with a header line. Columns go by
name, in any order; plain rows by position.
"""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import Any

from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import Answer, Headers, Request, Route, json_answer, parse_json
from lab.runtime.serving.rows import RowReader
from lab.runtime.serving.service import Prediction, Query, Service, plain
from lab.runtime.serving.signature import Column, Row

_SHAPES = ("dataframe_split", "dataframe_records", "instances", "inputs")
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_MISSING = ("", "nan", "null", "none", "na")


def routes(service: Service) -> list[Route]:
    async def ping(_request: Request) -> Answer:
        return json_answer(503 if service.ready_reason else 200, {"ready": not service.ready_reason})

    def read(headers: Headers, body: bytes) -> Query:
        return _query(service, body, headers.get(b"content-type", b"application/json"))

    return [
        Route("/ping", "GET", ping, guarded=False),
        Route("/health", "GET", ping, guarded=False),
        Route("/invocations", "POST", read=read, error=_error),
    ]


def _error(error: RequestError) -> Answer:
    names = f": {', '.join(error.columns)}" if error.columns else ""
    code = "BAD_REQUEST" if error.status < 500 else "INTERNAL_ERROR"
    return json_answer(error.status, {"error_code": code, "message": error.message + names})


def _query(service: Service, body: bytes, content_type: bytes) -> Query:
    kind = content_type.partition(b";")[0].strip().lower()
    given_id = None
    if kind == b"text/csv":
        rows = _csv_rows(service.reader, body, service.config.max_rows)
    elif kind == b"application/json":
        request = parse_json(body)
        rows = _json_rows(service.reader, request, service.config.max_rows)
        given_id = request.get("id")
    else:
        raise RequestError(415, "content_type", "send application/json or text/csv")
    return Query(rows, given_id, partial(_answer, service.config.version))


def _answer(version: str, done: Prediction) -> Answer:
    answer: dict[str, Any] = {
        "predictions": plain(done.output.predictions),
        "id": done.id,
        "model_version": version,
    }
    if done.findings:
        answer["warnings"] = [finding.told for finding in done.findings]
    return json_answer(200, answer)


def _json_rows(reader: RowReader, request: Any, max_rows: int) -> list[Row]:
    named = [shape for shape in _SHAPES if isinstance(request, dict) and shape in request]
    if len(named) != 1:
        raise RequestError(422, "shape", f"the body must be an object with one of {', '.join(_SHAPES)}")
    given = request[named[0]]
    if named[0] == "dataframe_split":
        if not isinstance(given, dict) or "data" not in given:
            raise RequestError(422, "shape", "dataframe_split must be an object with columns and data")
        if given.get("columns") is None:
            return reader.by_position(given["data"], max_rows)
        return reader.by_header(given["columns"], given["data"], max_rows)
    if named[0] == "dataframe_records":
        return reader.by_name(given, max_rows)
    if isinstance(given, dict):
        columns = {name: _column_values(name, values) for name, values in given.items()}
        return reader.by_column(columns, max_rows)
    if isinstance(given, list) and given and isinstance(given[0], dict):
        return reader.by_name(given, max_rows)
    if isinstance(given, list) and len(reader.signature.columns) == 1:
        given = [value if isinstance(value, list) else [value] for value in given]
    return reader.by_position(given, max_rows)


def _column_values(name: str, values: Any) -> list[Any]:
    """A column as `[v, …]` or `[[v], …]`."""
    if not isinstance(values, list):
        raise RequestError(422, "shape", "a column must be a list of values", (name,))
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]


def _csv_rows(reader: RowReader, body: bytes, max_rows: int) -> list[Row]:
    try:
        lines = [line for line in csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True) if line]
    except (UnicodeDecodeError, csv.Error):
        raise RequestError(400, "csv", "the body is not CSV in UTF-8") from None
    if not lines:
        raise RequestError(422, "shape", "the CSV has no header line")
    texts = reader.by_header(lines[0], lines[1:], max_rows)
    columns = reader.signature.columns
    return [[_typed(value, column) for value, column in zip(row, columns, strict=True)] for row in texts]


def _typed(text: str, column: Column) -> Any:
    """A text of a CSV as its column's type; what is none stays a text, for the check to refuse."""
    if column.dtype == "string":
        return text if text or not column.nullable else None
    word = text.strip().lower()
    if word in _MISSING:
        return None
    if column.dtype == "bool":
        return True if word in _TRUE else False if word in _FALSE else text
    try:
        number = float(word)
    except ValueError:
        return text
    if number in (float("inf"), float("-inf")):
        return text
    return int(number) if column.dtype == "int64" and number.is_integer() else number
