"""What a server keeps of its requests, on a good disk and on a full one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving_client import Server

from lab.runtime.serving.capture import CaptureFiles
from lab.runtime.serving.jsonlines import forget, locked

Models = dict[str, tuple[Any, Any, Path]]


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """All but a line that is just being written."""
    texts = [path.read_text().rpartition("\n")[0] for path in sorted(folder.glob("*.jsonl"))]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def test_requests_and_answers_are_kept_and_a_stop_loses_none(models: Models, tmp_path: Path) -> None:
    _, inputs, folder = models["ridge"]
    with Server(folder, LAB_RUN_DIR=str(tmp_path), LAB_CAPTURE_RATE="1") as server:
        server.wait_for()
        answers = [server.post({"data": inputs[n : n + 2].tolist(), "id": f"r{n}"})[1] for n in range(20)]
        assert server.stop()[0] == 0
    lines = lines_of(tmp_path / "capture")
    assert [line["id"] for line in lines] == [f"r{n}" for n in range(20)]
    for number, (line, answer) in enumerate(zip(lines, answers, strict=True)):
        assert np.allclose(line["data"], inputs[number : number + 2])
        assert line["predictions"] == answer["predictions"]
        assert line["version"] == "v1"
    with locked(tmp_path / "capture"):
        assert forget((tmp_path / "capture").glob("*.jsonl"), {"r3", "r4"}) == 2
    assert {line["id"] for line in lines_of(tmp_path / "capture")}.isdisjoint({"r3", "r4"})


def test_a_share_of_the_requests_is_kept(models: Models, tmp_path: Path) -> None:
    with Server(models["ridge"][2], LAB_RUN_DIR=str(tmp_path), LAB_CAPTURE_RATE="0.5") as server:
        server.wait_for()
        connection = server.connect()
        for _ in range(400):
            connection.request("POST", "/predict", json.dumps({"data": [[0.0] * 10]}))
            connection.getresponse().read()
        connection.close()
        assert server.stop()[0] == 0
    assert 120 < len(lines_of(tmp_path / "capture")) < 280  # ±8 standard deviations


def test_a_full_disk_hurts_no_answer(models: Models, small_disk: Path) -> None:
    run = small_disk / "run"
    run.mkdir()
    with Server(models["ridge"][2], LAB_RUN_DIR=str(run), LAB_CAPTURE_RATE="1") as server:
        server.wait_for()
        (small_disk / "hog").write_bytes(b"x" * 150_000)
        connection, deadline = server.connect(), time.monotonic() + 60
        body = json.dumps({"data": [[0.123456789] * 10] * 50})
        while _dropped(server) == 0:
            assert time.monotonic() < deadline
            connection.request("POST", "/predict", body)
            response = connection.getresponse()
            assert len(json.loads(response.read())["predictions"]) == 50
            assert response.status == 200
        lines_of(run / "capture")  # every line is whole
        status, answer = server.post({"id": "a" * 128, "labels": ["x" * 256] * 1000}, "/feedback")
        assert (status, answer["error"]["code"]) == (507, "feedback_failed")
        (small_disk / "hog").unlink()
        kept = len(lines_of(run / "capture"))
        while len(lines_of(run / "capture")) <= kept:
            assert time.monotonic() < deadline
            server.post({"data": [[0.0] * 10]})
        code, _ = server.stop()
        assert code == 0
    assert "requests are not captured: No space left on device" in (run / "stdout.log").read_text()


def _dropped(server: Server) -> float:
    page = server.get("/metrics")[1].decode()
    return float(next(line for line in page.splitlines() if line.startswith("lab_capture_dropped_total ")).split()[1])


def test_a_full_disk_cuts_no_line_short(small_disk: Path) -> None:
    files = CaptureFiles(small_disk / "capture", 1 << 30, 30)
    line = json.dumps({"id": "x" * 5000}).encode() + b"\n"

    def fill() -> None:
        for _ in range(1000):
            files.write([line] * 3)

    with pytest.raises(OSError, match="No space"):
        fill()
    kept = lines_of(small_disk / "capture")
    assert 20 < len(kept) < 60
    for path in (small_disk / "capture").glob("*.jsonl"):
        path.unlink()
    files.write([line])
    assert len(lines_of(small_disk / "capture")) == 1
