"""What is kept of requests: bounded, whole lines, nothing personal, and forgotten on demand."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.runtime.serving.capture import Capture, CaptureFiles
from lab.runtime.serving.compute import Output
from lab.runtime.serving.config import CaptureConfig
from lab.runtime.serving.jsonlines import append, forget, locked, without
from lab.runtime.serving.signature import Signature

SIGNATURE = Signature.from_json(
    {
        "framework": "sklearn",
        "inputs": [
            {"name": "n", "dtype": "float64"},
            {"name": "mail", "dtype": "string", "pii": "hash"},
            {"name": "name", "dtype": "string", "pii": "drop"},
        ],
        "file": "m",
    }
)
ROWS: list[list[Any]] = [[1.0, "a@example.org", "Ada"], [2.0, "b@example.org", "Bo"], [3.0, "a@example.org", "Ada"]]


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


async def keep(folder: Path, ids: list[str], log: list[str] | None = None, **config: Any) -> Capture:
    said = log if log is not None else []
    capture = Capture(CaptureConfig(rate=1.0, **config), folder, said.append)
    for name in ids:
        capture.keep(name, "v1", SIGNATURE, ROWS, Output(np.array([0.5, 1.5, 2.5])))
    await capture.settle()
    return capture


async def test_a_line_is_a_request_with_its_answer_and_nothing_personal(tmp_path: Path) -> None:
    begun = time.time()
    capture = await keep(tmp_path, ["one"])
    (line,) = lines_of(tmp_path / "capture")
    assert (line["id"], line["version"], line["predictions"]) == ("one", "v1", [0.5, 1.5, 2.5])
    assert begun - 1 <= line["at"] <= time.time() + 1
    assert [row[0] for row in line["data"]] == [1.0, 2.0, 3.0]
    assert [row[2] for row in line["data"]] == [None, None, None]
    hashes = [row[1] for row in line["data"]]
    assert hashes[0] == hashes[2] != hashes[1]
    assert all(text.startswith("pii:") and "@" not in text for text in hashes)
    assert ROWS[0][1] == "a@example.org"
    assert (capture.kept, capture.dropped) == (1, 0)
    assert (tmp_path / "capture").stat().st_mode & 0o077 == 0


async def test_hashes_can_be_linked_only_with_the_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    for name, config in (("a", {}), ("b", {}), ("c", {"key_file": key}), ("d", {"key_file": key})):
        (tmp_path / name).mkdir()
        await keep(tmp_path / name, ["one"], **config)
    a, b, c, d = (lines_of(tmp_path / name / "capture")[0]["data"][0][1] for name in "abcd")
    assert len({a, b, c}) == 3
    assert c == d


async def test_large_requests_are_kept_in_part(tmp_path: Path) -> None:
    capture = Capture(CaptureConfig(rate=1.0), tmp_path, print)
    capture.keep("one", "v1", SIGNATURE, ROWS * 1000, Output(np.zeros(3000)))
    await capture.settle()
    (line,) = lines_of(tmp_path / "capture")
    assert len(line["data"]) == len(line["predictions"]) == 100


@pytest.mark.parametrize("config", [{"rate": 0.0}, {"bytes": 0}])
async def test_it_can_be_off(tmp_path: Path, config: Any) -> None:
    capture = Capture(CaptureConfig(**{"rate": 1.0, **config}), tmp_path, print)
    capture.keep("one", "v1", SIGNATURE, ROWS, Output(np.zeros(3)))
    await capture.settle()
    assert not (tmp_path / "capture").exists()


async def test_it_writes_by_itself_while_requests_come(tmp_path: Path) -> None:
    capture = Capture(CaptureConfig(rate=1.0), tmp_path, print)
    async with asyncio.timeout(30):
        for number in range(3):
            capture.keep(str(number), "v1", SIGNATURE, ROWS, Output(np.zeros(3)))
            while capture.kept <= number:  # noqa: ASYNC110 (nothing tells of the change)
                await asyncio.sleep(0.01)
    assert [line["id"] for line in lines_of(tmp_path / "capture")] == ["0", "1", "2"]


def test_the_bytes_are_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    files = CaptureFiles(tmp_path / "capture", 8000, 30)
    for number in range(1000):
        files.write([json.dumps({"id": str(number)}).encode() + b"\n"] * 3)
        assert sum(path.stat().st_size for path in (tmp_path / "capture").glob("*.jsonl")) <= 8000
    ids = {line["id"] for line in lines_of(tmp_path / "capture")}
    assert "999" in ids
    assert "0" not in ids
    assert len(ids) > 100
    assert len(list((tmp_path / "capture").glob("*.jsonl"))) <= 9


def test_old_files_go(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    CaptureFiles(folder, 8000, 2).write([b'{"id": "old"}\n'])
    (old,) = folder.glob("*.jsonl")
    os.utime(old, (time.time() - 3 * 86400,) * 2)
    CaptureFiles(folder, 8000, 2).write([b'{"id": "new"}\n'])
    assert [line["id"] for line in lines_of(folder)] == ["new"]


def test_a_line_that_no_file_may_hold_is_left_out(tmp_path: Path) -> None:
    CaptureFiles(tmp_path / "capture", 800, 2).write([b"x" * 900 + b"\n", b'{"id": "small"}\n'])
    assert [line["id"] for line in lines_of(tmp_path / "capture")] == ["small"]


async def test_closing_lets_a_write_that_is_under_way_end(tmp_path: Path) -> None:
    capture = Capture(CaptureConfig(rate=1.0), tmp_path, print)
    for number in range(200):
        capture.keep(str(number), "v1", SIGNATURE, ROWS * 30, Output(np.zeros(90)))
    capture._flush()
    await capture.settle()
    assert len(lines_of(tmp_path / "capture")) == 200


async def test_a_folder_that_cannot_be_written_is_told_once_and_counted(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "capture").write_text("in the way")
    capture = await keep(tmp_path, ["a", "b"], said)
    assert (capture.kept, capture.dropped, len(said)) == (0, 2, 1)


async def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError):
        append(tmp_path / "link", b"x\n")
    assert (tmp_path / "precious").read_text() == "keep me"


def test_ids_are_forgotten_by_rewriting(tmp_path: Path) -> None:
    lines = [b'{"id": "a", "label": 1}\n', b'{"id": "b"}\n', b'{"id": "a"}\n', b"torn", b"[]\n"]
    assert list(without(lines, {"a"})) == [b'{"id": "b"}\n']
    paths = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    append(paths[0], b"".join(lines[:3]))
    append(paths[1], lines[1])
    untouched = paths[1].stat().st_ino
    with locked(tmp_path):
        assert forget(paths, {"a"}) == 2
    assert paths[0].read_bytes() == lines[1]
    assert paths[1].stat().st_ino == untouched
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "one.jsonl", "two.jsonl"]


def test_a_writer_waits_for_whoever_rewrites(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    files = CaptureFiles(folder, 8000, 2)
    files.write([b'{"id": "a"}\n'])
    source = (
        "import sys; from pathlib import Path; from lab.runtime.serving.jsonlines import locked\n"
        f"with locked(Path({str(folder)!r})): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        writer = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from pathlib import Path; from lab.runtime.serving.capture import CaptureFiles\n"
                f'CaptureFiles(Path({str(folder)!r}), 8000, 2).write([b\'{{"id": "b"}}\\n\'])',
            ]
        )
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(timeout=1.5)
        assert [line["id"] for line in lines_of(folder)] == ["a"]
        holder.communicate("", timeout=30)
        assert writer.wait(timeout=30) == 0
        assert [line["id"] for line in lines_of(folder)] == ["a", "b"]
    finally:
        holder.kill()
        holder.wait()
