"""Figures as files: they hold what they were given, and nothing that a browser would run or load."""

from __future__ import annotations

import io
import itertools
import math
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from lab.domain.figures import Bars, Curves, Dot, Event, Figure, Line, Matrix, Points
from lab.pipelines.figure_draw import _apart, draw
from lab.pipelines.figure_png import to_png
from lab.pipelines.figure_svg import to_svg
from lab.pipelines.shapes import Area, Stroke, Words

EVIL = "</text><script>alert(1)</script>[/x]\x1b[2J\u202e&amp;\x00"
NAN = math.nan
FIGURES: tuple[Figure, ...] = (
    Curves(
        EVIL, EVIL,
        (Line(EVIL, (0, 1, 2, 3), (1.0, NAN, math.inf, -1e300), 3, (1, 2, 3, 4), (0, 0, 0, 0), (2, 3, 4, 5)),),
        events=(Event(1.0, EVIL, "bad"),), note=EVIL,
    ),
    Curves("log", "time", (Line("a", (0.0, 3600.0), (1e-9, 1e9)), Line("b", (), ())), log_y=True, x_kind="seconds"),
    Points(EVIL, EVIL, EVIL, (Dot(0, 1e-3, EVIL, 0.5), Dot(1, NAN), Dot(1, 5.0)), (EVIL, "two")),
    Bars(EVIL, (1.0, 0.0, 3.0), (EVIL, "b", "c")),
    Bars("histogram", (1.0, 5.0), edges=(0.0, 0.5, 1.0)),
    Matrix(EVIL, (EVIL, "b"), (EVIL, "b"), ((3.0, -2.0), (NAN, 1.0)), EVIL, EVIL, signed=True),
)  # fmt: skip
EMPTY: tuple[Figure, ...] = (Curves("t", "x", ()), Points("t", "x", "y", ()), Bars("t", ()), Matrix("t", (), (), ()))


@pytest.mark.parametrize("figure", [*FIGURES, *EMPTY], ids=lambda one: type(one).__name__)
def test_a_figure_is_safe_svg(figure: Figure) -> None:
    text = to_svg(draw(figure))
    root = ET.fromstring(text)
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds <= {"svg", "title", "rect", "path", "text", "circle"}
    assert not [char for char in text if ord(char) < 32 and char != "\n"]
    assert "nan" not in text
    assert "inf" not in text


def test_the_same_shapes_become_a_picture() -> None:
    drawing = draw(FIGURES[0], dark=True)
    with Image.open(io.BytesIO(to_png(drawing))) as image:
        assert image.size == (2 * drawing.width, 2 * drawing.height)
        colours = {colour for _, colour in image.getcolors(1 << 24)}
    ground = tuple(int(drawing.back[at : at + 2], 16) for at in (1, 3, 5))
    assert ground in colours
    assert len(colours) > 50


def test_a_curve_keeps_its_points_its_gap_and_its_band() -> None:
    line = Line("a", (0, 1, 2, 3), (1.0, 2.0, NAN, 4.0), low=(0, 1, 2, 3), high=(2, 3, 4, 5))
    shapes = draw(Curves("t", "step", (line,))).shapes
    assert [len(shape.points) for shape in shapes if isinstance(shape, Stroke) and shape.name == "a"] == [2]
    assert [len(shape.points) for shape in shapes if isinstance(shape, Area)] == [8]


def test_names_at_the_ends_never_meet_and_stay_on_the_sheet() -> None:
    lines = tuple(Line(f"run {at}", (0, 1), (0.0, 1.0 + at * 1e-9), at) for at in range(12))
    shapes = draw(Curves("t", "step", lines)).shapes
    names = sorted(shape.at[1] for shape in shapes if isinstance(shape, Words) and shape.text.startswith("run"))
    assert len(names) == 12
    assert min(b - a for a, b in itertools.pairwise(names)) > 11
    assert names[-1] < 540
    assert _apart([5.0, 5.0, 5.0], 0.0, 20.0) == sorted(_apart([5.0, 5.0, 5.0], 0.0, 20.0))


def test_many_points_become_few_and_a_spike_stays() -> None:
    ys = [0.0] * 100_000
    ys[54_321] = 9.0
    (stroke,) = [
        shape
        for shape in draw(Curves("t", "step", (Line("a", range(100_000), ys),))).shapes
        if isinstance(shape, Stroke) and shape.name == "a"
    ]
    assert len(stroke.points) <= 1600
    assert min(y for _, y in stroke.points) < 100
