"""What was read of late is known as long as nothing has changed, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.catalog import runs
from lab.catalog.connection import Catalog
from lab.catalog.recent import Recent
from lab.domain.query import RunQuery, parse_filter, parse_order
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    home = LabHome(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def catalog(home: LabHome) -> Iterator[Catalog]:
    journal = Journal(home, GOVERNANCE)
    for number in range(30):
        body = {"name": f"run-{number:02}", "project": "p", "entry": "train", "params": {"lr": number}, "seed": number}
        journal.append("run.created", f"id{number:02}", body)
    journal.close()
    catalog = Catalog(home)
    yield catalog
    catalog.close()


def page(catalog: Catalog, text: str) -> runs.Page:
    return runs.page(catalog, RunQuery(parse_filter(text), parse_order("seed"), 20))


def test_things_of_another_state_are_not_known() -> None:
    recent: Recent[int] = Recent()
    recent.put((0, 1), {"a": 1, "b": 2})
    assert recent.get((0, 1), ["b", "c"]) == {"b": 2}
    assert recent.get((0, 2), ["b"]) == {}
    recent.put((0, 2), {"a": 3})
    assert recent.get((0, 2), ["a", "b"]) == {"a": 3}


def test_no_more_than_some_pages_are_kept() -> None:
    recent: Recent[int] = Recent()
    recent.put((0, 0), {str(number): number for number in range(1500)})
    assert recent.get((0, 0), ["499", "500", "1499"]) == {"500": 500, "1499": 1499}


def test_a_narrower_filter_reads_no_run_again(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [run.seed for run in page(catalog, "run-1").items] == list(range(10, 20))
    read = []
    monkeypatch.setattr(runs, "_run", lambda row: read.append(row))
    assert [run.seed for run in page(catalog, "run-12").items] == [12]
    assert not read


def test_an_edit_is_seen_at_once(home: LabHome, catalog: Catalog) -> None:
    assert page(catalog, "run-05").items[0].notes == ""
    with_notes = Journal(home, GOVERNANCE)
    with_notes.append("run.noted", "id05", {"notes": "as good as it gets"})
    with_notes.close()
    catalog.refresh()
    assert page(catalog, "run-05").items[0].notes == "as good as it gets"


def test_a_run_that_was_moved_in_the_table_is_found_by_its_id(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    rows = catalog.rows

    def moved(sql: str, parameters: object = ()) -> list[dict[str, object]]:
        asked.append(sql)
        return [] if sql == runs._AT else rows(sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(catalog, "rows", moved)
    found = page(catalog, "run-0")
    assert [run.seed for run in found.items] == list(range(10))
    assert found.total == 10
    assert runs._MANY in asked
