from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.ui.state import HISTORY, ViewState, project_of


def test_what_is_put_is_there_after_a_restart(tmp_path: Path) -> None:
    state = ViewState(tmp_path / "ui.json")
    state.put("runs", "filter", "lr<0.1 \x1b[2J")
    assert state.save() == ""
    assert ViewState(tmp_path / "ui.json").get("runs", "filter", "") == "lr<0.1 \x1b[2J"
    assert [path.name for path in tmp_path.iterdir()] == ["ui.json"]


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"runs": 3}', '{"runs": {"filter": 7}}', "\x00\xff"])
def test_a_damaged_file_means_the_defaults(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ui.json"
    path.write_text(content, encoding="latin-1")
    state = ViewState(path)
    assert state.get("runs", "filter", "") == ""
    state.put("runs", "filter", "x")
    assert state.save() == ""
    assert ViewState(path).get("runs", "filter", "") == "x"


def test_nothing_is_written_without_a_change_or_a_lab_home(tmp_path: Path) -> None:
    state = ViewState(tmp_path / "nowhere" / "ui.json")
    state.put("a", "b", 1)
    assert state.save() == ""
    assert not (tmp_path / "nowhere").exists()
    quiet = ViewState(tmp_path / "ui.json")
    assert quiet.save() == ""
    assert not (tmp_path / "ui.json").exists()


def test_a_failed_write_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ui.json").mkdir()
    state = ViewState(tmp_path / "ui.json")
    state.put("a", "b", 1)
    assert "could not be saved" in state.save()


def test_projects_are_apart_and_other_processes_are_not_undone(tmp_path: Path) -> None:
    path = tmp_path / "ui.json"
    one, other = ViewState(path, "/a"), ViewState(path, "/b")
    one.put("runs", "filter", "lr<1")
    one.put("app", "theme", "lab-light")
    assert one.save() == ""
    other.put("runs", "filter", "tag:x")
    assert other.save() == ""
    assert ViewState(path, "/a").get("runs", "filter", "") == "lr<1"
    assert ViewState(path, "/b").get("runs", "filter", "") == "tag:x"
    assert ViewState(path, "/c").get("runs", "filter", "") == ""
    for number in range(60):
        state = ViewState(path, f"/{number}")
        state.put("runs", "filter", "x")
        state.save()
    assert ViewState(path, "/a").get("runs", "filter", "") == "", "the ones used last are kept"
    assert ViewState(path, "/59").get("runs", "filter", "") == "x"


def test_a_project_is_its_nearest_lab_toml(tmp_path: Path) -> None:
    (tmp_path / "p" / "src").mkdir(parents=True)
    assert project_of(tmp_path / "p" / "src") == str(tmp_path / "p" / "src")
    (tmp_path / "p" / "lab.toml").write_text("")
    assert project_of(tmp_path / "p" / "src") == str(tmp_path / "p")


def test_history_keeps_the_last_lines_once(tmp_path: Path) -> None:
    state = ViewState(tmp_path / "ui.json")
    for number in range(HISTORY + 10):
        state.remember_command(f"runs {number}")
    state.remember_command("runs 50")
    assert len(state.history) == HISTORY
    assert state.history[-2:] == [f"runs {HISTORY + 9}", "runs 50"]
    assert state.history.count("runs 50") == 1
    state.save()
    data = json.loads((tmp_path / "ui.json").read_text())
    data["command"]["history"] += [7, None]
    (tmp_path / "ui.json").write_text(json.dumps(data))
    assert all(isinstance(line, str) for line in ViewState(tmp_path / "ui.json").history)
