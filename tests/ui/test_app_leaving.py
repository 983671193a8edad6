"""Endings that nobody asked the app for: signals, a terminal that is gone. Nothing may be lost, and nothing go on."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.catalog.lock import IndexLock
from lab.paths import LabHome

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 60.0


class Opened:
    """The app on a pseudo-terminal; with `controlling`, the system tells it when that goes."""

    def __init__(self, home: Path, folder: Path, controlling: bool) -> None:
        self.master, slave = pty.openpty()
        env = {**os.environ, "PYTHONPATH": str(ROOT), "LAB_HOME": str(home), "LAB_ENGINE": "process", "TERM": "xterm"}
        take = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); " if controlling else "import sys; "
        )
        code = f"{take}from lab.__main__ import entry; sys.argv = ['lab']; entry()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, env=env, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.written = bytearray()
        self._hung_up = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._hung_up:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.written += os.read(self.master, 1 << 16)
                except OSError:  # nobody has the other end any more
                    return

    def until(self, met: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not met():
            assert time.monotonic() < deadline, f"{what}: {bytes(self.written[-600:])!r}"
            time.sleep(0.02)

    def see(self, text: str) -> None:
        self.until(lambda: text.encode() in self.written, f"{text!r} was not painted")

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal. Whoever reads it would hold it open."""
        self._hung_up = True
        self._reader.join(DEADLINE)
        os.close(self.master)


@pytest.fixture(params=[True, False], ids=["told by the system", "not told"])
def opened(request: pytest.FixtureRequest, lab_home: Path, tmp_path: Path) -> Iterator[Opened]:
    app = Opened(lab_home, tmp_path, request.param)
    try:
        app.see("opening the lab")
        app.press("3")
        app.see("run-000")
        yield app
    finally:
        app.process.kill()
        app.process.wait(DEADLINE)


def left_whole(home: Path) -> bool:
    """Whether the last screen was kept and the index let go."""
    state = json.loads(LabHome(home).ui_state.read_text())
    lock = IndexLock(LabHome(home).index_lock)
    taken = lock.take(1.0)
    lock.release()
    return taken and '"runs"' in json.dumps(state)


def test_a_terminal_that_is_gone_ends_the_app(opened: Opened, lab_home: Path) -> None:
    opened.hang_up()
    assert opened.process.wait(DEADLINE) == 128 + signal.SIGHUP
    assert left_whole(lab_home)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_app_and_leaves_a_whole_terminal(
    opened: Opened, lab_home: Path, number: signal.Signals
) -> None:
    opened.process.send_signal(number)
    assert opened.process.wait(DEADLINE) == 128 + number
    opened.see("\x1b[?1049l")
    assert left_whole(lab_home)


def test_without_a_terminal_it_says_so(lab_home: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LAB_HOME": str(lab_home)}
    done = subprocess.run(
        [sys.executable, "-m", "lab"], cwd=tmp_path, env=env, input="", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "lab: the app needs a terminal", "→ without one: lab status, and what lab --help lists",
    ]  # fmt: skip
