"""kill -9 at random moments: no acknowledged event is lost, none is doubled, the index opens or rebuilds by itself."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from crew import HOLDER, WRITER, crew

from lab.catalog.connection import Catalog
from lab.paths import LabHome

KILLS = 200
TOGETHER = 4  # processes at a time: half write, half hold or wait for the index


class Acknowledged:
    """Ids that killed writers had been promised."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._lock = threading.Lock()

    def listen(self, stream: object) -> None:
        assert hasattr(stream, "readline")
        while line := stream.readline():
            if line.endswith("\n"):
                with self._lock:
                    self.ids.append(line.strip())


def test_two_hundred_kills(tmp_path: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    moments = random.Random(20_261_123)
    promised = Acknowledged()
    listeners: list[threading.Thread] = []
    for number in range(KILLS // TOGETHER):
        writers = [crew(WRITER, home.root, 0, f"{number}-{index}") for index in range(TOGETHER // 2)]
        holders = [crew(HOLDER, home.root, *(["publish"] if number % 2 else [])) for _ in range(TOGETHER // 2)]
        for writer in writers:
            listeners.append(threading.Thread(target=promised.listen, args=(writer.stdout,)))
            listeners[-1].start()
        # Some are hit while they still start, most in full swing.
        time.sleep(moments.uniform(0.05, 0.45))
        for process in moments.sample(writers + holders, TOGETHER):
            process.kill()
            time.sleep(moments.uniform(0, 0.005))
        for process in writers + holders:
            assert process.wait(30) == -9, "it was killed, it did not fall over by itself"
        if number % 10 == 9:
            _check(home, promised, listeners)
    _check(home, promised, listeners)
    assert len(promised.ids) > 1000, "the writers really wrote"


def _check(home: LabHome, promised: Acknowledged, listeners: list[threading.Thread]) -> None:
    while listeners:
        listeners.pop().join()
    catalog = Catalog(home, wait=5.0)
    try:
        assert catalog.holder
        ids = [row["id"] for row in catalog.rows("SELECT id FROM events")]
        assert len(ids) == len(set(ids)), "doubled"
        assert set(promised.ids) <= set(ids), "lost"
        created = catalog.rows("SELECT subject FROM events WHERE type = 'run.created'")
        runs = catalog.rows("SELECT id FROM run_table")
        assert sorted(row["id"] for row in runs) == sorted(row["subject"] for row in created)
    finally:
        catalog.close()
