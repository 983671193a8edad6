"""What is asked again is answered from memory, and never with what was there before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.catalog.answers import Answers, question
from lab.catalog.connection import Catalog
from lab.catalog.index import Index
from lab.journal import Journal
from lab.paths import LabHome

NOTES = "SELECT id, notes FROM run_table ORDER BY id"
OF_ONE = "SELECT notes FROM run_table WHERE id = $id"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one with each question that reaches the database."""
    count: list[None] = []
    cursor = Index._cursor

    def counting(index: Index) -> Any:
        count.append(None)
        return cursor(index)

    monkeypatch.setattr(Index, "_cursor", counting)
    return count


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(LabHome(tmp_path / "home").create())
    yield catalog
    catalog.close()


def test_a_question_is_asked_once_until_something_changes(
    tmp_path: Path, catalog: Catalog, asked: list[None]
) -> None:  # fmt: skip
    journal = Journal(LabHome(tmp_path / "home"), ())
    for run in ("a", "b"):
        journal.append("run.created", run, {"name": run})
    for notes in (None, "first", "second"):
        if notes:
            journal.append("run.noted", "a", {"notes": notes})
        catalog.refresh()
        del asked[:]
        for _ in range(3):
            rows = catalog.rows(NOTES)
            assert rows == [{"id": "a", "notes": notes}, {"id": "b", "notes": None}]
            rows.pop()["notes"] = "not of the index"
            rows[0]["notes"] = "neither"
            assert catalog.rows(OF_ONE, {"id": "a"}) == [{"notes": notes}]
            assert catalog.rows(OF_ONE, {"id": "b"}) == [{"notes": None}]
            catalog.refresh()
        assert len(asked) == 3
    catalog.rebuild()
    del asked[:]
    assert catalog.rows(OF_ONE, {"id": "a"}) == [{"notes": "second"}]
    assert len(asked) == 1, "another index"
    journal.close()


def test_what_looks_alike_is_not_the_same_question(catalog: Catalog) -> None:
    asked = [catalog.rows("SELECT typeof($1) AS type", [value])[0]["type"] for value in (1, 1.0, True, "1")]
    assert len(set(asked)) == 4
    assert question(NOTES, [["a"]]) is None
    assert question(OF_ONE, {"id": ["a"]}) is None
    assert question(OF_ONE, {"id": "a"}) != question(OF_ONE, {"id": "b"})


def test_an_answer_that_comes_late_is_not_taken_for_a_new_one() -> None:
    answers, asked = Answers(), (NOTES, "()")
    answers.put(2, asked, [{"n": 2}])
    answers.put(1, asked, [{"n": 1}])
    assert answers.get(2, asked) == [{"n": 2}]
    assert answers.get(3, asked) is None
    answers.put(3, asked, [{"n": 3}])
    assert answers.get(2, asked) is None
    assert answers.get(3, asked) == [{"n": 3}]


def test_only_what_is_short_is_remembered_and_only_so_much() -> None:
    answers = Answers()
    answers.put(0, (NOTES, "long"), [{"n": 0}] * 1000)
    assert answers.get(0, (NOTES, "long")) is None
    for number in range(1000):
        answers.put(0, (NOTES, str(number)), [{"n": number}])
    known = [number for number in range(1000) if answers.get(0, (NOTES, str(number))) is not None]
    assert 10 < len(known) < 100
    assert known[-1] == 999
