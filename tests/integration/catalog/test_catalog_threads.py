"""Threads of one process: queries go on while the index is published, rebuilt and written."""

from __future__ import annotations

import threading
from pathlib import Path

from lab.catalog.connection import Catalog
from lab.journal import Journal
from lab.paths import LabHome

RUNS = 300


def test_queries_never_see_less_than_was_there(tmp_path: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    journal = Journal(home, ())
    for number in range(RUNS):
        journal.append("run.created", f"r{number}", {"name": "x", "project": "p", "entry": "t"})
    catalog = Catalog(home)
    stop = threading.Event()
    answers: list[int] = []
    trouble: list[Exception] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(catalog.rows("SELECT count(*) AS n FROM run_table")[0]["n"])
            except Exception as error:  # whatever it is, it is one too many
                trouble.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        if number % 4 == 3:
            catalog.publish()
        catalog.rebuild()
        journal.append("run.noted", "r1", {"notes": str(number)})
        catalog.refresh()
    stop.set()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert len(answers) > 20
    assert min(answers) == RUNS
    assert catalog.notices == []
    catalog.close()
