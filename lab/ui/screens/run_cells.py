"""A run as cells and facts: what the Home, Runs, Run and Compare screens say about one. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.domain.metric_order import metric_order
from lab.domain.progress import progress_of
from lab.domain.query_names import meaning
from lab.domain.runs import Badge, Param, Run, RunStatus
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import format_age, format_duration, format_number, format_size, format_time
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.sparkline import bar
from lab.ui.render.status import run_mark
from lab.ui.widgets.detail import Pair

#: Fewer columns of parameters and metrics than this, so that a table stays one.
MOST_COLUMNS = 12

_FIXED_LEFT = (
    Column("status", "status", width=13),
    Column("name", "name", min_width=16, max_width=28, flex=1),
    Column("created", "age", width=8),
    Column("duration", "took", width=7, align="right"),
)
_FIXED_RIGHT = (
    Column("entry", "entry", max_width=16),
    Column("project", "project", max_width=16),
    Column("tags", "tags", max_width=24, sortable=False),
    Column("id", "id", width=8),
)
_ETA = Column("eta", "ETA", width=7, align="right", sortable=False)
#: Shown where a view asks for them.
_ASKED_FOR = (
    Column("peak_memory", "peak mem", width=9, align="right"),
    Column("cpu_time", "cpu time", width=9, align="right"),
    Column("cost", "cpu time", width=9, align="right"),
    Column("badge", "badge", width=10),
    Column("reproduces", "reproduces", width=10),
    _ETA,
    Column("cause", "cause", max_width=32),
    Column("started", "started", width=9),
    Column("ended", "ended", width=9),
    Column("seed", "seed", min_width=4, max_width=10, align="right"),
    Column("engine", "engine", max_width=10),
    Column("memory", "memory", width=9, align="right"),
    Column("exit_code", "exit", width=5, align="right"),
    Column("sweep", "sweep", max_width=16),
    Column("data", "data", max_width=28, sortable=False),
    Column("notes", "notes", max_width=40),
    Column("image", "image", max_width=20),
    Column("code", "code", width=15),
    Column("starred", "star", width=4),
    Column("archived", "archived", width=8),
)
#: Every column of a run's own.
OWN_COLUMNS = (*_FIXED_LEFT, *_FIXED_RIGHT, *_ASKED_FOR)


_BADGES = {Badge.BITWISE: "ok", Badge.TOLERANCE: "ok", Badge.FAILED: "fail"}


def run_columns(params: Sequence[str], metrics: Sequence[str], eta: bool = False) -> list[Column]:
    """Columns of the run table, with `eta` when runs will end; ids are sort keys of `lab.domain.query`."""
    return [
        *_FIXED_LEFT,
        *([_ETA] if eta else []),
        *(Column(f"metric.{name}", name, min_width=6, max_width=12, align="right") for name in metrics[:MOST_COLUMNS]),
        *(Column(f"param.{name}", name, min_width=4, max_width=14, align="right") for name in params[:MOST_COLUMNS]),
        *_FIXED_RIGHT,
    ]  # fmt: skip


def view_columns(names: Sequence[str], params: Sequence[str], metrics: Sequence[str]) -> list[Column]:
    """The named columns that can be shown; status and name before them, unless the name has a place of its own."""
    fields = {column.id: column for column in OWN_COLUMNS}
    columns = dict.fromkeys(() if "name" in names else _FIXED_LEFT[:2])
    for name in names:
        what = meaning(name, params, metrics)
        if what.kind == "field":
            columns.update(dict.fromkeys([fields[what.name]] if what.name in fields else []))
        elif what.kind == "param":
            columns[Column(f"param.{what.name}", what.name, min_width=4, max_width=14, align="right")] = None
        else:
            title = what.name if what.statistic == "last" else f"{what.name}.{what.statistic}"
            columns[Column(f"metric.{title}", title, min_width=6, max_width=12, align="right")] = None
    return list(columns)


def run_row(run: Run, columns: Sequence[Column], now: float) -> Row:
    return Row(run.id, tuple(_cell(run, column.id, now) for column in columns))


def _cell(run: Run, column: str, now: float) -> Cell:
    kind, _, name = column.partition(".")
    if kind == "metric":
        what = meaning(column, run.params, run.metrics)
        summary = run.metrics.get(what.name)
        return Cell("" if summary is None else format_number(getattr(summary, what.source)))
    if kind == "param":
        return Cell(param_text(run.params[name]) if name in run.params else "", "muted")
    return _FIELDS[column](run, now)


def _status(run: Run, _: float) -> Cell:
    mark = run_mark(run.status)
    return Cell(mark.text, mark.token)


_FIELDS: dict[str, Callable[[Run, float], Cell]] = {
    "status": _status,
    "name": lambda run, _: Cell(
        f"{run.name}{' *' if run.starred else ''}", "muted" if run.archived else "bold" if run.status.active else ""
    ),
    "created": lambda run, now: Cell(format_age(run.created, now), "muted"),
    "duration": lambda run, now: Cell(format_duration(run.duration(now)), "muted"),
    "entry": lambda run, _: Cell(run.entry, "muted"),
    "project": lambda run, _: Cell(run.project, "muted"),
    "tags": lambda run, _: Cell(" ".join(run.tags), "accent"),
    "id": lambda run, _: Cell(run.id, "muted"),
    "peak_memory": lambda run, _: Cell("" if run.peak_memory is None else format_size(run.peak_memory), "muted"),
    "cpu_time": lambda run, _: Cell("" if run.cpu_time is None else format_duration(run.cpu_time), "muted"),
    "cost": lambda run, _: Cell("" if run.cpu_time is None else format_duration(run.cpu_time), "muted"),
    "cause": lambda run, _: Cell("" if run.cause == run.status.value else run.cause, "muted"),
    "started": lambda run, now: Cell("" if run.started is None else format_age(run.started, now), "muted"),
    "ended": lambda run, now: Cell("" if run.ended is None else format_age(run.ended, now), "muted"),
    "seed": lambda run, _: Cell(str(run.seed), "muted"),
    "engine": lambda run, _: Cell(run.engine, "muted"),
    "memory": lambda run, _: Cell(format_size(run.memory) if run.memory else "", "muted"),
    "exit_code": lambda run, _: Cell("" if run.exit_code is None else str(run.exit_code), "muted"),
    "sweep": lambda run, _: Cell(run.sweep, "muted"),
    "data": lambda run, _: Cell(", ".join(f"{name}@{label}" for name, label in run.datasets.items()), "muted"),
    "notes": lambda run, _: Cell(run.notes),
    "image": lambda run, _: Cell(run.image, "muted"),
    "code": lambda run, _: Cell(run.code, "muted"),
    "starred": lambda run, _: Cell("*" if run.starred else "", "accent"),
    "archived": lambda run, _: Cell("yes" if run.archived else "", "muted"),
    "badge": lambda run, _: Cell(run.badge.value, _BADGES.get(run.badge, "muted")),
    "reproduces": lambda run, _: Cell(run.reproduces, "muted"),
    "eta": lambda run, _: Cell("" if run.eta is None else format_duration(run.eta), "run"),
}


def param_text(value: Param) -> str:
    """A parameter as it was written, not padded to the digits of a measurement."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else format_number(value)


def progress_text(run: Run) -> str:
    """How far a run is and, where anything tells, when it will have ended: `12/30 ███   ETA 3m 05s`."""
    if run.status is RunStatus.QUEUED:
        return "waits in the queue (w)"
    if run.status is RunStatus.CREATED:
        return "preparing its environment"
    known = progress_of(run)
    soon = "" if run.eta is None else f"  ETA {format_duration(run.eta)}"
    if not run.metrics:
        return f"no metrics yet{soon}"
    if known.total is None:
        return f"step {format_number(known.done)}{soon}"
    return f"{format_number(known.done)}/{format_number(known.total)} {bar(known.done / known.total, 8)}{soon}"


def headline(run: Run, limit: int = 2) -> str:
    """Its first metrics: `val_accuracy 0.93  loss 0.21`."""
    names = metric_order(run.metrics)[:limit]
    return "  ".join(f"{name} {format_number(run.metrics[name].last)}" for name in names)


def run_heading(run: Run, now: float) -> list[Spans]:
    """Two lines about one run."""
    mark = run_mark(run.status)
    when = f"{format_duration(run.duration(now))}   {format_age(run.created, now)}"
    first: Spans = [(f" {mark.text}", f"{mark.token} bold"), ("  ", ""), (run.name, "title"),
                    (f"   {run.project}/{run.entry} on {run.engine}   {when}", "muted")]  # fmt: skip
    if run.status.active:
        second: Spans = [(f" {progress_text(run)}", "run"), (f"   {headline(run, 3)}", "")]
    else:
        bad = run.status not in (RunStatus.FINISHED, RunStatus.STOPPED)
        cause = "" if run.cause == run.status.value else f" {run.cause}  "
        second = [(cause, mark.token if bad else "muted"), (f" {headline(run, 3)}", "")]
    if run.tags:
        second.append((f"   {' '.join(run.tags)}", "accent"))
    if run.badge in _BADGES:
        word = "does not reproduce" if run.badge is Badge.FAILED else f"reproduced ({run.badge.value})"
        second.insert(1, (f" {word} ", _BADGES[run.badge]))
    return [first, second]


def run_facts(run: Run, now: float) -> list[Pair]:
    """Everything about one run but its metrics."""
    pairs = [Pair("Parameters"), *(Pair(name, param_text(value)) for name, value in run.params.items())]
    if not run.params:
        pairs.append(Pair("parameters", "none", "muted"))
    pairs += [Pair("seed", str(run.seed)), Pair("Data")]
    pairs += [Pair(name, version) for name, version in run.datasets.items()] or [Pair("datasets", "none", "muted")]
    pairs += [
        Pair("Where and when"),
        Pair("id", run.id),
        Pair("project", run.project),
        Pair("entry", run.entry),
        Pair("engine", run.engine or "–"),
        Pair("image", run.image or "–"),
        Pair("code", run.code or "–"),
        Pair("memory", f"{format_size(run.memory)} at most" if run.memory else "no limit"),
        Pair("peak memory", "–" if run.peak_memory is None else format_size(run.peak_memory)),
        Pair("cpu time", format_duration(run.cpu_time)),
        Pair("created", format_time(run.created, now)),
        Pair("started", format_time(run.started, now)),
        Pair("ended", format_time(run.ended, now)),
        Pair("badge", _badge(run), _BADGES.get(run.badge, "")),
        Pair("exit code", "–" if run.exit_code is None else str(run.exit_code)),
    ]
    if run.reproduces:
        how = f"{run.reproduces}, but {run.swapped} not as there" if run.swapped else run.reproduces
        pairs.append(Pair("reproduces", how))
    pairs += [Pair("sweep", run.sweep)] if run.sweep else []
    pairs += [Pair("tags", " ".join(run.tags))] if run.tags else []
    pairs += [Pair("note", run.notes)] if run.notes else []
    return pairs


def _badge(run: Run) -> str:
    return f"{run.badge.value}: {run.badge_note}" if run.badge_note else run.badge.value or "–"


def run_summary(run: Run, now: float) -> list[Pair]:
    """The side panel: status, metrics, then facts."""
    mark = run_mark(run.status)
    pairs = [Pair(run.name), Pair("status", mark.text, mark.token)]
    pairs += [Pair("cause", run.cause)] if run.cause not in ("", run.status.value) else []
    pairs.append(Pair("Metrics"))
    for name in metric_order(run.metrics):
        summary = run.metrics[name]
        span = f"{format_number(summary.min)} … {format_number(summary.max)}"
        pairs.append(Pair(name, f"{format_number(summary.last)}  {span}"))
    if not run.metrics:
        pairs.append(Pair("metrics", "none yet", "muted"))
    return [*pairs, *run_facts(run, now)]
