"""From a request's JSON to rows in the model's own column order, or an error that names columns and never values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from lab.runtime.serving.errors import RequestError

Row = list[Any]

_NUMBER = frozenset({int, float})
_ACCEPTED: dict[str, frozenset[type]] = {
    "bool": frozenset({bool}),
    "int64": _NUMBER,
    "float64": _NUMBER,
    "string": frozenset({str}),
}


@dataclass(frozen=True)
class Column:
    name: str
    dtype: str
    nullable: bool = False

    @property
    def accepts(self) -> frozenset[type]:
        accepted = _ACCEPTED[self.dtype]
        return accepted | {type(None)} if self.nullable else accepted


@dataclass(frozen=True)
class Signature:
    """What the model takes and gives (`signature.json`). No columns: the model did not say, any width is tried."""

    kind: str
    framework: str
    task: str
    columns: tuple[Column, ...]
    outputs: tuple[Mapping[str, Any], ...]
    classes: tuple[Any, ...]
    labels: tuple[str, ...]
    file: str
    sha256: str
    names: tuple[str, ...] = field(init=False)
    numeric: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(column.name for column in self.columns))
        plain = all(column.accepts == _NUMBER for column in self.columns)
        object.__setattr__(self, "numeric", plain)

    @classmethod
    def from_json(cls, data: Any) -> Signature:
        """Raises ValueError if `data` is not what `track.model` writes."""
        try:
            columns = tuple(
                Column(str(given["name"]), str(given["dtype"]), given.get("nullable") is True)
                for given in data["inputs"]
            )
            unknown = {column.dtype for column in columns} - set(_ACCEPTED)
            if unknown or len({column.name for column in columns}) != len(columns):
                raise ValueError("signature.json names unknown types, or a column twice")
            return cls(
                kind=str(data.get("kind", "array")),
                framework=str(data["framework"]),
                task=str(data.get("task", "")),
                columns=columns,
                outputs=tuple(data.get("outputs", ())),
                classes=tuple(data.get("classes", ())),
                labels=tuple(map(str, data.get("labels", ()))),
                file=str(data["file"]),
                sha256=str(data.get("sha256", "")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("signature.json is not what track.model writes") from error

    def rows(self, request: Any, max_rows: int) -> list[Row]:
        """The rows of `{"rows": [{column: value}]}` or `{"data": [[value]]}`, checked against the columns.

        Raises RequestError: 400 for columns and types, 413 for too many rows, 422 for a wrong shape.
        """
        if not isinstance(request, dict):
            raise RequestError(422, "shape", 'the body must be an object with "rows" or "data"')
        if ("rows" in request) == ("data" in request):
            raise RequestError(422, "shape", 'the body must have either "rows" or "data"')
        named = "rows" in request
        given = request["rows"] if named else request["data"]
        if not isinstance(given, list) or not given:
            raise RequestError(422, "shape", f'"{"rows" if named else "data"}" must be a list of one row or more')
        if len(given) > max_rows:
            raise RequestError(413, "too_many_rows", f"at most {max_rows} rows fit one request")
        rows = self._by_name(given) if named else self._by_position(given)
        if self.numeric and self.columns:
            wrong = next((row for row in rows if not _NUMBER.issuperset(map(type, row))), None)
            if wrong is None:
                return rows
        self._check_types(rows)
        return rows

    def _by_position(self, given: list[Any]) -> list[Row]:
        width = len(self.columns) or (len(given[0]) if isinstance(given[0], list) else 0)
        for index, row in enumerate(given):
            if not isinstance(row, list):
                raise RequestError(422, "shape", f"row {index} is not a list of values")
            if len(row) != width:
                raise RequestError(422, "shape", f"row {index} has {len(row)} values; the model takes {width}")
        return given

    def _by_name(self, given: list[Any]) -> list[Row]:
        if not self.columns:
            raise RequestError(422, "shape", 'this model does not say what its columns are called: send "data"')
        expected = set(self.names)
        pick = itemgetter(*self.names) if len(self.names) > 1 else None
        rows = []
        for index, row in enumerate(given):
            if not isinstance(row, dict):
                raise RequestError(422, "shape", f"row {index} is not an object of columns and values")
            if row.keys() != expected:
                self._refuse_columns(index, row)
            rows.append(list(pick(row)) if pick else [row[self.names[0]]])
        return rows

    def _refuse_columns(self, index: int, row: Mapping[str, Any]) -> None:
        missing = tuple(name for name in self.names if name not in row)
        if missing:
            raise RequestError(400, "missing_columns", f"row {index} lacks {len(missing)} column(s)", missing)
        unknown = tuple(sorted(name for name in row if name not in self.names))
        raise RequestError(400, "unknown_columns", f"row {index} has {len(unknown)} unknown column(s)", unknown)

    def _check_types(self, rows: list[Row]) -> None:
        columns = self.columns or tuple(Column(f"x{index}", "float64") for index in range(len(rows[0])))
        for position, column in enumerate(columns):
            accepted = column.accepts
            for index, row in enumerate(rows):
                value = row[position]
                if type(value) not in accepted:
                    if value is None:
                        raise RequestError(400, "null", f"row {index}: null is not allowed", (column.name,))
                    message = f"row {index}: the value is not of type {column.dtype}"
                    raise RequestError(400, "type", message, (column.name,))
