"""Private folders where things are built before one rename makes them visible.

A staging folder is locked by the process that made it, so a folder whose lock is free belongs to a dead process
and may be swept, whatever has become of its pid.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.stores import locks

_PREFIX = ".lab-stage-"


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        folder = parent / f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
        folder.mkdir(mode=0o700)
        fd = locks.lock_folder(folder, wait=True)
        if fd is not None:  # else swept between mkdir and lock
            return folder, fd


@contextmanager
def stage(parent: Path) -> Iterator[Path]:
    """A new private folder in `parent`, gone afterwards with all that was not renamed out of it."""
    folder, fd = _make(parent)
    try:
        yield folder
    finally:
        erase(folder)
        os.close(fd)


def sweep(parent: Path) -> int:
    """Remove the staging folders of dead processes from `parent`; returns how many there were."""
    with suppress(FileNotFoundError), os.scandir(parent) as entries:
        return sum(_sweep_one(Path(entry.path)) for entry in entries if entry.name.startswith(_PREFIX))
    return 0


def _sweep_one(folder: Path) -> bool:
    fd = locks.lock_folder(folder, wait=False)
    if fd is None:
        return False
    try:
        erase(folder)
    finally:
        os.close(fd)
    return True


def erase(folder: Path) -> None:
    """Remove a tree that belongs to Lab, read-only folders included. Harmless when there is none."""
    if not os.path.lexists(folder):
        return
    for root, _folders, _files in os.walk(folder):
        if not os.access(root, os.W_OK | os.X_OK):
            os.chmod(root, 0o700)
    shutil.rmtree(folder)
