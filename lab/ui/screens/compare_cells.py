"""A comparison as rows and lines: one column per run or per group of seeds, and the verdict. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from lab.domain.compare import Comparison, Value
from lab.domain.compare import Row as Line
from lab.domain.metric_order import metric_order
from lab.domain.verdicts import GroupStats, Outcome, Verdict, stats
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.legend import series_glyph
from lab.ui.render.number import NOTHING, format_delta, format_number
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.status import run_mark
from lab.ui.screens.run_cells import param_text

METRIC = "metric."
#: Verdicts on one metric that are told above the table; the table has the others' numbers.
_MOST_VERDICTS = 4

_TOKENS = {
    Outcome.BETTER: ("ok", "ok bold"),
    Outcome.WORSE: ("fail", "fail bold"),
    Outcome.HIGHER: ("warn", "warn bold"),
    Outcome.LOWER: ("warn", "warn bold"),
    Outcome.NOISE: ("idle", "warn"),
    Outcome.SAME: ("idle", "muted"),
    Outcome.NONE: ("idle", "muted"),
}


def grouped(comparison: Comparison, apart: bool) -> bool:
    """Whether a column is a group of seeds."""
    return comparison.seeded and not apart


def colour_of(comparison: Comparison, run_index: int, apart: bool) -> int:
    """Which series a run is drawn as: the runs of a group look the same where they are one column."""
    if not grouped(comparison, apart):
        return run_index
    run = comparison.runs[run_index]
    return next(at for at, one in enumerate(comparison.groups) if run.id in one.ids)


def compare_columns(comparison: Comparison, apart: bool = True) -> list[Column]:
    """One per run, by its id, or per group, by the id of its first run; the baseline says so."""
    columns = [Column("", "", min_width=10, max_width=22, sortable=False)]
    if grouped(comparison, apart):
        heads = [(one.runs[0].id, one.label, at == comparison.base_group) for at, one in enumerate(comparison.groups)]
    else:
        heads = [(run.id, run.name, run.id == comparison.baseline) for run in comparison.runs]
    for index, (key, name, is_base) in enumerate(heads):
        title = f"{series_glyph(index, glyphs().ok.isascii())} {name}{' (base)' if is_base else ''}"
        columns.append(Column(key, title, min_width=10, max_width=26, sortable=False))
    return columns


def compare_rows(comparison: Comparison, everything: bool, apart: bool = True) -> list[Row]:
    """Metrics with their distance from the baseline, then parameters, data and environment; only what differs, unless
    `everything`."""
    metrics = {line.key: line for line in comparison.metrics}
    names = metric_order(metrics)
    parts = (("parameters", comparison.params), ("data", comparison.datasets), ("environment", comparison.environment))
    if grouped(comparison, apart):
        rows = _section("metrics", [_stats_row(comparison, name) for name in names])
        for title, lines in parts:
            told = [_several_row(title, comparison, line) for line in lines]
            chosen = [row for row in told if everything or len({cell.text for cell in row.cells[1:]}) > 1]
            rows += _section(title, chosen)
    else:
        base = next((index for index, run in enumerate(comparison.runs) if run.id == comparison.baseline), 0)
        rows = [_status_row(comparison)]
        rows += _section("metrics", [_metric_row(metrics[name], base) for name in names])
        for title, lines in parts:
            rows += _section(title, [_value_row(title, line) for line in lines if everything or line.differs])
    if not comparison.code_same:
        rows += _section("code", [Row("code.differs", (Cell("code"), Cell("differs", "warn")))])
    return rows


def _section(title: str, rows: list[Row]) -> list[Row]:
    return [Row(f"section.{title}", (Cell(title.upper(), "muted bold"),), head=True), *rows] if rows else []


def _status_row(comparison: Comparison) -> Row:
    marks = [run_mark(run.status) for run in comparison.runs]
    return Row("status", (Cell("status", "muted"), *(Cell(mark.text, mark.token) for mark in marks)))


def _metric_row(line: Line, base: int) -> Row:
    reference = _number(line.values[base])
    cells = [Cell(line.key)]
    for index, value in enumerate(line.values):
        text = format_number(value)
        delta = "" if index == base else format_delta(_number(value), reference)
        cells.append(Cell(f"{text}  {delta}" if delta not in ("", "–") else text, "bold" if index == base else ""))
    return Row(METRIC + line.key, tuple(cells))


def _stats_row(comparison: Comparison, name: str) -> Row:
    """Mean ± standard deviation (seeds) of each group, coloured where a verdict says better or worse."""
    tokens = {one.group: _TOKENS[one.outcome][0] for one in comparison.of(name)}
    cells = [Cell(name)]
    for index, one in enumerate(comparison.groups):
        token = "bold" if index == comparison.base_group else tokens.get(index, "")
        cells.append(Cell(stats_text(stats(one, name)), token if token != "idle" else ""))
    return Row(METRIC + name, tuple(cells))


def stats_text(one: GroupStats) -> str:
    """`0.934 ± 0.0021 (5)`; `(3/5)` where two of five runs have no final value."""
    if not one.n:
        return NOTHING
    spread = f" ± {format_number(one.sd, 2)}" if one.n > 1 else ""
    count = f"{one.n}/{one.n + one.left_out}" if one.left_out else f"{one.n}"
    return f"{format_number(one.mean)}{spread} ({count})"


def _several_row(section: str, comparison: Comparison, line: Line) -> Row:
    texts = [_several(values) for values in comparison.of_groups(line)]
    token = "accent" if len(set(texts)) > 1 else "muted"
    return Row(f"{section}.{line.key}", (Cell(line.key), *(Cell(text, token) for text in texts)))


def _several(values: Sequence[Value]) -> str:
    return ", ".join(NOTHING if value is None else param_text(value) for value in values)


def _value_row(section: str, line: Line) -> Row:
    token = "accent" if line.differs else "muted"
    texts = (NOTHING if value is None else param_text(value) for value in line.values)
    return Row(f"{section}.{line.key}", (Cell(line.key), *(Cell(text, token) for text in texts)))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def verdict_rows(comparison: Comparison, metric: str) -> list[Spans]:
    """The verdicts on one metric, the clearest first; what is wanting comes with the key that gets it."""
    found = sorted(comparison.of(metric), key=lambda one: (one.p is None, one.p or 0.0))
    if not found:
        return []
    why = {comparison.sentence(one).removeprefix(f"{comparison.groups[one.group].label}: ") for one in found}
    if len(found) > 1 and len(why) == 1 and found[0].outcome is Outcome.NONE:  # of all groups the same: said once
        sign, token = _TOKENS[Outcome.NONE]
        return [[(f" {getattr(glyphs(), sign)} ", token), (metric, "bold"), (f"  {why.pop()}", token)]]
    rows = [_verdict_row(comparison, one) for one in found[:_MOST_VERDICTS]]
    if len(found) > _MOST_VERDICTS:
        rows[-1].append((f"   and {len(found) - _MOST_VERDICTS} more groups", "muted"))
    return rows


def _verdict_row(comparison: Comparison, verdict: Verdict) -> Spans:
    sign, token = _TOKENS[verdict.outcome]
    row: Spans = [(f" {getattr(glyphs(), sign)} ", token), (verdict.metric, "bold"), ("  ", "")]
    row.append((comparison.sentence(verdict), token))
    if verdict.low is not None and verdict.high is not None and verdict.effect is not None:
        spread = f"[{format_number(verdict.low, 2)}, {format_number(verdict.high, 2)}]"
        row.append((f"   {format_number(verdict.effect, 3)} {spread}", "muted"))
    return row


def wanted(comparison: Comparison, metric: str) -> dict[int, int]:
    """Seeds that each group (by index) lacks for verdicts on `metric`; one each where all is decided or hopeless."""
    more: dict[int, int] = {}
    for one in comparison.of(metric):
        for index, count in zip((one.baseline, one.group), one.more or (0, 0), strict=True):
            more[index] = max(more.get(index, 0), count)
    lacking = {index: count for index, count in more.items() if count}
    return lacking or dict.fromkeys(range(len(comparison.groups)), 1)
