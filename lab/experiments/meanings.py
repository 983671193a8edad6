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


def explain(runs: Runs, name: str, said: Direction | None, *, params: bool) -> Entry | None:
    """The entry of a parameter (with `params`) or metric, None of a field of runs and of what no run has."""
    every, metrics = runs.keys()
    known_params = every if params else ()
    what = meaning(name, known_params, metrics)
    if what.kind == "field" or not known(name, known_params, metrics):
        return None
    if what.kind == "param" or (not what.kind and what.name in known_params):
        return meanings.of_param(what.name, runs.describe(f"param.{what.name}", _ALL))
    last, low, high = (runs.describe(f"metric.{what.name}{one}", _ALL) for one in ("", ".min", ".max"))
    return meanings.of_metric(what.name, last, low, high, said or direction(what.name), said is not None)
