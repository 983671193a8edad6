"""Regular files as sources: opened once, read from the beginning, with their state before and after."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

from lab.domain.text import clean
from lab.errors import LabError

_TICK = 20_000_000  # ns: file times advance in ticks of 1 to 10 ms, so a younger file may change unseen

#: What a file looked like to stat: inode, size, mtime and ctime in ns. Equal states mean an untouched file.
FileState = tuple[int, int, int, int]


def file_state(info: os.stat_result) -> FileState:
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


class NotAFileError(LabError):
    """There is something at the path, and it is not a regular file."""


class Source:
    """A regular file that is read from its beginning; `on_bytes` hears of each part.

    Raises FileNotFoundError if it is gone, LabError if it cannot be read (NotAFileError for what is none).
    """

    def __init__(self, path: Path | str, on_bytes: Callable[[int], None] | None) -> None:
        self._path = path
        self._on_bytes = on_bytes
        self.read = 0
        # O_NONBLOCK: a pipe put in the file's place must not hang us.
        with _tell_unreadable(path):
            try:
                self.fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError as error:  # for what cannot be opened like that, such as links and sockets
                if not stat.S_ISREG(os.lstat(path).st_mode):
                    raise _not_a_file(path) from error
                raise
        info = os.fstat(self.fd)
        if not stat.S_ISREG(info.st_mode):
            os.close(self.fd)
            raise _not_a_file(path)
        self._size = info.st_size
        self.allocated = min(info.st_size, info.st_blocks * 512)
        self.sparse = self.allocated < info.st_size

    @property
    def name(self) -> str:
        return clean(str(self._path))

    def close(self) -> None:
        os.close(self.fd)

    def state(self) -> FileState:
        return file_state(os.fstat(self.fd))

    def settled(self) -> FileState:
        """The file's state, after waiting out a change so young that the next one might not show in its times."""
        info = os.fstat(self.fd)
        age = time.time_ns() - info.st_ctime_ns
        if 0 <= age < _TICK:
            time.sleep((_TICK - age) / 1e9)
            info = os.fstat(self.fd)
        self._size = info.st_size
        return file_state(info)

    def rewind(self) -> None:
        os.lseek(self.fd, 0, os.SEEK_SET)
        self.read = 0

    def fill(self, buffer: memoryview) -> int:
        """Read until the buffer is full or the file ends; returns the bytes read.

        A file ends where it ended when its state was taken, else a quick writer could keep us reading for ever.
        """
        filled = 0
        wanted = min(len(buffer), self._size - self.read) if self._size else len(buffer)
        with _tell_unreadable(self._path):
            while filled < wanted and (part := os.readv(self.fd, [buffer[filled:wanted]])):
                filled += part
        self.read += filled
        self.tell(filled)
        return filled

    def tell(self, size: int) -> None:
        if self._on_bytes and size:
            self._on_bytes(size)


def hash_file(path: Path | str, buffer: memoryview) -> tuple[str, FileState] | None:
    """The hash of a regular file and its state; None if it changed meanwhile. `buffer` is used for reading.

    Raises FileNotFoundError if it is gone, LabError if it cannot be read (NotAFileError for what is none).
    """
    source = Source(path, None)
    try:
        before = source.settled()
        hasher = blake3()
        while part := source.fill(buffer):
            hasher.update(buffer[:part])
        return (hasher.hexdigest(), before) if source.state() == before else None
    finally:
        source.close()


@contextmanager
def _tell_unreadable(path: Path | str) -> Iterator[None]:
    """Name the file that cannot be read; one that is gone stays FileNotFoundError, for callers that scan again."""
    try:
        yield
    except FileNotFoundError:
        raise
    except NotADirectoryError as error:  # a folder above it became a file
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except OSError as error:
        raise LabError(
            f"cannot read {clean(str(path))}: {error.strerror or error}", "mend the file's permissions, or ignore it"
        ) from error


def _not_a_file(path: Path | str) -> NotAFileError:
    return NotAFileError(f"{clean(str(path))} is not a regular file")
