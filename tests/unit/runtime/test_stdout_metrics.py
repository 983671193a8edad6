"""From a growing log to metrics: nothing lost, nothing twice, whoever reads it and whenever it was killed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lab.runtime.printed import Patterns
from lab.runtime.stdout_metrics import StdoutMetrics
from lab.stores.runfolder import EventTail

LOG = b"".join(b"epoch %d loss: %.4f\nsomething else\n" % (epoch, 1 / (epoch + 1)) for epoch in range(40))


def follower(folder: Path) -> StdoutMetrics:
    return StdoutMetrics(str(folder), Patterns())


def found(folder: Path) -> list[tuple[float, dict[str, Any]]]:
    """As Lab reads them: torn lines count for nothing."""
    tail = EventTail(folder / "printed.jsonl")
    return [(line["s"], line["m"]) for line in tail.poll() if "m" in line]


EXPECTED = [(float(epoch), {"loss": float(f"{1 / (epoch + 1):.4f}")}) for epoch in range(40)]


def test_lines_are_taken_when_they_are_whole(tmp_path: Path) -> None:
    reader = follower(tmp_path)
    reader.poll()
    assert found(tmp_path) == []
    with open(tmp_path / "stdout.log", "wb") as log:
        for at in range(0, len(LOG), 7):
            log.write(LOG[at : at + 7])
            log.flush()
            reader.poll()
    reader.close()
    assert found(tmp_path) == EXPECTED


@pytest.mark.parametrize("cut", range(0, len(LOG), 97))
def test_another_process_goes_on_where_a_killed_one_was(tmp_path: Path, cut: int) -> None:
    log = tmp_path / "stdout.log"
    log.write_bytes(LOG[:cut])
    first = follower(tmp_path)
    first.poll()
    first.close()
    printed = tmp_path / "printed.jsonl"
    if printed.exists():  # the kill came while it wrote
        printed.write_bytes(printed.read_bytes()[: -(cut % 30) or None])
    log.write_bytes(LOG)
    for _ in range(2):
        second = follower(tmp_path)
        assert second.poll(last=True)
        second.close()
    assert found(tmp_path) == EXPECTED


def test_values_without_a_step_are_counted_on_after_a_kill(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_bytes(b"loss: 0.5\nloss: 0.4\n")
    first = follower(tmp_path)
    first.poll()
    first.close()
    log.write_bytes(b"loss: 0.5\nloss: 0.4\nloss: 0.3\nacc: 0.9")
    second = follower(tmp_path)
    second.poll(last=True)
    second.close()
    assert found(tmp_path) == [(0, {"loss": 0.5}), (1, {"loss": 0.4}), (2, {"loss": 0.3}), (0, {"acc": 0.9})]


def test_carriage_returns_end_lines_and_numbers_that_json_lacks_are_named(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_bytes(b"loss=0.5\rloss=nan\rloss=-inf\xff")
    reader = follower(tmp_path)
    reader.poll()
    assert found(tmp_path) == [(0, {"loss": 0.5}), (1, {"loss": "NaN"})]
    reader.poll(last=True)
    reader.close()
    assert found(tmp_path)[2:] == [(2, {"loss": "-Infinity"})]


def test_only_one_process_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_bytes(LOG)
    first, second = follower(tmp_path), follower(tmp_path)
    assert first.poll()
    assert not second.poll(last=True)
    first.close()
    assert second.poll(last=True)
    second.close()
    assert found(tmp_path) == EXPECTED


def test_a_log_without_metrics_is_read_but_once(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_bytes(b"nothing\n" * 100)
    reader = follower(tmp_path)
    reader.poll(last=True)
    reader.close()
    log.write_bytes(b"loss: 1.0" * 10 + b" " * 710)  # as long: were it read again, this would be found
    again = follower(tmp_path)
    again.poll(last=True)
    again.close()
    assert found(tmp_path) == []


@pytest.mark.parametrize("name", ["stdout.log", "printed.jsonl"])
def test_what_is_no_file_harms_nobody(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "stdout.log").write_bytes(LOG)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(victim)
    reader = follower(tmp_path)
    try:
        reader.poll(last=True)
    except OSError:
        pass
    finally:
        reader.close()
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    reader = follower(tmp_path)
    try:
        reader.poll(last=True)
    except OSError:
        pass
    finally:
        reader.close()
    assert victim.read_text() == "mine"
