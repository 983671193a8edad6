"""What came of running a run again, as a page: the verdict, every metric and file, what differs, what is missing."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.cells import chop_cells

from lab.domain.reproduction import (
    Agreement,
    Attempt,
    PredictionVerdict,
    Preflight,
    Reproduction,
    cause_name,
    short_value,
    tell,
)
from lab.ui.render.cells import fit, tidy, width_of
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.number import NOTHING, format_delta

_TOKENS = {Agreement.IDENTICAL: "ok", Agreement.WITHIN: "ok", Agreement.DIFFERENT: "fail", Agreement.UNKNOWN: "warn"}
_WORDS = {Agreement.WITHIN: "within tolerance", Agreement.UNKNOWN: "not known"}
_NAME = 16


def page_rows(found: Reproduction, flight: Preflight | None) -> list[Row]:
    """All of it; `flight` None where nobody looked, as for a run that still goes on."""
    rows: list[Row] = [[(found.run.name, "title")]]
    if found.attempts:
        good = found.badge.reproduced
        mark = getattr(glyphs(), "ok" if good else "fail")
        rows.append([(f"{mark} {tell(found)}", "ok" if good else "fail")])
    else:
        rows.append([("it was not run again yet: n does, and compares every step and value, bit by bit", "muted")])
    rows += _ready(flight)
    for attempt in found.attempts:
        rows += _attempt(attempt)
    causes: list[Row] = [
        [(fit(cause_name(item.cause), 12), "warn"),
         (f"{item.name}  {short_value(item.old)} → {short_value(item.new)}", "accent")]
        for item in found.causes
    ]  # fmt: skip
    rows += _section("WHAT WENT IN DIFFERENTLY, THE LIKELIEST REASON FIRST", causes)
    spreads: list[Row] = [
        [(fit(name, _NAME), ""), (f"{one.mean:.6g} ± {one.sd:.2g}", "accent"), (f"  over {one.n} runs", "muted")]
        for name, one in found.spreads.items()
    ]
    rows += _section("HOW FAR IT SCATTERS", spreads)
    rows += _section("NOT KNOWN OF THE FIRST RUN", [[(text, "muted")] for text in found.missing])
    return rows


def wrapped(row: Row, width: int) -> list[Row]:
    """A row in lines of at most `width` cells; what goes on is indented."""
    if sum(width_of(tidy(text)) for text, _ in row) <= width or width < 8:
        return [row]
    text, token = tidy("".join(text for text, _ in row)), row[-1][1] if len(row) == 1 else ""
    first, *rest = textwrap.wrap(text, width - 2) or [""]
    if any(width_of(line) > width - 2 for line in (first, *rest)):  # wide characters: cell by cell
        first, *rest = chop_cells(text, width - 2)
    return [[(first, token)], *([("  " + line, token)] for line in rest)]


def _ready(flight: Preflight | None) -> list[Row]:
    if flight is None:
        return [[("it still goes on", "muted")]]
    notes: list[Row] = [[(note, "warn")] for note in flight.notes]
    if flight.ready:
        how = "; its environment is gone and would be made again" if flight.rebuild else ""
        return [[(f"all that it takes is there{how}", "muted")], *notes]
    lacks: list[Row] = [[(fit(lack.what, 12), "fail"), (lack.message, ""), (f"  {lack.hint}", "muted")]
                        for lack in flight.missing]  # fmt: skip
    return [*_section("MISSING", lacks), *notes]


def _attempt(attempt: Attempt) -> list[Row]:
    rebuilt = "  environment made again" if attempt.rebuilt else ""
    head = f"RUN AGAIN AS {attempt.run.name}  {attempt.run.cause or attempt.run.status.value}{rebuilt}"
    rows: list[Row] = []
    for item in attempt.metrics:
        values = f"{_number(item.old)} → {_number(item.new)}"
        row: Row = [(fit(item.name, _NAME), ""), (fit(values, 22), "accent"), _word(item.agreement)]
        if item.agreement is not Agreement.IDENTICAL:
            delta = format_delta(item.new, item.old)
            row.append((f"  {delta}" if delta != NOTHING else "", "muted"))
            row.append(("" if item.step is None else f"  at step {item.step:g}", "muted"))
        rows.append(row)
    rows += [_predicted(item) for item in attempt.predictions]
    files: list[Row] = [[(fit(item.path, _NAME + 22), ""), _word(item.agreement)] for item in attempt.outputs]
    return [*_section(head, rows), *files] if rows or files else _section(head, [[("it logged nothing", "muted")]])


def _predicted(item: PredictionVerdict) -> Row:
    """What was predicted for the same samples."""
    told = item.note or f"{item.equal:,} of {item.common:,} samples equal"
    row: Row = [(fit(item.file, _NAME), ""), (fit(told, 22), "accent"), _word(item.agreement)]
    if item.off:
        row.append((f"  {item.off:.3g} apart at most", "muted"))
    return row


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.6g}"


def _word(agreement: Agreement) -> tuple[str, str]:
    return _WORDS.get(agreement, agreement.value), _TOKENS[agreement]


def _section(title: str, rows: Sequence[Row]) -> list[Row]:
    return [[], [(title, "muted bold")], *rows] if rows else []
