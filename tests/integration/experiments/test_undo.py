"""Undo of edits: in their order, across processes and restarts, and told in the history of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from compared import run

from lab.catalog.edits import EditEvent
from lab.errors import ConflictError, NotFoundError
from lab.events import RUN_RENAMED
from lab.experiments.undo import stacks
from lab.journal import Journal
from lab.workspace import Workspace


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home", tmp_path, engine="process") as ws:
        for name in ("one", "two"):
            run(ws.home, name, {})
        ws.refresh()
        yield ws


def test_edits_are_taken_back_in_their_order_and_done_again(ws: Workspace) -> None:
    ws.runs.tag("one", ["a"])
    ws.runs.tag("one", ["a", "b"])
    ws.runs.note("two", "hello")
    ws.runs.rename("one", "first")
    ws.runs.star("two")
    assert not ws.undo.undo().run.starred
    assert ws.undo.undo().run.name == "one"
    done = ws.undo.undo()
    assert (done.run.id, done.run.notes, done.edit.before, done.edit.after) == ("two", "", "hello", "")
    assert ws.undo.undo().run.tags == ("a",)
    assert ws.undo.undo().run.tags == ()
    with pytest.raises(NotFoundError):
        ws.undo.undo()
    assert ws.undo.redo().run.tags == ("a",)
    assert ws.undo.redo().run.tags == ("a", "b")
    assert ws.undo.redo().run.notes == "hello"
    ws.runs.archive("two")
    with pytest.raises(NotFoundError):
        ws.undo.redo()
    assert not ws.undo.undo().run.archived
    assert [edit.after for edit in ws.runs.edits("one")] == [
        ("a",), ("a", "b"), "first", "one", ("a",), (), ("a",), ("a", "b"),
    ]  # fmt: skip


def test_what_another_process_edited_can_be_undone_after_a_restart(ws: Workspace, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home", tmp_path, engine="process") as other:
        other.runs.note("one", "from elsewhere")
    ws.refresh()
    assert ws.undo.undo().run.notes == ""
    with Workspace(tmp_path / "home", tmp_path, engine="process") as later:
        assert later.undo.redo().run.notes == "from elsewhere"


def test_names_go_back_to_those_that_had_them(ws: Workspace) -> None:
    ws.runs.rename("one", "first")
    ws.runs.rename("two", "one")
    ws.runs.tag("two", ["x"])
    ws.undo.undo()
    ws.undo.undo()
    assert next(r for r in ws.runs.list().items if r.id == "two").name == "two"
    ws.undo.redo()
    run(ws.home, "three", {})
    ws.refresh()
    assert ws.undo.undo().run.name == "two"
    ws.runs.rename("three", "one")
    ws.undo.undo()
    assert ws.undo.undo().run.name == "one"


def test_a_taken_name_stops_the_undo(ws: Workspace) -> None:
    ws.runs.rename("one", "first")
    journal = Journal(ws.home, ())
    run(ws.home, "late", {})
    journal.append(RUN_RENAMED, "late", {"name": "one", "undo": "of no edit"})  # as a process that undoes writes it
    journal.close()
    ws.refresh()
    with pytest.raises(ConflictError, match="another run is called 'one'"):
        ws.undo.undo()


def test_two_that_undo_the_same_undo_it_once() -> None:
    def edit(id: str, **body: object) -> EditEvent:
        return EditEvent(id, "r", "run.noted", body)

    done, undone = stacks([edit("1"), edit("2"), edit("3", undo="2"), edit("4", undo="2")])
    assert ([one.event for one in done], [one.event for one in undone]) == (["1"], ["2"])
    done, undone = stacks([edit("1"), edit("2", undo="1"), edit("3")])
    assert ([one.event for one in done], undone) == (["3"], [])
