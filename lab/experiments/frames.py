"""Runs as tables for a notebook: polars data frames of the run table and of metric histories."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import polars as pl

from lab.domain.numbers import jsonable
from lab.domain.query_names import known as is_known
from lab.domain.query_names import meaning, nearest
from lab.domain.query_values import STATISTICS
from lab.domain.runs import History, Param, Run
from lab.errors import IntegrityError, UsageError
from lab.paths import LabHome

_TIME = pl.Datetime("us", "UTC")
_OWN: dict[str, Any] = {
    "id": pl.String,
    "name": pl.String,
    "project": pl.String,
    "entry": pl.String,
    "status": pl.String,
    "cause": pl.String,
    "exit_code": pl.Int64,
    "engine": pl.String,
    "created": _TIME,
    "started": _TIME,
    "ended": _TIME,
    "duration": pl.Duration("us"),
    "seed": pl.Int64,
    "sweep": pl.String,
    "tags": pl.List(pl.String),
    "data": pl.List(pl.String),
    "notes": pl.String,
    "starred": pl.Boolean,
    "archived": pl.Boolean,
    "memory": pl.Int64,
    "image": pl.String,
    "code": pl.String,
}
#: What nobody asked for by name is not shown.
_QUIET = ("cause", "exit_code", "sweep", "notes", "starred", "archived", "memory", "image", "code")
_SAME = {"tag": "tags", "dataset": "data"}
_LARGEST = (1 << 63) - 1
_HISTORY: dict[str, Any] = {
    "run": pl.String,
    "name": pl.String,
    "metric": pl.String,
    "step": pl.Float64,
    "time": _TIME,
    "value": pl.Float64,
}


def frame(
    runs: Sequence[Run], columns: Sequence[str], statistic: str, now: float, known: tuple[Sequence[str], Sequence[str]]
) -> pl.DataFrame:
    """One row for each run, in that order; `known` are all parameters and metrics that the lab has seen.

    `columns` are fields, parameters and metrics as filters name them; none means the usual fields, then all parameters,
    then all metrics, with a prefix (`param.`, `metric.`) where a name means two things. Of a metric that names no
    statistic itself it is `statistic`. Times are UTC, durations are durations (of a running run up to `now`, seconds
    since the epoch); a parameter of several types is text; what a run does not have is null.
    Raises UsageError for an unknown column or statistic.
    """
    if statistic not in STATISTICS:
        raise UsageError(f"{statistic!r} is no statistic of a metric", f"it is one of {', '.join(STATISTICS)}")
    params = list(dict.fromkeys(name for run in runs for name in run.params))
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    names = list(dict.fromkeys(columns)) or _usual(params, metrics)
    all_params, all_metrics = {*known[0], *params}, {*known[1], *metrics}
    found = {name: _column(name, runs, all_params, all_metrics, statistic, now) for name in names}
    return pl.DataFrame({name: series.alias(name) for name, series in found.items()})


def _usual(params: Sequence[str], metrics: Sequence[str]) -> list[str]:
    twice = {*params} & {*metrics}
    own = [name for name in _OWN if name not in _QUIET]
    given = [name if _plain(name, twice, "param") else f"param.{name}" for name in params]
    return own + given + [name if _plain(name, twice, "metric") else f"metric.{name}" for name in metrics]


def _plain(name: str, twice: set[str], kind: str) -> bool:
    """Whether the bare name means that parameter or metric."""
    what = meaning(name, (name,) if kind == "param" else (), (name,) if kind == "metric" else ())
    return name not in twice and name not in _OWN and what.kind == kind


def _column(
    name: str, runs: Sequence[Run], params: Collection[str], metrics: Collection[str], statistic: str, now: float
) -> pl.Series:
    what = meaning(name, params, metrics)
    field = _SAME.get(name.removeprefix("run."), name.removeprefix("run."))
    if field in _OWN and (what.kind == "field" or not is_known(name, params, metrics)):
        return _own(field, runs, now)
    if not is_known(name, params, metrics):
        near = nearest(name, params, metrics)
        hint = f"did you mean {near}?" if near else f"a run's own are: {', '.join(_OWN)}"
        raise UsageError(f"no column, parameter or metric {name!r}", hint)
    if what.kind == "param" or (what.kind == "" and any(what.name in run.params for run in runs)):
        return _params([run.params.get(what.name) for run in runs])
    if what.name == name.removeprefix("metric."):  # it names no statistic
        what = meaning(f"metric.{what.name}.{statistic}", (), (what.name,))
    return _metric(what.name, what.source, runs)


def _own(name: str, runs: Sequence[Run], now: float) -> pl.Series:
    values: list[Any]
    if name == "duration":
        seconds = [run.duration(now) for run in runs]
        values = [None if second is None else round(second * 1e6) for second in seconds]
        return pl.Series(values, dtype=pl.Int64).cast(_OWN[name])
    if name in ("created", "started", "ended"):
        return _times([getattr(run, name) for run in runs])
    if name == "data":
        values = [[f"{key}@{version}" for key, version in run.datasets.items()] for run in runs]
    elif name == "tags":
        values = [list(run.tags) for run in runs]
    elif name == "status":
        values = [run.status.value for run in runs]
    else:
        values = [getattr(run, name) for run in runs]
    return pl.Series(values, dtype=_OWN[name])


def _times(seconds: Sequence[float | None]) -> pl.Series:
    micros = [round(value * 1e6) if value is not None and math.isfinite(value) else None for value in seconds]
    return pl.Series(micros, dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _metric(name: str, statistic: str, runs: Sequence[Run]) -> pl.Series:
    summaries = [run.metrics.get(name) for run in runs]
    values = [None if summary is None else float(getattr(summary, statistic)) for summary in summaries]
    return pl.Series(values, dtype=pl.Float64)


def _params(values: Sequence[Param]) -> pl.Series:
    """Booleans, whole numbers, numbers, or text: the narrowest that holds all of them."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pl.Series(values, dtype=pl.Boolean)
    if kinds and kinds <= {int, float} and all(_fits(value) for value in values):
        if kinds == {int}:
            return pl.Series(values, dtype=pl.Int64)
        return pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
    return pl.Series([None if value is None else _text(value) for value in values], dtype=pl.String)


def _fits(value: Param) -> bool:
    return not isinstance(value, int) or abs(value) <= _LARGEST


def _text(value: Param) -> str:
    return str(value).lower() if isinstance(value, bool) else str(jsonable(value))


def histories(
    home: LabHome, runs: Sequence[Run], metrics: Sequence[str], live: Callable[[str, str], History]
) -> pl.DataFrame:
    """All values of `metrics` (none: of all) of `runs`, one row each: run (id), name, metric, step, time (UTC), value.

    Runs in their order, metrics by name or as given, values in the order of logging. `live` gives the history of a
    run, by id, that has no file of it yet. Raises IntegrityError for a history that cannot be read.
    """
    parts = [part for run in runs for part in _histories(home, run, metrics, live)]
    empty = pl.DataFrame(schema=_HISTORY)
    return pl.concat([empty, *parts]) if parts else empty


def _histories(
    home: LabHome, run: Run, metrics: Sequence[str], live: Callable[[str, str], History]
) -> list[pl.DataFrame]:
    path = home.run(run.id).metrics
    if run.status.active or not path.exists():
        return [_labelled(run, key, _points(live(run.id, key))) for key in metrics or sorted(run.metrics)]
    wanted = pl.lit(True) if not metrics else pl.col("key").is_in(list(metrics))
    try:
        points = pl.scan_parquet(path, glob=False).filter(wanted).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise IntegrityError(
            f"cannot read the metrics of run {run.id}: {str(error)[:200]}", "if its events.jsonl is there, delete them"
        ) from error
    by_key: Mapping[Any, pl.DataFrame] = points.partition_by("key", as_dict=True, maintain_order=True)
    order = metrics or sorted(key[0] for key in by_key)
    return [_labelled(run, key, by_key[(key,)]) for key in order if (key,) in by_key]


def _points(history: History) -> pl.DataFrame:
    values = {"step": history.steps, "t": history.times, "value": history.values}
    return pl.DataFrame({name: pl.Series(list(items), dtype=pl.Float64) for name, items in values.items()})


def _labelled(run: Run, metric: str, points: pl.DataFrame) -> pl.DataFrame:
    times = (points["t"].cast(pl.Float64) * 1e6).round().cast(pl.Int64, strict=False)
    return pl.DataFrame(
        {
            "run": pl.Series([run.id], dtype=pl.String).new_from_index(0, points.height),
            "name": pl.Series([run.name], dtype=pl.String).new_from_index(0, points.height),
            "metric": pl.Series([metric], dtype=pl.String).new_from_index(0, points.height),
            "step": points["step"].cast(pl.Float64),
            "time": times.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "value": points["value"].cast(pl.Float64),
        }
    )
