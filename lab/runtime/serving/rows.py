"""From what protocols bring to rows in the model's column order, or an error that names columns and never values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from lab.runtime.serving.config import COUNT, REJECT, WARN, Policies
from lab.runtime.serving.errors import MAX_NAME, MAX_NAMED, RequestError
from lab.runtime.serving.signature import NUMBER, Column, Row, Signature

MISSING, UNSEEN, OUTSIDE = "missing_values", "unseen_categories", "outside_range"
_SENTENCES = {
    MISSING: "values are missing in columns that had none missing in training",
    UNSEEN: "categories that training did not have",
    OUTSIDE: "values outside the range of training",
}


@dataclass(frozen=True)
class Finding:
    """Something about the rows of a request that training did not have, by the columns that show it."""

    code: str
    columns: tuple[str, ...]

    @property
    def told(self) -> dict[str, Any]:
        names = [name[:MAX_NAME] for name in self.columns[:MAX_NAMED]]
        return {"code": self.code, "message": _SENTENCES[self.code], "columns": names}


class RowReader:
    """Reads rows by the columns of one signature. All methods raise RequestError 400, 413, 422."""

    def __init__(self, signature: Signature, policies: Policies) -> None:
        self.signature = signature
        self._policies = policies
        names = signature.names
        self._expected = set(names)
        self._pick: Callable[[Mapping[str, Any]], Iterable[Any]] = (
            itemgetter(*names) if len(names) > 1 else lambda row: [row[name] for name in names]
        )
        self._watched = policies.unseen != COUNT or policies.outside != COUNT

    def by_position(self, given: Any, max_rows: int) -> list[Row]:
        """From `[[value, …], …]` in the order of the columns."""
        rows = _filled_list(given, max_rows)
        width = len(self.signature.columns) or (len(rows[0]) if isinstance(rows[0], list) else 0)
        for index, row in enumerate(rows):
            if not isinstance(row, list):
                raise RequestError(422, "shape", f"row {index} is not a list of values")
            if len(row) != width or not row:
                raise RequestError(
                    422, "shape", f"row {index} has {len(row)} values; the model takes {width or 'some'}"
                )
        return rows

    def by_name(self, given: Any, max_rows: int) -> list[Row]:
        """From `[{column: value}, …]`, in any order."""
        records = _filled_list(given, max_rows)
        self._need_names()
        rows = []
        for index, record in enumerate(records):
            if not isinstance(record, dict):
                raise RequestError(422, "shape", f"row {index} is not an object of columns and values")
            if record.keys() != self._expected:
                self._refuse_columns(f"row {index}", record)
            rows.append(list(self._pick(record)))
        return rows

    def by_header(self, header: Any, given: Any, max_rows: int) -> list[Row]:
        """From rows in the order that `header`, a list of column names, says."""
        lines = _filled_list(given, max_rows)
        self._need_names()
        if not isinstance(header, list) or not all(isinstance(name, str) for name in header):
            raise RequestError(422, "shape", "the columns must be a list of names")
        if len(set(header)) != len(header):
            raise RequestError(400, "repeated_columns", "a column is named twice")
        if set(header) != self._expected:
            self._refuse_columns("the table", header)
        order = [header.index(name) for name in self.signature.names]
        for index, line in enumerate(lines):
            if not isinstance(line, list) or len(line) != len(header):
                raise RequestError(422, "shape", f"row {index} has not one value for each of {len(header)} columns")
        if order == list(range(len(order))):
            return lines
        return [[line[position] for position in order] for line in lines]

    def by_column(self, given: Mapping[str, list[Any]], max_rows: int) -> list[Row]:
        """From `{column: [value, …]}`, all of one length."""
        self._need_names()
        if given.keys() != self._expected:
            self._refuse_columns("the table", given)
        columns = [given[name] for name in self.signature.names]
        if len({len(column) for column in columns}) > 1:
            raise RequestError(422, "shape", "the columns are of different lengths")
        _filled_list(columns[0], max_rows)
        return [list(row) for row in zip(*columns, strict=True)]

    def check(self, rows: list[Row], max_rows: int) -> tuple[Finding, ...]:
        """Types, then likeness to training by the policies. Returns what is to be told with the answer."""
        _filled_list(rows, max_rows)
        signature = self.signature
        plain = signature.numeric and all(NUMBER.issuperset(map(type, row)) for row in rows)
        missing = () if plain else self._check_types(rows)
        findings = [Finding(MISSING, missing)] if missing and self._policies.missing == WARN else []
        if self._watched:
            findings += self._compare(rows)
        return tuple(findings)

    def _need_names(self) -> None:
        if not self.signature.columns:
            raise RequestError(422, "shape", "this model does not say what its columns are called: send plain rows")

    def _refuse_columns(self, what: str, given: Iterable[str]) -> None:
        present = set(given)
        missing = tuple(name for name in self.signature.names if name not in present)
        if missing:
            raise RequestError(400, "missing_columns", f"{what} lacks {len(missing)} column(s)", missing)
        unknown = tuple(sorted(present - self._expected))
        raise RequestError(400, "unknown_columns", f"{what} has {len(unknown)} unknown column(s)", unknown)

    def _check_types(self, rows: list[Row]) -> tuple[str, ...]:
        """Names of columns with values missing that training did not miss."""
        columns = self.signature.columns or tuple(Column(f"x{index}", "float64") for index in range(len(rows[0])))
        missing = []
        for position, column in enumerate(columns):
            strange = {type(row[position]) for row in rows} - column.accepts
            if type(None) in strange and self._policies.missing != REJECT:
                missing.append(column.name)
                strange.remove(type(None))
            if not strange:
                continue
            index = next(index for index, row in enumerate(rows) if type(row[position]) in strange)
            if rows[index][position] is None:
                raise RequestError(400, "null", f"row {index}: null is not allowed", (column.name,))
            raise RequestError(400, "type", f"row {index}: the value is not of type {column.dtype}", (column.name,))
        return tuple(missing)

    def _compare(self, rows: list[Row]) -> list[Finding]:
        """Columns unlike training; raises for those that a policy rejects."""
        found: dict[str, list[str]] = {UNSEEN: [], OUTSIDE: []}
        for position, column in enumerate(self.signature.columns):
            values = [row[position] for row in rows if row[position] is not None]
            if column.categories is not None and not column.categories.issuperset(values):
                found[UNSEEN].append(column.name)
            if column.low is not None and column.high is not None:
                low, high = column.low, column.high
                if not all(low <= value <= high for value in values):
                    found[OUTSIDE].append(column.name)
        told = []
        for code, policy in ((UNSEEN, self._policies.unseen), (OUTSIDE, self._policies.outside)):
            if found[code] and policy == REJECT:
                raise RequestError(422, code, _SENTENCES[code], tuple(found[code]))
            if found[code] and policy == WARN:
                told.append(Finding(code, tuple(found[code])))
        return told


def _filled_list(given: Any, max_rows: int) -> list[Any]:
    if not isinstance(given, list) or not given:
        raise RequestError(422, "shape", "the rows must be a list of one row or more")
    if len(given) > max_rows:
        raise RequestError(413, "too_many_rows", f"at most {max_rows} rows fit one request")
    return given
