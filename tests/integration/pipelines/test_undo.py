"""Undo of edits: in their order, across processes and restarts, and told in the history of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from compared import run

from lab.catalog.edits import EditEvent
from lab.domain.edits import DATASET, MODEL, RUN, Undone
from lab.domain.runs import Run
from lab.errors import ConflictError, NotFoundError
from lab.events import MODEL_REGISTERED, RUN_RENAMED
from lab.journal import Journal
from lab.pipelines.undo import stacks
from lab.workspace import Workspace


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home", tmp_path, engine="process") as ws:
        for name in ("one", "two"):
            run(ws.home, name, {})
        ws.refresh()
        yield ws


def again(ws: Workspace, done: Undone) -> Run:
    """The run that an edit of was undone, as it is now."""
    assert done.kind == RUN
    return ws.runs.get(done.id)


def test_edits_are_taken_back_in_their_order_and_done_again(ws: Workspace) -> None:
    ws.runs.tag("one", ["a"])
    ws.runs.tag("one", ["a", "b"])
    ws.runs.note("two", "hello")
    ws.runs.rename("one", "first")
    ws.runs.star("two")
    assert not again(ws, ws.undo.undo()).starred
    assert again(ws, ws.undo.undo()).name == "one"
    done = ws.undo.undo()
    assert (done.id, ws.runs.get(done.id).notes, done.edit.before, done.edit.after) == ("two", "", "hello", "")
    assert again(ws, ws.undo.undo()).tags == ("a",)
    assert again(ws, ws.undo.undo()).tags == ()
    with pytest.raises(NotFoundError):
        ws.undo.undo()
    assert again(ws, ws.undo.redo()).tags == ("a",)
    assert again(ws, ws.undo.redo()).tags == ("a", "b")
    assert again(ws, ws.undo.redo()).notes == "hello"
    ws.runs.archive("two")
    with pytest.raises(NotFoundError):
        ws.undo.redo()
    assert not again(ws, ws.undo.undo()).archived
    assert [edit.after for edit in ws.runs.edits("one")] == [
        ("a",), ("a", "b"), "first", "one", ("a",), (), ("a",), ("a", "b"),
    ]  # fmt: skip


def test_what_another_process_edited_can_be_undone_after_a_restart(ws: Workspace, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home", tmp_path, engine="process") as other:
        other.runs.note("one", "from elsewhere")
    ws.refresh()
    assert again(ws, ws.undo.undo()).notes == ""
    with Workspace(tmp_path / "home", tmp_path, engine="process") as later:
        assert again(later, later.undo.redo()).notes == "from elsewhere"


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
    assert again(ws, ws.undo.undo()).name == "two"
    ws.runs.rename("three", "one")
    ws.undo.undo()
    assert again(ws, ws.undo.undo()).name == "one"


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


@pytest.fixture
def data(ws: Workspace, tmp_path: Path) -> Workspace:
    """Two versions of a dataset."""
    for text in ("x\n1\n", "x\n1\n2\n"):
        (tmp_path / "points.csv").write_text(text)
        ws.datasets.add("points", tmp_path / "points.csv")
    return ws


def test_edits_of_datasets_are_undone_too(data: Workspace) -> None:
    ws = data
    ws.datasets.tag("points@v1", ["a"])
    ws.datasets.tag("points@v2", ["b"])
    ws.datasets.note("points@v1", "hello")
    ws.datasets.alias("points@v1", "prod")
    ws.datasets.alias("points@v2", "prod")
    ws.datasets.retire("points@v1")
    told = [ws.undo.undo() for _ in range(6)]
    assert [(one.kind, one.name, one.edit.what, one.edit.before, one.edit.after) for one in told] == [
        (DATASET, "points@v1", "removed", True, False),
        (DATASET, "points", "alias prod", "v2", "v1"),
        (DATASET, "points", "alias prod", "v1", None),
        (DATASET, "points@v1", "note", "hello", ""),
        (DATASET, "points@v2", "tags", ("b",), ()),
        (DATASET, "points@v1", "tags", ("a",), ()),
    ]
    first = ws.datasets.get("points@v1")
    assert (first.tags, first.note, first.retired) == ((), "", False)
    assert ws.datasets.list()[0].aliases == {}
    assert {ws.undo.redo().edit.what for _ in range(6)} == {"tags", "note", "alias prod", "removed"}
    assert ws.datasets.get("points@v1").retired
    assert ws.datasets.list()[0].aliases == {"prod": 2}


def test_an_alias_never_comes_to_mean_a_removed_version(data: Workspace) -> None:
    ws = data
    ws.datasets.alias("points@v1", "prod")
    ws.datasets.alias("points@v2", "prod")
    ws.datasets.retire("points@v1")
    ws.undo.undo()
    ws.undo.undo()
    with pytest.raises(ConflictError, match="is what prod means"):
        _again_retired(ws)
    assert ws.datasets.list()[0].aliases == {"prod": 1}


def _again_retired(ws: Workspace) -> None:
    """Redo both: the alias first, then the removal, with an alias in its way."""
    ws.undo.redo()
    ws.datasets.alias("points@v1", "prod")
    ws.datasets.retire("points@v1")


def test_a_promotion_is_undone_and_told_beforehand(ws: Workspace, tmp_path: Path) -> None:
    journal = Journal(ws.home, ())
    for number in (1, 2):
        body = {"model": "m", "number": number, "manifest": f"b3:{number}", "run": "one", "signature": {}}
        journal.append(MODEL_REGISTERED, f"m:v{number}", body)
    journal.close()
    ws.refresh()
    ws.models.promote("m:v1")
    ws.models.promote("m:v2")
    planned = ws.undo.next()
    assert (planned.kind, planned.name, planned.edit.what, planned.edit.after) == (MODEL, "m", "alias champion", "v1")
    assert ws.models.list()[0].aliases == {"champion": 2}, "only told"
    ws.undo.undo()
    assert ws.models.list()[0].aliases == {"champion": 1}
    ws.undo.undo()
    assert ws.models.list()[0].aliases == {}
    with Workspace(tmp_path / "home", tmp_path, engine="process") as later:
        later.undo.redo()
        assert later.models.list()[0].aliases == {"champion": 1}


def test_undo_can_be_of_runs_only(data: Workspace) -> None:
    data.runs.star("one")
    data.datasets.note("points@v1", "later")
    assert data.undo.undo((RUN,)).edit.what == "starred"
    assert data.datasets.get("points@v1").note == "later"
