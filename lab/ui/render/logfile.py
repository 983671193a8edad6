"""A log file of any size, line by line, without reading or remembering all of it.

Opening looks at the end only. What is known of the file is a list of blocks of whole lines (about 128 KiB each) with
their number of lines: it grows backwards as somebody scrolls up (`extend_back`) and forwards as the file does (`poll`).
Line numbers never change while blocks are found: -1 is the last whole line of the file as it was when opened, 0 the one
after it. The text of few blocks is kept.

Files are read by position, never mapped: a mapped file that another process truncates kills the reader.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import field
from pathlib import Path
from stat import S_ISREG

from lab.dataclass import dataclass
from lab.ui.render.logline import MAX_LINE, Line, shown_line

BLOCK = 128 * 1024
_KEPT_BLOCKS = 8
_POLL_BYTES = 16 * 1024 * 1024


@dataclass
class _Run:
    """Blocks next to one another, in the order in which they were found, nearest to the anchor first."""

    edges: list[int] = field(default_factory=list)  # byte offset of each block's edge farther from the anchor
    lines: list[int] = field(default_factory=list)  # lines from the anchor up to and including each block

    @property
    def total(self) -> int:
        return self.lines[-1] if self.lines else 0

    def add(self, edge: int, lines: int) -> None:
        self.edges.append(edge)
        self.lines.append(self.total + lines)

    def find(self, line: int) -> int:
        """The block with the `line`-th line (from 0, counted from the near edge)."""
        return bisect_right(self.lines, line)


class LogFile:
    """See the module. `first` and `end` bound the lines known now: first <= line < end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._identity: tuple[int, int] | None = None
        self._reset()
        self._open()

    def _reset(self) -> None:
        self._anchor = 0  # byte offset of line 0
        self._back = _Run()  # blocks before the anchor, nearest first
        self._front = _Run()  # blocks after it
        self._searched = 0  # no line break between the end of the blocks and here
        self._size = 0
        self._cache: OrderedDict[tuple[int, int], list[Line]] = OrderedDict()
        self._partial: tuple[int, int, Line] | None = None
        self._begins: tuple[int, int, list[int]] = (0, 0, [0])

    def _open(self) -> bool:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return False
        stat = os.fstat(file)
        if not S_ISREG(stat.st_mode):
            os.close(file)
            return False
        self._file = file
        self._identity = (stat.st_dev, stat.st_ino)
        self._size = stat.st_size
        self._anchor = self._line_start(stat.st_size, stat.st_size)
        self._searched = stat.st_size
        self.extend_back(BLOCK)
        return True

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # What is known

    @property
    def exists(self) -> bool:
        return self._file is not None

    @property
    def first(self) -> int:
        return -self._back.total

    @property
    def end(self) -> int:
        return self._front.total + (1 if self._size > self._end_offset else 0)

    @property
    def whole(self) -> int:
        """The number after that of the last whole line."""
        return self._front.total

    @property
    def complete(self) -> bool:
        """Whether the first known line is the first of the file."""
        return self._start_offset == 0

    @property
    def size(self) -> int:
        """Bytes in the file when last looked at."""
        return self._size

    @property
    def _start_offset(self) -> int:
        return self._back.edges[-1] if self._back.edges else self._anchor

    @property
    def _end_offset(self) -> int:
        """The end of the last whole line."""
        return self._front.edges[-1] if self._front.edges else self._anchor

    # Finding lines

    def extend_back(self, budget: int) -> bool:
        """Find more lines at the beginning, reading about `budget` bytes; whether there were any."""
        found = False
        while budget > 0 and self._start_offset > 0 and self._file is not None:
            stop = self._start_offset
            start, lines = self._block_before(stop)
            self._back.add(start, lines)
            budget -= stop - start
            found = True
        return found

    def _block_before(self, stop: int) -> tuple[int, int]:
        """Start and number of lines of the block that ends at `stop`, which is the end of a line."""
        base = max(0, stop - BLOCK)
        data = self._read(base, stop - base)
        if base == 0:
            return 0, max(1, data.count(b"\n"))
        # The block begins after the first line break in it, unless that is the one which ends its only line.
        at = data.find(b"\n", 0, len(data) - 1)
        if at >= 0:
            return base + at + 1, data.count(b"\n", at + 1)
        return self._line_start(base, stop - 1), 1

    def _line_start(self, offset: int, limit: int) -> int:
        """The start of the line that `offset` is in: after the last line break before min(offset, limit)."""
        stop = min(offset, limit)
        while stop > 0:
            base = max(0, stop - BLOCK)
            at = self._read(base, stop - base).rfind(b"\n")
            if at >= 0:
                return base + at + 1
            stop = base
        return 0

    def poll(self) -> bool:
        """Look at the file again; whether anything changed. Reads only what was appended, a bounded piece at a time.

        A file that became shorter, or that is another one under the same name, is opened anew at its end.
        """
        if self._file is None:
            return self._open()
        if not self._same():
            self.close()
            self._reset()
            self._identity = None
            self._open()
            return True
        before = (self._size, self._end_offset)
        size = os.fstat(self._file).st_size
        limit = min(size, self._searched + _POLL_BYTES)
        while self._searched < limit:
            data = self._read(self._searched, min(BLOCK, limit - self._searched))
            if not data:
                break
            self._take(data)
            self._searched += len(data)
        self._size = self._searched
        return before != (self._size, self._end_offset)

    def _same(self) -> bool:
        try:
            stat = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return False
        return (stat.st_dev, stat.st_ino) == self._identity and stat.st_size >= self._size

    def _take(self, data: bytes) -> None:
        """Add the lines that end in `data`, which begins at `_searched`; a line longer than a block gets its own."""
        first, last = data.find(b"\n"), data.rfind(b"\n")
        if first < 0:
            return
        lines = data.count(b"\n")
        if self._searched + first - self._end_offset > BLOCK:
            self._front.add(self._searched + first + 1, 1)
            lines -= 1
        if lines:
            self._append(self._searched + last + 1, lines)

    def _append(self, edge: int, lines: int) -> None:
        """A block up to `edge`; one that is still small grows, so that a slow log does not make many."""
        front = self._front
        start = front.edges[-2] if len(front.edges) > 1 else self._anchor
        if front.edges and edge - start <= BLOCK:
            self._cache.pop((start, front.edges[-1]), None)
            front.edges[-1] = edge
            front.lines[-1] += lines
        else:
            front.add(edge, lines)

    # Reading lines

    def line(self, number: int) -> str:
        """The text of a known line, cleaned and cut; empty for any other number."""
        return self.styled(number).text

    def styled(self, number: int) -> Line:
        """`line` with its colours."""
        if not self.first <= number < self.end:
            return Line("")
        if number >= self._front.total:
            return self._partial_line()
        start, stop, index = self.locate(number)
        lines = self._lines(start, stop)
        return lines[index] if index < len(lines) else Line("")

    def locate(self, number: int) -> tuple[int, int, int]:
        """The block of a whole line, (start, stop) in bytes, and the line's index in it."""
        if number >= 0:
            block = self._front.find(number)
            start = self._front.edges[block - 1] if block else self._anchor
            return start, self._front.edges[block], number - (self._front.lines[block - 1] if block else 0)
        from_end = -number - 1
        block = self._back.find(from_end)
        stop = self._back.edges[block - 1] if block else self._anchor
        return self._back.edges[block], stop, self._back.lines[block] - 1 - from_end

    def offset(self, number: int) -> int:
        """The byte at which a known line begins; where the file ends for the number after the last."""
        if number >= self._front.total:
            return self._end_offset if number == self._front.total else self._size
        start, stop, index = self.locate(number)
        return start + (self._starts(start, stop)[index] if index else 0)

    def end_offset(self, number: int) -> int:
        """The byte at which a known line ends."""
        return self.offset(number + 1)

    def line_at(self, offset: int) -> int:
        """The number of the line that byte `offset` is in; earlier blocks are found as far as it takes."""
        while offset < self._start_offset and self.extend_back(BLOCK * 32):
            pass
        if offset >= self._end_offset:
            return self._front.total
        if offset >= self._anchor:
            block = bisect_right(self._front.edges, offset)
            start = self._front.edges[block - 1] if block else self._anchor
            number = self._front.lines[block - 1] if block else 0
            stop = self._front.edges[block]
        else:
            block = bisect_left(self._back.edges, -offset, key=lambda edge: -edge)
            start, number = self._back.edges[block], -self._back.lines[block]
            stop = self._back.edges[block - 1] if block else self._anchor
        return number + max(0, bisect_right(self._starts(start, stop), offset - start) - 1)

    def _starts(self, start: int, stop: int) -> list[int]:
        """Where the lines of a block begin, in bytes from its start."""
        if self._begins[:2] != (start, stop):
            data = self._read(start, stop - start) if stop - start <= 2 * BLOCK else b""
            begins, at = [0], data.find(b"\n")
            while 0 <= at < len(data) - 1:
                begins.append(at + 1)
                at = data.find(b"\n", at + 1)
            self._begins = (start, stop, begins)
        return self._begins[2]

    def _partial_line(self) -> Line:
        """The last line while it has no line break; read anew only when it has grown."""
        start = self._end_offset
        if self._partial is None or self._partial[:2] != (start, self._size):
            self._partial = (start, self._size, self._long_line(start, self._size))
        return self._partial[2]

    def _lines(self, start: int, stop: int) -> list[Line]:
        key = (start, stop)
        lines = self._cache.get(key)
        if lines is None:
            if stop - start > 2 * BLOCK:
                lines = [self._long_line(start, stop)]
            else:
                data = self._read(start, stop - start)
                lines = [shown_line(part) for part in data.removesuffix(b"\n").split(b"\n")]
            self._cache[key] = lines
            while len(self._cache) > _KEPT_BLOCKS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return lines

    def _long_line(self, start: int, stop: int) -> Line:
        """A line of any length by its beginning, or by its end where it overwrites itself (progress bars)."""
        size = stop - start
        head = self._read(start, min(size, 4 * MAX_LINE))
        if size > len(head):
            tail = self._read(stop - 4 * MAX_LINE, 4 * MAX_LINE)
            if b"\r" in tail.rstrip(b"\r\n"):
                head = tail
        return shown_line(head)

    def _read(self, start: int, size: int) -> bytes:
        return os.pread(self._file, size, start) if self._file is not None else b""

    def lines_in(self, start: int, stop: int) -> int:
        """How many lines a block has."""
        return max(1, self._read(start, stop - start).count(b"\n")) if stop - start <= 2 * BLOCK else 1

    # Searching

    def matching(self, start: int, stop: int, text: str) -> list[int]:
        """The lines of a block that hold `text`, by their index in it; upper case in `text` makes it count.

        Bytes are searched, a hundred times as fast as lines, where nothing in them looks different on the screen.
        """
        fold = text == text.lower()
        data = self._read(start, stop - start) if stop - start <= 2 * BLOCK else b"\r"
        if not text.isascii() or any(sign in data for sign in (b"\x1b", b"\r", b"\xc2\x9b", b"\t")):
            lines = self._lines(start, stop)
            return [at for at, (line, _) in enumerate(lines) if text in (line.lower() if fold else line)]
        hay, needle = (data.lower() if fold else data), text.encode()
        found, index, begin = [], 0, 0
        at = hay.find(needle)
        while at >= 0:
            index += data.count(b"\n", begin, at)
            found.append(index)
            begin = data.find(b"\n", at)
            if begin < 0:
                break
            at = hay.find(needle, begin + 1)
        return found

    def search(self, text: str, start: int, step: int, budget: int = BLOCK * 32) -> tuple[int | None, int | None]:
        """The next line from `start` on, in direction `step` (1 or -1), that contains `text`.

        Returns (line, None) when found, (None, None) when there is none, and (None, line to go on from) when about
        `budget` bytes were looked at: the caller asks again, so that no search holds up the screen. Upper case in
        `text` makes it count. Searching backwards finds earlier blocks as it goes.
        """
        fold = text == text.lower()
        number = start
        while budget > 0:
            if number < self.first and not self.extend_back(BLOCK):
                return None, None
            if number >= self.end:
                if step > 0:
                    return None, None
                number = self.end - 1
                continue
            if number >= self._front.total:
                line, first, size = self._partial_line().text, self._front.total, MAX_LINE
                found, count = ([0] if text in (line.lower() if fold else line) else []), 1
            else:
                begin, stop, index = self.locate(number)
                first, size = number - index, stop - begin
                found, count = self.matching(begin, stop, text), self.lines_in(begin, stop)
            here = number - first
            ahead = [at for at in found if (at >= here if step > 0 else at <= here)]
            if ahead:
                return first + (ahead[0] if step > 0 else ahead[-1]), None
            number = first + count if step > 0 else first - 1
            budget -= size
        return None, number
