"""Keys that the user moves: taken, refused, and told where two actions would have the same one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.__main__ import main
from lab.ui.actions.keys import bound, keymap, split, troubles


def test_a_key_that_is_moved_onto_another_is_a_conflict() -> None:
    assert troubles({}) == [], "as shipped there are none"
    assert troubles({"go.runs": "f3"}) == []
    [clash] = troubles({"runs.launch": "c"})
    assert "c is both" in clash
    assert "runs.launch" in clash
    assert "runs.compare" in clash
    assert any("table.down" in clash for clash in troubles({"app.help": "j"})), "keys inside widgets count too"
    assert troubles({"runs.launch": "f5", "models.promote": "f5"}) == [], "they are never on one screen"


def test_names_that_are_no_action_are_told_with_the_nearest(hostile: str) -> None:
    assert "did you mean runs.launch?" in troubles({"runs.lunch": "f5"})[0]
    [told] = troubles({f"x{hostile}"[:500]: "f5"})
    assert not [char for char in told if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]
    assert keymap({"no.such": "f5", "go.runs": "f3, f4", "go.data": " "}) == {"go.runs": "f3,f4"}
    assert split(",") == ("comma",)
    [moved] = [one for one in bound({"go.runs": "f3"}) if one.moved]
    assert (moved.id, moved.keys) == ("go.runs", ("f3",))


def test_the_shell_lists_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ("--home", str(tmp_path))
    assert main(["keys", "--json", *home]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["total"] == len(told["items"]) > 100
    assert {
        "id": "app.undo",
        "title": "Undo",
        "keys": ["z"],
        "moved": False,
        "where": ["*"],
        "command": "lab undo",
    } in told["items"]
    (tmp_path / "config.toml").write_text('[keys]\n"runs.launch" = "c"\n')
    assert main(["keys", *home]) == 1
    assert "c is both" in capsys.readouterr().err
