"""Locks between processes, by the kernel: they vanish with their holder, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import ConflictError

_PAUSE = 0.02  # seconds between two tries


@contextmanager
def hold(path: Path, timeout: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path`, waiting up to `timeout` seconds for it. Not reentrant, also within one process.

    Raises ConflictError that names the holder when it does not get it in time. The file stays: unlinking a lock
    file lets two processes hold two files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(fd, path, timeout, fcntl.LOCK_EX)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


@contextmanager
def share(path: Path, timeout: float = 60.0) -> Iterator[None]:
    """Hold the lock file `path` together with any number of other sharers, and with nobody who holds it alone.

    Waits up to `timeout` seconds; raises ConflictError that names the holder when it does not get it in time.
    A thread that shares may share again, but must not `hold`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(fd, path, timeout, fcntl.LOCK_SH)
        os.ftruncate(fd, 0)  # the name of a holder that was killed
        yield
    finally:
        os.close(fd)


def lock_folder(folder: Path, *, wait: bool) -> int | None:
    """A descriptor that holds the lock of `folder` itself until it is closed; None if the folder is gone, or, unless it
    is to `wait`, another holds it."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(fd), os.lstat(folder)):
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def _acquire(fd: int, path: Path, timeout: float, kind: int) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"{path.stem} is in use by {_holder(fd)}", "wait until it is done, then try again"
                ) from error
        time.sleep(_PAUSE)


def _holder(fd: int) -> str:
    text = os.pread(fd, 32, 0)
    return f"process {int(text)}" if text.isdigit() else "another process"
