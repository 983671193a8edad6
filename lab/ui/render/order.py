"""The order of a table's rows by what stands in their cells: numbers with their units, sizes, durations, words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from lab.ui.render.cells import tidy
from lab.ui.render.number import NOTHING
from lab.ui.render.rows import Column, Row, Sort

_NUMBER = re.compile(r"[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf\b", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|µs|[smhdy])\b")
_SECONDS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 365 * 86400.0}
_BYTES = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15}
_BINARY = {"KIB": 1024.0, "MIB": 1024.0**2, "GIB": 1024.0**3, "TIB": 1024.0**4}
_FACTORS = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "%": 0.01}
_DIGITS = re.compile(r"(\d+)")
_LONGEST = 200

#: Nothing comes last; numbers come before words.
Key = tuple[int, float, tuple[tuple[int, int, str], ...]]


def sorted_rows(rows: Sequence[Row], columns: Sequence[Column], sorts: Sequence[Sort]) -> list[Row]:
    """`rows` by the columns of `sorts`, the first counting first; equal ones as they were, empty cells last.

    Groups stay where they are, and each is sorted for itself."""
    heads = [at for at, row in enumerate(rows) if row.head]
    if heads:
        ends = [*heads[1:], len(rows)]
        groups = [rows[at + 1 : end] for at, end in zip(heads, ends, strict=True)]
        found = sorted_rows(rows[: heads[0]], columns, sorts)
        for head, group in zip(heads, groups, strict=True):
            found += [rows[head], *sorted_rows(group, columns, sorts)]
        return found
    places = {column.id: at for at, column in enumerate(columns)}
    found = list(rows)
    for column, reverse in reversed(sorts):
        at = places.get(column)
        if at is None:
            continue
        keys = {id(row): cell_key(row.text(at)) for row in found}
        known = [row for row in found if keys[id(row)][0] < 2]
        empty = [row for row in found if keys[id(row)][0] == 2]
        known.sort(key=lambda row: keys[id(row)], reverse=reverse)
        found = known + empty
    return found


def cell_key(text: str) -> Key:
    """What a cell is sorted by: `1.2 MB`, `3m 12s`, `5m ago`, `12,345`, `98 %` by value, the rest as words in which
    numbers count as numbers."""
    text = tidy(text, _LONGEST).strip()
    if not text or text == NOTHING:
        return 2, 0.0, ()
    number = value_of(text)
    if number is not None and not math.isnan(number):
        return 0, number, ()
    return (
        1,
        0.0,
        tuple(
            (0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part)
            for part in _DIGITS.split(text.casefold())
            if part
        ),
    )


def is_size(text: str) -> bool:
    """Whether a cell is a number of bytes."""
    return text.rpartition(" ")[2].upper() in {**_BYTES, **_BINARY} and value_of(text) is not None


def is_duration(text: str) -> bool:
    """Whether a cell is a time that something took or that has passed."""
    rest = text.removeprefix("in ").removesuffix(" ago")
    return text == "just now" or bool(_PART.search(rest) and not _PART.sub("", rest).strip())


def value_of(text: str) -> float | None:
    """The number that a text means; None for words."""
    if text == "just now":
        return 0.0
    duration = text.removeprefix("in ").removesuffix(" ago")
    parts = _PART.findall(duration)
    if parts and not _PART.sub("", duration).strip():
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        return -seconds if text.startswith("in ") else seconds
    found = _NUMBER.match(text)
    if found is None:
        return None
    number, rest = float(found[0].replace(",", "")), text[found.end() :].strip()
    unit = rest.partition(" ")[0].upper()
    factor = {**_BYTES, **_BINARY, **_FACTORS}.get(unit) if rest else 1.0
    if factor is None and rest.startswith(("(", "±", "→", "/", "+", "-", "=")):
        factor = 1.0
    return None if factor is None else number * factor
