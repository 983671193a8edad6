"""Makes the pictures in this folder from the real app, after a real demonstration (`make screenshots`).

Takes the Docker engine if one answers, else plain processes. Needs tmux and Pillow.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests"), str(HERE.parent / "tests" / "e2e")]

from support import remove_jobs  # noqa: E402 (found through the line above)
from terminal import Terminal, lab  # noqa: E402
from terminal_png import render  # noqa: E402

from lab.workspace import Workspace  # noqa: E402

COLUMNS, ROWS = 132, 36


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ws = Workspace(Path(folder, "home"), Path(folder))
        try:
            ws.demo.run("digits", on_step=lambda step: print(step.name, step.detail), progress=lambda _: None)
            project = ws.home.root / "samples" / "digits"
            for _ in range(200):
                ws.deployments.predict("digits", ws.deployments.example("digits"))
            take(ws.home.root, project)
        finally:
            remove_jobs(ws.engine(), ws.home)
            ws.close()


def drawn(text: str) -> bool:
    """Whether a chart shows its curves."""
    return "⣀" in text or "⠉" in text


def take(home: Path, project: Path) -> None:
    with Terminal(lab(), project, {"LAB_HOME": str(home), "COLORTERM": "truecolor"}, COLUMNS, ROWS) as terminal:

        def shot(name: str, ready: str | Callable[[str], bool]) -> None:
            terminal.until(ready, 60)
            # -N keeps the background of blanks at the ends of lines
            render(terminal._tmux("capture-pane", "-N", "-p", "-e"), COLUMNS, ROWS, HERE / f"{name}.png")
            print(f"screenshots/{name}.png")

        shot("home", "● ready")
        terminal.keys("3")
        shot("runs", lambda text: "by created" in text and "val_accuracy" in text)
        terminal.press("Enter", "Params & data")
        shot("run", drawn)
        terminal.keys("Escape")
        terminal.until("by created")
        for key in ("g", "Space", "j", "j", "j", "Space"):
            terminal.keys(key)
        terminal.until("2 marked")
        terminal.keys("c")
        shot("compare", lambda text: "PARAMETERS" in text and drawn(text))
        terminal.keys("Escape")
        terminal.until("2 marked")
        terminal.keys("2")
        shot("data", "data/digits.csv")
        terminal.keys("4")
        shot("models", "champion")
        terminal.keys("5")
        shot("deployments", lambda text: "requests/s" in text or "/s" in text)


if __name__ == "__main__":
    main()
