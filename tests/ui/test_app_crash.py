"""A fault of the app's own: a report in a file, one sentence on the terminal, and a terminal that works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from terminal import Terminal

from lab.ui import crash

PROGRAM = """
import sys
from pathlib import Path
from lab.ui.app import LabApp

class Faulty(LabApp):
    def on_key(self, event):
        secret = "a value that nobody shall see"
        raise ValueError("bad \\x1b]0;owned\\x07[/x] name"[: len(secret)])

app = Faulty(Path(sys.argv[1]), Path(sys.argv[2]))
app.run()
sys.exit(app.return_code)
"""


def test_a_fault_leaves_a_report_and_a_whole_terminal(tmp_path: Path) -> None:
    script = tmp_path / "faulty.py"
    script.write_text(PROGRAM)
    home = tmp_path / "home"
    with Terminal([sys.executable, str(script), str(home), str(tmp_path)], tmp_path, {}, 100, 30) as terminal:
        terminal.until("Deployments")
        screen = terminal.press("a", "[ended: 1]")
        assert "Lab ended by a fault of its own: ValueError at faulty.py:" in screen
        assert "Traceback" not in screen
        assert "owned" not in screen
        terminal.keys("C-c")  # out of the sleep behind the program
    (report,) = (home / "crashes").iterdir()
    assert report.name in "".join(screen.split())
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    assert "raise ValueError" in text
    assert "screen: HomeScreen" in text
    assert "textual: " in text
    assert "\x1b" not in text
    assert "nobody shall see" not in text.replace('secret = "a value that nobody shall see"', "")


def test_only_the_last_reports_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = iter(f"20260101T0000{at:02d}Z" for at in range(20))
    monkeypatch.setattr(crash.time, "strftime", lambda *_: next(stamps))
    for _ in range(15):
        assert crash.write(ValueError("x"), tmp_path / "crashes", {}) is not None
    assert len(list((tmp_path / "crashes").iterdir())) == 10


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert crash.write(ValueError("x"), tmp_path / "file", {}) is None
    assert "could not be written" in crash.farewell(ValueError("x"), None)
