"""The comparison of runs as a table: a run per column, what differs per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.cli.formats import NOTHING, format_delta, format_value
from lab.cli.output import Output
from lab.cli.tables import Cell, Column, Styled
from lab.domain.compare import Comparison, Row
from lab.domain.text import cell_width

_GAP = 2
_HASH = 12  # characters that tell two hashes apart
_VALUE = 28  # cells of a value


def draw(out: Output, comparison: Comparison, *, everything: bool) -> None:
    """Print the table, in blocks of as many runs as the terminal has room for; each block has the baseline."""
    base = next(at for at, run in enumerate(comparison.runs) if run.id == comparison.baseline)
    rows = list(_rows(comparison, base, everything=everything))
    titles = [run.name + (" *" if at == base else "") for at, run in enumerate(comparison.runs)]
    for number, block in enumerate(_blocks(titles, rows, base, out.room)):
        if number:
            out.line()
        columns = [Column("", keep=True), *(Column(titles[at], keep=True, verbatim=True) for at in block)]
        out.table(columns, [[row[0], *(row[1 + at] for at in block)] for row in rows])
    out.say(f"* baseline; the code is {'the same' if comparison.code_same else 'not the same'}")


def _rows(comparison: Comparison, base: int, *, everything: bool) -> Iterator[list[Cell]]:
    """Rows of cells, key first; a heading row before each part."""
    parts = (
        ("params", comparison.params),
        ("metrics", comparison.metrics),
        ("datasets", comparison.datasets),
        ("environment", comparison.environment),
    )
    for title, rows in parts:
        shown = [row for row in rows if everything or row.differs or title == "metrics"]
        if not shown:
            continue
        same = len(rows) - len(shown)
        note = f"({same} the same)" if same else ""
        yield [Styled(f"{title} {note}".rstrip(), "bold"), *([""] * len(comparison.runs))]
        for row in shown:
            yield [f"  {row.key}", *_values(row, title, base)]


def _values(row: Row, part: str, base: int) -> Iterator[Cell]:
    for at, value in enumerate(row.values):
        text = format_value(value)
        if part == "environment" and len(text) > _VALUE:
            text = text[:_HASH] + "…"
        delta = format_delta(value, row.values[base]) if part == "metrics" and at != base else ""
        yield f"{text} ({delta})" if delta else (text if len(text) <= _VALUE else text[: _VALUE - 1] + "…") or NOTHING


def _blocks(titles: Sequence[str], rows: Sequence[Sequence[Cell]], base: int, room: int | None) -> Iterator[list[int]]:
    """Columns of each block: the baseline, and others while there is room (at least one)."""
    others = [at for at in range(len(titles)) if at != base]
    if room is None:
        yield list(range(len(titles)))
        return
    widths = [max([cell_width(title), *(_width(row[1 + at]) for row in rows)]) for at, title in enumerate(titles)]
    key = max((_width(row[0]) for row in rows), default=0)
    block: list[int] = []
    used = key + _GAP + widths[base]
    for at in others:
        if block and used + _GAP + widths[at] > room:
            yield [base, *block]
            block, used = [], key + _GAP + widths[base]
        block.append(at)
        used += _GAP + widths[at]
    if block or not others:
        yield [base, *block]


def _width(cell: Cell) -> int:
    return cell_width(cell.text if isinstance(cell, Styled) else cell)
