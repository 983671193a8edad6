"""What was expected of a dataset version, and what was found: worst first."""

from __future__ import annotations

from collections.abc import Sequence

from lab.domain.expectations import CheckReport, Result, Sample, Severity
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import NOTHING, format_duration
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.status import Mark, mark

COLUMNS = (
    Column("verdict", "verdict", min_width=8, max_width=12, sortable=False),
    Column("column", "column", min_width=6, max_width=20, sortable=False),
    Column("failing", "rows", min_width=5, max_width=14, align="right", sortable=False),
    Column("sentence", "found", min_width=24, max_width=120, sortable=False, flex=1),
    Column("observed", "observed", max_width=24, sortable=False),
    Column("wanted", "wanted", max_width=24, sortable=False),
    Column("rule", "rule", max_width=14, sortable=False),
)


def worst_first(report: CheckReport) -> list[Result]:
    """Results that block, that warn, that could not be looked at, that hold; with most failing rows first."""
    return sorted(report.results, key=lambda one: (_rank(one), -(one.failing or 0)))


def _rank(result: Result) -> int:
    if not result.ok:
        return 0 if result.severity is Severity.BLOCK else 1
    return 2 if result.skipped else 3


def result_mark(result: Result) -> Mark:
    if not result.ok:
        return mark("fail", "blocks") if result.severity is Severity.BLOCK else mark("warn", "warns")
    return mark("idle", "skipped") if result.skipped else mark("ok", "holds")


def check_rows(results: Sequence[Result]) -> list[Row]:
    """Keyed by their place in `results`."""
    return [Row(str(index), _cells(one)) for index, one in enumerate(results)]


def _cells(one: Result) -> tuple[Cell, ...]:
    sign = result_mark(one)
    calm = "" if not one.ok else "muted"
    return (
        Cell(sign.text, sign.token),
        Cell(one.column or "(table)", "bold" if not one.ok else ""),
        Cell(NOTHING if one.failing is None else f"{one.failing:,}", calm),
        Cell(one.sentence.removeprefix(f"{one.column}: "), calm),
        Cell(one.observed, calm),
        Cell(one.wanted, calm),
        Cell(one.rule, "muted"),
    )


def check_heading(report: CheckReport) -> Spans:
    """One line: how many of the expectations hold, and what follows from that."""
    total, failed = len(report.results), len(report.failed)
    if report.blocked:
        sign, text = mark("fail", "blocked"), f"{failed} of {total} expectations fail: no alias may be moved here"
    elif failed:
        sign, text = mark("warn", "warned"), f"{failed} of {total} expectations fail, none of them blocks"
    else:
        sign, text = mark("ok", "ok"), f"{'all ' if total > 1 else ''}{total} expectation{'s' * (total != 1)} met"
    rows = "" if report.rows is None else f"   {report.rows:,} rows"
    return [(f" {sign.text}", sign.token), (f"  {text}", ""), (f"{rows} in {format_duration(report.seconds)}", "muted")]


def sample_columns(sample: Sample) -> list[Column]:
    names = [Column(f"c{index}", name, min_width=4, max_width=24, sortable=False)
             for index, name in enumerate(sample.columns)]  # fmt: skip
    return [Column("number", "row", min_width=4, max_width=12, align="right", sortable=False), *names]


def sample_rows(sample: Sample) -> list[Row]:
    """A null is told apart from any text by its style and its name."""
    numbers: list[int | None] = [*sample.numbers, *[None] * (len(sample.rows) - len(sample.numbers))]
    return [
        Row(str(index), (Cell(NOTHING if number is None else f"{number:,}", "muted"), *map(value_cell, cells)))
        for index, (number, cells) in enumerate(zip(numbers, sample.rows, strict=False))
    ]


def value_cell(value: str | None, token: str = "") -> Cell:
    if value is None:
        return Cell("null", "muted italic")
    return Cell(value, token) if value else Cell("(empty)", "muted italic")
