"""The frame of a figure: title, axes with round ticks, and where values of the data come to lie on the sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from lab.dataclass import dataclass
from lab.domain import ticks
from lab.domain.figures import XKind
from lab.domain.text import cell_width, clean
from lab.pipelines.palette import Ground
from lab.pipelines.shapes import Shape, Stroke, Words

WIDTH, HEIGHT = 960, 540
TOP, BOTTOM = 56, 52
_LEFT_LEAST, _RIGHT_LEAST = 44, 24
_CHAR = 0.6  # width of a character, as part of its size
_MOST_EXPONENT = 300.0


def width_of(text: str, size: float = 12.0) -> float:
    """About how wide a text becomes, whatever the font."""
    return cell_width(text) * size * _CHAR


def short(text: str, most: int) -> str:
    """A text from outside in at most `most` characters."""
    text = clean(text, most + 1)
    return text if len(text) <= most else text[: most - 1] + "…"


def span(values: Iterable[float], air: float = 0.03) -> tuple[float, float] | None:
    """The range of the finite values with a little air; None without any."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return None
    low, high = min(known), max(known)
    if high - low <= abs(high) * 1e-12:
        half = abs(high) * 0.05 or 0.5
        return low - half, high + half
    return low - (high - low) * air, high + (high - low) * air


@dataclass(frozen=True)
class Axis:
    """From `low` to `high` in data (decades on a log axis), with ticks as (value, label)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    label: str = ""

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


def axis(found: tuple[float, float], count: int, label: str, *, log: bool = False, kind: XKind = "number") -> Axis:
    """An axis over a range; of a log axis it is in decades."""
    low, high = found
    if log:
        values = ticks.log_ticks(power(low), power(high), count)
        labels = ticks.tick_labels(values) if high - low < 1 else ticks.log_labels(values)
        places = [math.log10(value) for value in values]
    elif kind == "seconds":
        places = ticks.time_ticks(low, high, count)
        labels = ticks.time_labels(places)
    else:
        places = ticks.linear_ticks(low, high, count)
        labels = ticks.tick_labels(places)
    return Axis(low, high, tuple(zip(places, labels, strict=True)), label)


def names_axis(names: Sequence[str], label: str) -> Axis:
    """An axis on which places 0, 1, … have names."""
    most = max(4, 90 // max(1, len(names)))
    return Axis(-0.5, len(names) - 0.5, tuple((float(at), short(name, most)) for at, name in enumerate(names)), label)


def power(exponent: float) -> float:
    return float(10 ** max(-_MOST_EXPONENT, min(_MOST_EXPONENT, exponent)))


@dataclass(frozen=True)
class Frame:
    """The rectangle inside the axes, and what its edges stand for."""

    x: Axis
    y: Axis
    left: float
    right: float
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies on the sheet."""
        return (
            self.left + self.x.share(x) * (self.right - self.left),
            self.bottom - self.y.share(y) * (self.bottom - self.top),
        )


def frame(x: Axis, y: Axis, right: float = 0.0) -> Frame:
    """A frame with room for the labels of y at its left, and `right` pixels at its right."""
    gutter = max((width_of(label) for _, label in y.ticks), default=0.0) + 22
    return Frame(x, y, max(_LEFT_LEAST, gutter), WIDTH - max(_RIGHT_LEAST, right))


def heading(title: str, note: str, ground: Ground) -> list[Shape]:
    """The title, and beside it what else is to be said."""
    title = short(title, 70)
    found: list[Shape] = [Words((20, 32), title, ground.text, 18, bold=True)]
    if note:
        found.append(Words((20 + width_of(title, 18) + 14, 32), short(note, 80), ground.quiet, 13))
    return found


def axes(area: Frame, ground: Ground) -> list[Shape]:
    """Guides at the ticks of y, the two axes, their labels and names."""
    found: list[Shape] = []
    for value, label in area.y.ticks:
        _, y = area.place(area.x.low, value)
        found.append(Stroke(((area.left, y), (area.right, y)), ground.line))
        found.append(Words((area.left - 8, y + 4), label, ground.quiet, anchor="end"))
    found.append(
        Stroke(((area.left, area.top), (area.left, area.bottom), (area.right, area.bottom)), ground.quiet, 1.2)
    )
    until = -math.inf
    for value, label in area.x.ticks:
        x, _ = area.place(value, area.y.low)
        found.append(Stroke(((x, area.bottom), (x, area.bottom + 5)), ground.quiet))
        if x - width_of(label) / 2 > until:
            found.append(Words((x, area.bottom + 20), label, ground.quiet, anchor="middle"))
            until = x + width_of(label) / 2 + 6
    middle = (area.left + area.right) / 2
    found.append(Words((middle, HEIGHT - 10), short(area.x.label, 60), ground.text, 13, "middle"))
    if area.y.label:
        found.append(Words((area.left - 8, area.top - 8), short(area.y.label, 60), ground.text, 13))
    return found
