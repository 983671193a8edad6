"""Rows of a table as text for other programs: tab-separated for spreadsheets, Markdown for people."""

from __future__ import annotations

from collections.abc import Sequence

from lab.ui.render.cells import tidy
from lab.ui.render.rows import Column, Row


def tsv(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A heading and a line per row."""
    return "\n".join("\t".join(line) for line in _lines(columns, rows)) + "\n"


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A table of GitHub's Markdown; numbers to the right as on the screen."""
    heading, *lines = [[_escaped(text) for text in line] for line in _lines(columns, rows)]
    rule = ["---:" if column.align == "right" else "---" for column in _shown(columns)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heading, rule, *lines)) + "\n"


def _lines(columns: Sequence[Column], rows: Sequence[Row]) -> list[list[str]]:
    places = [place for place, column in enumerate(columns) if column.title]
    heading = [tidy(column.title) for column in _shown(columns)]
    return [heading, *([tidy(row.cells[place].text).strip() for place in places] for row in rows)]


def _shown(columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if column.title]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
