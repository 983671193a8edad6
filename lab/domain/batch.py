"""Predictions for a whole table, as they are asked for."""

from __future__ import annotations

from pathlib import Path

from lab.dataclass import dataclass

#: Rows that are held in memory at once.
CHUNK = 10_000


@dataclass(frozen=True)
class BatchRequest:
    """Which model, over what (a file or folder, or a dataset's name or version), and where to: `output` is a file whose
    ending says the format. `chunk` is a number of rows."""

    model: str
    source: str
    output: Path
    chunk: int = CHUNK
    name: str = ""
    engine: str = ""
