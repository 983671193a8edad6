"""When the driver looks: as soon as something has ended, and not all the time that a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import cast

import pytest

from lab.experiments import driver as drivers
from lab.experiments.driver import Driver
from lab.experiments.queue import Queue
from lab.experiments.service import Runs
from lab.experiments.sweeps import Sweeps
from lab.paths import LabHome


class Room:
    """Queue, runs and sweeps at once: one run goes on, and everything that is asked is counted."""

    def __init__(self, home: LabHome) -> None:
        self.home = home
        self.going = ["r1"]
        self.startable = 0
        self.claims = self.settled = 0

    def refresh(self) -> None:
        pass

    def claim(self) -> list[str]:
        self.claims += 1
        return []

    def take_back(self) -> None:
        pass

    def tended(self) -> list[str]:
        return []

    def settle(self, *, ask_engine: bool) -> list[str]:
        self.settled += 1
        return []


@pytest.fixture
def room(tmp_path: Path) -> Room:
    home = LabHome(tmp_path)
    home.run("r1").root.mkdir(parents=True)
    return Room(home)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(drivers.time, "monotonic", lambda: now[0])
    return now


def submit(work: Callable[[], None]) -> Future[None]:
    done: Future[None] = Future()
    work()
    done.set_result(None)
    return done


def driver_of(room: Room) -> Driver:
    return Driver(room.home, cast(Queue, room), cast(Runs, room), cast(Sweeps, room), submit, print)


def test_a_run_that_goes_on_is_not_looked_at_all_the_time(room: Room, clock: list[float]) -> None:
    driver = driver_of(room)
    for _ in range(100):
        driver.step()
        clock[0] += 0.001
    assert (room.claims, room.settled) == (2, 1), "at first, and when what that began was over"


def test_the_end_of_a_run_is_seen_at_once_and_settled(room: Room, clock: list[float]) -> None:
    driver = driver_of(room)
    for _ in range(5):
        driver.step()
    room.home.run("r1").exit.write_text("{}")
    before = room.claims
    driver.step()
    assert (room.claims, room.settled) == (before + 1, 2)
    for _ in range(50):
        driver.step()
    assert room.settled == 2, "an engine may take a moment: not again at once"
    clock[0] += 0.3
    driver.step()
    assert room.settled == 3, "but soon, until its end is noted"
    room.going = []
    for _ in range(3):
        driver.step()
    clock[0] += 0.3
    settled = room.settled
    driver.step()
    driver.step()
    assert room.settled == settled
