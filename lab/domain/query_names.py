"""What a name in a filter, an order or a column means: a run's field, a parameter, a metric's statistic."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Literal

from lab.dataclass import dataclass
from lab.domain.directions import Direction, direction
from lab.domain.query_values import NEW_FIELDS, OLD_FIELDS, STATISTICS


@dataclass(frozen=True)
class Meaning:
    """`kind` "field", "param", "metric", or "" for a parameter or else a metric; `statistic` is of a metric."""

    kind: Literal["field", "param", "metric", ""]
    name: str
    statistic: str = "last"

    @property
    def source(self) -> str:
        """The statistic that is stored: `best` is `min` or `max`."""
        if self.statistic == "best":
            return "min" if direction(self.name) is Direction.LOWER else "max"
        return self.statistic


def meaning(key: str, params: Collection[str], metrics: Collection[str]) -> Meaning:
    """What `key` means where runs have these parameters and metrics.

    A name that is known exactly goes before one with a statistic: a metric may be called `loss.min`.
    """
    if key in OLD_FIELDS:
        return Meaning("field", key)
    prefix, dot, name = key.partition(".")
    if dot and prefix == "run" and name in OLD_FIELDS | NEW_FIELDS:
        return Meaning("field", name)
    if dot and prefix == "param":
        return Meaning("param", name)
    if dot and prefix == "metric":
        return _metric(name, metrics) or Meaning("metric", name)
    if key in params or key in metrics:
        return Meaning("" if key in params and key in metrics else "param" if key in params else "metric", key)
    if key in NEW_FIELDS:
        return Meaning("field", key)
    return _metric(key, metrics) or Meaning("", key)


def _metric(name: str, metrics: Collection[str]) -> Meaning | None:
    base, dot, statistic = name.rpartition(".")
    if name in metrics or not dot or statistic not in STATISTICS:
        return None
    return Meaning("metric", base, statistic)


def known(key: str, params: Collection[str], metrics: Collection[str]) -> bool:
    """Whether there is anything of that name."""
    what = meaning(key, params, metrics)
    return (
        what.kind == "field"
        or (what.kind in ("param", "") and what.name in params)
        or (what.kind in ("metric", "") and what.name in metrics)
    )


def nearest(key: str, params: Iterable[str], metrics: Iterable[str]) -> str:
    """The name nearest to an unknown one, with its prefix and statistic; "" where none is near."""
    head, dot, tail = key.rpartition(".")
    names = [*OLD_FIELDS, *NEW_FIELDS, *params, *metrics]
    near = difflib.get_close_matches(key, names, 1)
    if near or not dot:
        return near[0] if near else ""
    if head in ("param", "metric"):
        near = difflib.get_close_matches(tail, params if head == "param" else metrics, 1)
        return f"{head}.{near[0]}" if near else ""
    base = difflib.get_close_matches(head, metrics, 1)
    statistic = difflib.get_close_matches(tail, STATISTICS, 1)
    return f"{base[0]}.{statistic[0]}" if base and statistic else ""
