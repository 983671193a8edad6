"""The run table: which columns there are, which are worth showing, and their cells. Pure functions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from enum import Enum
from itertools import zip_longest

from lab.cli.formats import NOTHING, format_age, format_duration, format_local, format_utc, format_value
from lab.cli.tables import Cell, Column, Styled
from lab.domain.query import FIELDS
from lab.domain.query_names import known as is_known
from lab.domain.query_names import meaning, nearest
from lab.domain.query_values import FIELD_KINDS, Kind
from lab.domain.resources import format_size
from lab.domain.runs import Run, RunStatus
from lab.domain.text import clean
from lab.errors import UsageError

STYLES = {
    RunStatus.QUEUED: "dim",
    RunStatus.CREATED: "dim",
    RunStatus.RUNNING: "run",
    RunStatus.FINISHED: "ok",
    RunStatus.FAILED: "fail",
    RunStatus.STOPPED: "dim",
    RunStatus.INTERRUPTED: "warn",
    RunStatus.LOST: "warn",
}

_USED = ("peak_memory", "cpu_time", "cost", "eta")
#: Columns of a run's own; any parameter or metric is one too.
OWN = (
    *FIELDS,
    "age",
    "cause",
    "exit_code",
    "tags",
    "data",
    "notes",
    "starred",
    "archived",
    "badge",
    "reproduces",
    *_USED,
)

_RIGHT = {"age", "duration", "exit_code", "seed", *_USED}
_MOST_PARAMS, _MOST_METRICS = 8, 6


def usual_columns(runs: Sequence[Run]) -> list[str]:
    """What tells `runs` apart, the most telling first: a narrow terminal has room for some of them only.

    Parameters and metrics take turns, so that some of either are seen.
    """
    columns = ["name", "id", "status"]
    if any(run.status in (RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.LOST) for run in runs):
        columns.append("cause")
    columns.append("age")
    params = dict.fromkeys(name for run in runs for name in run.params)
    differing = [f"param.{name}" for name in params if len({repr(run.params.get(name)) for run in runs}) > 1]
    metrics = [f"metric.{name}" for name in dict.fromkeys(name for run in runs for name in run.metrics)]
    pairs = zip_longest(differing[:_MOST_PARAMS], metrics[:_MOST_METRICS])
    columns += [name for pair in pairs for name in pair if name]
    columns += ["duration", *(["eta"] if any(run.eta is not None for run in runs) else []), "entry"]
    if any(run.tags for run in runs):
        columns.append("tags")
    columns += [flag for flag in ("starred", "archived") if any(getattr(run, flag) for run in runs)]
    if len({run.project for run in runs}) > 1:
        columns.append("project")
    return columns


def check_columns(names: Sequence[str], params: Sequence[str], metrics: Sequence[str]) -> None:
    """Raises UsageError for a column that is neither a run's own nor one of these parameters and metrics."""
    known = {*OWN, *params, *metrics, *(f"param.{key}" for key in params), *(f"metric.{key}" for key in metrics)}
    for name in names:
        if name not in known and not is_known(name, params, metrics):
            near = difflib.get_close_matches(name, known, n=1) or [nearest(name, params, metrics)]
            hint = f"did you mean {near[0]}?" if near[0] else f"a run's own are: {', '.join(OWN)}"
            raise UsageError(f"no column, parameter or metric {name!r}", hint)


def columns_of(names: Sequence[str], runs: Sequence[Run]) -> list[Column]:
    """Columns to draw; parameters and metrics lose their prefix, numbers stand on the right."""
    return [
        Column(
            name if name in OWN else name.removeprefix("param.").removeprefix("metric."),
            right=name in _RIGHT or (name not in OWN and all(_is_number(run, name) for run in runs)),
            keep=name in ("name", "id"),
            verbatim=name not in OWN,
        )
        for name in names
    ]


def cell(run: Run, name: str, now: float) -> Cell:
    """The cell of column `name`; `now` in seconds since the epoch."""
    if name == "status":
        return Styled(run.status.value, STYLES[run.status])
    if name == "age":
        return format_age(run.created, now)
    if name == "duration":
        return format_duration(run.duration(now))
    if name == "peak_memory":
        return "" if run.peak_memory is None else format_size(run.peak_memory)
    if name in ("cpu_time", "cost", "eta"):
        seconds = run.eta if name == "eta" else run.cpu_time
        return "" if seconds is None else format_duration(seconds)
    if name in ("created", "started", "ended"):
        return format_local(getattr(run, name))
    if name == "cause":
        return "" if run.cause == run.status.value else clean(run.cause)
    if name == "tags":
        return ", ".join(run.tags)
    if name == "data":
        return ", ".join(f"{key}@{version}" for key, version in run.datasets.items())
    if name in ("starred", "archived"):
        return "yes" if getattr(run, name) else ""
    if name in OWN:
        return format_value(getattr(run, name))
    value = _value(run, name)
    if isinstance(value, int) and _is_size(run, name):
        return format_size(value)
    return NOTHING if value is None else format_value(value)


def kept(run: Run, name: str, now: float) -> object:
    """The value of column `name` as it is kept, for JSON: sizes in bytes, durations and ages in seconds."""
    if name == "status":
        return run.status.value
    if name == "age":
        return max(0.0, now - run.created)
    if name == "duration":
        return run.duration(now)
    if name == "cost":
        return run.cpu_time
    if name in ("created", "started", "ended"):
        return format_utc(getattr(run, name))
    if name in ("tag", "tags"):
        return list(run.tags)
    if name in ("data", "dataset"):
        return dict(run.datasets)
    value = getattr(run, name) if name in OWN else _value(run, name)
    return value.value if isinstance(value, Enum) else list(value) if isinstance(value, tuple) else value


def _is_size(run: Run, name: str) -> bool:
    what = meaning(name, run.params, run.metrics)
    return what.kind == "field" and FIELD_KINDS.get(what.name) is Kind.SIZE


def _value(run: Run, name: str) -> object:
    if not name.startswith("metric.") and name.removeprefix("param.") in run.params:
        return run.params[name.removeprefix("param.")]
    what = meaning(name, run.params, run.metrics)
    if what.kind == "field":
        return getattr(run, what.name, None)
    summary = run.metrics.get(what.name) if what.kind != "param" else None
    return getattr(summary, what.source) if summary else None


def _is_number(run: Run, name: str) -> bool:
    value = _value(run, name)
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
