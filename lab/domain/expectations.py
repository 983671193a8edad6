"""Expectations: what a dataset's project says of its data, and what was found when a version was held against it."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any

from lab.dataclass import dataclass
from lab.errors import UsageError

Scalar = str | int | float | bool | dt.datetime | dt.date | dt.time
Bound = int | float | dt.datetime | dt.date | dt.time

#: Failing rows that a result keeps as its sample.
SAMPLE_ROWS = 20

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST = 100 * 366 * 86_400  # seconds

#: Families of column types that `type = …` may name; every other word is the exact name of a type, such as `Int32`.
TYPE_FAMILIES: Mapping[str, str] = {
    "int": "int",
    "integer": "int",
    "float": "float",
    "number": "number",
    "text": "text",
    "str": "text",
    "string": "text",
    "bool": "bool",
    "boolean": "bool",
    "date": "date",
    "datetime": "datetime",
    "time": "time",
    "duration": "duration",
    "list": "list",
    "struct": "struct",
    "binary": "binary",
}
_FAMILY_OF = {
    **dict.fromkeys(("int8", "int16", "int32", "int64", "int128"), "int"),
    **dict.fromkeys(("uint8", "uint16", "uint32", "uint64", "uint128"), "int"),
    **dict.fromkeys(("float16", "float32", "float64", "decimal"), "float"),
    **dict.fromkeys(("string", "categorical", "enum"), "text"),
    "boolean": "bool",
    "array": "list",
    **{name: name for name in ("date", "datetime", "time", "duration", "list", "struct", "binary")},
}


class Severity(StrEnum):
    WARN = "warn"  # told, nothing else
    BLOCK = "block"  # the version is kept as evidence, and no alias may be moved to it


@dataclass(frozen=True)
class SchemaRule:
    """`mode` is `strict` (the columns of the version before, no others), `subset` (at least those) or `columns`
    (exactly `columns`, name to type). Order never matters."""

    mode: str
    severity: Severity
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RowsRule:
    severity: Severity
    min: int | None = None
    max: int | None = None


@dataclass(frozen=True)
class FreshnessRule:
    """The newest file, or the latest value of `column`, is at most `max_age` seconds old."""

    max_age: float
    severity: Severity
    column: str = ""


@dataclass(frozen=True)
class ColumnRule:
    """One rule for one column. `rule` and what its `value` is:

    `not_null` the largest share of nulls allowed, 0 to 1 · `unique` True · `range` (low, high), -inf and inf for
    none · `values` a tuple · `pattern` a regular expression · `type` a family or the name of a type · `length`
    (low, high).
    """

    rule: str
    value: Any
    severity: Severity


@dataclass(frozen=True)
class UniqueRule:
    """No two rows agree in all of `columns`."""

    columns: tuple[str, ...]
    severity: Severity


@dataclass(frozen=True)
class DriftRule:
    """No column's population stability index against the version that `against` names is above `psi`; `columns`
    are those compared, all but keys when empty."""

    psi: float
    severity: Severity
    against: str = "baseline"
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class PanderaRule:
    """`schema` is `module.Name`, imported from the project's folder."""

    schema: str
    severity: Severity


@dataclass(frozen=True)
class Expectations:
    """What `[datasets.X.expect]` says."""

    schema: SchemaRule | None = None
    rows: RowsRule | None = None
    freshness: FreshnessRule | None = None
    columns: Mapping[str, Sequence[ColumnRule]] = field(default_factory=dict)
    unique: UniqueRule | None = None
    drift: DriftRule | None = None
    pandera: PanderaRule | None = None

    def __bool__(self) -> bool:
        """Whether anything is expected."""
        return self != Expectations()


@dataclass(frozen=True)
class Sample:
    """Failing rows, at most 20: `rows` holds cells as text, None for null; the key columns come first, then those that
    the rule is about. `numbers` are the rows' places in the table, from 1."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Result:
    """What one rule found. `column` is "" for a rule about the table, the columns joined by `, ` for a compound one.

    `observed` and `wanted` are short texts, `failing` counts rows (None where the rule is not about rows), `sentence`
    says it all. A `skipped` rule could not be looked at, for a reason that is no fault of the data; it is `ok`.
    """

    rule: str
    column: str
    severity: Severity
    ok: bool
    observed: str
    wanted: str
    sentence: str
    failing: int | None = None
    sample: Sample = field(default_factory=Sample)
    skipped: bool = False


@dataclass(frozen=True)
class CheckReport:
    """All results of one version; `rows` of the table, None when it could not be read; `seconds` that it took."""

    results: tuple[Result, ...]
    rows: int | None
    seconds: float

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.ok)

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def blocked(self) -> bool:
        return any(result.severity is Severity.BLOCK for result in self.failed)

    @property
    def warnings(self) -> int:
        return sum(result.severity is Severity.WARN for result in self.failed)

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "blocked": self.blocked,
            "warnings": self.warnings,
            "rows": self.rows,
            "seconds": self.seconds,
            "results": [_result_to_json(result) for result in self.results],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CheckReport:
        """Inverse of `to_json`. Raises KeyError, TypeError or ValueError for what is no report."""
        rows = data["rows"]
        return cls(
            tuple(_result_from_json(result) for result in data["results"]),
            None if rows is None else int(rows),
            float(data["seconds"]),
        )


def _result_to_json(result: Result) -> dict[str, Any]:
    sample = result.sample
    return {
        "rule": result.rule,
        "column": result.column,
        "severity": result.severity.value,
        "ok": result.ok,
        "skipped": result.skipped,
        "observed": result.observed,
        "wanted": result.wanted,
        "failing": result.failing,
        "sentence": result.sentence,
        "sample": {
            "columns": list(sample.columns),
            "rows": [list(row) for row in sample.rows],
            "numbers": list(sample.numbers),
        },
    }


def _result_from_json(data: Mapping[str, Any]) -> Result:
    sample = data["sample"]
    return Result(
        rule=str(data["rule"]),
        column=str(data["column"]),
        severity=Severity(data["severity"]),
        ok=bool(data["ok"]),
        skipped=bool(data["skipped"]),
        observed=str(data["observed"]),
        wanted=str(data["wanted"]),
        failing=None if data["failing"] is None else int(data["failing"]),
        sentence=str(data["sentence"]),
        sample=Sample(
            tuple(map(str, sample["columns"])),
            tuple(tuple(None if cell is None else str(cell) for cell in row) for row in sample["rows"]),
            tuple(int(number) for number in sample["numbers"]),
        ),
    )


def parse_duration(text: str) -> float:
    """Seconds in `90s`, `30m`, `24h`, `2d`, `1w`. Raises UsageError for anything else, zero, and over 100 years."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < seconds <= _LONGEST:
        raise UsageError(f"{text!r} is not a duration", "write a number with s, m, h, d or w, such as 24h or 2d")
    return seconds


def format_duration(seconds: float) -> str:
    """`seconds` in the largest unit that keeps it above two: `90s`, `36h`, `12.5d`."""
    for unit in ("w", "d", "h", "m"):
        value = seconds / _SECONDS[unit]
        if value >= 2 or value == 1:
            return f"{value:.1f}".removesuffix(".0") + unit
    return f"{seconds:.0f}s"


def type_matches(wanted: str, actual: str) -> bool:
    """Whether a column of type `actual` (`Int64`, `Datetime(time_unit='us', …)`) is `wanted`: a family of
    `TYPE_FAMILIES`, or the same type by name, in any case, with or without its parameters."""
    base = type_base(actual)
    family = TYPE_FAMILIES.get(wanted.lower())
    if family == "number":
        return type_family(actual) in ("int", "float")
    if family is not None:
        return type_family(actual) == family
    return wanted.lower() in (base, actual.lower())


def type_family(actual: str) -> str:
    """The family of the type of a column; "" for one that has none."""
    return _FAMILY_OF.get(type_base(actual), "")


def type_base(actual: str) -> str:
    return actual.partition("(")[0].lower()


def format_bound(value: Bound) -> str:
    """A bound or a limit as the settings write it."""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return format_number(value)


def format_number(value: float) -> str:
    """Exactly; whole floats without their `.0`."""
    if isinstance(value, int):
        return str(value)
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)
