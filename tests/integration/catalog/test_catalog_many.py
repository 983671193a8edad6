"""Many processes on one home: every event exactly once, own writes seen at once, no lock errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from crew import HOLDER, crew

from lab.catalog.connection import Catalog
from lab.paths import LabHome

WRITERS, EVENTS = 8, 2000

#: Writes, and looks now and then whether it sees what it wrote. Anything raised ends it with a traceback.
READ_WRITER = """
import sys
from pathlib import Path
from lab.catalog import runs
from lab.catalog.connection import Catalog
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome
home, count, name = LabHome(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
journal, catalog = Journal(home, GOVERNANCE), Catalog(home)
for number in range(count):
    subject = f"{name}-{number}"
    journal.append("run.created", subject, {"name": subject, "project": "p", "entry": "t"})
    if number % 100 == 99:
        catalog.refresh()
        mine = runs.get(catalog, subject)
        assert mine is not None and mine.name == subject, f"{subject} is not seen by its writer"
catalog.close()
print("done", flush=True)
"""


def test_eight_writers_while_a_ninth_holds_the_index(tmp_path: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    holder = crew(HOLDER, home.root, "publish")
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "holder"
    writers = [crew(READ_WRITER, home.root, EVENTS, f"w{number}") for number in range(WRITERS)]
    said = [writer.communicate(timeout=120)[0].strip() for writer in writers]
    assert said == ["done"] * WRITERS
    assert holder.poll() is None, "the holder never stumbles"
    reader = Catalog(home)
    assert not reader.holder
    wanted = {f"w{writer}-{number}" for writer in range(WRITERS) for number in range(EVENTS)}
    _holds_exactly(reader, wanted)
    holder.kill()
    holder.wait()
    reader.refresh()
    assert reader.holder, "the kernel gave the lock back, and the reader took it over"
    _holds_exactly(reader, wanted)
    reader.close()


def _holds_exactly(catalog: Catalog, subjects: set[str]) -> None:
    events = catalog.rows("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM events")
    assert events == [{"n": len(subjects), "ids": len(subjects)}]
    runs = catalog.rows("SELECT id FROM run_table")
    assert len(runs) == len(subjects)
    assert {row["id"] for row in runs} == subjects


def test_two_catalogs_of_one_process_share_a_home(tmp_path: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    first, second = Catalog(home), Catalog(home)
    assert (first.holder, second.holder) == (True, False)
    first.close()
    second.refresh()
    assert second.holder
    second.close()
    with pytest.raises(Exception, match="closed"):
        second.rows("SELECT 1")
