"""Bytes that survive a power cut, and words for a disk that is full."""

from __future__ import annotations

import ctypes
import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lab.domain.resources import format_size
from lab.errors import LabError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_LIBC = ctypes.CDLL(None, use_errno=True)
_START_WRITING = 2  # SYNC_FILE_RANGE_WRITE of linux/fs.h


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: str | Path) -> None:
    """Make the content of `path` durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_filesystem(folder: Path) -> None:
    """Make everything on the filesystem of `folder` durable, in one call; of all filesystems where that is missing."""
    if not hasattr(_LIBC, "syncfs"):
        os.sync()
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _LIBC.syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(fd)


def start_writeback(fd: int, start: int, length: int) -> None:
    """Let the kernel begin to write these bytes to disk, so that a later fsync finds little left to do. A hint only."""
    if hasattr(_LIBC, "sync_file_range"):
        _LIBC.sync_file_range(fd, ctypes.c_int64(start), ctypes.c_int64(length), _START_WRITING)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`, however often the kernel takes only a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` by `data`, durably: a reader sees the old content or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of `value` as one JSON document. Raises ValueError for NaN and infinities: they are not JSON."""
    write_atomic(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1).encode("utf-8", "replace"))


def free_space(folder: Path) -> int:
    """Bytes that this user may still write on the filesystem of `folder`."""
    info = os.statvfs(folder)
    return info.f_bavail * info.f_frsize


def full_disk(what: str, needed: int, folder: Path) -> LabError:
    """The refusal to store `what` for want of room; `needed` in bytes."""
    return LabError(
        f"no space left to store {what}: {format_size(needed)} needed, {format_size(free_space(folder))} free",
        f"free some space on the disk that holds {folder}, or move the lab home",
    )


@contextmanager
def tell_full_disk(what: str, needed: int, folder: Path) -> Iterator[None]:
    """Turn the kernel's "no space" into an error that says how much is free and needed."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise full_disk(what, needed, folder) from error
        raise
