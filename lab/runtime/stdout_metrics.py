"""From `stdout.log` to `printed.jsonl`: the metrics that a script printed, as it prints them. Standard library only.

A line is `{"t": unix seconds, "s": step, "m": {name: value}, "o": where in stdout.log it ends, "p": the state of the
patterns there}`. So whoever comes later, also when the run was killed, goes on exactly where the file ends. The last
line of a log that was read to its end has no metrics.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time

from lab.runtime.printed import LINE_MAX, Patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOG, FILE = "stdout.log", "printed.jsonl"

_PORTION = 256 << 10
_TAIL = 64 << 10  # bytes of the file's end in which its last whole line is looked for
_NAMES_MAX = 1000  # a script that prints more names than this prints no metrics


class StdoutMetrics:
    """Follows the log of one run folder. `poll` takes what is new; memory does not grow with the log."""

    def __init__(self, folder: str, patterns: Patterns) -> None:
        self._log, self._file = os.path.join(folder, LOG), os.path.join(folder, FILE)
        self._patterns = patterns
        self._offset = self._noted = 0
        self._counts: dict[str, int] = {}
        self._out = -1
        self._begun = self._resumed = False

    def poll(self, *, last: bool = False, budget: int = 8 << 20) -> bool:
        """Take in what was printed since, at most `budget` bytes; with `last` all of it, and a line without an end
        as well. False while another process is at it. Raises OSError when `printed.jsonl` cannot be read or written.
        """
        if not self._begun and not self._begin():
            return False
        try:
            log = os.open(self._log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return True  # nothing was printed
        try:
            if not stat.S_ISREG(os.fstat(log).st_mode):
                return True
            while budget > 0 or last:
                data = os.pread(log, _PORTION, self._offset)
                if not data or not self._take(data, last=last and len(data) < _PORTION):
                    break
                budget -= len(data)
        finally:
            os.close(log)
        if last:
            self._finish()
        return True

    def close(self) -> None:
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def _finish(self) -> None:
        """Note how far the log was read, so that nobody reads it again."""
        if self._offset > self._noted and (self._out >= 0 or self._open()):
            self._write([json.dumps({"o": self._offset, "p": self._patterns.state()}, separators=(",", ":")) + "\n"])

    def _write(self, lines: list[str]) -> None:
        os.write(self._out, "".join(lines).encode("utf-8", "replace"))
        self._noted = self._offset

    def _begin(self) -> bool:
        """Go on where the file ends. It is made by the first metric alone, so mostly there is none."""
        self._begun = True
        try:
            size = os.stat(self._file, follow_symlinks=False).st_size
        except OSError:
            return True
        if not self._open():
            self._begun = False
            return False
        lines = os.pread(self._out, _TAIL, max(0, size - _TAIL)).split(b"\n")
        if lines[-1]:
            os.write(self._out, b"\n")  # what is torn counts for nothing
        for line in reversed(lines):
            try:
                told = json.loads(line)
                self._offset = self._noted = int(told["o"])
                self._patterns.restore(told["p"])
                self._resumed = True
            except (ValueError, TypeError, KeyError):
                continue
            break
        return True

    def _open(self) -> bool:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        out = os.open(self._file, flags, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(out).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", self._file)
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(out)
            return False
        except OSError:
            os.close(out)
            raise
        self._out = out
        return True

    def _take(self, data: bytes, *, last: bool) -> bool:
        """The whole lines of a portion; False if it holds none and more must come."""
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if last:
            end = len(data)
        elif end == 0:
            if len(data) < _PORTION:
                return False
            end = len(data)  # no line is so long
        now = time.time()
        found: list[str] = []
        at = self._offset
        for line in data[:end].splitlines(keepends=True):
            at += len(line)
            if len(line) > LINE_MAX:
                continue
            step, values = self._patterns.find(line.decode("utf-8", "replace").rstrip("\r\n"))
            if values:
                found += self._lines(now, step, values, at)
        self._offset += end
        if found and (self._out >= 0 or self._open()):
            self._write(found)
        return True

    def _recount(self) -> None:
        """How many values of each name the file holds."""
        self._resumed = False
        with open(self._file, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    names = json.loads(line).get("m", ())
                except (ValueError, AttributeError):
                    continue
                for name in names if isinstance(names, dict) else ():
                    self._counts[name] = self._counts.get(name, 0) + 1

    def _lines(self, now: float, step: float | None, values: dict[str, float], at: int) -> list[str]:
        """The values as lines; without a step each name counts its own."""
        if self._resumed:
            self._recount()
        groups: dict[float, dict[str, Any]] = {}
        for name, value in values.items():
            count = self._counts.get(name, 0)
            if not count and len(self._counts) >= _NAMES_MAX:
                continue
            self._counts[name] = count + 1
            finite = value - value == 0.0
            shown = value if finite else "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
            groups.setdefault(count if step is None else step, {})[name] = shown
        state = self._patterns.state()
        return [
            json.dumps({"t": round(now, 6), "s": at_step, "m": group, "o": at, "p": state}, separators=(",", ":"))
            + "\n"
            for at_step, group in groups.items()
        ]
