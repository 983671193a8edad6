"""The app in a terminal of its own, watched from outside: when something is painted, how much, and what it costs."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")


class WatchedApp:
    """`lab` over a lab home, 120 cells by 40; `program` is what Python runs."""

    def __init__(self, home: Path, program: Sequence[str] = ("-m", "lab"), **env: str) -> None:
        self._program = program
        self._env = {
            **os.environ, "LAB_HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color",
            "LAB_ENGINE": "process", **env,
        }  # fmt: skip

    def __enter__(self) -> WatchedApp:
        Path(self._env["LAB_HOME"], "ui.json").unlink(missing_ok=True)  # what the last one was looking at
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)  # `-m` looks there first
            os.execve(sys.executable, [sys.executable, *self._program], self._env)
        os.set_blocking(self.fd, False)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)

    def until(self, wanted: str, seconds: float = 30.0) -> float:
        """Seconds from the start to when `wanted` has come out of the terminal."""
        seen, deadline, sought = b"", time.perf_counter() + seconds, wanted.encode()
        while sought not in seen:
            if not select.select([self.fd], [], [], max(0.0, deadline - time.perf_counter()))[0]:
                raise TimeoutError(f"{wanted!r} was not painted within {seconds} s")
            seen = seen[-4096:] + os.read(self.fd, 1 << 16)
        return time.perf_counter() - self.began

    def quiet(self, seconds: float = 0.3, most: float = 3.0) -> None:
        """Wait until nothing has been painted for so long, at most a while."""
        deadline = time.perf_counter() + most
        while time.perf_counter() < deadline and select.select([self.fd], [], [], seconds)[0]:
            os.read(self.fd, 1 << 16)

    def drain(self) -> None:
        """Take what is there already."""
        while select.select([self.fd], [], [], 0)[0]:
            os.read(self.fd, 1 << 16)

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def press(self, keys: str, wanted: str = "\x1b[") -> float:
        """Seconds from keys to what they bring."""
        begin = time.perf_counter()
        self.type(keys)
        return self.until(wanted) + self.began - begin

    def repaints(self, seconds: float) -> float:
        """How often a second something is painted while nobody does anything."""
        count, deadline, last = 0, time.perf_counter() + seconds, 0.0
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                os.read(self.fd, 1 << 16)
                now = time.perf_counter()
                count += now - last > 0.02  # what comes in one piece is one
                last = now
        return count / seconds

    def cpu(self, seconds: float) -> float:
        """Percent of a core that it takes while nobody does anything."""
        begin = self._spent()
        time.sleep(seconds)
        return 100 * (self._spent() - begin) / seconds

    def _spent(self) -> float:
        told = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / _TICKS

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
