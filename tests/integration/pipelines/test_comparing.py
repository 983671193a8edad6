"""Two runs sample by sample, with the rows of the data version that they saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from compared import NEW, OLD, dataset, project, run

from lab.domain.predictions import BROKEN, FIXED
from lab.errors import LabError, NotFoundError
from lab.workspace import Workspace


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home", project(tmp_path / "flowers"), engine="process") as ws:
        yield ws


def test_rows_come_with_the_data_that_the_run_saw(ws: Workspace) -> None:
    seen = dataset(ws)
    run(ws.home, "old", {"predictions.csv": OLD}, data=seen)
    run(ws.home, "new", {"predictions.csv": NEW}, data=seen)
    (ws.projects.folder / "flowers.csv").write_text("size,kind\n9,changed\n")
    dataset(ws)
    ws.refresh()
    found = ws.comparing.samples("new", "old")
    assert (found.fixed, found.broken, found.other) == (2, 1, 0)
    assert found.rows[0].kind == BROKEN
    assert found.rows[0].features == (("size", "1.5"), ("kind", "rose"))
    assert {row.id: dict(row.features)["size"] for row in found.rows if row.kind == FIXED} == {"2": "3.5", "3": "4.5"}
    assert found.to_json()["rows"][0]["features"] == {"size": "1.5", "kind": "rose"}


def test_rows_are_found_by_a_column_of_the_same_name(ws: Workspace) -> None:
    (ws.projects.folder / "named.csv").write_text("name,size\nann,1\nbob,2\n")
    (ws.projects.folder / "lab.toml").write_text('[project]\nname = "flowers"\n[datasets.named]\npath = "named.csv"\n')
    seen = dataset(ws, "named", "named.csv")
    head = '{"name": "bob", "label": "x", "prediction": '
    run(ws.home, "old", {"predictions.jsonl": head + '"x"}\n'}, data=seen)
    run(ws.home, "new", {"predictions.jsonl": head + '"y"}\n'}, data=seen)
    ws.refresh()
    (row,) = ws.comparing.samples("new", "old").rows
    assert (row.id, row.row, dict(row.features)) == ("bob", 1, {"name": "bob", "size": "2"})


def test_without_the_data_the_flips_are_told_all_the_same(ws: Workspace) -> None:
    run(ws.home, "old", {"predictions.csv": OLD})
    run(ws.home, "new", {"predictions.csv": NEW.replace("\n0,", "\n99,")})
    ws.refresh()
    found = ws.comparing.samples("new", "old")
    assert (found.common, found.fixed, found.broken) == (3, 2, 0)
    assert found.rows[0].features == ()
    assert any("no dataset" in note for note in found.notes)


def test_a_row_beyond_the_data_has_no_columns(ws: Workspace) -> None:
    seen = dataset(ws)
    for name, text in (("old", OLD), ("new", NEW)):
        run(ws.home, name, {"predictions.csv": text.replace("\n0,", "\n10000,").replace("\n3,", "\n-3,")}, data=seen)
    ws.refresh()
    told = {row.id: row.features for row in ws.comparing.samples("new", "old").rows}
    assert told["10000"] == told["-3"] == ()
    assert told["2"]


def test_only_matrices_still_tell_the_classes(ws: Workspace) -> None:
    run(ws.home, "old", {"confusion.csv": "a,b\n3,1\n0,2\n"})
    run(ws.home, "new", {"confusion.csv": "a,b\n4,0\n1,1\n"})
    ws.refresh()
    found = ws.comparing.samples("new", "old")
    assert (found.common, found.old_right, found.new_right) == (0, 5, 5)
    assert found.classes[0].new.recall == 1.0
    assert found.confusion is not None
    assert found.confusion.delta(1, 0) == 1


def test_what_cannot_be_compared_says_what_is_missing(ws: Workspace) -> None:
    run(ws.home, "none", {})
    run(ws.home, "good", {"predictions.csv": OLD})
    run(ws.home, "odd", {"predictions.csv": "a,b\n1,2\n"})
    ws.refresh()
    with pytest.raises(NotFoundError, match="no predictions of none"):
        ws.comparing.samples("good", "none")
    with pytest.raises(LabError, match="odd cannot be compared: it has no column label"):
        ws.comparing.samples("good", "odd")
