"""The files that a run left in its folder, as rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lab.ui.render.number import format_age, format_size
from lab.ui.render.rows import Cell, Column, Row

FILE_COLUMNS = (
    Column("path", "file", min_width=16, max_width=200, flex=1),
    Column("size", "size", width=9, align="right"),
    Column("age", "changed", width=9),
)
#: At most so many files are listed.
_MOST_FILES = 1000
FileFact = tuple[str, int, float]


def file_rows(files: Sequence[FileFact], now: float) -> list[Row]:
    return [
        Row(path, (Cell(path), Cell(format_size(size), "muted"), Cell(format_age(changed, now), "muted")))
        for path, size, changed in files
    ]


def list_files(folder: Path, most: int = _MOST_FILES) -> list[FileFact]:
    """Files below a run's folder (path, bytes, time of change) without its copy of the code; links are not followed."""
    found: list[FileFact] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not (root == str(folder) and name == "code"))
        for name in sorted(names):
            path = Path(root) / name
            try:
                facts = path.lstat()
            except FileNotFoundError:  # a run may remove its own files at any time
                continue
            found.append((str(path.relative_to(folder)), facts.st_size, facts.st_mtime))
            if len(found) >= most:
                return found
    return found
