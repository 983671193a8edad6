"""Back to the shell and to an editor, and from there to the whole screen."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

from terminal import Terminal, lab


def test_the_screen_is_whole_again_after_the_shell_and_after_an_editor(lab_home: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf 'the editor has the terminal'; read answer\n")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    env = {"LAB_HOME": str(lab_home), "LAB_ENGINE": "process", "EDITOR": str(editor), "PS1": "shell> "}
    with Terminal(["bash", "--norc", "--noprofile", "-i"], tmp_path, env, 100, 30) as terminal:
        terminal.until("shell>")
        terminal.type(shlex.join(lab()))
        terminal.keys("Enter")
        terminal.until("need you")
        terminal.press("3", "run-0001")
        before = terminal.until("by created")

        terminal.press("C-z", "Stopped")
        terminal.type("fg")
        terminal.keys("Enter")
        terminal.until(lambda screen: _shape(screen) == _shape(before))

        terminal.press("e", "the editor has the terminal")
        terminal.keys("Enter")
        terminal.until(lambda screen: _shape(screen) == _shape(before))

        terminal.press("e", "the editor has the terminal")
        terminal.keys("C-c")  # is the editor's own, and the app goes on
        terminal.until("was ended by signal 2")
        terminal.press("f1", "What is this?")


def _shape(screen: str) -> list[str]:
    """The first word of each line: what no clock changes."""
    return [line.split()[0] if line.split() else "" for line in screen.splitlines()]
