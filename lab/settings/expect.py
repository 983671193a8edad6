"""`[datasets.X.expect]`: what is expected of a dataset's data.

Every rule may be written as its value, or as `{ is = VALUE, severity = "warn" }`; rules that are tables take
`severity` among their keys. A rule without one has its column's, else that of the whole table, else `block`.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, isnan
from typing import Any

from lab.dataclass import dataclass
from lab.domain.expectations import (
    TYPE_FAMILIES,
    ColumnRule,
    DriftRule,
    Expectations,
    FreshnessRule,
    PanderaRule,
    RowsRule,
    SchemaRule,
    Severity,
    UniqueRule,
    parse_duration,
    type_base,
    type_family,
)
from lab.errors import UsageError
from lab.settings.schema import LINE, Either, Table, Value, Wrong, check_count, describe, one_of

_WIDEST = 2**127
_PANDERA = re.compile(r"py:([^\W\d]\w*(?:\.[^\W\d]\w*)+)")
_TYPE_NAMES = (
    *TYPE_FAMILIES,
    *("Int8", "Int16", "Int32", "Int64", "Int128", "UInt8", "UInt16", "UInt32", "UInt64", "UInt128"),
    *("Float32", "Float64", "Decimal", "Categorical", "Enum", "Array", "Null"),
)


@dataclass(frozen=True)
class _Ruled:
    """A rule's value, with the severity that stands beside it."""

    value: Any
    severity: Severity | None


def _one_kind(items: Sequence[Any]) -> bool:
    """Whether all of `items` can be compared with one another: numbers, texts, booleans, dates with times or times."""
    kinds = {
        "bool" if isinstance(item, bool)
        else "number" if isinstance(item, int | float)
        else "day" if isinstance(item, dt.date)  # and datetimes
        else type(item).__name__
        for item in items
    }  # fmt: skip
    return len(kinds) == 1


def _sane(raw: Any) -> bool:
    """Whether a number, if it is one, can be compared with any column: none is wider than 128 bits."""
    if isinstance(raw, float):
        return not isnan(raw)
    return not isinstance(raw, int) or abs(raw) < _WIDEST


def _range(raw: Any) -> tuple[Any, Any]:
    if not isinstance(raw, list) or len(raw) != 2:
        raise Wrong(describe(raw))
    for bound in raw:
        if isinstance(bound, bool) or not isinstance(bound, int | float | dt.date | dt.time) or not _sane(bound):
            raise Wrong(f"a list with {describe(bound)}")
    low, high = raw
    infinite = low == -inf or high == inf
    if not infinite and not _one_kind(raw):
        raise Wrong(f"one from {describe(low)} to {describe(high)}")
    if not infinite and _instant(low) > _instant(high):
        raise Wrong("is empty: its low end is above its high end", "write [low, high]", plain=True)
    return low, high


def _instant(bound: Any) -> Any:
    """`bound` so that it can be compared with others of its kind: dates as their first moment, local times as UTC."""
    if isinstance(bound, dt.datetime):
        return bound if bound.tzinfo else bound.replace(tzinfo=dt.UTC)
    if isinstance(bound, dt.date):
        return dt.datetime(bound.year, bound.month, bound.day, tzinfo=dt.UTC)
    return bound


def _values(raw: Any) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise Wrong(describe(raw))
    for item in raw:
        if isinstance(item, list | dict) or not _sane(item):
            raise Wrong(f"a list with {describe(item)}")
    if not raw:
        raise Wrong("an empty one")
    if not _one_kind(raw):
        raise Wrong("a mixture", "write all of them as text, or all as numbers")
    return tuple(raw)


def _length(raw: Any) -> tuple[int, float]:
    if not isinstance(raw, list) or len(raw) != 2:
        raise Wrong(describe(raw))
    low = check_count(raw[0], 0)
    high = inf if raw[1] == inf else check_count(raw[1], 0)
    if low > high:
        raise Wrong("is empty: its low end is above its high end", "write [low, high]", plain=True)
    return low, high


def _share(raw: Any) -> float | None:
    """The share of nulls that is allowed; None for no rule."""
    if isinstance(raw, bool):
        return 0.0 if raw else None
    if not isinstance(raw, int | float) or not 0 <= raw <= 1:
        raise Wrong(describe(raw))
    return float(raw)


def _switch(raw: Any) -> bool | None:
    if not isinstance(raw, bool):
        raise Wrong(describe(raw))
    return raw or None


def _pattern(raw: Any) -> str:
    if not isinstance(raw, str) or not raw:
        raise Wrong(describe(raw))
    return raw


def _type(raw: Any) -> str:
    if not isinstance(raw, str):
        raise Wrong(describe(raw))
    if raw.lower() in TYPE_FAMILIES or type_family(raw) or type_base(raw) == "null":
        return raw
    near = difflib.get_close_matches(raw, _TYPE_NAMES, 1)
    known = "int, float, number, text, bool, date, datetime, time, duration, list, struct, or one such as Int32"
    raise Wrong(describe(raw), f'did you mean "{near[0]}"?' if near else f"types are {known}")


def _duration(raw: Any) -> float:
    if not isinstance(raw, str):
        raise Wrong(describe(raw))
    try:
        return parse_duration(raw)
    except UsageError as error:
        raise Wrong(describe(raw), error.hint) from error


def read_columns(raw: Any) -> tuple[str, ...]:
    """Names of columns, each once, at least one. Column names are not names of Lab: any string is one."""
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise Wrong(describe(raw))
    if not raw:
        raise Wrong("an empty one")
    twice = next((item for item in raw if raw.count(item) > 1), None)
    if twice is not None:
        raise Wrong(f"names {describe(twice)} twice", plain=True)
    return tuple(raw)


def _name(raw: Any) -> str:
    if not isinstance(raw, str) or not raw:
        raise Wrong(describe(raw))
    return raw


def _psi(raw: Any) -> float:
    if not isinstance(raw, int | float) or isinstance(raw, bool) or not 0 < raw < inf:
        raise Wrong(describe(raw))
    return float(raw)


def _pandera(raw: Any) -> str:
    match = _PANDERA.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        raise Wrong(describe(raw))
    return match[1]


_SEVERITY = one_of("warn", "block")
_ROWS = Value("a number of rows", lambda raw: check_count(raw, 0))
_AGE = Value('an age such as "24h" or "2d"', _duration)
_TYPE = Value("a type of column", _type)
_COLUMN_NAME = Value("the name of a column", _name)


def _rule(expects: str, read: Callable[[Any], Any]) -> Either:
    """A rule as its value alone, or as `{ is = VALUE, severity = … }`; a `_Ruled` either way."""
    return Either(
        Value(expects, lambda raw: _Ruled(read(raw), None)),
        Table(
            {"is": Value(expects, read, required=True), "severity": _SEVERITY},
            build=_long,
        ),
    )


def _severity(data: dict[str, Any]) -> Severity | None:
    return Severity(data["severity"]) if "severity" in data else None


def _column(data: dict[str, Any]) -> list[tuple[str, _Ruled]]:
    """Rules in order, those that are switched off left out, with the column's severity where they have none."""
    own = _severity(data)
    rules = [(name, ruled) for name, ruled in data.items() if name != "severity" and ruled.value is not None]
    return [(name, _Ruled(ruled.value, ruled.severity or own)) for name, ruled in rules]


def _least_and_most(data: dict[str, Any]) -> dict[str, Any]:
    if "min" not in data and "max" not in data:
        raise Wrong("has neither min nor max", "write rows = { min = 1 }")
    if data.get("min", 0) > data.get("max", inf):
        raise Wrong("can never hold: min is above max")
    return data


def _long(data: dict[str, Any]) -> _Ruled:
    return _Ruled(data["is"], _severity(data))


def _drift(data: dict[str, Any]) -> dict[str, Any]:
    if "action" in data and "severity" in data:
        raise Wrong("has both action and severity, which are the same", "keep one")
    return data


def _expectations(data: dict[str, Any]) -> Expectations:
    default = _severity(data) or Severity.BLOCK

    def weight(own: Severity | None) -> Severity:
        return own or default

    found: dict[str, Any] = {
        "columns": {
            name: tuple(ColumnRule(rule, ruled.value, weight(ruled.severity)) for rule, ruled in rules)
            for name, rules in data.get("columns", {}).items()
            if rules
        }
    }
    if schema := data.get("schema"):
        named = isinstance(schema.value, dict)
        mode, columns = ("columns", schema.value) if named else (schema.value, {})
        found["schema"] = SchemaRule(mode, weight(schema.severity), columns)
    if rows := data.get("rows"):
        found["rows"] = RowsRule(weight(_severity(rows)), rows.get("min"), rows.get("max"))
    if fresh := data.get("freshness"):
        found["freshness"] = FreshnessRule(fresh["max_age"], weight(_severity(fresh)), fresh.get("column", ""))
    if unique := data.get("unique"):
        found["unique"] = UniqueRule(unique.value, weight(unique.severity))
    if "drift" in data:
        found["drift"] = _drift_rule(data["drift"], default)
    if pandera := data.get("pandera"):
        found["pandera"] = PanderaRule(pandera.value, weight(pandera.severity))
    return Expectations(**found)


def _drift_rule(drift: dict[str, Any], default: Severity) -> DriftRule:
    chosen = drift.get("action") or drift.get("severity")
    return DriftRule(
        psi=drift.get("psi", 0.2),
        severity=Severity(chosen) if chosen else default,
        against=drift.get("against", "baseline"),
        columns=drift.get("columns", ()),
    )


_SCHEMA = Value('"strict", "subset" or a table of columns and types', one_of("strict", "subset").read)

_COLUMN = Table(
    {
        "severity": _SEVERITY,
        "type": _rule(_TYPE.expects, _type),
        "not_null": _rule("true, false, or the largest share of nulls such as 0.01", _share),
        "unique": _rule("true or false", _switch),
        "range": _rule("a list [low, high] of numbers, dates or times", _range),
        "values": _rule("a list of values of one kind", _values),
        "pattern": _rule("a regular expression", _pattern),
        "length": _rule("a list [low, high] of whole numbers", _length),
    },
    build=_column,
)

EXPECT = Table(
    {
        "severity": _SEVERITY,
        "schema": Either(
            Value(_SCHEMA.expects, lambda raw: _Ruled(_SCHEMA.read(raw), None)),
            Table(each=_TYPE, build=lambda data: _Ruled(data, None)),
            long=Table({"is": Either(_SCHEMA, Table(each=_TYPE), required=True), "severity": _SEVERITY}, build=_long),
        ),
        "rows": Table({"min": _ROWS, "max": _ROWS, "severity": _SEVERITY}, build=_least_and_most),
        "freshness": Either(
            Value(_AGE.expects, lambda raw: {"max_age": _duration(raw)}),
            Table({"max_age": replace(_AGE, required=True), "column": _COLUMN_NAME, "severity": _SEVERITY}),
        ),
        "columns": Table(each=_COLUMN),
        "unique": _rule("a list of columns", read_columns),
        "drift": Table(
            {
                "psi": Value("a number above 0 such as 0.2", _psi),
                "against": LINE,
                "columns": Value("a list of columns", read_columns),
                "action": _SEVERITY,
                "severity": _SEVERITY,
            },
            build=_drift,
        ),
        "pandera": _rule('a schema such as "py:schemas.Sales"', _pandera),
    },
    build=_expectations,
)
