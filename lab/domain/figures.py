"""Charts as data, whatever they are drawn as: curves, points, bars, a matrix. Texts are as they were: who draws them
makes them safe. Values that are not finite are gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lab.dataclass import dataclass

XKind = Literal["number", "seconds"]
#: How an event is meant.
Tone = Literal["", "good", "bad", "warn"]
#: How many colours there are; numbers of colours wrap around.
COLOURS = 10


@dataclass(frozen=True)
class Line:
    """One curve by x. `raw` is what it was before it was smoothed; `low` and `high` are the edges of a band around it.
    All are of the length of `x`, or empty."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    raw: Sequence[float] = ()
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Event:
    """Something that happened at `x`: an epoch, a checkpoint, a guard."""

    x: float
    name: str
    tone: Tone = ""


@dataclass(frozen=True)
class Curves:
    """`x_range` is what is shown of x; all where it is None. `note` says what was done to the values."""

    title: str
    x_label: str
    lines: tuple[Line, ...]
    log_y: bool = False
    x_kind: XKind = "number"
    x_range: tuple[float, float] | None = None
    events: tuple[Event, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Dot:
    """`shade` from 0 to 1 tells a third value, None for none."""

    x: float
    y: float
    name: str = ""
    shade: float | None = None


@dataclass(frozen=True)
class Points:
    """Single points. `x_names` names places 0, 1, … of an x axis that is not of numbers; `log_x` and `log_y` say that
    values are logarithms to base ten."""

    title: str
    x_label: str
    y_label: str
    points: tuple[Dot, ...]
    x_names: tuple[str, ...] = ()
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Bars:
    """A bar per name; or, with one `edges` more than there are values, a histogram."""

    title: str
    values: tuple[float, ...]
    names: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    x_label: str = ""


@dataclass(frozen=True)
class Matrix:
    """A heat map, `values[row][column]`; in a `signed` one, zero lies in the middle of the colours."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    row_label: str = ""
    column_label: str = ""
    signed: bool = False


Figure = Curves | Points | Bars | Matrix
