"""Rows of a table as text for other programs: tab-separated for spreadsheets, Markdown for people, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lab.domain.sheets import distinct
from lab.ui.render.cells import tidy
from lab.ui.render.rows import Column, Row


def tsv(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A heading and a line per row."""
    return "\n".join("\t".join(line) for line in _lines(columns, rows)) + "\n"


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A table of GitHub's Markdown; numbers to the right as on the screen."""
    heading, *lines = [[_escaped(text) for text in line] for line in _lines(columns, rows)]
    rule = ["---:" if column.align == "right" else "---" for column in (columns[at] for at in _shown(columns, rows))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heading, rule, *lines)) + "\n"


def as_json(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """What the cells say by the titles of their columns: an object, of several rows a list of them."""
    heading, *lines = _lines(columns, rows)
    told = [dict(zip(distinct(heading), line, strict=True)) for line in lines]
    return json.dumps(told[0] if len(told) == 1 else told, ensure_ascii=False, indent=2)


def _lines(columns: Sequence[Column], rows: Sequence[Row]) -> list[list[str]]:
    places = _shown(columns, rows)
    heading = [tidy(columns[place].title).strip() or columns[place].id for place in places]
    return [heading, *([tidy(row.text(place)).strip() for place in places] for row in rows)]


def _shown(columns: Sequence[Column], rows: Sequence[Row]) -> list[int]:
    """The places of columns with a title, and of those without one that say something in words."""
    return [
        place
        for place, column in enumerate(columns)
        if column.title.strip() or any(map(str.isalnum, "".join(row.text(place) for row in rows)))
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
