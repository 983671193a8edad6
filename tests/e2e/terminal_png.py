"""A terminal capture as a PNG, as a good terminal would show it. Needs Pillow.

`tmux capture-pane -N -p -e` gives text with colours (-N keeps blanks at line ends); `render` draws it. Braille, box
and block characters are drawn here as shapes, since common fonts lack braille and leave gaps between the others.

    tmux capture-pane -N -p -e -t 0 > screen.ansi
    python tests/e2e/terminal_png.py screen.ansi screen.png 160 45
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.color import ANSI_COLOR_NAMES, Color
from rich.color_triplet import ColorTriplet

SIZE = 20  # of the font, in pixels
RGB = tuple[int, int, int]
FOREGROUND: RGB = (0xD9, 0xE0, 0xE7)
BACKGROUND: RGB = (0x10, 0x15, 0x1B)

_FONTS = (
    "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/TTF",
    "/usr/share/fonts/dejavu-sans-mono-fonts",
    "/Library/Fonts",
)
_ESCAPE = re.compile(r"\x1b\[([0-9;:]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()].|\x0f|\x0e")

# Arms of box characters: left, right, up, down; 1 light, 2 heavy.
_ARMS = {
    "─": (1, 1, 0, 0), "━": (2, 2, 0, 0), "│": (0, 0, 1, 1), "┃": (0, 0, 2, 2),
    "┌": (0, 1, 0, 1), "┐": (1, 0, 0, 1), "└": (0, 1, 1, 0), "┘": (1, 0, 1, 0),
    "╭": (0, 1, 0, 1), "╮": (1, 0, 0, 1), "╰": (0, 1, 1, 0), "╯": (1, 0, 1, 0),
    "├": (0, 1, 1, 1), "┤": (1, 0, 1, 1), "┬": (1, 1, 0, 1), "┴": (1, 1, 1, 0), "┼": (1, 1, 1, 1),
    "┏": (0, 2, 0, 2), "┓": (2, 0, 0, 2), "┗": (0, 2, 2, 0), "┛": (2, 0, 2, 0),
    "╸": (2, 0, 0, 0), "╺": (0, 2, 0, 0), "╹": (0, 0, 2, 0), "╻": (0, 0, 0, 2),
    "╴": (1, 0, 0, 0), "╶": (0, 1, 0, 0), "╵": (0, 0, 1, 0), "╷": (0, 0, 0, 1),
}  # fmt: skip
# Filled parts of block characters, in eighths of the cell: x0, y0, x1, y1.
_BLOCKS: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    "█": ((0, 0, 8, 8),), "▀": ((0, 0, 8, 4),), "▐": ((4, 0, 8, 8),), "▔": ((0, 0, 8, 1),), "▕": ((7, 0, 8, 8),),
    **{char: ((0, 8 - i, 8, 8),) for i, char in enumerate("▁▂▃▄▅▆▇", 1)},
    **{char: ((0, 0, i, 8),) for i, char in enumerate("▏▎▍▌▋▊▉", 1)},
    **{
        char: tuple(((i % 2) * 4, i // 2 * 4, (i % 2) * 4 + 4, i // 2 * 4 + 4) for i in range(4) if code >> i & 1)
        for code, char in {1: "▘", 2: "▝", 4: "▖", 6: "▞", 7: "▛", 8: "▗", 9: "▚", 11: "▜", 13: "▙", 14: "▟"}.items()
    },
}  # fmt: skip
_DASHES = {"┄": 3, "┅": 3, "┈": 4, "┉": 4, "╌": 2, "╍": 2}
_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
_BRAILLE_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # (column, row) by bit


@dataclass(frozen=True)
class Look:
    foreground: RGB | None = None
    background: RGB | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


def render(
    capture: str,
    columns: int,
    rows: int,
    path: Path,
    *,
    foreground: RGB = FOREGROUND,
    background: RGB = BACKGROUND,
) -> Path:
    """Draw `capture` (text with SGR escapes, lines by newline) as `columns` x `rows` cells into a PNG at `path`."""
    width, height, _ = metrics()
    image = Image.new("RGB", (columns * width, rows * height), background)
    paint(ImageDraw.Draw(image), capture, columns, rows, foreground, background)
    image.save(path, optimize=True)
    return path


def paint(draw: Any, capture: str, columns: int, rows: int, foreground: RGB, background: RGB) -> None:
    """Draw the cells with what draws as Pillow's `ImageDraw` does."""
    width, height, baseline = metrics()
    look = Look()
    for y, line in enumerate(capture.split("\n")[:rows]):
        cells, look = _cells(line, look)
        x = 0
        for char, style in cells:
            size = cell_len(char)
            if not size or x + size > columns:
                continue
            box = (x * width, y * height, (x + size) * width, (y + 1) * height)
            _draw(draw, char, style, box, baseline, foreground, background)
            x += size


def _cells(line: str, look: Look) -> tuple[list[tuple[str, Look]], Look]:
    cells: list[tuple[str, Look]] = []
    at = 0
    for match in _ESCAPE.finditer(line):
        cells += [(char, look) for char in line[at : match.start()]]
        at = match.end()
        if match[1] is not None:
            look = _changed(look, match[1])
    return cells + [(char, look) for char in line[at:]], look


def _changed(look: Look, codes: str) -> Look:
    """`look` after the SGR parameters `codes`."""
    numbers = [int(code or 0) for code in codes.replace(":", ";").split(";")]
    while numbers:
        code = numbers.pop(0)
        if code == 0:
            look = Look()
        elif code in (1, 2, 3, 4, 7):
            look = replace(look, **{{1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}[code]: True})
        elif code in (22, 23, 24, 27):
            names = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}[code]
            look = replace(look, **dict.fromkeys(names, False))
        elif code in (38, 48) and numbers:
            kind, colour = numbers.pop(0), None
            if kind == 2 and len(numbers) >= 3:
                colour = (numbers[0], numbers[1], numbers[2])
                del numbers[:3]
            elif kind == 5 and numbers:
                colour = _indexed(numbers.pop(0))
            look = replace(look, **{"foreground" if code == 38 else "background": colour})
        elif 30 <= code <= 37 or 90 <= code <= 97:
            look = replace(look, foreground=_indexed(code - 30 if code < 40 else code - 82))
        elif 40 <= code <= 47 or 100 <= code <= 107:
            look = replace(look, background=_indexed(code - 40 if code < 50 else code - 92))
        elif code == 39:
            look = replace(look, foreground=None)
        elif code == 49:
            look = replace(look, background=None)
    return look


@lru_cache(maxsize=256)
def _indexed(number: int) -> RGB:
    name = next((name for name, index in ANSI_COLOR_NAMES.items() if index == number), None)
    triplet: ColorTriplet = (Color.parse(name) if name else Color.from_ansi(number)).get_truecolor()
    return (triplet.red, triplet.green, triplet.blue)


@lru_cache(maxsize=16)
def _font(name: str) -> ImageFont.FreeTypeFont:
    for folder in _FONTS:
        path = Path(folder) / f"{name}.ttf"
        if path.exists():
            return ImageFont.truetype(str(path), SIZE)
    raise FileNotFoundError(f"no {name}.ttf; install the DejaVu fonts")


def metrics() -> tuple[int, int, int]:
    """Cell width and height, and where the baseline is in it."""
    font = _font("DejaVuSansMono")
    ascent, descent = font.getmetrics()
    height = (ascent + descent + 4) // 4 * 4
    return round(font.getlength("M")), height, ascent + (height - ascent - descent) // 2


def _mixed(one: RGB, other: RGB, part: float) -> RGB:
    first, second, third = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return first, second, third


def _draw(
    draw: Any,
    char: str,
    look: Look,
    box: tuple[int, int, int, int],
    baseline: int,
    foreground: RGB,
    background: RGB,
) -> None:
    front, back = look.foreground or foreground, look.background or background
    if look.reverse:
        front, back = back, front
    if look.dim:
        front = _mixed(front, back, 0.45)
    x0, y0, x1, y1 = box
    if back != background:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=back)
    if char != " " and not _shape(draw, char, box, front, back):
        name = "DejaVuSansMono" + ("-Bold" if look.bold else "") + ("-Oblique" if look.italic and not look.bold else "")
        draw.text((x0, y0 + baseline), char, font=_font(name), fill=front, anchor="ls")
    if look.underline:
        draw.rectangle((x0, y0 + baseline + 2, x1 - 1, y0 + baseline + 2), fill=front)


def _shape(draw: Any, char: str, box: tuple[int, int, int, int], front: RGB, back: RGB) -> bool:
    """Draw `char` as a shape; whether it is one."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    if 0x2800 <= ord(char) <= 0x28FF:
        radius = width * 0.15
        for bit, (column, row) in enumerate(_BRAILLE_DOTS):
            if (ord(char) - 0x2800) >> bit & 1:
                x, y = x0 + width * (0.25 + column * 0.5), y0 + height * (0.125 + row * 0.25)
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=front)
    elif char in _ARMS:
        _box_lines(draw, _ARMS[char], box, front)
    elif char in _DASHES:
        count, y = _DASHES[char], y0 + height // 2
        for index in range(count):
            start = x0 + width * index / count
            draw.rectangle((round(start), y, round(start + width / count / 2) - 1, y), fill=front)
    elif char in _BLOCKS:
        for left, top, right, bottom in _BLOCKS[char]:
            edges = (x0 + width * left / 8, y0 + height * top / 8, x0 + width * right / 8, y0 + height * bottom / 8)
            a, b, c, d = (round(edge) for edge in edges)
            draw.rectangle((a, b, c - 1, d - 1), fill=front)
    elif char in _SHADES:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=_mixed(back, front, _SHADES[char]))
    else:
        return False
    return True


def _box_lines(draw: Any, arms: tuple[int, int, int, int], box: tuple[int, int, int, int], colour: RGB) -> None:
    x0, y0, x1, y1 = box
    x, y = (x0 + x1) // 2, (y0 + y1) // 2
    left, right, up, down = arms
    for weight, a, b, c, d in (
        (left, x0, y, x, y),
        (right, x, y, x1 - 1, y),
        (up, x, y0, x, y),
        (down, x, y, x, y1 - 1),
    ):
        if weight:
            extra = weight - 1
            draw.rectangle(
                (a - (0 if a != c else extra), b - (0 if b != d else extra), c + extra, d + extra), fill=colour
            )


def main(arguments: list[str]) -> None:
    source, target, columns, rows = arguments
    render(Path(source).read_text(encoding="utf-8", errors="replace"), int(columns), int(rows), Path(target))


if __name__ == "__main__":
    main(sys.argv[1:])
