"""What two runs predicted for the same samples, for a terminal: flips with their rows, classes, calibration."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lab.cli.context import Context
from lab.cli.formats import NOTHING, format_delta, format_value
from lab.cli.output import Output
from lab.cli.shapes import Shape
from lab.cli.tables import Cell, Column, Styled
from lab.domain.predictions import (
    BROKEN,
    FARTHER,
    FIXED,
    NEARER,
    NUMBERS,
    Calibration,
    ClassChange,
    Confusion,
    SampleChanges,
    SampleRow,
)
from lab.domain.runs import Run

_STYLES = {FIXED: "ok", NEARER: "ok", BROKEN: "fail", FARTHER: "fail"}
_CELLS, _FEATURES, _VALUE = 12, 6, 12  # cells of a confusion matrix, columns of the data, characters of a value


def section(context: Context, run: Run, base: Run, limit: int) -> Shape:
    found = context.settled.comparing.samples(run.id, base.id, limit)
    if not context.out.json:
        context.out.line()
        context.out.line(f"{run.name} against {base.name}, {found.file}", "bold")
        draw(context.out, found, limit)
    return found.to_json()


def draw(out: Output, found: SampleChanges, limit: int) -> None:
    """The sentence, then tables; notes on stderr."""
    out.line(headline(found), "fail" if found.broken > found.fixed else "ok" if found.fixed > found.broken else "")
    if found.rows:
        score = "error" if found.task == NUMBERS else "score"
        titles = ("sample", "", "label", "before", "now", f"{score} before", f"{score} now", "data")
        out.table(
            [Column(titles[0], keep=True), *(Column(one) for one in titles[1:])], [_row(one) for one in found.rows]
        )
        rest = found.fixed + found.broken + found.other - len(found.rows)
        if rest > 0:
            out.say(f"and {rest:,} more; --limit shows more")
    if found.task == NUMBERS:
        _errors(out, found)
    if found.classes:
        scores = ("samples", "precision", "", "recall", "", "f1", "")
        shown = sorted(found.classes, key=_moved, reverse=True)[: max(limit, _CELLS)]
        out.table([Column("class", keep=True), *(Column(one, right=True) for one in scores)],
                  [_class(one) for one in found.classes if one in shown])  # fmt: skip
    if found.confusion is not None:
        for text, style in confusion_lines(found.confusion):
            out.line(text, style)
    for text in calibration_lines(found.old_calibration, found.new_calibration):
        out.line(text)
    for note in found.notes:
        out.say(note)


def headline(found: SampleChanges) -> str:
    """`12 fixed, 41 broken of 360 samples (p = 0.0001); right 94.2 % → 86.1 %`."""
    if found.task == NUMBERS:
        return found.sentence
    before, now = (found.counted, found.counted) if found.common else (found.old_rows, found.new_rows)
    if not before or not now:
        return found.sentence
    return f"{found.sentence}; right {found.old_right / before:.1%} → {found.new_right / now:.1%}"


def _row(row: SampleRow) -> list[Cell]:
    told = ", ".join(f"{name} {(value or NOTHING)[:_VALUE]}" for name, value in row.features[:_FEATURES])
    more = ", …" if len(row.features) > _FEATURES else ""
    scores = [NOTHING if value is None else f"{value:.3g}" for value in (row.old_score, row.new_score)]
    return [row.id, Styled(row.kind, _STYLES.get(row.kind, "warn")), row.label, row.old, row.new, *scores, told + more]


def _moved(one: ClassChange) -> float:
    by = abs(one.new.f1 - one.old.f1)
    return 0.0 if math.isnan(by) else by


def _class(one: ClassChange) -> list[Cell]:
    cells: list[Cell] = [one.name, f"{one.support:,}"]
    for name in ("precision", "recall", "f1"):
        old, new = getattr(one.old, name), getattr(one.new, name)
        style = "ok" if new > old else "fail" if new < old else ""
        cells += [NOTHING if math.isnan(new) else f"{new:.3f}", Styled(format_delta(new, old), style)]
    return cells


def confusion_lines(confusion: Confusion) -> Iterator[tuple[str, str]]:
    """The cells of the matrix that changed most, as (text, style); mistakes that became fewer are good."""
    size = range(len(confusion.labels))
    cells = [(label, other) for label in size for other in size if label != other and confusion.delta(label, other)]
    cells.sort(key=lambda cell: -abs(confusion.delta(*cell)))
    for label, other in cells[:_CELLS]:
        by = confusion.delta(label, other)
        names = f"{confusion.labels[label]} taken for {confusion.labels[other]}"
        yield (
            f"  {names}: {confusion.old[label][other]:,} → {confusion.new[label][other]:,} ({by:+,})",
            ("fail" if by > 0 else "ok"),
        )
    if len(cells) > _CELLS:
        yield f"  and {len(cells) - _CELLS:,} more pairs of classes", "dim"


def calibration_lines(old: Calibration | None, new: Calibration | None) -> Iterator[str]:
    if old is None and new is None:
        return
    eces = [NOTHING if one is None else f"{one.ece:.4f}" for one in (old, new)]
    yield f"expected calibration error {eces[0]} → {eces[1]}"
    before = {one.low: one for one in old.bins} if old else {}
    now = {one.low: one for one in new.bins} if new else {}
    for low in sorted({*before, *now}):
        cells = [
            "–".rjust(22) if one is None else f"{one.accuracy:6.1%} right of {one.count:,}".rjust(22)
            for one in (before.get(low), now.get(low))
        ]
        yield f"  {low:.0%} to {low + 0.1:.0%} sure".ljust(22) + "  →".join(cells)


def _errors(out: Output, found: SampleChanges) -> None:
    if found.old_errors is None or found.new_errors is None:
        return
    names = {"mae": "mean absolute", "rmse": "root mean square", "bias": "mean (bias)", "median": "median absolute",
             "p90": "9 of 10 below", "worst": "worst"}  # fmt: skip
    rows: list[list[Cell]] = []
    for field, title in names.items():
        old, new = getattr(found.old_errors, field), getattr(found.new_errors, field)
        style = "ok" if abs(new) < abs(old) else "fail" if abs(new) > abs(old) else ""
        rows.append([title, format_value(old), format_value(new), Styled(format_delta(new, old), style)])
    out.table([Column("error", keep=True), *(Column(one, right=True) for one in ("before", "now", "change"))], rows)
