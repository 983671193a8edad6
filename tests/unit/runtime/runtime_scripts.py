"""Running scripts as a container would: a bare interpreter, Lab's folder on the path, the run told by environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lab

ROOT = Path(lab.__file__).parents[1]


class Script:
    """Runs Python source in `folder` with or without a run around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "run"
        self.run.mkdir()

    def __call__(
        self, source: str, *flags: str, inside: bool = True, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
        clean["PYTHONPATH"] = str(ROOT)
        if inside:
            clean["LAB_RUN_DIR"] = str(self.run)
        return subprocess.run(
            [sys.executable, *flags, "-c", source],
            env=clean | (env or {}),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def lines(self) -> list[dict[str, Any]]:
        text = (self.run / "events.jsonl").read_text()
        assert text.endswith("\n")
        return [json.loads(line, parse_constant=_refuse) for line in text.splitlines()]


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")
