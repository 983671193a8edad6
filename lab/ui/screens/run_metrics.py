"""A run's metrics as rows with their course in small, and as curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lab.domain.figures import Event
from lab.domain.metric_order import metric_order
from lab.domain.runs import MetricSummary, Run
from lab.ui.render.number import format_number
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.series import Series
from lab.ui.render.sparkline import sparkline
from lab.ui.screens.curves import Axis, of_run
from lab.ui.widgets.chart_view import ChartView

if TYPE_CHECKING:
    from lab.workspace import Workspace

_TREND = 10  # cells of a course in small
#: Of more metrics than this, the rest has no course beside it.
_MOST_TRENDS = 24
METRIC_COLUMNS = (
    Column("metric", "metric", min_width=14, max_width=30, flex=1),
    Column("last", "last", width=8, align="right"),
    Column("trend", "course", width=_TREND, sortable=False),
    Column("min", "min", width=8, align="right"),
    Column("max", "max", width=8, align="right"),
)


class RunChart(ChartView, inherit_bindings=False):
    """`n` and `N` are the screen's here: they choose the metric."""

    BINDINGS = [binding for binding in ChartView.BINDINGS if getattr(binding, "key", "") not in ("n", "N")]


def listed_metrics(run: Run) -> list[str]:
    """Names of a run's metrics, those that have a course before those that were told once: the first is drawn."""
    return sorted(metric_order(run.metrics), key=lambda name: run.metrics[name].count <= 1)


def metric_rows(metrics: Mapping[str, MetricSummary], trends: Mapping[str, str]) -> list[Row]:
    return [
        Row(
            name,
            (
                Cell(name),
                Cell(format_number(one.last)),
                Cell(trends.get(name, ""), "series.0"),
                *(Cell(format_number(value), "muted") for value in (one.min, one.max)),
            ),
        )
        for name, one in metrics.items()
    ]


def trends(ws: Workspace, run: Run, names: Sequence[str]) -> dict[str, str]:
    """The course of each metric as a line of bars."""
    return {
        name: sparkline(ws.runs.history(run.id, name).values, _TREND)
        for name in names[:_MOST_TRENDS]
        if run.metrics[name].count > 1
    }


def run_curves(ws: Workspace, run: Run, names: Sequence[str], axis: Axis) -> tuple[list[Series], tuple[Event, ...]]:
    """Some metrics of a run, and what happened in it."""
    series = [of_run(ws, run, name, axis, index, name) for index, name in enumerate(names)]
    return series, tuple(ws.drawings.events(run, axis))
