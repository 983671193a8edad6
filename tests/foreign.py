"""Records of other tools for the tests: the samples in `tests/data/foreign`, laid out as the tools leave them."""

from __future__ import annotations

import gzip
import math
import os
import shutil
from pathlib import Path

from lab.domain.imports import Unread
from lab.experiments.readers.base import ForeignRun
from lab.experiments.readers.find import sources

SAMPLES = Path(__file__).parent / "data" / "foreign" / "samples"

#: What every sample logged as its loss.
LOSS = [1.0, 0.5, 1 / 3, 0.25, math.nan, 1 / 6, math.inf, 0.125, -math.inf, 0.1]
PARAMS = {"lr": 0.1, "depth": 3, "model": "forest", "flag": True}

LONG_AGO = 1_795_600_000.0  # after the samples were made, and so that none seems to be still written


def lay_out(folder: Path, *names: str) -> Path:
    """Copy the samples of that name (all without one) to `folder`, last written long ago."""
    for name in names or sorted(path.name for path in SAMPLES.iterdir()):
        shutil.copytree(SAMPLES / name, folder / name)
    for path in folder.rglob("*"):
        if path.suffix == ".gz":
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    age(folder)
    return folder


def age(folder: Path, when: float = LONG_AGO - 10_000_000) -> None:
    """Let all files below seem written at `when`."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (when, when))


def read_all(root: Path) -> tuple[list[tuple[str, ForeignRun]], list[Unread]]:
    """(tool, run) of everything below `root`, and what could not be looked into."""
    unread: list[Unread] = []
    found = [(reader.tool, run) for reader, source in sources(root, unread) for run in reader.read(source)]
    return found, unread


def same(left: list[float], right: list[float]) -> bool:
    """Equal, NaN too."""
    return len(left) == len(right) and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(left, right, strict=True)
    )
