"""Reports as files: whatever names hold, the page has only the elements that Lab put there."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.changes import DiffLine
from lab.domain.report import GOOD, Cell, Chart, Curve, Diff, Heading, Report, Table, Text
from lab.pipelines.report_html import to_html
from lab.pipelines.report_markdown import to_markdown
from lab.pipelines.svg import svg, thinned

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>x</script>",
    "</title></svg><iframe src=//evil>",
    "javascript:alert(1) &lt;b&gt; &#60;b&#62;",
    "| a | b |\n| --- |\n# head\n```\n<b>",
    "[x](http://evil) ![y](http://evil/z.png) <http://evil> www.evil.com",
    "*bold* _it_ ~~no~~ `code` $x$ \\",
    "\x1b[2J\u202e\x00\ud800",
)
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "div", "table", "thead", "tbody", "tr"),
    *("th", "td", "pre", "span", "b", "svg", "path", "g", "circle", "text"),
}
ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "viewbox",
        "role",
        "aria-label",
        "d",
        "x",
        "y",
        "cx",
    ),
    *("cy", "r", "text-anchor"),
}


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def report(text: str) -> Report:
    curve = Curve(text, (1.0, 2.0, 3.0), (1.0, float(len(text)), 2.0))
    blocks = [
        Heading(1, text), Text(text, GOOD), Table((text, text), ((Cell(text), Cell(text, GOOD)),)),
        Diff((DiffLine("file", text), DiffLine("+", text), DiffLine(" ", text))), Chart(text, text, (curve,)),
        Chart(text, text, (curve,), points=True, ticks=(text, text)),
    ]  # fmt: skip
    return Report(text, blocks)


def check(text: str) -> None:
    page = to_html(report(text))
    seen = Seen()
    seen.feed(page)
    assert seen.elements <= ELEMENTS
    assert seen.attributes <= ATTRIBUTES
    assert not re.search(r"(?i)url\(|@import|//", page[page.index("<style>") : page.index("</style>")])
    assert "default-src 'none'" in page


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_only_text(text: str) -> None:
    check(text)
    assert "\x1b" not in to_html(report(text))


@given(st.text(max_size=60))
def test_any_name_is_only_text(text: str) -> None:
    check(text)
    for line in to_markdown(Report("", [Table(("a",), ((Cell(text),),))])).splitlines()[2:]:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 2  # no cell of its own


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_a_hostile_name_as_it_is(text: str) -> None:
    shown = to_markdown(Report(text, [Heading(1, text), Text(text)]))
    assert len(shown.splitlines()) == 3
    assert "<" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]`*|]", shown)
    assert not re.search(r"[^\\]://|www\.", shown)


def test_markdown_keeps_ordinary_names_readable_and_lines_what_they_are() -> None:
    told = to_markdown(
        Report("", [Text("run-1 of val_loss (base)"), Text("- no list"), Text("# no head"), Text("1. no")])
    )
    assert told.splitlines()[0] == "run-1 of val_loss (base)"
    assert told.splitlines()[2::2] == [r"\- no list", r"\# no head", "1&#8203;. no"]
    fenced = to_markdown(Report("", [Diff((DiffLine("+", "````"), DiffLine("hunk", "@@")))]))
    assert fenced.startswith("`````diff\n+````\n@@\n`````")


def test_a_spike_survives_and_few_points_are_kept() -> None:
    y = [0.0] * 100_000
    y[54_321] = 9.0
    kept = thinned(Curve("", tuple(map(float, range(100_000))), tuple(y)))
    assert len(kept) <= 600
    assert max(kept, key=lambda pair: pair[1]) == (54_321.0, 9.0)
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)


@pytest.mark.parametrize("values", [(), (1.0,), (5.0, 5.0), (1e-300, 1e300), (-1e15, 1e15 + 1)])
def test_any_values_can_be_drawn(values: tuple[float, ...]) -> None:
    curve = Curve("c", tuple(float(at) for at in range(len(values))), values)
    drawn = svg(Chart("t", "x", (curve,)))
    assert bool(drawn) == bool(values)
    assert "nan" not in drawn
    assert "inf" not in drawn
