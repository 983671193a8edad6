"""The model's process comes and goes behind its address: it sleeps, is woken, dies and is started again."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from serving_client import Server

Models = dict[str, tuple[Any, Any, Path]]
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}


def _worker(server: Server) -> int:
    """The pid of the model's process; 0 while there is none."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


def _counters(server: Server) -> dict[str, float]:
    status, page = server.get("/metrics")
    assert status == 200
    lines = [line.rsplit(" ", 1) for line in page.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def _wait(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def _asleep(server: Server) -> bool:
    return _counters(server)["lab_asleep"] == 1


def _all_at_once(server: Server, count: int) -> list[tuple[int, Any]]:
    answers: list[tuple[int, Any]] = []
    threads = [threading.Thread(target=lambda: answers.append(server.post(ROW))) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_it_falls_asleep_and_a_request_wakes_it(models: Models) -> None:
    with Server(models["linear"][2], LAB_IDLE="0.5") as server:
        server.wait_for()
        before = server.post(ROW)
        awake = _counters(server)["process_resident_memory_bytes"]
        _wait(lambda: _asleep(server))
        assert _worker(server) == 0
        assert _counters(server)["process_resident_memory_bytes"] < min(20 << 20, awake / 2)
        # Whoever looks after it neither wakes it nor keeps it up.
        for path, wanted in (("/livez", {"live": True}), ("/readyz", {"ready": True, "state": "asleep"})):
            assert server.get(path) == (200, wanted)
        assert server.ask("HEAD", "/ping")[0] == 200
        assert server.get("/livez", Host="evil.example")[0] == 421
        assert server.ask("HEAD", "/readyz") == (200, b"")
        assert _worker(server) == 0
        status, answer = server.post(ROW)
        assert (status, answer["predictions"]) == (200, before[1]["predictions"])
        assert _worker(server) != 0
        assert _counters(server)["lab_worker_naps_total"] == 1
        _wait(lambda: _asleep(server))
        answers = _all_at_once(server, 32)
        assert [status for status, _ in answers] == [200] * 32
        assert _counters(server)["lab_worker_naps_total"] == 2, "32 at once wake it once"
        _wait(lambda: _asleep(server))
        assert server.stop()[0] == 0


def test_looks_at_its_health_are_no_use_of_it(models: Models) -> None:
    with Server(models["linear"][2], LAB_IDLE="1") as server:
        server.wait_for()
        deadline = time.monotonic() + 60
        while server.get("/readyz")[1].get("state") != "asleep":
            assert time.monotonic() < deadline, "it was asked for its health all the time"


def test_a_worker_that_is_killed_is_replaced_and_no_request_fails(models: Models) -> None:
    with Server(models["linear"][2]) as server:
        server.wait_for()
        first = _worker(server)
        os.kill(first, signal.SIGKILL)
        answers = _all_at_once(server, 8)
        assert [status for status, _ in answers] == [200] * 8
        assert _worker(server) not in (0, first)
        assert _counters(server)["lab_worker_restarts_total"] == 1
        code, output = server.stop()
        assert code == 0
        assert "the model's process died: it was ended by signal 9; it is started again" in output


def test_a_second_death_soon_after_is_waited_for_and_a_third_is_told(models: Models) -> None:
    with Server(models["linear"][2]) as server:
        server.wait_for()
        for _ in range(2):
            os.kill(_ready_worker(server), signal.SIGKILL)
            answers = _all_at_once(server, 4)
            assert [status for status, _ in answers] == [200] * 4
        told: set[str] = set()
        deadline = time.monotonic() + 60
        while not told:  # where each life takes too long to be one of a row, the next death is the one
            assert time.monotonic() < deadline
            worker = _ready_worker(server)
            os.kill(worker, signal.SIGKILL)
            while not told and _worker(server) in (0, worker):
                with suppress(OSError):  # of one that dies just now
                    status, answer = server.get("/readyz")
                    told |= {answer["reason"]} if status == 503 else set()
        assert "again and again" in told.pop()
        server.wait_for()
        assert _counters(server)["lab_worker_restarts_total"] >= 3


def _ready_worker(server: Server) -> int:
    _wait(lambda: _worker(server) and "state" not in server.wait_for())
    return _worker(server)


def test_clients_of_a_worker_that_is_killed_see_an_end_and_no_reset(models: Models) -> None:
    with Server(models["linear"][2]) as server:
        server.wait_for()
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as wire:
            wire.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b" 200 " in wire.recv(65536)
            worker = _worker(server)
            os.kill(worker, signal.SIGSTOP)
            wire.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")  # lies unread in its socket
            os.kill(worker, signal.SIGKILL)
            assert wire.recv(65536) == b""


def test_one_that_dies_again_and_again_is_given_up(models: Models) -> None:
    with Server(models["linear"][2]) as server:
        server.wait_for()
        seen: set[int] = set()
        deadline = time.monotonic() + 120
        while server.process.poll() is None:
            assert time.monotonic() < deadline
            worker = _worker(server)
            if worker and worker not in seen:
                seen.add(worker)
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.01)
        assert server.process.returncode == 128 + signal.SIGKILL
        assert 2 <= len(seen) <= 7


def test_the_worker_ends_with_its_keeper(models: Models) -> None:
    with Server(models["linear"][2]) as server:
        server.wait_for()
        worker = _worker(server)
        server.process.kill()
        server.process.wait(timeout=60)
        _wait(lambda: not Path(f"/proc/{worker}").exists())
