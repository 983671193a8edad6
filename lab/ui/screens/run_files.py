"""The files that a run left in its folder, as rows."""

from __future__ import annotations

from collections.abc import Sequence

from lab.ui.render.number import format_age, format_size
from lab.ui.render.rows import Cell, Column, Row

FILE_COLUMNS = (
    Column("path", "file", min_width=16, max_width=200, flex=1),
    Column("size", "size", width=9, align="right"),
    Column("age", "changed", width=9),
)


def file_rows(files: Sequence[tuple[str, int, float]], now: float) -> list[Row]:
    """What the run made first; then, muted, what Lab keeps of it, which lies in no folder."""
    return [
        Row(path, (
            Cell(path, "" if "/" in path else "muted"), Cell(format_size(size), "muted"),
            Cell(format_age(changed, now), "muted"),
        ))
        for path, size, changed in sorted(files, key=lambda file: "/" not in file[0])
    ]  # fmt: skip
