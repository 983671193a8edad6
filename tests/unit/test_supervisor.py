from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from lab import supervisor
from lab.supervisor import Supervisor


class Loop:
    name = "loop"

    def __init__(self, work: Callable[[threading.Event], None]) -> None:
        self.run = work


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_work_gives_its_result_or_its_exception() -> None:
    boss = Supervisor(lambda *_: None)
    assert boss.submit(lambda: 6 * 7).result(5) == 42
    with pytest.raises(ZeroDivisionError):
        boss.submit(lambda: 1 // 0).result(5)
    assert boss.close() == []


def test_work_runs_side_by_side_up_to_the_limit_and_none_is_forgotten() -> None:
    boss = Supervisor(lambda *_: None, workers=3)
    together = threading.Barrier(3)
    futures = [boss.submit(lambda: together.wait(10)) for _ in range(3)]
    assert sorted(future.result(10) for future in futures) == [0, 1, 2]
    many = [boss.submit(lambda n=n: n) for n in range(200)]  # type: ignore[misc]
    assert [future.result(10) for future in many] == list(range(200))
    assert boss.close() == []


def test_a_crashed_service_is_told_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_BACKOFF", 0.01)
    told: list[tuple[str, Exception]] = []
    rounds: list[int] = []

    def work(stop: threading.Event) -> None:
        rounds.append(1)
        if len(rounds) < 3:
            raise OSError("disk on fire")
        stop.wait()

    boss = Supervisor(lambda name, error: told.append((name, error)))
    boss.start(Loop(work))
    until(lambda: len(rounds) == 3)
    assert [(name, str(error)) for name, error in told] == [("loop", "disk on fire")] * 2
    assert boss.close() == []


def test_closing_names_what_is_stuck_within_the_deadline() -> None:
    release = threading.Event()
    boss = Supervisor(lambda *_: None)
    boss.start(Loop(lambda _: release.wait(30) and None))  # type: ignore[arg-type, return-value]
    assert boss.close(timeout=0.2) == ["lab-loop"]
    release.set()


def test_a_closed_supervisor_takes_no_work() -> None:
    boss = Supervisor(lambda *_: None)
    boss.close()
    with pytest.raises(RuntimeError):
        boss.submit(lambda: None)
