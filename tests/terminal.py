"""The real program in a real terminal: tmux, driven by keys, read as text."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Terminal:
    """One tmux session of its own server. Use as a context manager."""

    def __init__(
        self, command: list[str], cwd: Path, env: Mapping[str, str], columns: int = 120, rows: int = 40
    ) -> None:
        self._server = f"lab-{os.getpid()}-{secrets.token_hex(3)}"
        inherited = {name: os.environ[name] for name in ("DOCKER_HOST", "PATH", "HOME") if name in os.environ}
        settings = {**inherited, "PYTHONPATH": str(ROOT), "TERM": "screen-256color", "LC_ALL": "C.UTF-8", **env}
        # Nothing else is inherited: COLUMNS and LINES of whoever runs the tests would overrule the terminal's size.
        words = ["env", "-i", *(f"{name}={value}" for name, value in settings.items()), *command]
        # The shell stays behind the program, so that its last screen and exit code can be read.
        line = f'{shlex.join(words)}; echo "[ended: $?]"; sleep 600'
        size = ("-x", str(columns), "-y", str(rows))
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "-c", str(cwd), line)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["tmux", "-L", self._server, "kill-server"], check=False, capture_output=True)

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names: `Enter`, `Escape`, `Space`, `C-u`, or a single character."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def screen(self, colours: bool = False) -> str:
        """What is on the screen now."""
        return self._tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def until(self, condition: str | Callable[[str], bool], seconds: float = 60.0) -> str:
        """The first screen that contains `condition`, or for which it holds. AssertionError with the screen if none."""
        holds = condition if callable(condition) else lambda text: condition in text
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen()
            if holds(screen):
                return screen
            assert time.monotonic() < deadline, f"waited {seconds} s for {condition!r}; the screen:\n{screen}"
            time.sleep(0.05)

    def press(self, key: str, condition: str | Callable[[str], bool], seconds: float = 60.0) -> str:
        """Press a key and wait for what it does; press again if nothing came of it for long: a screen that was just
        being changed takes no keys."""
        holds = condition if callable(condition) else lambda text: condition in text
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.keys(key)
            patience = time.monotonic() + 10.0
            while time.monotonic() < patience:
                screen = self.screen()
                if holds(screen):
                    return screen
                time.sleep(0.05)
        raise AssertionError(f"pressed {key} for {seconds} s without {condition!r}; the screen:\n{self.screen()}")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-L", self._server, *arguments], check=True, capture_output=True, text=True)
        return done.stdout


def lab(*arguments: str) -> list[str]:
    """The command that runs this checkout's program."""
    return [sys.executable, "-m", "lab", *arguments]
