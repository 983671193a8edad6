"""What a name means in this lab: a parameter or a metric, told by the runs that have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.domain import meanings
from lab.domain.directions import Direction, direction
from lab.domain.query import RunQuery
from lab.domain.query_names import known, meaning
from lab.learn import Entry

if TYPE_CHECKING:
    from lab.experiments.service import Runs

_ALL = RunQuery()  # but archived ones


def explain(runs: Runs, name: str, said: Direction | None) -> Entry | None:
    """The entry of a parameter or metric, None of a field of runs and of what no run has."""
    params, metrics = runs.keys()
    what = meaning(name, params, metrics)
    if what.kind == "field" or not known(name, params, metrics):
        return None
    if what.kind == "param" or (not what.kind and what.name in params):
        return meanings.of_param(what.name, runs.describe(f"param.{what.name}", _ALL))
    last, low, high = (runs.describe(f"metric.{what.name}{one}", _ALL) for one in ("", ".min", ".max"))
    return meanings.of_metric(what.name, last, low, high, said or direction(what.name), said is not None)
