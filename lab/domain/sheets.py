"""A table on its way to a file: names of columns and rows of plain values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from lab.dataclass import dataclass

Value = str | int | float | bool | datetime | timedelta | None


@dataclass(frozen=True)
class Sheet:
    """`rows` are as long as `columns`, whose names are different from each other. Texts are as they were."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Value]]


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """`names` with a number where one stands twice, and one for those that are empty."""
    found: dict[str, None] = {}
    for name in names:
        name = name or "column"
        fresh, number = name, 2
        while fresh in found:
            fresh, number = f"{name}_{number}", number + 1
        found[fresh] = None
    return tuple(found)
