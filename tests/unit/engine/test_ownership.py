from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine.base import Mount
from lab.engine.ownership import hand_over
from lab.paths import LabHome

ROOT = os.getuid() == 0
UID, GID = (65532, 65532) if ROOT else (os.getuid(), os.getgid())


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_closed_trees_in_the_home_are_opened_for_reading_only(tmp_path: Path) -> None:
    home = LabHome(tmp_path)
    data = home.runs / "d"
    (data / "sub").mkdir(parents=True)
    (data / "sub/file").touch(0o600)
    (data / "sub/tool").touch(0o700)
    (data / "link").symlink_to("/etc/shadow")
    data.chmod(0o700)
    shadow = Path("/etc/shadow").stat().st_mode if Path("/etc/shadow").exists() else None
    hand_over([Mount(data, "/lab/data/d")], home, UID, GID)
    assert [mode(path) for path in (data, data / "sub/file", data / "sub/tool")] == [0o705, 0o604, 0o704]
    assert shadow is None or Path("/etc/shadow").stat().st_mode == shadow


def test_what_lies_outside_of_the_home_is_not_touched(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir(0o700)
    hand_over([Mount(project, "/lab/code")], LabHome(tmp_path / "home"), UID, GID)
    assert mode(project) == 0o700


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
def test_writable_folders_are_given_but_not_what_others_share(tmp_path: Path) -> None:
    home = LabHome(tmp_path)
    run, code = home.runs / "r", home.runs / "r" / "code"
    (run / "artifacts").mkdir(parents=True)
    code.mkdir()
    (run / "events.jsonl").touch()
    stored = tmp_path / "object"
    stored.write_text("bytes of the store")
    os.link(stored, run / "linked")
    (run / "pointer").symlink_to(stored)
    hand_over([Mount(run, "/lab/run", read_only=False), Mount(code, "/lab/code")], home, UID, GID)
    assert {path.name: path.lstat().st_uid for path in run.iterdir()} == {
        "artifacts": UID,
        "events.jsonl": UID,
        "code": 0,
        "linked": 0,
        "pointer": 0,
    }
    assert stored.stat().st_uid == 0
