"""Copies that are whole or absent. Standard library only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath


def copy_into(source: Path, folder: Path, name: str) -> Path:
    """Copy a file or folder to `folder/name`, replacing what was there. Returns the target.

    Links are followed. Raises ValueError if `name` leads out of `folder`, OSError if the copy fails.
    """
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\0" in name:
        raise ValueError(f"{name!r} is not a name inside the folder")
    target = folder.joinpath(*parts)
    if target.exists() and target.samefile(source):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        with replace_with(target) as fresh:
            shutil.copytree(source, fresh, dirs_exist_ok=True)
        return target
    fresh = _sibling(target, "new")
    try:
        shutil.copy2(source, fresh)
        if target.is_dir():
            _remove(target)
        os.replace(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)
    return target


@contextmanager
def replace_with(target: Path) -> Iterator[Path]:
    """A fresh folder beside `target` to fill; it takes the place of `target` when the block ends well.

    When the block raises, `target` stays as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = _sibling(target, "new"), _sibling(target, "old")
    _remove(fresh)
    fresh.mkdir()
    try:
        yield fresh
        _swap(fresh, target, old)
    finally:
        _remove(fresh)


def _swap(fresh: Path, target: Path, old: Path) -> None:
    """Put `fresh` in the place of `target`, which waits as `old` until that has worked."""
    if not target.exists():
        os.rename(fresh, target)
        return
    _remove(old)
    os.rename(target, old)
    try:
        os.rename(fresh, target)
    except OSError:
        os.rename(old, target)
        raise
    _remove(old)


def _sibling(target: Path, word: str) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.{word}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
