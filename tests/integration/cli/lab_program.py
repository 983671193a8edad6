"""`lab` as a process of its own, for the tests of this folder."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from documents import document

ROOT = Path(__file__).parents[3]
DEADLINE = 60.0  # seconds for anything that is waited for


@dataclass
class Lab:
    """Runs `lab …` in `folder` and looks at what it printed."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "lab"]

    def __call__(
        self, *argv: str, code: int = 0, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; its exit code must be `code`, and no traceback may be seen."""
        done = subprocess.run(
            [*self.command, *argv],
            cwd=self.folder,
            env={**self.environment, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE * 10,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, (argv, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, check: Callable[[Any], bool], *argv: str, code: int = 0, **environment: str) -> Any:
        """Run it with `--json`; stdout must be one document that `check` accepts."""
        return document(self(*argv, "--json", code=code, **environment).stdout, check)

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own, as a terminal would."""
        return subprocess.Popen(
            [*self.command, *argv],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`, or fail."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
