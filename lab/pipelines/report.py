"""A comparison as a report: who is better and why, to be read without Lab."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from lab.domain.changes import Changes, ValueChange
from lab.domain.compare import Comparison, Row, Value
from lab.domain.directions import Direction, direction
from lab.domain.predictions import NUMBERS, Calibration, SampleChanges
from lab.domain.relations import CATEGORY, LOG, metric_axis, param_axes, ties
from lab.domain.report import BAD, GOOD, QUIET, WARN, Block, Cell, Chart, Curve, Diff, Heading, Report, Table, Text
from lab.domain.runs import Run
from lab.domain.verdicts import Outcome, stats
from lab.errors import LabError, NotFoundError
from lab.experiments.service import Runs
from lab.pipelines.comparing import Comparing

#: Of many runs so many are told in detail, and of each metric's curves so many metrics are drawn.
MOST_PAIRS, MOST_CHARTS = 10, 8
#: With more columns than this a table is turned.
_COLUMNS = 8
_DIFF_LINES, _SAMPLES, _CLASSES = 400, 20, 50
_TONES = {Outcome.BETTER: GOOD, Outcome.WORSE: BAD, Outcome.HIGHER: WARN, Outcome.LOWER: WARN}
_HASH = re.compile(r"(b3:|sha256:)?[0-9a-f]{32,}")
_KINDS = {"fixed": GOOD, "nearer": GOOD, "broken": BAD, "farther": BAD, "other": WARN}


class Reporter:
    """Builds reports; `runs` and `comparing` answer what they ask."""

    def __init__(self, runs: Runs, comparing: Comparing) -> None:
        self._runs = runs
        self._comparing = comparing

    def comparison(self, comparison: Comparison, now: float) -> Report:
        """Verdicts, numbers, curves, then run by run what lies behind them. `now` in seconds since the epoch."""
        base = next(run for run in comparison.runs if run.id == comparison.baseline)
        others = [run for run in {run.id: run for run in comparison.runs}.values() if run.id != base.id]
        title = f"{', '.join(run.name for run in others[:4])}{' …' if len(others) > 4 else ''} against {base.name}"
        when = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
        blocks: list[Block] = [Heading(1, title), Text(f"{base.project}, {len(comparison.runs)} runs, {when}", QUIET)]
        blocks += [*_verdicts(comparison), *_numbers(comparison), *_differing(comparison), *self._charts(comparison)]
        blocks += _relations(comparison)
        for run in others[:MOST_PAIRS]:
            blocks += [*self._samples(run, base), *self._changes(run, base)]
        if len(others) > MOST_PAIRS:
            blocks.append(Text(f"Samples and changes are told of the first {MOST_PAIRS} runs.", QUIET))
        return Report(title, blocks)

    # -- curves -------------------------------------------------------------------------------------

    def _charts(self, comparison: Comparison) -> Iterator[Block]:
        names = sorted((row.key for row in comparison.metrics), key=lambda key: direction(key) is Direction.UNKNOWN)
        charts = [chart for name in names[:MOST_CHARTS] if (chart := self._chart(comparison, name)) is not None]
        if charts:
            yield Heading(2, "Curves")
            yield from charts

    def _chart(self, comparison: Comparison, metric: str) -> Chart | None:
        """None where no run has two values."""
        curves = []
        for at, run in enumerate(comparison.runs):
            if metric not in run.metrics:
                continue
            history = self._runs.history(run.id, metric)
            pairs = sorted((float(x), float(y)) for x, y in zip(history.steps, history.values, strict=True)
                           if math.isfinite(x) and math.isfinite(y) and abs(y) < 1e300)  # fmt: skip
            colour, name = at, run.name
            if comparison.seeded:
                colour = next(index for index, one in enumerate(comparison.groups) if run.id in one.ids)
                name = comparison.groups[colour].label
            if pairs:
                curves.append(Curve(name, tuple(x for x, _ in pairs), tuple(y for _, y in pairs), colour))
        return Chart(metric, "step", tuple(curves)) if any(len(one.x) > 1 for one in curves) else None

    # -- two runs -----------------------------------------------------------------------------------

    def _samples(self, run: Run, base: Run) -> Iterator[Block]:
        try:
            found = self._comparing.samples(run.id, base.id, _SAMPLES)
        except NotFoundError:
            return  # they left no predictions: nothing to tell
        except LabError as error:
            yield Heading(2, f"Samples: {run.name} against {base.name}")
            yield Text(error.message, WARN)
            return
        yield Heading(2, f"Samples: {run.name} against {base.name}")
        yield Text(_right(found), GOOD if found.fixed > found.broken else BAD if found.broken > found.fixed else "")
        if found.rows:
            yield _sample_table(found)
        if found.classes:
            yield Heading(3, "Classes")
            yield _class_table(found)
        yield from _calibration(found.old_calibration, found.new_calibration)
        yield from _errors(found)
        for note in found.notes:
            yield Text(note, QUIET)

    def _changes(self, run: Run, base: Run) -> Iterator[Block]:
        changed = self._runs.changes(run.id, base.id)
        files = self._comparing.files(run.id, base.id)
        data = self._comparing.data(run.id, base.id) if changed.data else ()
        same = changed.code.same and not (changed.data or changed.environment or changed.packages)
        if same and not files.changed:
            return
        yield Heading(2, f"Changes: {run.name} against {base.name}")
        yield from _values("Environment and packages", (*changed.environment, *changed.packages))
        for one in data:
            told = one.note
            if one.diff is not None and one.diff.rows is not None:
                rows = one.diff.rows
                told = f"{rows.inserted:,} rows inserted, {rows.deleted:,} deleted, {rows.changed:,} changed"
            yield Text(f"{one.name}: {one.old or 'none'} → {one.new or 'none'}  {told}".rstrip())
        yield from self._code(changed)
        if files.changed:
            yield Heading(3, "Files")
            yield Table(
                ("file", "before", "now"),
                tuple((Cell(file.path), Cell(_bytes(file.old_size)), Cell(_bytes(file.new_size)))
                      for file in files.changed[:100]),
            )  # fmt: skip
            for file in files.changed:
                if file.diff:
                    yield Heading(3, file.path)
                    yield Diff(file.diff[:_DIFF_LINES])

    def _code(self, changed: Changes) -> Iterator[Block]:
        if changed.code.same:
            return
        yield Heading(3, "Code")
        diff = self._runs.code_diff(changed)
        yield Diff(tuple(diff[:_DIFF_LINES])) if diff else Text("differs", WARN)
        if len(diff) > _DIFF_LINES:
            yield Text(f"and {len(diff) - _DIFF_LINES:,} more lines", QUIET)


# -- numbers ----------------------------------------------------------------------------------------


def _verdicts(comparison: Comparison) -> Iterator[Block]:
    told = [one for one in comparison.verdicts if one.outcome is not Outcome.NONE]
    if not told and comparison.verdicts:
        yield Text(comparison.sentence(comparison.verdicts[0]), QUIET)
        return
    rows = []
    for one in told:
        spread = ""
        if one.effect is not None and one.low is not None and one.high is not None:
            spread = f"{one.effect:+.3g} [{one.low:+.3g}, {one.high:+.3g}]"
        tone = _TONES.get(one.outcome, "")
        rows.append((Cell(one.metric), Cell(comparison.sentence(one), tone), Cell(spread)))
    if rows:
        yield Heading(2, "Verdicts")
        yield Table(("metric", "verdict", "difference of means [95 %]"), tuple(rows), right=False)


def _numbers(comparison: Comparison) -> Iterator[Block]:
    yield Heading(2, "Metrics")
    if comparison.seeded:
        tones = {(one.metric, one.group): _TONES.get(one.outcome, "") for one in comparison.verdicts}
        rows = [
            (Cell(row.key), *(Cell(_spread(comparison, at, row.key), tones.get((row.key, at), ""))
                              for at in range(len(comparison.groups))))
            for row in comparison.metrics
        ]  # fmt: skip
        heads = [one.label + (" (base)" if at == comparison.base_group else "")
                 for at, one in enumerate(comparison.groups)]  # fmt: skip
    else:
        base = next(at for at, run in enumerate(comparison.runs) if run.id == comparison.baseline)
        rows = [
            (Cell(row.key), *(_metric(row, at, base) for at in range(len(row.values)))) for row in comparison.metrics
        ]
        heads = [run.name + (" (base)" if at == base else "") for at, run in enumerate(comparison.runs)]
    yield _turned(Table(("metric", *heads), tuple(rows)))


def _spread(comparison: Comparison, at: int, metric: str) -> str:
    one = stats(comparison.groups[at], metric)
    if not one.n:
        return "–"
    return f"{one.mean:.5g}" + (f" ± {one.sd:.2g}" if one.n > 1 else "") + f" ({one.n})"


def _metric(row: Row, at: int, base: int) -> Cell:
    value, reference = row.values[at], row.values[base]
    if at == base or not isinstance(value, int | float) or not isinstance(reference, int | float):
        return Cell(_value(value))
    by = value - reference
    if not math.isfinite(by) or not by:
        return Cell(_value(value))
    way = direction(row.key)
    tone = "" if way is Direction.UNKNOWN else GOOD if (by > 0) is (way is Direction.HIGHER) else BAD
    return Cell(f"{_value(value)} ({by:+.3g})", tone)


def _differing(comparison: Comparison) -> Iterator[Block]:
    parts = (("parameter", comparison.params), ("dataset", comparison.datasets),
             ("environment", comparison.environment))  # fmt: skip
    rows = [(Cell(row.key, QUIET), *(Cell(_value(value)) for value in row.values))
            for _, lines in parts for row in lines if row.differs]  # fmt: skip
    if rows:
        yield Heading(2, "What differs")
        yield _turned(Table(("", *(run.name for run in comparison.runs)), tuple(rows), right=False))


def _turned(table: Table) -> Table:
    """Of many runs each has a line rather than a column."""
    if len(table.head) <= _COLUMNS:
        return table
    columns = list(zip(*table.rows, strict=True))
    names = (Cell(name) for name in table.head[1:])
    rows = tuple((name, *column) for name, column in zip(names, columns[1:], strict=True))
    return Table(("run", *(cell.text for cell in columns[0])), rows, table.right)


def _value(value: Value) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{str(value)[:15]}…" if _HASH.fullmatch(str(value)) else str(value)[:80]


def _relations(comparison: Comparison) -> Iterator[Block]:
    """Which parameter has how much to do with the first metric that has a direction; of three runs or more."""
    runs = comparison.runs
    names = [row.key for row in comparison.metrics if direction(row.key) is not Direction.UNKNOWN]
    params = param_axes(runs)
    if len(runs) < 3 or not names or not params:
        return
    metric = metric_axis(runs, names[0])
    found = [one for one in ties(params, metric, direction(names[0]) is Direction.LOWER) if one.runs > 2]
    if not found:
        return
    yield Heading(2, f"Parameters and {names[0]}")
    yield Table(
        ("parameter", "tie", "rank correlation", "best at"),
        tuple((Cell(one.axis.title), Cell(f"{one.strength:.2f}"),
               Cell("–" if one.rank is None else f"{one.rank:+.2f}"), Cell(one.best)) for one in found[:20]),
    )  # fmt: skip
    axis = found[0].axis
    points = tuple(
        Curve(run.name, (axis.places[at] or 0.0,), (metric.places[at] or 0.0,), 0)
        for at, run in enumerate(runs)
        if axis.places[at] is not None and metric.places[at] is not None
    )
    ticks = axis.labels if axis.kind == CATEGORY else ()
    yield Chart(f"{names[0]} by {axis.title}", axis.title, points, True, axis.kind == LOG, ticks)


# -- samples ----------------------------------------------------------------------------------------


def _right(found: SampleChanges) -> str:
    before, now = (found.counted, found.counted) if found.common else (found.old_rows, found.new_rows)
    if found.task == NUMBERS or not before or not now:
        return found.sentence
    return f"{found.sentence}; right {found.old_right / before:.1%} → {found.new_right / now:.1%}"


def _sample_table(found: SampleChanges) -> Table:
    rows = []
    for row in found.rows:
        told = ", ".join(f"{name} {value}" for name, value in row.features[:8] if value is not None)
        scores = ["–" if value is None else f"{value:.3g}" for value in (row.old_score, row.new_score)]
        rows.append((Cell(row.id), Cell(row.kind, _KINDS.get(row.kind, "")), Cell(row.label), Cell(row.old),
                     Cell(row.new), *map(Cell, scores), Cell(told, QUIET)))  # fmt: skip
    score = "error" if found.task == NUMBERS else "score"
    head = ("sample", "", "label", "before", "now", f"{score} before", f"{score} now", "data")
    return Table(head, tuple(rows), right=False)


def _class_table(found: SampleChanges) -> Table:
    rows = []
    for one in found.classes[:_CLASSES]:
        cells = [Cell(one.name), Cell(f"{one.support:,}")]
        for field in ("precision", "recall", "f1"):
            old, new = getattr(one.old, field), getattr(one.new, field)
            by = new - old
            moved = f" ({by:+.3f})" if math.isfinite(by) and by else ""
            cells.append(
                Cell("–" if math.isnan(new) else f"{new:.3f}{moved}", GOOD if by > 0 else BAD if by < 0 else "")
            )
        rows.append(tuple(cells))
    return Table(("class", "samples", "precision", "recall", "F1"), tuple(rows))


def _calibration(old: Calibration | None, new: Calibration | None) -> Iterator[Block]:
    sides = [(name, one) for name, one in (("before", old), ("now", new)) if one is not None]
    if not sides:
        return
    yield Heading(3, "Calibration")
    told = ", ".join(f"{name} {one.ece:.3f}" for name, one in sides)
    yield Text(f"expected calibration error: {told}")
    curves = [
        Curve(name, tuple(part.confidence for part in one.bins), tuple(part.accuracy for part in one.bins), at)
        for at, (name, one) in enumerate(sides)
    ]
    yield Chart("Right by how sure", "how sure", (*curves, Curve("as it should be", (0.0, 1.0), (0.0, 1.0), 7)))


def _errors(found: SampleChanges) -> Iterator[Block]:
    if found.old_errors is None or found.new_errors is None:
        return
    yield Heading(3, "Errors")
    titles = {"mae": "mean absolute", "rmse": "root mean square", "bias": "mean (bias)", "median": "median absolute",
              "p90": "9 of 10 below", "worst": "worst"}  # fmt: skip
    rows = []
    for field, title in titles.items():
        before, now = getattr(found.old_errors, field), getattr(found.new_errors, field)
        tone = GOOD if abs(now) < abs(before) else BAD if abs(now) > abs(before) else ""
        rows.append((Cell(title), Cell(f"{before:.5g}"), Cell(f"{now:.5g}", tone)))
    yield Table(("error", "before", "now"), tuple(rows))


# -- changes ----------------------------------------------------------------------------------------


def _values(title: str, values: Sequence[ValueChange]) -> Iterator[Block]:
    if values:
        yield Heading(3, title)
        rows = tuple((Cell(one.name), Cell(_value(one.old)), Cell(_value(one.new))) for one in values[:200])
        yield Table(("", "before", "now"), rows, right=False)


def _bytes(size: int | None) -> str:
    return "–" if size is None else f"{size:,} B"
