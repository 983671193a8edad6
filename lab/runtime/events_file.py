"""Appending whole lines to a file that others read while it grows. Standard library only."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable

#: Above this many lines a second they are collected, until there are so many bytes or so much time has passed.
RATE = 2000
BUFFER_BYTES = 64 * 1024
BUFFER_MICROSECONDS = 200_000
#: The rate is taken over windows of this length, so that a short burst is still written line by line.
WINDOW_MICROSECONDS = 100_000

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class EventsFile:
    """One process's end of `events.jsonl`. Any number of processes and threads may append to the same file.

    Up to RATE lines a second each line is one `write` on an O_APPEND descriptor: nothing is lost to a `kill -9` and no
    two lines mix. Above it lines are collected. Forked children never collect, since they may end without `atexit`.
    Failures go to `report(subject, message)`, never to the caller.
    """

    def __init__(self, path: str, report: Callable[[str, str], None]) -> None:
        self._path = path
        self._report = report
        self._lock = threading.RLock()
        self._lines: list[str] = []
        self._bytes = 0
        self._flushed = 0
        self._collects = False
        self._may_collect = not _is_worker()
        self._window = 0
        self._count = 0
        self._torn = False
        self._fd = self._open()
        os.register_at_fork(after_in_child=self._after_fork)
        atexit.register(self._sync)

    def append(self, line: str, now: int) -> None:
        """Append one line that ends with a newline; `now` in microseconds since the epoch."""
        self._count += 1
        if not 0 <= now - self._window <= WINDOW_MICROSECONDS:
            self._measure(now)
        if not self._collects:
            self._write(line)
            return
        with self._lock:
            self._lines.append(line)
            self._bytes += len(line)
            if self._bytes >= BUFFER_BYTES or not 0 <= now - self._flushed < BUFFER_MICROSECONDS:
                self._flushed = now
                self._drain()

    def _measure(self, now: int) -> None:
        """Begin a window, and decide by the last one whether lines are collected in it."""
        with self._lock:
            elapsed = now - self._window
            self._collects = self._may_collect and self._count * 1_000_000 > RATE * elapsed > 0
            self._window, self._count = now, 0
            if not self._collects:
                self._drain()

    def flush(self) -> None:
        with self._lock:
            self._drain()

    def _drain(self) -> None:
        if self._lines:
            lines, self._lines, self._bytes = self._lines, [], 0
            self._write("".join(lines))

    def _open(self) -> int:
        try:
            return os.open(self._path, _FLAGS, 0o644)
        except OSError as error:
            self._report("events", f"cannot write {self._path}: {error.strerror}: metrics of this run are not kept")
            return -1

    def _write(self, text: str) -> None:
        data = text.encode()
        try:
            written = os.write(self._fd, b"\n" + data if self._torn else data)
            if written == len(data) and not self._torn:
                return
            self._torn = written < len(data) + self._torn
        except OSError as error:
            if self._fd >= 0:
                self._report("events", f"cannot write {self._path}: {error.strerror}: some metrics are lost")
            return
        if self._torn:
            self._report("events", f"cannot write {self._path}: the disk is full: some metrics are lost")

    def _after_fork(self) -> None:
        """The parent writes what it has collected; the child starts empty, and its lock free."""
        self._lock = threading.RLock()
        self._lines, self._bytes = [], 0
        self._collects = self._may_collect = False

    def close(self) -> None:
        """Write out and let go of the file; what a straggling thread still appends is dropped."""
        atexit.unregister(self._sync)
        self._sync()
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _sync(self) -> None:
        self.flush()
        if self._fd >= 0:
            try:
                _sync(self._fd)
            except OSError as error:
                self._report("events", f"cannot sync {self._path}: {error.strerror}")


def _is_worker() -> bool:
    """Whether this process is a child of `multiprocessing`, which may end it without `atexit`."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None
