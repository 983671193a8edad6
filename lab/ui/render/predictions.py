"""What a model answered, as lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lab.domain.text import clean
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.number import format_duration
from lab.ui.render.sparkline import bar

_MOST_ROWS = 12


def answer_rows(answer: Mapping[str, Any], classes: Sequence[object], seconds: float) -> list[Row]:
    """The answer: a line per row with its most likely classes, then what else was said."""
    predictions, chances = answer.get("predictions"), answer.get("probabilities")
    first: Row = [(f" {glyphs().ok} ", "ok"), ("answered in ", "muted"), (format_duration(seconds), "bold")]
    rows = [[*first, ("   with the highest probabilities", "muted")] if isinstance(chances, list) else first]
    known = predictions if isinstance(predictions, list) else []
    for index, value in enumerate(known[:_MOST_ROWS]):
        row: Row = [(f" row {index + 1}   ", "muted"), (_short(value), "title"), ("   ", "")]
        if isinstance(chances, list) and index < len(chances) and isinstance(chances[index], list):
            row += _likely(chances[index], classes)
        rows.append(row)
    if len(known) > _MOST_ROWS:
        rows.append([(f" and {len(known) - _MOST_ROWS} more", "muted")])
    for key, value in answer.items():
        if key != "predictions" and not (key == "probabilities" and known):
            rows.append([(f" {key}  ", "muted"), (_short(value), "")])
    return rows


def _likely(chances: Sequence[Any], classes: Sequence[object], most: int = 3) -> Row:
    """The most likely classes with a bar each."""
    numbers = [(float(one), index) for index, one in enumerate(chances) if isinstance(one, int | float)]
    row: Row = []
    for chance, index in sorted(numbers, key=lambda one: (-one[0], one[1]))[:most]:
        name = _short(classes[index]) if index < len(classes) else f"#{index}"
        row += [(f"  {name} ", ""), (bar(chance, 8), "primary"), (f" {chance:.1%}", "muted")]
    return row


def _short(value: object) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value), 200)
