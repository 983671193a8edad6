"""A drawing as PNG, by Pillow where it is installed: the shapes as in SVG, drawn too large and made smaller."""

from __future__ import annotations

import importlib
import io
from typing import Any

from lab.errors import UsageError
from lab.pipelines.palette import mix
from lab.pipelines.shapes import Area, Drawing, Shape, Spot, Stroke, Words

_SCALE = 2  # pixels of the file per pixel of the drawing
_FINE = 2  # drawn larger by this, for smooth edges
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def to_png(drawing: Drawing) -> bytes:
    """The whole file. Raises UsageError where Pillow is not installed."""
    try:
        image, draw, font = (importlib.import_module(f"PIL.{name}") for name in ("Image", "ImageDraw", "ImageFont"))
    except ImportError as error:
        raise UsageError("PNG needs Pillow", "write an .svg, or: pip install 'lab[images]'") from error
    scale = _SCALE * _FINE
    sheet = image.new("RGB", (drawing.width * scale, drawing.height * scale), drawing.back)
    pen = _Pen(draw.Draw(sheet), font, scale, drawing.back)
    for shape in drawing.shapes:
        pen.put(shape)
    out = io.BytesIO()
    sheet.resize((drawing.width * _SCALE, drawing.height * _SCALE), image.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


class _Pen:
    """Puts shapes on a sheet. What is not opaque is mixed with the ground, which is right where nothing lies below."""

    def __init__(self, draw: Any, font: Any, scale: int, back: str) -> None:
        self._draw, self._font, self._scale, self._back = draw, font, scale, back

    def put(self, shape: Shape) -> None:
        scale = self._scale
        match shape:
            case Stroke(points, colour, width, part, dash, _):
                line = [(x * scale, y * scale) for x, y in points]
                pieces = _dashes(line[0], line[-1], dash * scale) if dash else [line]
                for piece in pieces:
                    self._draw.line(piece, self._mixed(colour, part), max(1, round(width * scale)), joint="curve")
            case Area(points, colour, part, _):
                self._draw.polygon([(x * scale, y * scale) for x, y in points], self._mixed(colour, part))
            case Spot((x, y), radius, colour, part, _):
                edges = [(x - radius) * scale, (y - radius) * scale, (x + radius) * scale, (y + radius) * scale]
                self._draw.ellipse(edges, self._mixed(colour, part))
            case Words((x, y), text, colour, size, anchor, bold):
                font = self._font.load_default(size * scale)
                heavy = scale // 3 if bold else 0
                at = (x * scale, y * scale)
                self._draw.text(at, text, colour, font, _ANCHORS[anchor], stroke_width=heavy, stroke_fill=colour)

    def _mixed(self, colour: str, part: float) -> str:
        return colour if part >= 1 else mix(self._back, colour, part)


def _dashes(begin: tuple[float, float], end: tuple[float, float], size: float) -> list[list[tuple[float, float]]]:
    """A straight line in pieces of `size` with gaps as long."""
    across, down = end[0] - begin[0], end[1] - begin[1]
    count = max(1, int((across**2 + down**2) ** 0.5 / (2 * size)))
    return [
        [
            (begin[0] + across * at / count, begin[1] + down * at / count),
            (begin[0] + across * (at + 0.5) / count, begin[1] + down * (at + 0.5) / count),
        ]
        for at in range(count)
    ]
