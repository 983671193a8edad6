"""Looking for a text in files of any size: by blocks, as bytes, until it is enough or somebody says stop."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from lab.dataclass import dataclass
from lab.domain.search import Needle

BLOCK = 1 << 20
_LONGEST_LINE = 4 << 20  # bytes; a longer one is looked at in pieces
_LOOK = 8192  # bytes at the start of a file that tell whether it is text


@dataclass(frozen=True)
class Match:
    """A line that fits: where it begins in the bytes that were looked at, its text, and the match in it."""

    offset: int
    line: str
    start: int
    end: int


class Pattern(Protocol):
    """Finds lines in a block of whole lines."""

    def last(self, block: bytes, most: int) -> list[Match]:
        """The last lines that fit, the last one first, at most `most`."""
        ...

    def first(self, block: bytes, most: int) -> list[Match]:
        """The first lines that fit, in their order, at most `most`."""
        ...


def pattern(needle: Needle) -> Pattern:
    """Raises UsageError for a regular expression that cannot be."""
    if needle.regex:  # by a library that only such a search has to wait for
        return cast(Pattern, import_module("lab.pipelines.regexes").Regex(needle))
    return Literal(needle.text, needle.fold)


class Literal:
    """A text as it stands. Without regard to case, letters beyond ASCII are compared by their text."""

    def __init__(self, text: str, fold: bool) -> None:
        self._text = text.lower() if fold else text
        self._fold = fold
        self._bytes = self._text.encode("utf-8", "replace")
        self._plain = not fold or text.isascii()

    def last(self, block: bytes, most: int) -> list[Match]:
        hay, needle = self._hay(block)
        found: list[Match] = []
        end = len(hay)
        while len(found) < most and (at := hay.rfind(needle, 0, end)) >= 0:
            found.append(self._match(block, hay, at))
            end = hay.rfind(b"\n", 0, at) + 1
            if not end:
                break
        return found

    def first(self, block: bytes, most: int) -> list[Match]:
        hay, needle = self._hay(block)
        found: list[Match] = []
        at = hay.find(needle)
        while at >= 0 and len(found) < most:
            found.append(self._match(block, hay, at))
            end = hay.find(b"\n", at)
            at = hay.find(needle, end) if end >= 0 else -1
        return found

    def _hay(self, block: bytes) -> tuple[bytes, bytes]:
        """The block as it is compared, and the text: of the same bytes, but for case."""
        if not self._fold:
            return block, self._bytes
        if self._plain:
            return block.lower(), self._bytes
        return block.decode("utf-8", "replace").lower().encode("utf-8", "replace"), self._bytes

    def _match(self, block: bytes, hay: bytes, at: int) -> Match:
        source = block if len(block) == len(hay) else hay  # else folding has moved the places
        begin = source.rfind(b"\n", 0, at) + 1
        end = source.find(b"\n", at)
        line = source[begin : end if end >= 0 else len(source)]
        before = line[: at - begin].decode("utf-8", "replace")
        inside = line[at - begin : at - begin + len(self._bytes)].decode("utf-8", "replace")
        return Match(begin, line.decode("utf-8", "replace"), len(before), len(before) + len(inside))


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of a regular file. OSError for a link, a pipe, and what is not there."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(22, "not a regular file", str(path))
        yield fd
    finally:
        os.close(fd)


class Backwards:
    """The last lines of a growing file that fit; `step` looks at one block more, from the end to the start."""

    def __init__(self, fd: int, wanted: Pattern, most: int, block: int = BLOCK) -> None:
        self._fd = fd
        self._wanted = wanted
        self._most = most
        self._block = block
        self._end = os.fstat(fd).st_size
        self._rest = b""  # the beginning of the line that the last block broke
        self.matches: list[Match] = []
        self.bytes = 0

    def step(self) -> bool:
        """Whether there is more to look at."""
        start = max(0, self._end - self._block)
        data = os.pread(self._fd, self._end - start, start)
        self.bytes += len(data)
        data += self._rest
        cut = data.find(b"\n") + 1 if start else 0
        if start and not cut and len(data) < _LONGEST_LINE:
            self._rest, self._end = data, start
            return True
        self._rest, whole = data[:cut], data[cut:]
        for match in self._wanted.last(whole, self._most - len(self.matches)):
            self.matches.append(Match(start + cut + match.offset, match.line, match.start, match.end))
        self._end = start
        return start > 0 and len(self.matches) < self._most


def line_number(fd: int, offset: int, stop: Callable[[], bool] = lambda: False) -> int:
    """The number, from 1, of the line that begins at `offset`; 0 where somebody said stop."""
    breaks = at = 0
    while at < offset:
        data = os.pread(fd, min(BLOCK, offset - at), at)
        if not data or stop():
            return 0
        breaks += data.count(b"\n")
        at += len(data)
    return breaks + 1


def is_text(data: bytes) -> bool:
    return b"\0" not in data[:_LOOK]
