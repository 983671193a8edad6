"""A terminal capture as an SVG file: what `terminal_png` draws, as text. Needs Pillow, which measures the font."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from PIL import ImageFont
from terminal_png import BACKGROUND, FOREGROUND, RGB, SIZE, metrics, paint

_FONTS = "'DejaVu Sans Mono','Cascadia Mono',Menlo,Consolas,monospace"


class SvgDraw:
    """Takes what Pillow's `ImageDraw` does. Whole cells lie below, one rectangle for those beside each other; letters
    of one look beside each other are one text."""

    def __init__(self, cell: tuple[int, int]) -> None:
        self._width, self._height = cell
        self._below: list[list[Any]] = []  # x, y, width, height, fill
        self._above: list[str] = []
        self._letters: list[Any] = []  # x, y, look, letters, where the next one would be

    def rectangle(self, box: tuple[float, float, float, float], *, fill: RGB) -> None:
        x, y, right, bottom = box
        width, height = right - x + 1, bottom - y + 1
        if height < self._height:
            self._above.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{_hex(fill)}"/>')
        elif (
            self._below
            and self._below[-1][1:2] + self._below[-1][3:] == [y, height, fill]
            and (self._below[-1][0] + self._below[-1][2] == x)
        ):
            self._below[-1][2] += width
        else:
            self._below.append([x, y, width, height, fill])

    def ellipse(self, box: tuple[float, float, float, float], *, fill: RGB) -> None:
        x, y, right, bottom = box
        middle = f'cx="{(x + right) / 2:g}" cy="{(y + bottom) / 2:g}"'
        self._above.append(f'<circle {middle} r="{(right - x) / 2:g}" fill="{_hex(fill)}"/>')

    def text(self, at: tuple[float, float], char: str, *, font: ImageFont.FreeTypeFont, fill: RGB, anchor: str) -> None:
        assert anchor == "ls"
        look = (_hex(fill), *("Bold" in str(font.getname()), "Oblique" in str(font.getname())))
        if self._letters and self._letters[2] == look and self._letters[1] == at[1] and self._letters[4] == at[0]:
            self._letters[3] += char
            self._letters[4] += self._width
            return
        self._flush()
        self._letters = [*at, look, char, at[0] + self._width]

    def _flush(self) -> None:
        if self._letters:
            x, y, (fill, bold, oblique), letters, end = self._letters
            style = (' font-weight="bold"' if bold else "") + (' font-style="italic"' if oblique else "")
            self._above.append(
                f'<text x="{x:g}" y="{y:g}" fill="{fill}"{style} textLength="{end - x:g}" '
                f'lengthAdjust="spacingAndGlyphs">{escape(letters)}</text>'
            )
        self._letters = []

    def document(self, width: int, height: int, background: RGB) -> str:
        self._flush()
        below = [
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" fill="{_hex(fill)}"/>'
            for x, y, w, h, fill in self._below
        ]
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                f'height="{height}" font-family="{_FONTS}" font-size="{SIZE}">')  # fmt: skip
        ground = f'<rect width="{width}" height="{height}" fill="{_hex(background)}"/>'
        return "\n".join([head, ground, *below, *self._above, "</svg>", ""])


def _hex(colour: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def render(
    capture: str, columns: int, rows: int, path: Path, *, foreground: RGB = FOREGROUND, background: RGB = BACKGROUND
) -> Path:
    """Draw `capture` as `terminal_png.render` does, into an SVG file at `path`."""
    width, height, _ = metrics()
    draw = SvgDraw((width, height))
    paint(draw, capture, columns, rows, foreground, background)
    path.write_text(draw.document(columns * width, rows * height, background), encoding="utf-8")
    return path
