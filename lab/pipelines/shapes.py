"""What a figure is made of before it becomes a file: a few kinds of shapes in pixels, y downwards."""

from __future__ import annotations

from typing import Literal

from lab.dataclass import dataclass

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Stroke:
    """Joined points. `dash` is the length of dashes, 0 for none; `part` is how opaque it is, 0 to 1."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1.0
    part: float = 1.0
    dash: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    points: tuple[Point, ...]
    colour: str
    part: float = 1.0
    name: str = ""


@dataclass(frozen=True)
class Spot:
    """A filled circle."""

    at: Point
    radius: float
    colour: str
    part: float = 1.0
    name: str = ""


@dataclass(frozen=True)
class Words:
    """One line of text, whose base line is at `at`."""

    at: Point
    text: str
    colour: str
    size: float = 12.0
    anchor: Anchor = "start"
    bold: bool = False


Shape = Stroke | Area | Spot | Words


@dataclass(frozen=True)
class Drawing:
    """Shapes on a sheet of `width` by `height` pixels."""

    width: int
    height: int
    back: str
    title: str
    shapes: tuple[Shape, ...]


def box(left: float, top: float, width: float, height: float, colour: str, name: str = "", part: float = 1.0) -> Area:
    """A filled rectangle."""
    right, bottom = left + width, top + height
    return Area(((left, top), (right, top), (right, bottom), (left, bottom)), colour, part, name)
