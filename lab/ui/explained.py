"""Which words and numbers a widget shows, for F1: what is under its cursor first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import zip_longest

from textual.widget import Widget

from lab import learn
from lab.ui.widgets.chart_view import ChartView
from lab.ui.widgets.detail import DetailPanel, Page
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.relation_view import RelationView

Told = tuple[str, str]  # a word, and the value beside it

_VERSION = re.compile(r"[^\s,;:()\[\]=]+:v\d+$")  # of a model; `v1` alone, or behind @, is one of data
_WORD = re.compile(r"[^\s,;:()\[\]=]+:v\d+(?!\S)|[^\s,;:()\[\]=]+")


def of_widget(widget: Widget | None) -> list[Told]:
    """Words with their values, the most important first; nothing of a widget without numbers."""
    if isinstance(widget, FrameTable):
        return of_table(widget)
    if isinstance(widget, ChartView):
        return of_chart(widget)
    if isinstance(widget, DetailPanel):
        return [(pair.label, pair.value) for pair in widget.pairs if pair.value]
    if isinstance(widget, RelationView):
        return [*of_text([widget.text.partition("\n")[0]]), ("correlation", "")]
    return of_text(widget.plain.split("\n")) if isinstance(widget, Page) else []


def of_table(table: FrameTable) -> list[Told]:
    """The cell under the cursor, by its column, by what it says, and by the name of its row; then the row's others."""
    column, index = table.cursor_column, table.cursor_index
    rows = table.source.window(index, 1)
    texts = {one.id: cell.text for one, cell in zip(table.columns, rows[0].cells, strict=False)} if rows else {}
    if column is None:
        return []
    value = texts.get(column.id, "")
    words = [(word, value) for word in (column.title, column.id) if word]
    # A status is a sign and a word; the first cells of a row say what it is about.
    words += [(text.split()[-1], "") for text in [value, *list(texts.values())[:3]] if text.strip()]
    return [*words, *of_text(texts.values())]


def of_chart(chart: ChartView) -> list[Told]:
    """The metric, with the values at the crosshair, and how the curves are drawn."""
    options = chart.options
    names = dict.fromkeys([options.title, *(one.name for one in chart.series)])
    told = [(name, chart.told) for name in names if name]
    told += [("smoothing", f"{options.smoothing:g}")] if options.smoothing else []
    return [*told, (options.x_label, "")]


def of_text(lines: Iterable[str]) -> list[Told]:
    """The words of lines that something is written about, each with what stands behind it."""
    told: list[Told] = []
    for line in lines:
        words = _WORD.findall(line)
        for word, after in zip_longest(words, words[1:], fillvalue=""):
            if _VERSION.match(word):
                told.append(("model version", word))
            elif learn.knows(word):
                told.append((word, after))
    return told
