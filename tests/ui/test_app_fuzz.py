"""Random keys on every screen of the real program in a pseudo-terminal, over names that try to reach the terminal.

`LAB_FUZZ_KEYS` is how many keys each screen gets (`make fuzz` takes 500), `LAB_FUZZ_SEED` says which ones.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

from seeding import HOSTILE, Seed

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 120.0
KEYS = int(os.environ.get("LAB_FUZZ_KEYS", "100"))
#: Escape as terminals of today send it, which nothing that follows can change the meaning of.
ESCAPE = b"\x1b[27u"
#: Where `:` goes, and what then opens what is under the cursor.
PLACES = (
    *(("home", b""), ("data", b""), ("data", b"\r"), ("runs", b""), ("runs", b"\r"), ("runs", b"  c"), ("models", b"")),
    *(("deployments", b""), ("queue", b""), ("sweeps", b""), ("disk", b""), ("search x", b"\r"), ("runs", b"L")),
)
#: All that can be typed but what quits, what trains for real, and what stops the process; clicks, the wheel, a drag.
POOL = [
    *(bytes([code]) for code in range(32, 127) if chr(code) not in "qD"),
    *(b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[5~", b"\x1b[6~", b"\x1b[H", b"\x1b[F", b"\x1b[1;2C"),
    *(b"\r", b"\t", b"\x1b[Z", b"\x7f", b"\x0f", b"\x10", b"\x12", b"\x06", b"\x1bOP", ESCAPE),
    *(f"\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m".encode() for x in (3, 30, 70, 99) for y in (1, 3, 8, 16, 29)),
    *(f"\x1b[<{wheel};30;10M".encode() for wheel in (64, 65)),
    b"\x1b[<0;50;12M\x1b[<32;60;14M\x1b[<0;60;14m",
]  # fmt: skip
#: What stands in names and must never arrive at the terminal as it is.
FORBIDDEN = (b"\x1b]52;c;T1dORUQ", b"\x1b]0;owned", "\x9b31m".encode(), b"\x9b31m", "\u202e".encode(), b"\x00")


class Program:
    """`lab` on a terminal of its own; all that it writes is kept."""

    def __init__(self, home: Path, folder: Path) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "TMUX", "SSH_"))},
            "PYTHONPATH": str(ROOT), "LAB_HOME": str(home), "LAB_ENGINE": "process", "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8", "EDITOR": "true", "DISPLAY": "", "WAYLAND_DISPLAY": "",
        }  # fmt: skip
        command = [sys.executable, "-m", "lab"]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            close_fds=True,
        )
        os.close(slave)
        self._master = master
        self.written = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # the other end is closed: the program is over
                return
            if not data:
                return
            self.written += data

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self.over:
            view = view[os.write(self._master, view) :]

    def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether `holds` came true in time. The program may end meanwhile, as the palette's last action does."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() in (None, 0), f"ended with {self.process.returncode}\n{self.tail()}"
            if self.over or time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def quiet(self) -> None:
        """Wait until it writes no more, which is when it has done what it was told; some screens never cease."""
        said: list[tuple[int, float]] = [(0, 0.0)]

        def still() -> bool:
            if len(self.written) != said[0][0]:
                said[0] = (len(self.written), time.monotonic())
            return time.monotonic() - said[0][1] > 0.3

        self.wait(still, 3.0)

    def command(self, line: str) -> None:
        """Close whatever is open, and type a command as people do: when its line is there."""
        for keys in (ESCAPE * 12, b":", f"{line}\r".encode()):
            self.send(keys)
            self.quiet()

    def answers(self, number: int) -> bool:
        """Whether it still does what it is told; what was on its way may have opened something in between."""
        since, told = len(self.written), f"about 'k{number}'".encode()
        for _ in range(20):
            self.command(f"explain k{number}")
            if self.over:
                return True
            if self.wait(lambda: told in self.written[since:], 2.0):
                return True
        return False

    def tail(self) -> str:
        return self.written[-3000:].decode("utf-8", "replace")

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(DEADLINE)
        os.close(self._master)


def hostile_lab(seed: Seed) -> None:
    names = (*HOSTILE, "\x1b]52;c;T1dORUQ=\x07x")
    for index, name in enumerate(names):
        seed.run(
            name, entry=name, project=name, status=("finished", "failed", "lost")[index % 3], cause=name,
            log=name * 20, params={name: name, "lr": 0.1}, metrics={name: index, "loss": 0.5}, tags=(name,),
        )  # fmt: skip
        seed.dataset(name or "empty", versions=2, path=name)
        seed.model(name or "empty", "r0000001", versions=2, champion=1)
        seed.deployment(name or "empty", name or "empty", status="failed", cause=name)


def test_random_keys_on_every_screen(seed: Seed, tmp_path: Path) -> None:
    hostile_lab(seed)
    chance = random.Random(os.environ.get("LAB_FUZZ_SEED", "lab"))
    programs = [Program(seed.root, tmp_path)]
    try:
        for number, (place, opening) in enumerate(PLACES):
            if programs[-1].over:
                programs.append(Program(seed.root, tmp_path))
            program = programs[-1]
            assert program.wait(lambda program=program: len(program.written) > 2000, DEADLINE) or program.over, place
            keys = b"".join(chance.choice(POOL) for _ in range(KEYS))
            program.command(place)
            program.send(opening + keys)
            assert program.answers(number), f"after {keys!r} on {place}: {program.tail()}"
        programs[-1].command("q")
        programs[-1].wait(lambda: False, 5.0)
        programs[-1].send(b"\x11\x11")
        assert programs[-1].process.wait(DEADLINE) == 0
    finally:
        for program in programs:
            program.close()
    for program in programs:
        for text in (*FORBIDDEN, b"Unexpected error"):
            at = program.written.find(text)
            shown = re.sub(rb"\x1b\[[0-9;?<]*[a-zA-Z]", b"", program.written[max(0, at - 200) : at + 6000])
            assert at < 0, f"{text!r}: {b' '.join(shown.split()).decode('utf-8', 'replace')}"
    assert not list(seed.home.crashes.glob("*"))
