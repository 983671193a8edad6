"""A report as one HTML file that stands alone: no script, no picture, font or style from elsewhere.

Every text passes through `_safe`; a content security policy in the page forbids whatever would load something.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from lab.domain.report import Block, Cell, Chart, Diff, Heading, Report, Table, Text
from lab.domain.text import clean
from lab.pipelines.palette import DARK, LIGHT
from lab.pipelines.svg import COLOURS, svg

_PLUS_MINUS = {"+": "good", "-": "bad", "file": "file", "hunk": "quiet", "note": "warn"}


def _series(colours: tuple[str, ...]) -> str:
    return "".join(f"--s{at}:{colours[at]};" for at in range(COLOURS))


_STYLE = f"""
:root {{ color-scheme: light dark; --back:#fff; --text:#1b1f24; --quiet:#5f6b7a; --line:#d5dbe3; --soft:#f4f6f9;
  --good:#00629b; --bad:#b34700; --warn:#7a5c00; {_series(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ --back:#12161c; --text:#e4e8ee; --quiet:#97a3b3; --line:#2d3540;
  --soft:#1a2029; --good:#6cc0f0; --bad:#ff8a5c; --warn:#e6d25a; {_series(DARK)} }} }}
body {{ background:var(--back); color:var(--text); font:15px/1.5 system-ui,sans-serif;
  max-width:1100px; margin:2rem auto; padding:0 1rem; }}
h1 {{ font-size:1.5rem; }} h2 {{ font-size:1.2rem; margin-top:2.2rem; border-bottom:1px solid var(--line); }}
h3 {{ font-size:1rem; margin-top:1.4rem; }}
p {{ margin:.4rem 0; overflow-wrap:anywhere; }}
.scroll {{ overflow-x:auto; }}
table {{ border-collapse:collapse; margin:.6rem 0; font-variant-numeric:tabular-nums; }}
th,td {{ padding:.2rem .8rem; border-bottom:1px solid var(--line); text-align:left; white-space:pre-wrap;
  max-width:28rem; overflow-wrap:anywhere; }}
table.numbers td,table.numbers th {{ white-space:pre; }} td {{ min-width:2rem; }} th {{ white-space:pre; }}
table.numbers td:not(:first-child),table.numbers th:not(:first-child) {{ text-align:right; }}
thead th {{ color:var(--quiet); font-weight:600; }}
.good {{ color:var(--good); }} .bad {{ color:var(--bad); }} .warn {{ color:var(--warn); }}
.quiet {{ color:var(--quiet); }}
pre {{ background:var(--soft); padding:.8rem; overflow-x:auto; font:13px/1.4 ui-monospace,monospace; }}
pre .file {{ font-weight:700; }}
.chart {{ width:100%; max-width:720px; height:auto; background:var(--soft); }}
.axis {{ fill:none; stroke:var(--quiet); }} .grid {{ fill:none; stroke:var(--line); }}
.tick {{ fill:var(--quiet); font:12px system-ui,sans-serif; }}
.line {{ fill:none; stroke-width:1.6; stroke-linejoin:round; }}
.legend span {{ margin-right:1.2rem; }} .legend b {{ font-size:1.2em; }}
""" + "".join(
    f".line.s{at}{{stroke:var(--s{at})}}.dot.s{at}{{fill:var(--s{at})}}b.s{at}{{color:var(--s{at})}}"
    for at in range(COLOURS)
)


def to_html(report: Report) -> str:
    """The whole file."""
    body = "\n".join(part for block in report.blocks for part in _block(block))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(report.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _safe(text: str, limit: int = 2000) -> str:
    return escape(clean(text, limit), quote=True)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"<h{level}>{_safe(text)}</h{level}>"
        case Text(text, tone):
            yield f"<p{_class(tone)}>{_safe(text)}</p>"
        case Table():
            yield _table(block)
        case Diff(lines):
            yield "<pre>" + "\n".join(_diff_line(line.kind, line.text) for line in lines) + "</pre>"
        case Chart():
            yield from _chart(block)


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _table(table: Table) -> str:
    head = "".join(f"<th>{_safe(text, 200)}</th>" for text in table.head)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    kind = _class("numbers" if table.right else "")
    return f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: Cell) -> str:
    return f"<td{_class(cell.tone)}>{_safe(cell.text, 500)}</td>"


def _diff_line(kind: str, text: str) -> str:
    sign = kind if kind in ("+", "-", " ") else ""
    tone = _PLUS_MINUS.get(kind)
    shown = _safe(sign + text)
    return f'<span class="{tone}">{shown}</span>' if tone else shown


def _chart(chart: Chart) -> Iterator[str]:
    drawn = svg(chart)
    if not drawn:
        return
    yield f"<h3>{_safe(chart.title, 200)}</h3>"
    names = {curve.colour % COLOURS: curve.name for curve in reversed(chart.curves) if curve.name}
    if not chart.points:
        yield (
            '<p class="legend">'
            + "".join(
                f'<span><b class="s{colour}">■</b> {_safe(name, 80)}</span>' for colour, name in sorted(names.items())
            )
            + "</p>"
        )
    yield drawn
