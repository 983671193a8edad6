"""One catalog under many threads, and through a fork."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from lab.catalog import histories, index
from lab.catalog.connection import Catalog
from lab.journal import Journal
from lab.paths import LabHome

RUNS = 300
COUNT = "SELECT count(*) AS n FROM run_table"
HELD = "SELECT memory_usage_bytes / 1e6 AS mb FROM duckdb_memory() WHERE tag = 'BASE_TABLE'"
LIMIT = "SELECT current_setting('memory_limit') AS set"


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    home = LabHome(tmp_path / 'it\'s a "home"').create()
    journal = Journal(home, ())
    for number in range(RUNS):
        journal.append("run.created", f"r{number}", {"name": "x", "project": "p", "entry": "t"})
    journal.close()
    return home


class Askers:
    """Threads that ask without a pause and note what they did not like."""

    def __init__(self, *catalogs: Catalog) -> None:
        self.answers = 0
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(catalog,)) for catalog in catalogs for _ in range(3)]

    def _ask(self, catalog: Catalog) -> None:
        while not self._stop.is_set():
            try:
                (row,) = catalog.rows(f"{COUNT} -- {self.answers % 100}")
            except Exception as error:
                self.wrong.append(repr(error))
            else:
                self.answers += 1
                if row["n"] < RUNS:
                    self.wrong.append(str(row))

    def __enter__(self) -> Askers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_readers_notice_nothing_of_writing_publishing_and_rebuilding(home: LabHome) -> None:
    journal, catalog = Journal(home, ()), Catalog(home)
    with Askers(catalog) as askers:
        for number in range(30):
            journal.append("run.noted", "r1", {"notes": str(number)})
            catalog.refresh()
            catalog.publish()
            catalog.trim()
            if number % 5 == 0:
                assert catalog.rebuild() == RUNS + number + 1
    assert askers.wrong == []
    assert askers.answers > 30
    assert catalog.notices == []
    assert catalog.rows("SELECT notes FROM run_table WHERE id = 'r1'") == [{"notes": "29"}]
    catalog.close()


def test_what_stands_in_the_file_is_not_kept_in_memory(home: LabHome, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(home, ())
    notes = {f"r{number}": os.urandom(20_000).hex() for number in range(RUNS)}
    for run, text in notes.items():
        journal.append("run.noted", run, {"notes": text})
    journal.close()
    first = Catalog(home)
    first.publish()
    first.close()
    monkeypatch.setattr(index, "_KEEP_LITTLE", "SET memory_limit = '3MB'")
    catalog = Catalog(home)
    con = catalog._current()._con
    limit = con.execute(LIMIT).fetchall()
    for _ in range(2):
        assert {row["id"]: row["notes"] for row in catalog.rows("SELECT id, notes FROM run_table")} == notes
        assert con.execute(HELD).fetchall()[0][0] > 5
        catalog.trim()
        assert con.execute(HELD).fetchall()[0][0] <= 3
        assert con.execute(LIMIT).fetchall() == limit, "what a query may use is as before"
    with Askers(catalog) as askers:
        while askers.answers < 200 and not askers.wrong:
            catalog.trim()
    assert askers.wrong == []
    catalog.close()


def test_readers_notice_nothing_of_going_over_to_the_file(home: LabHome) -> None:
    journal = Journal(home, ())
    catalogs = [Catalog(home) for _ in range(5)]
    with Askers(catalogs[-1]) as askers:
        for number, (leaving, heir) in enumerate(pairwise(catalogs), 1):
            assert leaving.holder
            assert not heir.holder
            leaving.publish()
            leaving.close()
            leaving.close()  # does no harm
            journal.append("run.noted", "r1", {"notes": "x"})
            assert [event.subject for event in heir.refresh()] == ["r1"] * number, "told once, none missed"
            assert heir.holder
    assert askers.wrong == []
    assert askers.answers > 0
    catalogs[-1].close()


def test_news_is_told_also_when_the_file_is_ahead_of_our_copy(home: LabHome) -> None:
    journal, holder, reader = Journal(home, ()), Catalog(home), Catalog(home)
    told: list[str] = []
    reader.listener = lambda events: told.extend(event.subject for event in events)
    journal.append("run.noted", "r7", {"notes": "seen by the holder first"})
    holder.refresh()
    holder.publish()
    holder.close()
    assert [event.subject for event in reader.refresh()] == ["r7"]
    assert reader.holder
    assert told == ["r7"]
    reader.close()


def test_a_forked_child_reads_and_leaves_its_parent_the_lock(home: LabHome) -> None:
    def child() -> None:
        assert not catalog.holder
        assert catalog.rows(COUNT) == [{"n": RUNS}]
        assert not catalog.holder
        catalog.refresh()
        assert not catalog.holder, "the parent has the lock"
        catalog.close()

    catalog = Catalog(home)
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert catalog.holder
    assert catalog.rows(COUNT) == [{"n": RUNS}]
    catalog.close()
    after = Catalog(home)
    assert after.holder, "no child kept the lock"
    after.close()


def test_many_threads_read_histories(tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    lines.write_text("".join(f'{{"t":{i},"s":{i},"m":{{"x":{i}}}}}\n' for i in range(500)))
    wrong: list[str] = []

    def ask() -> None:
        for _ in range(20):
            try:
                if len(histories.read(lines, "x")[0]) != 500:
                    wrong.append("short")
            except Exception as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_ctrl_c_while_it_is_asked_is_ctrl_c(home: LabHome) -> None:
    catalog = Catalog(home)
    catalog._current()._base.execute("SET threads = 1")  # so that it is this thread that DuckDB works on
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    pressing = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    pressing.start()
    try:
        with pytest.raises(KeyboardInterrupt):  # a query of many seconds
            catalog.rows("SELECT count(*) FROM range(5000000) AS a, range(1000) AS b WHERE a.range * b.range % 7 = 3")
    finally:
        pressing.join()
        signal.signal(signal.SIGINT, before)
    assert catalog.rows(COUNT) == [{"n": RUNS}]
    catalog.close()
