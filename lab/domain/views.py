"""Saved views: a filter, an order and columns of the run table under a name."""

from __future__ import annotations

from lab.dataclass import dataclass


@dataclass(frozen=True)
class RunView:
    """`filter` and `sort` as they are typed; "" and no columns where nothing was said."""

    project: str
    name: str
    filter: str = ""
    sort: str = ""
    columns: tuple[str, ...] = ()
