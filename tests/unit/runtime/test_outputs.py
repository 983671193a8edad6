"""What a run left: only what it wrote, with the right hashes, and nothing of it opened but to be hashed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from lab.runtime import outputs


def write(path: Path, data: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def since(tmp_path: Path) -> int:
    """A run that began after its code was laid out."""
    write(tmp_path / "code" / "train.py")
    write(tmp_path / "code" / "data" / "old.csv")
    stamp = tmp_path / "code" / "train.py"
    while True:  # until the clock of the file system has moved on by more than its slack
        (tmp_path / "clock").write_text("x")
        if (tmp_path / "clock").stat().st_ctime_ns - stamp.stat().st_ctime_ns > 2 * outputs._SLACK:
            return (tmp_path / "clock").stat().st_ctime_ns
        time.sleep(0.005)


def describe(folder: Path, since: int, *places: str, stop: bool = False) -> dict[str, Any]:
    return outputs.describe(str(folder), since, places, lambda: stop)


def test_what_was_written_is_listed_with_its_hash(tmp_path: Path, since: int) -> None:
    write(tmp_path / "artifacts" / "plot.png", b"png")
    write(tmp_path / "model" / "model.skops", b"model")
    write(tmp_path / "records" / "mlruns" / "0" / "r" / "artifacts" / "model.pkl", b"pickle")
    write(tmp_path / "records" / "mlruns" / "0" / "r" / "metrics" / "loss", b"1 2 3")
    write(tmp_path / "code" / "out" / "weights.pt", b"weights")
    write(tmp_path / "code" / "report.txt", b"report")
    write(tmp_path / "code" / "__pycache__" / "x.pyc")
    found = describe(tmp_path, since)
    assert found["more"] == 0
    assert [(item["path"], item["kind"]) for item in found["files"]] == [
        ("artifacts/plot.png", "artifact"),
        ("model/model.skops", "model"),
        ("records/mlruns/0/r/artifacts/model.pkl", "model"),
        ("code/report.txt", "file"),
        ("code/out/weights.pt", "model"),
    ]
    for item in found["files"]:
        data = (tmp_path / item["path"]).read_bytes()
        assert (item["size"], item["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_changed_file_is_an_output_even_with_an_old_time(tmp_path: Path, since: int) -> None:
    write(tmp_path / "code" / "train.py", b"changed")
    os.utime(tmp_path / "code" / "train.py", (1, 1))
    assert [item["path"] for item in describe(tmp_path, since)["files"]] == ["code/train.py"]


def test_datasets_links_and_pipes_are_left_alone(tmp_path: Path, since: int) -> None:
    write(tmp_path / "secret", b"secret")
    write(tmp_path / "code" / "data" / "new.csv")
    (tmp_path / "code" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "artifacts").symlink_to(tmp_path / "code")
    os.mkfifo(tmp_path / "code" / "pipe")
    assert describe(tmp_path, since, "data", "./other")["files"] == []


def test_a_run_that_is_to_end_is_listed_without_hashes(tmp_path: Path, since: int) -> None:
    write(tmp_path / "model" / "m.pt", b"model")
    assert describe(tmp_path, since, stop=True)["files"] == [
        {"path": "model/m.pt", "kind": "model", "size": 5, "sha256": ""}
    ]


def test_very_many_files_are_counted(tmp_path: Path, since: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_FILES_MAX", 3)
    for number in range(5):
        write(tmp_path / "artifacts" / str(number))
    found = describe(tmp_path, since)
    assert (len(found["files"]), found["more"]) == (3, 2)
