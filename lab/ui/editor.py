"""Text in the user's own editor, which has the terminal for so long."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from lab.errors import LabError, UsageError

#: Looked for in this order where the user has said nothing.
_USUAL = ("editor", "nano", "vim", "vi")
#: What names of files are given without, and how long they are at most.
_ODD, _LONGEST_NAME = re.compile(r"[^\w.-]"), 60
#: Of a longer file an editor gets the last so many bytes.
_MOST = 64 * 2**20


def editor() -> list[str]:
    """The words of $VISUAL or $EDITOR, else a usual editor. Raises UsageError where there is none."""
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(os.environ.get(name, ""))
        except ValueError as error:
            raise UsageError(f"{name} cannot be read: {error}", f"set {name} to the command of an editor") from error
        if words:
            return words
    found = next((path for path in map(shutil.which, _USUAL) if path), None)
    if found is None:
        raise UsageError("there is no editor here", "set EDITOR to the command of one")
    return [found]


def edit_text(app: App[Any], text: str, name: str) -> str | None:
    """What became of `text`, without blank lines at its end; None where nothing did. `name` tells the editor what kind
    of file it is. Raises LabError where there is no editor, or it fails: then the text is as it was."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        file = Path(folder, _ODD.sub("_", name)[-_LONGEST_NAME:])
        file.write_text(text + "\n" if text else "", encoding="utf-8")
        edit_file(app, file)
        after = file.read_text(encoding="utf-8", errors="replace").rstrip()
    return None if after == text.rstrip() else after


def show_file(app: App[Any], path: Path) -> str:
    """A copy of a file, which itself must stay as it is. Returns a sentence where that is not all of it.

    Raises LabError as `edit_text` does, and where the file cannot be read."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        copy = Path(folder, path.name)
        try:
            left_out = _copy_end(path, copy)
        except OSError as error:
            raise LabError(f"{path.name} cannot be read: {error.strerror}") from error
        copy.chmod(0o400)
        edit_file(app, copy)
    return f"these were the last {_MOST // 2**20} MB of {path.name}" if left_out else ""


def edit_file(app: App[Any], path: Path) -> None:
    """The file itself, in place. Raises LabError where there is no editor, no terminal for it, or it fails."""
    words, trouble = editor(), ""
    # ctrl-c belongs to the editor; a handler of ours, unlike a signal that is ignored, is none of its.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with app.suspend():
            try:
                code = subprocess.run([*words, str(path)], check=False).returncode
                trouble = f"was ended by signal {-code}" if code < 0 else f"ended with {code}" if code else ""
            except OSError as error:
                trouble = f"cannot be started: {error.strerror}"
    except SuspendNotSupported as error:
        raise UsageError("there is no terminal here that an editor could have", "open lab in a terminal") from error
    finally:
        signal.signal(signal.SIGINT, before)
    if trouble:
        raise LabError(f"the editor {words[0]} {trouble}", "EDITOR says which one it is")


def _copy_end(path: Path, copy: Path) -> bool:
    """Whether something was left out: all before a line in the last `_MOST` bytes."""
    with path.open("rb") as source, copy.open("wb") as target:
        start = max(0, path.stat().st_size - _MOST)
        source.seek(start)
        if start:
            source.readline()
        shutil.copyfileobj(source, target)
    return start > 0
