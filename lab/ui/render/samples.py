"""What two runs predicted for the same samples, as rows of tables and pages. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.domain.predictions import (
    BROKEN,
    FARTHER,
    FIXED,
    NEARER,
    NUMBERS,
    Bin,
    Calibration,
    ClassChange,
    Confusion,
    SampleChanges,
    SampleRow,
)
from lab.ui.render import heat
from lab.ui.render.cells import cut, fit, tidy, width_of
from lab.ui.render.facts import Pair
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import Span, glyphs
from lab.ui.render.number import NOTHING, format_delta, format_number
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.sparkline import bar

_TOKENS = {FIXED: ("ok", "ok"), NEARER: ("ok", "ok"), BROKEN: ("fail", "fail"), FARTHER: ("fail", "fail")}
_OTHER = ("warn", "warn")
_CELL = 6  # cells of a count in a matrix
_NAME = 14
_FEW = 10  # a bin with fewer samples says nothing


def sample_columns(found: SampleChanges) -> list[Column]:
    score = "err" if found.task == NUMBERS else "p"
    return [
        Column("kind", "", width=9, sortable=False),
        Column("id", "sample", min_width=6, max_width=24, sortable=False),
        Column("label", "label", min_width=5, max_width=16, sortable=False),
        Column("old", "before", min_width=6, max_width=16, sortable=False),
        Column("new", "now", min_width=6, max_width=16, sortable=False),
        Column("old_score", f"{score} before", min_width=7, align="right", sortable=False),
        Column("new_score", f"{score} now", min_width=7, align="right", sortable=False),
    ]


def sample_rows(found: SampleChanges) -> list[Row]:
    """Keys are places in `found.rows`."""
    return [Row(str(at), _cells(row)) for at, row in enumerate(found.rows)]


def _cells(row: SampleRow) -> tuple[Cell, ...]:
    sign, token = _TOKENS.get(row.kind, _OTHER)
    wrong = "fail" if row.kind in (BROKEN, FARTHER) else "ok" if row.kind in (FIXED, NEARER) else "warn"
    return (
        Cell(f"{getattr(glyphs(), sign)} {row.kind}", token),
        Cell(row.id, "bold"),
        Cell(row.label),
        Cell(row.old, "muted"),
        Cell(row.new, wrong),
        Cell(_score(row.old_score), "muted"),
        Cell(_score(row.new_score)),
    )


def _score(value: float | None) -> str:
    return NOTHING if value is None else format_number(value, 3)


def sample_facts(row: SampleRow) -> list[Pair]:
    """Everything about one sample: the predictions, then the data's columns."""
    sign, token = _TOKENS.get(row.kind, _OTHER)
    pairs = [
        Pair(row.id),
        Pair("it is", f"{getattr(glyphs(), sign)} {row.kind}", token),
        Pair("label", row.label),
        Pair("before", f"{row.old}  ({_score(row.old_score)})"),
        Pair("now", f"{row.new}  ({_score(row.new_score)})"),
    ]
    pairs += [Pair("row", f"{row.row:,}")] if row.row is not None else []
    if row.features:
        pairs += [Pair("Data"), *(Pair(name, NOTHING if value is None else value) for name, value in row.features)]
    return pairs


def samples_heading(found: SampleChanges, new: str, old: str) -> list[Spans]:
    """Two lines: who against whom, and what came of it."""
    good, bad = ("nearer", "farther") if found.task == NUMBERS else ("fixed", "broken")
    first: Spans = [(f" {new}", "bold"), (" against ", "muted"), (old, "bold"), (f"   {found.file}", "muted")]
    if not found.counted:
        second: Spans = [(f" {found.sentence}", "muted")]
    else:
        second = [(f" {found.fixed:,} {good}", "ok bold"), ("  ", ""), (f"{found.broken:,} {bad}", "fail bold")]
        second += [(f"  {found.other:,} wrong otherwise", "warn")] if found.other else []
        second += [(f"  of {found.counted:,} samples", "muted")]
    if found.p is not None and found.fixed + found.broken:
        chance = "p < 0.0001" if found.p < 0.0001 else f"p = {found.p:.2g}"
        second.append((f"   {chance}" + (", within noise" if found.p > 0.05 else ""), "muted"))
    before, now = (found.counted, found.counted) if found.common else (found.old_rows, found.new_rows)
    if before and now and found.task != NUMBERS:
        second.append((f"   right {found.old_right / before:.1%} → {found.new_right / now:.1%}", ""))
    return [first, second]


def quality_rows(found: SampleChanges, width: int) -> list[Spans]:
    """Classes, confusion and calibration of a classification, or the errors of a regression, as a page."""
    rows: list[Spans] = []
    if found.classes:
        rows += [_title("CLASSES", "precision, recall, F1 and their change"), *_class_rows(found.classes, width), []]
    if found.confusion is not None and len(found.confusion.labels) > 1:
        rows += [*_confusion_rows(found.confusion, width), []]
    if found.old_calibration or found.new_calibration:
        rows += [*_calibration_rows(found.old_calibration, found.new_calibration), []]
    rows += _error_rows(found)
    rows += [[(f" {note}", "muted")] for note in found.notes]
    return rows


def _title(text: str, note: str = "") -> Spans:
    return [(f" {text}", "muted bold"), (f"   {note}" if note else "", "muted")]


def _class_rows(classes: Sequence[ClassChange], width: int) -> list[Spans]:
    name = max(5, min(_NAME, max(width_of(tidy(one.name)) for one in classes)))
    rows: list[Spans] = []
    head = f" {'':{name}}  {'samples':>8}"
    for title in ("precision", "recall", "F1"):
        head += f"  {title:>9} {'':7}"
    rows.append([(head, "muted")])
    for one in classes:
        row: Spans = [(f" {fit(tidy(one.name), name)}  {one.support:>8,}", "")]
        for field in ("precision", "recall", "f1"):
            old, new = getattr(one.old, field), getattr(one.new, field)
            delta = "" if not new - old else f"{new - old:+.3f}"
            token = "ok" if new > old else "fail" if new < old else "muted"
            delta = "" if math.isnan(new - old) else delta
            row += [(f"  {NOTHING if math.isnan(new) else f'{new:.3f}':>9}", ""), (f" {delta:7}", token)]
        rows.append(row)
    return rows


def _short(delta: str) -> str:
    return "" if delta in (NOTHING, "=") else delta


def _confusion_rows(confusion: Confusion, width: int) -> list[Spans]:
    """Where there is room the matrix of changes and that of counts, else the pairs that changed most."""
    labels = range(len(confusion.labels))
    hidden = f", {confusion.hidden} classes left out" if confusion.hidden else ""
    most = max(abs(confusion.delta(at, other)) for at in labels for other in labels)

    def change(at: int, other: int) -> Span:
        by = confusion.delta(at, other)
        good = by > 0 if at == other else by < 0
        token = "muted" if not by else "title" if at == other else ""
        over = heat.ground("good" if good else "bad", heat.step(by, most))
        return f"{by:+d} " if by else f"{glyphs().blank_bar} ", f"{token} {over}".strip()

    def count(at: int, other: int) -> Span:
        """Shaded by the share of its label."""
        value, whole = confusion.new[at][other], sum(confusion.new[at])
        return (f"{value:,} " if value else f"{glyphs().blank_bar} "), (
            heat.ground("plain", heat.step(value, whole)) if value else "muted"
        )

    changes = heat.matrix_rows(confusion.labels, change, _CELL, width, _NAME)
    if not changes:
        return [_title("CONFUSION", f"mistakes that changed most{hidden}"), *_pair_rows(confusion)]
    counts = heat.matrix_rows(confusion.labels, count, _CELL, width, _NAME)
    title = f"rows are labels, columns predictions{hidden}"
    side = sum(width_of(text) for text, _ in changes[0])
    if 2 * side + 3 <= width:
        heads = heat.beside([[(fit(" change of counts", side), "muted")], *changes], [[(" now", "muted")], *counts])
        return [_title("CONFUSION", title), *heads]
    return [_title("CONFUSION", f"change of counts; {title}"), *changes, [], _title("CONFUSION NOW", title), *counts]


def _pair_rows(confusion: Confusion, most: int = 12) -> list[Spans]:
    size = range(len(confusion.labels))
    cells = [(label, other) for label in size for other in size if label != other and confusion.delta(label, other)]
    cells.sort(key=lambda cell: -abs(confusion.delta(*cell)))
    rows: list[Spans] = []
    for label, other in cells[:most]:
        by = confusion.delta(label, other)
        names = f"{cut(tidy(confusion.labels[label]), 20)} taken for {cut(tidy(confusion.labels[other]), 20)}"
        counts = f"  {confusion.old[label][other]:,} → {confusion.new[label][other]:,}"
        rows.append([(f" {names}", ""), (counts, "muted"), (f"  {by:+,}", "fail" if by > 0 else "ok")])
    return rows or [[(" the same counts", "muted")]]


def _calibration_rows(old: Calibration | None, new: Calibration | None) -> list[Spans]:
    eces = [NOTHING if one is None else f"{one.ece:.3f}" for one in (old, new)]
    note = f"expected calibration error {eces[0]} → {eces[1]}; right should be as often as it is sure"
    rows = [_title("CALIBRATION", note)]
    rows.append([(f" {'sure':10}  {'before: right':26}  {'now: right':26}", "muted")])
    sides = [{one.low: one for one in (side.bins if side else ())} for side in (old, new)]
    for low in sorted({*sides[0], *sides[1]}):
        row: Spans = [(f" {low:4.0%}-{low + 0.1:4.0%}  ", "muted")]
        row += [span for side in sides for span in _bin(side.get(low))]
        rows.append(row)
    return rows


def _bin(one: Bin | None) -> Spans:
    if one is None:
        return [(f"{NOTHING:26}  ", "muted")]
    gap = one.accuracy - one.confidence
    token = "ok" if abs(gap) <= 0.05 else "warn" if abs(gap) <= 0.15 else "fail"
    token = token if one.count >= _FEW else "muted"
    return [(bar(one.accuracy, 10), token), (f"{one.accuracy:5.0%} of {one.count:<6,}  ", "")]


def _error_rows(found: SampleChanges) -> list[Spans]:
    old, new = found.old_errors, found.new_errors
    if old is None or new is None:
        return []
    titles = {"mae": "mean absolute", "rmse": "root mean square", "bias": "mean (bias)", "median": "median absolute",
              "p90": "9 of 10 below", "worst": "worst"}  # fmt: skip
    rows: list[Spans] = [_title("ERRORS"), [(f" {'':18}{'before':>12}{'now':>12}", "muted")]]
    for field, title in titles.items():
        before, now = getattr(old, field), getattr(new, field)
        token = "ok" if abs(now) < abs(before) else "fail" if abs(now) > abs(before) else "muted"
        rows.append([(f" {title:18}", ""), (f"{format_number(before):>12}", "muted"), (f"{format_number(now):>12}", ""),
                     (f"  {_short(format_delta(now, before))}", token)])  # fmt: skip
    most = max((max(one.old, one.new) for one in found.histogram), default=0)
    if most:
        rows += [[], _title("DISTRIBUTION OF ERRORS", "before and now")]
        for one in found.histogram:
            span = f" {format_number(one.low, 3):>9} … {format_number(one.high, 3):<9}"
            rows.append([(span, "muted"), (bar(one.old / most, 16), "muted"), (f"{one.old:>7,}  ", "muted"),
                         (bar(one.new / most, 16), "accent"), (f"{one.new:>7,}", "")])  # fmt: skip
    return [*rows, []]
