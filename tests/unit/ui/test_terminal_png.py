from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

Image = pytest.importorskip("PIL.Image", reason="screenshots need Pillow")


def _load(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "e2e" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def png() -> ModuleType:
    return _load("terminal_png")


@pytest.fixture(scope="module")
def svg(png: ModuleType) -> ModuleType:
    return _load("terminal_svg")


def test_colours_and_shapes(png: ModuleType, tmp_path: Path) -> None:
    capture = "\x1b[48;2;10;20;30m \x1b[0m\x1b[38;2;200;0;0m█\x1b[39m\x1b[7m \x1b[0m\x1b[38;5;196m▄\n日\x1b[1mA⣿─"
    with Image.open(png.render(capture, 6, 3, tmp_path / "a.png", background=(0, 0, 0))) as image:
        width, height = image.width // 6, image.height // 3

        def at(column: float, row: float) -> tuple[int, int, int]:
            return image.getpixel((round(column * width), round(row * height)))

        assert at(0.5, 0.5) == (10, 20, 30)
        assert at(1.5, 0.5) == (200, 0, 0)
        assert at(2.5, 0.5) == (0xD9, 0xE0, 0xE7)
        assert at(3.5, 0.25) == (0, 0, 0)
        assert at(3.5, 0.75) == (255, 0, 0)
        assert at(5.5, 0.5) == (0, 0, 0)
        braille = {at(3 + x, 1 + y) for x in (0.25, 0.75) for y in (0.125, 0.375, 0.625, 0.875)}
        assert (0, 0, 0) not in braille
        assert at(4.5, 1.5) != (0, 0, 0)


def test_the_same_as_text(svg: ModuleType, tmp_path: Path) -> None:
    capture = "\x1b[48;2;10;20;30m  \x1b[0m\x1b[38;2;200;0;0m<b>&\x1b[0m█\n⣿ab\x1b[1mcd─"
    path = svg.render(capture, 8, 2, tmp_path / "a.svg")
    root = ElementTree.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = [(one.text, one.get("fill"), one.get("font-weight")) for one in root.iter(f"{space}text")]
    assert texts == [("<b>&", "#c80000", None), ("ab", "#d9e0e7", None), ("cd", "#d9e0e7", "bold")]
    assert len(list(root.iter(f"{space}circle"))) == 8, "the dots of a braille cell"
    width = int(root.get("width", "0")) // 8
    (ground,) = [one for one in root.iter(f"{space}rect") if one.get("fill") == "#0a141e"]
    assert ground.get("width") == str(2 * width), "cells beside each other are one"
