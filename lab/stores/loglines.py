"""Lines of a log of any size, in constant memory: from its start, from its last lines, or from some byte on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lab.errors import LabError
from lab.stores.runfolder import plain_file, portion

#: A line longer than this is cut; of one that overwrites itself the last state is kept.
LONGEST = 1 << 20
_BLOCK = 1 << 18


class LineCutter:
    """Cuts a stream of bytes into lines, without their ends."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that end in `data`, and the beginning of one that has become too long."""
        head, *lines = data.split(b"\n")
        yield from self._continue(head)
        for line in lines:
            if not self._skipping:
                yield self._rest
            self._rest, self._skipping = b"", False
            yield from self._continue(line)

    def end(self) -> Iterator[bytes]:
        """The last line, if it has no line break."""
        if self._rest:
            yield self._rest
        self._rest, self._skipping = b"", False

    def _continue(self, part: bytes) -> Iterator[bytes]:
        if self._skipping:
            return
        self._rest = self._rest + part if self._rest else part
        if len(self._rest) > LONGEST:
            state = self._rest.rstrip(b"\r").rpartition(b"\r")
            if state[1] and len(state[2]) <= LONGEST:
                self._rest = state[2]
                return
            yield self._rest[:LONGEST]
            self._rest, self._skipping = b"", True


def lines_between(path: Path, start: int, stop: int | None = None) -> Iterator[bytes]:
    """The lines from byte `start`, which is where one begins, to `stop` or to the end as it is when that is reached."""
    cutter, offset = LineCutter(), start
    while (stop is None or offset < stop) and (data := portion(path, offset)):
        offset += len(data)
        yield from cutter.feed(data if stop is None or offset <= stop else data[: stop - offset])
    yield from cutter.end()


def last_lines_at(path: Path, count: int) -> int:
    """The byte at which the last `count` lines begin."""
    if count <= 0:
        return _size(path)
    with plain_file(path) as file:
        if file is None:
            return 0
        at = os.fstat(file).st_size
        if at and os.pread(file, 1, at - 1) == b"\n":
            at -= 1  # it ends the last line
        wanted = count
        while at > 0:
            begin = max(0, at - _BLOCK)
            data = os.pread(file, at - begin, begin)
            breaks = data.count(b"\n")
            if breaks >= wanted:
                place = len(data)
                for _ in range(wanted):
                    place = data.rfind(b"\n", 0, place)
                return begin + place + 1
            wanted -= breaks
            at = begin
        return 0


def line_begin(path: Path, offset: int) -> int:
    """The byte at which the first line after `offset` begins; `offset` itself where one does."""
    if offset <= 0:
        return 0
    at = offset - 1
    while data := portion(path, at):
        found = data.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(data)
    return at


def _size(path: Path) -> int:
    try:
        with plain_file(path) as file:
            return 0 if file is None else os.fstat(file).st_size
    except LabError:
        return 0
