"""What is left of the app when a fault of its own ends it: a file that tells what happened, and a line in the terminal.

A traceback on the terminal would be torn by the screen that it ends, and would hold what users' data look like.
"""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from lab import __version__
from lab.domain.text import clean, clean_lines

#: Reports that are kept; older ones go.
_KEPT = 10
_LONGEST = 200_000  # characters of a traceback; its end tells most
_TERMINAL = ("TERM", "COLORTERM", "TERM_PROGRAM", "TMUX", "SSH_CONNECTION", "LC_ALL", "LANG", "NO_COLOR")


def write(error: BaseException, folder: Path, facts: Mapping[str, str]) -> Path | None:
    """Write a report about `error` and `facts` into `folder`; None where that cannot be written."""
    path = folder / f"crash-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text(error, facts))
        for old in sorted(folder.glob("crash-*.txt"))[:-_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return None
    return path


def text(error: BaseException, facts: Mapping[str, str]) -> str:
    """The report: versions, terminal, what was on the screen, and where it happened, without the values there."""
    told = {
        "lab": __version__,
        "textual": version("textual"),
        "python": platform.python_version(),
        "system": platform.platform(),
        **{name: os.environ[name] for name in _TERMINAL if name in os.environ},
        **facts,
    }
    lines = [f"{name}: {clean(value, 400)}" for name, value in told.items()]
    trace = traceback.TracebackException.from_exception(error, capture_locals=False)
    return "\n".join([*lines, "", clean_lines("".join(trace.format())[-_LONGEST:]), ""])


def farewell(error: BaseException, report: Path | None) -> str:
    """What the terminal shows instead of the app."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    kept = f"What happened is in {report}" if report else "The report about it could not be written"
    return f"Lab ended by a fault of its own: {type(error).__name__}{where}. Nothing that was kept is lost.\n{kept}\n"
