"""Small copies of PNG and JPEG pictures, for a terminal. Pillow decodes them; it comes with the extra `images`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from lab.domain.files import Picture
from lab.errors import LabError

_MOST_PIXELS = 40_000_000
_GROUND = (128, 128, 128)  # what shows through a transparent picture, on light and dark alike


def thumbnail(path: Path, width: int, height: int) -> Picture:
    """The picture in at most `width` × `height` pixels, its proportions kept.

    Raises LabError where Pillow is not installed, or the file is none, is broken, or has more than 40 million pixels.
    """
    try:
        module: Any = importlib.import_module("PIL.Image")
    except ImportError as error:
        raise LabError("pictures cannot be shown: Pillow is not installed", "pip install 'lab[images]'") from error
    try:
        with module.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise LabError(f"{image.width} × {image.height} pixels are too many to show")
            image.draft("RGB", (width * 2, height * 2))
            image.thumbnail((width, height))
            ground = module.new("RGBA", image.size, (*_GROUND, 255))
            shown = module.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
            return Picture(shown.width, shown.height, shown.tobytes())
    except (OSError, ValueError, SyntaxError, module.DecompressionBombError) as error:  # broken ones raise any of these
        raise LabError(f"it cannot be read as a picture: {error}") from error
