"""Expectations proposed from a profile, as text for `lab.toml`: what a person would write who had looked at the data.

What is proposed holds for the data that it comes from, with room for more of the like.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lab.datasets.drift import PSI_MAJOR
from lab.domain.expectations import format_number, type_family
from lab.domain.profiles import NUMBER, TEXT, ColumnProfile, Profile
from lab.settings.writing import toml_key, toml_string

_ROWS_LEAST = 20  # rows that values are judged by
_CATEGORIES = 10  # different values at most of a column whose values are listed
_REPEATED = 3  # times that each of them is there, on average, at least
_NULLS_MOST = 0.5  # share of nulls above which nothing is said of them
_VALUE_MAX = 60  # characters of a value that is listed
_MARGIN = 0.1  # of the range, beyond both ends
_ROWS_SHARE = 0.5  # of the rows there are, that are wanted at least


def infer(profile: Profile, dataset: str) -> str:
    """The table `[datasets.NAME.expect]`; "" for what is no table, or has no rows."""
    table = profile.table
    if table is None or not table.rows:
        return ""
    lines = [f"[datasets.{toml_key(dataset)}.expect]"]
    least = _rounded(table.rows * _ROWS_SHARE, table.rows, math.floor)
    lines.append(f"rows = {{ min = {max(1, int(least))} }}")
    if table.rows >= _ROWS_LEAST:
        lines.append(f'drift = {{ psi = {PSI_MAJOR}, action = "warn" }}')
    for column in table.columns:
        rules = _rules(column, table.rows)
        if rules:
            lines.append(f"columns.{toml_key(column.name)} = {{ {', '.join(rules)} }}")
    return "\n".join(lines) + "\n"


def _rules(column: ColumnProfile, rows: int) -> list[str]:
    rules = []
    family = type_family(column.type)
    kind = "number" if family == "float" else family
    if kind:
        rules.append(f'type = "{kind}"')
    empty = (column.nulls + column.nans) / rows
    if empty == 0:
        rules.append("not_null = true")
    elif empty <= _NULLS_MOST:
        rules.append(f"not_null = {min(1.0, math.ceil((empty * 1.2 + 0.01) * 100) / 100)}")
    values = _values(column, rows)
    if column.id_like:
        rules.append("unique = true")
    elif values:
        rules.append(values)
    elif column.kind == NUMBER:
        rules += _range(column, whole=family == "int")
    return rules


def _values(column: ColumnProfile, rows: int) -> str:
    """The values of a column of few categories, as they stand in its profile."""
    whole = column.kind == NUMBER and type_family(column.type) == "int"
    known = sum(count for _, count in column.top)
    if not (whole or column.kind == TEXT) or column.pii or rows < _ROWS_LEAST:
        return ""
    all_there = known == rows - column.nulls and len(column.top) == column.distinct
    if not all_there or not 1 < column.distinct <= _CATEGORIES or known < _REPEATED * column.distinct:
        return ""
    names = [value for value, _ in column.top]
    if any(len(name) > _VALUE_MAX for name in names):
        return ""
    listed = sorted(names, key=int) if whole else [toml_string(name) for name in sorted(names)]
    return f"values = [{', '.join(listed)}]"


def _range(column: ColumnProfile, *, whole: bool) -> list[str]:
    low, high = column.minimum, column.maximum
    if low is None or high is None or column.infinities:
        return []
    width = float(high) - float(low) or abs(float(high)) or 1.0
    if not math.isfinite(width * (1 + 2 * _MARGIN)):
        return []
    bottom = min(low, _rounded(low - width * _MARGIN, width, math.floor))
    top = max(high, _rounded(high + width * _MARGIN, width, math.ceil))
    if low >= 0:
        bottom = max(0, bottom)
    if high <= 0:
        top = min(0, top)
    ends = (math.floor(bottom), math.ceil(top)) if whole else (bottom, top)
    return [f"range = [{', '.join(map(format_number, ends))}]"]


def _rounded(value: float, scale: float, way: Callable[[float], int]) -> float:
    """`value` to two digits of `scale`, up or down."""
    digits = 1 - math.floor(math.log10(scale))
    step = 10.0**-digits
    if not step or not math.isfinite(value / step):
        return value
    return round(way(value / step) * step, max(digits, 0))
