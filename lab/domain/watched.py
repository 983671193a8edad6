"""A path that is watched."""

from __future__ import annotations

from pathlib import Path

from lab.dataclass import dataclass


@dataclass(frozen=True)
class Watched:
    """A dataset whose path is watched; `keep` is how many of its automatic versions stay."""

    project: str
    root: Path
    name: str
    path: Path
    keep: int = 20
