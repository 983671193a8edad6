"""The order of a run's files, and what a hit by name is the name of."""

from __future__ import annotations

from lab.domain.search import Excerpt, Hit, Place
from lab.ui.render.hits import hit_row
from lab.ui.screens.run_files import file_rows


def test_what_the_run_made_comes_before_what_lab_keeps_of_it() -> None:
    files = [("events.jsonl", 1, 0.0), ("spec.json", 1, 0.0), ("artifacts/a.csv", 1, 0.0), ("model/m.skops", 1, 0.0)]
    rows = file_rows(files, 10.0)
    assert [row.key for row in rows] == ["artifacts/a.csv", "model/m.skops", "events.jsonl", "spec.json"]
    assert [row.cells[0].token for row in rows] == ["", "", "muted", "muted"]


def test_a_hit_by_name_tells_what_has_the_name() -> None:
    excerpt = Excerpt("digits", 0, 6)
    kinds = ("model", "dataset", "deployment")
    hits = [Hit(Place.NAMES, kind, "x", "digits", "name", excerpt, "digits", 0.0, 0) for kind in kinds]
    assert [hit_row("k", hit).cells[2].text for hit in hits] == ["model name", "dataset name", "deployment name"]
    code = Hit(Place.CODE, "run", "x", "r", "train.py:1", excerpt, "digits", 0.0, 0)
    assert hit_row("k", code).cells[2].text == "train.py:1"
