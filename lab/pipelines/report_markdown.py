"""A report as Markdown that reads well as plain text too. Names are shown as they are, never as markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lab.domain.report import BAD, GOOD, Block, Cell, Chart, Curve, Diff, Heading, Report, Table, Text
from lab.domain.text import clean

#: What means something anywhere, what does so at the edge of a word or the beginning of a line, and bare addresses.
_SPECIAL = re.compile(r"([\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_LEADING = re.compile(r"^(\s*)([#+=-](?=[\s#+=-]|$)|[0-9]+(?=[.)](?:\s|$)))")
_ADDRESS = re.compile(r"(?i)(?<=http)(s?)://|(?<=www)\.")
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 40
_SIGNS = {GOOD: " ▲", BAD: " ▼"}


def to_markdown(report: Report) -> str:
    """The whole file."""
    return "\n\n".join(part for block in report.blocks for part in _block(block)) + "\n"


def _safe(text: str, limit: int = 2000) -> str:
    shown = clean(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _SPECIAL.sub(r"\\\1", shown)
    shown = _ADDRESS.sub(lambda found: f"{found[1] or ''}\\://" if "/" in found[0] else "\\.", shown)
    return _LEADING.sub(lambda found: f"{found[1]}{_leading(found[2])}", shown)


def _leading(text: str) -> str:
    """A list's number is no number once something stands before its dot."""
    return f"{text}&#8203;" if text.isdigit() else f"\\{text}"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"{'#' * level} {_safe(text)}"
        case Text(text, _):
            yield _safe(text)
        case Table(head, rows):
            yield "\n".join([_line(head), _line(["---"] * len(head), raw=True), *(_cells(row) for row in rows)])
        case Diff(lines):
            texts = [(line.kind if line.kind in ("+", "-", " ") else "") + clean(line.text, 2000) for line in lines]
            longest = max((len(run) for text in texts for run in re.findall("`+", text)), default=0)
            fence = "`" * max(3, longest + 1)  # so that nothing inside ends it
            yield "\n".join([f"{fence}diff", *texts, fence])
        case Chart():
            yield from _chart(block)


def _line(cells: Sequence[str], raw: bool = False) -> str:
    return "| " + " | ".join(text if raw else _safe(text, 200) for text in cells) + " |"


def _cells(row: Sequence[Cell]) -> str:
    return "| " + " | ".join(_safe(cell.text, 500) + _SIGNS.get(cell.tone, "") for cell in row) + " |"


def _chart(chart: Chart) -> Iterator[str]:
    """Curves as a line of bars each; points say nothing as text."""
    if chart.points or not any(curve.y for curve in chart.curves):
        return
    low = min(y for curve in chart.curves for y in curve.y)
    high = max(y for curve in chart.curves for y in curve.y)
    yield f"### {_safe(chart.title, 200)}"
    yield f"from {low:.4g} to {high:.4g}"
    head = ["run", "curve", "last"]
    rows = [f"| {_safe(one.name, 80)} | `{_bars(one, low, high)}` | {one.y[-1]:.4g} |" for one in chart.curves if one.y]
    yield "\n".join([_line(head), _line(["---"] * 3, raw=True), *rows])


def _bars(curve: Curve, low: float, high: float) -> str:
    count = len(curve.y)
    width = min(_WIDTH, count)
    text = ""
    for at in range(width):
        part = curve.y[at * count // width : (at + 1) * count // width]
        share = (sum(part) / len(part) - low) / (high - low) if high > low else 0.5
        text += _BARS[max(0, min(7, int(share * 8)))]
    return text
