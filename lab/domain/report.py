"""A report as blocks, whatever it is written as. All texts are as they were: a writer makes them safe."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dataclass import dataclass
from lab.domain.changes import DiffLine

#: How a text is meant: nothing special, good, bad, to be seen, or beside the point.
PLAIN, GOOD, BAD, WARN, QUIET = "", "good", "bad", "warn", "quiet"


@dataclass(frozen=True)
class Heading:
    """`level` from 1, the title."""

    level: int
    text: str


@dataclass(frozen=True)
class Text:
    text: str
    tone: str = PLAIN


@dataclass(frozen=True)
class Cell:
    text: str
    tone: str = PLAIN


@dataclass(frozen=True)
class Table:
    """Rows as long as `head`; the first column names them, `right` tells whether the others are numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: bool = True


@dataclass(frozen=True)
class Diff:
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True)
class Curve:
    """Finite points by x; `colour` tells curves apart, equal for what belongs together."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: int = 0


@dataclass(frozen=True)
class Chart:
    """Curves, or with `points` single points that are not joined. `ticks` names places on the x axis, where it is not
    of numbers; `log_x` says that x is a logarithm to base ten."""

    title: str
    x_label: str
    curves: tuple[Curve, ...]
    points: bool = False
    log_x: bool = False
    ticks: tuple[str, ...] = ()


Block = Heading | Text | Table | Diff | Chart


@dataclass(frozen=True)
class Report:
    title: str
    blocks: Sequence[Block]
