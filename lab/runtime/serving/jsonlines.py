"""Files of JSON lines that the server appends to and others read, take away, or rewrite. Standard library only.

A line is whole or absent: what a full disk cuts short is taken back. Whoever rewrites holds the folder's lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` against other processes. Raises OSError."""
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def append(path: Path, lines: bytes) -> None:
    """Add whole `lines` to the file, or nothing. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        before = os.fstat(handle).st_size
        try:
            written = 0
            while written < len(lines):
                written += os.write(handle, lines[written:])
        except OSError:
            os.ftruncate(handle, before)
            raise
    finally:
        os.close(handle)


def without(lines: Iterable[bytes], ids: Collection[str]) -> Iterator[bytes]:
    """The `lines` that belong to none of the prediction `ids`; a line that is no object goes too."""
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("id") not in ids:
            yield line


def forget(paths: Iterable[Path], ids: Collection[str]) -> int:
    """Rewrite the files without what they hold of `ids`; returns how many lines went. Hold `locked` meanwhile.

    Raises OSError; a file is then as it was before.
    """
    gone = 0
    for path in paths:
        with open(path, "rb") as file:
            lines = file.readlines()
        kept = list(without(lines, ids))
        if len(kept) == len(lines):
            continue
        fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with open(fresh, "wb") as file:
                file.writelines(kept)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(fresh, 0o600)
            owner = os.stat(path)
            if owner.st_uid != os.getuid():  # the server is another user than whoever rewrites for it
                os.chown(fresh, owner.st_uid, owner.st_gid)
            os.replace(fresh, path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        gone += len(lines) - len(kept)
    return gone
