"""Makes the pictures in this folder from the real app, after a real demonstration (`make screenshots`).

Takes the Docker engine if one answers, else plain processes. Needs tmux and Pillow. With the folder of a lab home in
which a demonstration was run, that is shown.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests"), str(HERE.parent / "tests" / "e2e")]

import terminal_png  # noqa: E402
import terminal_svg  # noqa: E402
from support import remove_jobs  # noqa: E402 (found through the line above)
from terminal import Terminal, lab  # noqa: E402

from lab.dataclass import dataclass  # noqa: E402
from lab.workspace import Workspace  # noqa: E402

COLUMNS, ROWS = 132, 36
_REQUESTS = 200
#: Nothing has changed for so long: it is all there.
_STILL = 0.6

Ready = str | Callable[[str], bool]


@dataclass(frozen=True)
class Shot:
    """A picture: the keys that lead to it from the one before, and what is there then. Without a name: only the way."""

    name: str
    keys: tuple[str, ...]
    ready: Ready


def drawn(text: str) -> bool:
    """Whether a chart shows its curves."""
    return "⣀" in text or "⠉" in text


SHOTS = (
    Shot("home", (), "● ready"),
    Shot("data", ("2",), "data/digits.csv"),
    Shot("dataset", ("Enter", "Enter"), lambda text: "Int64" in text and "constant" in text),
    Shot("", ("Escape",), "data/digits.csv"),
    Shot("runs", ("3",), lambda text: "by created" in text and "val_accuracy" in text),
    Shot("column", ("Right", "Right", "Right", "Right", "h"), "median"),
    Shot("", ("Escape",), lambda text: "median" not in text),
    Shot(
        "groups", ("B", "s", "e", "e", "d", "s", "Enter", "Enter"), lambda text: "in 2 groups" in text and "±" in text
    ),
    Shot("", ("B", "Enter"), lambda text: "in 2 groups" not in text),
    Shot("run", ("Enter",), lambda text: "Params & data" in text and drawn(text)),
    Shot("", ("Escape",), "by created"),
    Shot("", ("g", "Space", "j", "j", "j", "Space"), "2 marked"),
    Shot("compare", ("c",), lambda text: "PARAMETERS" in text and drawn(text)),
    Shot("samples", ("]",), lambda text: "fixed" in text and "broken" in text),
    Shot("classes", ("]",), "CONFUSION"),
    Shot("", ("Escape",), "2 marked"),
    Shot("parameters", ("u", "p", "v"), lambda text: "strongest first" in text and drawn(text)),
    Shot("", ("Escape",), "by created"),
    Shot("lineage", ("g", "j", "j", "L"), "no commit"),
    Shot("", ("Escape",), "by created"),
    Shot("models", ("4",), "champion"),
    Shot("deployments", ("5",), lambda text: "in the last" in text or "p99" in text),
    Shot("disk", (":", "d", "i", "s", "k", "Enter"), "what each of them holds alone"),
    Shot("", ("Escape",), "Deployments"),
    Shot("palette", ("C-p",), "Go anywhere"),
    Shot("", ("Escape",), "Deployments"),
    Shot("help", ("?",), lambda text: "─╮" in text),
    Shot("", ("Escape",), "Deployments"),
    Shot("explain", ("3", "g", "F1"), "What is this?"),
    Shot("", ("Escape",), "by created"),
)


def main() -> None:
    if sys.argv[1:]:
        take(Path(sys.argv[1]).resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        ws = Workspace(Path(folder, "home"), Path(folder))
        try:
            ws.demo.run("digits", on_step=lambda step: print(step.name, step.detail), progress=lambda _: None)
            for _ in range(_REQUESTS):
                ws.deployments.predict("digits", ws.deployments.example("digits"))
            take(ws.home.root)
        finally:
            remove_jobs(ws.engine(), ws.home)
            ws.close()


def take(home: Path) -> None:
    (home / "ui.json").unlink(missing_ok=True)
    project = home / "samples" / "digits"
    env = {"LAB_HOME": str(home), "COLORTERM": "truecolor"}
    with Terminal(lab(), project, env, COLUMNS, ROWS) as terminal:
        for shot in SHOTS:
            for key in shot.keys:
                terminal.keys(key)
                time.sleep(0.3)  # a screen that is just being changed takes no keys
            terminal.until(shot.ready, 60)
            if shot.name:
                picture(terminal, shot.name)
    with Terminal(lab(), project, env, COLUMNS, ROWS) as terminal:
        terminal.press("1", "● ready")  # it opens where the one before was left
        terminal.type(":theme lab-light")
        terminal.keys("Enter")
        time.sleep(1)
        terminal.keys("3")
        terminal.until(lambda text: "by created" in text and "val_accuracy" in text, 60)
        picture(terminal, "light")
    (home / "ui.json").unlink(missing_ok=True)


def picture(terminal: Terminal, name: str) -> None:
    """Take one as soon as nothing moves any more."""
    before, since, deadline = "", time.monotonic(), time.monotonic() + 10
    while time.monotonic() - since < _STILL and time.monotonic() < deadline:
        now = terminal.screen()
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(0.05)
    # -N keeps the background of blanks at the ends of lines
    capture = terminal._tmux("capture-pane", "-N", "-p", "-e")
    terminal_png.render(capture, COLUMNS, ROWS, HERE / f"{name}.png")
    terminal_svg.render(capture, COLUMNS, ROWS, HERE / f"{name}.svg")
    print(f"screenshots/{name}.png and .svg")


if __name__ == "__main__":
    main()
