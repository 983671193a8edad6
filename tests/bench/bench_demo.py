"""The whole demonstration, once the images exist."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from support import remove_jobs

from lab.errors import EngineUnavailableError
from lab.workspace import Workspace

Figure = tuple[str, float, str, float]


def figures() -> list[Figure]:
    """Seconds of `lab demo` in a fresh lab home on docker; a first walk makes the images."""
    found: list[Figure] = []
    for home in ("first", "second"):
        with tempfile.TemporaryDirectory() as folder:
            ws = Workspace(Path(folder, home), Path(folder), engine="docker")
            try:
                ws.engine().available()
            except EngineUnavailableError as error:
                print(f"no Docker engine, the demonstration is not measured: {error.message}")
                return []
            try:
                began = time.perf_counter()
                report = ws.demo.run("digits", on_step=lambda _: None, progress=lambda _: None)
                seconds = time.perf_counter() - began
            finally:
                remove_jobs(ws.engine(), ws.home)
                ws.close()
        if home == "second":
            found = [("demo, images there", seconds, "s", 60)]
            found += [(f"  {step.name}", step.seconds, "s", 0) for step in report.steps]
    return found


if __name__ == "__main__":
    for figure in figures():
        print(figure)
