"""A dataset's versions as a timeline, what was expected of them, what came of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.domain.datasets import Column, DatasetVersion, Verdict
from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.expectations import CheckReport, Result, Sample, Severity
from lab.domain.lineage import Lineage
from lab.domain.models import ModelVersion
from lab.domain.runs import Run, RunStatus
from lab.ui.render import checks, lineage, timeline
from lab.ui.render.rows import Row

NOW = 1_800_000_000.0


def version(number: int, **changes: object) -> DatasetVersion:
    one = DatasetVersion(f"b3:{number:064d}", "d", "p", number, NOW - 60, 2, 2048 * number, 100 * number,
                         (Column("a", "Int64"),), f"take {number}")  # fmt: skip
    return replace(one, **changes)  # type: ignore[arg-type]


def cells(row: Row) -> dict[str, str]:
    return {column.id: cell.text for column, cell in zip(timeline.COLUMNS, row.cells, strict=True)}


def test_each_version_is_measured_against_the_one_before() -> None:
    versions = [version(3, rows=150, bytes=1024, auto=True), version(2, tags=("raw",), note="by hand"), version(1)]
    third, second, first = map(cells, timeline.version_rows(versions, {"prod": 2, "old": 1}, NOW))
    assert (third["size_delta"], third["rows_delta"]) == ("▼-3 KB", "▼-50")
    assert (second["size_delta"], second["rows_delta"]) == ("▲+2 KB", "▲+100")
    assert (first["size_delta"], first["rows_delta"]) == ("", "")
    assert third["marks"] == "auto"
    assert second["marks"] == "@prod raw"
    assert second["message"] == "by hand"
    assert first["message"] == "take 1"
    assert timeline.version_rows([], {}, NOW) == []


def test_a_change_is_told_without_colour() -> None:
    assert [timeline.delta_cell(value, 10).text for value in (12, 8, 10, None)] == ["▲+2", "▼-2", "=", ""]
    assert timeline.delta_cell(12, None).text == ""
    tokens = {timeline.delta_cell(value, 10).token for value in (12, 8, 10)}
    assert len(tokens) == 3


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_glyph_and_word(verdict: Verdict) -> None:
    sign = timeline.verdict_mark(verdict)
    if verdict is Verdict.NONE:
        assert sign is None
    else:
        assert sign is not None
        assert sign.word == verdict.value
        assert sign.glyph in "●▲✖"


def test_removed_versions_are_hidden_and_the_others_measured_without_them() -> None:
    kept = timeline.visible([version(3), version(2, retired=True), version(1)])
    assert [one.number for one in kept] == [3, 1]
    assert cells(timeline.version_rows(kept, {}, NOW)[0])["rows_delta"] == "▲+200"


def result(**changes: object) -> Result:
    one = Result("range", "age", Severity.WARN, True, "0 to 9", "0 to 90", "age: fine")
    return replace(one, **changes)  # type: ignore[arg-type]


def test_what_fails_comes_first() -> None:
    report = CheckReport(
        (
            result(rule="fine"),
            result(rule="skipped", skipped=True),
            result(rule="few", ok=False, failing=2, sentence="age: 2 rows"),
            result(rule="many", ok=False, failing=9),
            result(rule="table", ok=False, severity=Severity.BLOCK, column=""),
        ),
        100,
        0.5,
    )
    found = checks.worst_first(report)
    assert [one.rule for one in found] == ["table", "many", "few", "skipped", "fine"]
    rows = [[cell.text for cell in row.cells] for row in checks.check_rows(found)]
    assert [row[0] for row in rows] == ["✖ blocks", "▲ warns", "▲ warns", "○ skipped", "● holds"]
    assert rows[0][1] == "(table)"
    assert rows[2][2:4] == ["2", "2 rows"]
    assert "3 of 5 expectations fail: no alias may be moved here" in "".join(t for t, _ in checks.check_heading(report))
    calm = CheckReport((result(),), None, 0.1)
    assert "1 expectation met" in "".join(text for text, _ in checks.check_heading(calm))
    warned = CheckReport((result(ok=False),), 5, 0.1)
    assert "none of them blocks" in "".join(text for text, _ in checks.check_heading(warned))


def test_a_sample_tells_null_from_empty() -> None:
    sample = Sample(("id", "age"), (("a", None), ("", "3"), ("c", "null")), (7, 9))
    assert [column.title for column in checks.sample_columns(sample)] == ["row", "id", "age"]
    rows = checks.sample_rows(sample)
    assert [[cell.text for cell in row.cells] for row in rows] == [
        ["7", "a", "null"], ["9", "(empty)", "3"], ["–", "c", "null"]]  # fmt: skip
    assert rows[0].cells[2].token != rows[2].cells[2].token


def run(id: str) -> Run:
    return Run(id, f"run-{id}", "p", "e", RunStatus.FINISHED, created=NOW - 60)


def model(number: int, run: str) -> ModelVersion:
    return ModelVersion("m", number, "b3:1", "sklearn", run, "p", NOW, 10, metrics={"acc": 0.9})


def deployment(number: int, id: str) -> Deployment:
    return Deployment(id, f"serve-{id}", "m", number, "", DeploymentStatus.READY, "process", 8101, "i", NOW - 60)


def test_lineage_is_a_tree() -> None:
    found = Lineage("p/d@v1", [version(1)], [run("a"), run("b")], [model(1, "a"), model(2, "gone")],
                    [deployment(1, "x"), deployment(9, "y")], ["p/lost@v2"])  # fmt: skip
    rows = lineage.lineage_rows(found, NOW)
    assert [(row.key, row.cells[0].text) for row in rows] == [
        ("version p/d@v1", "p/d@v1"),
        ("run a", "├─ run-a"),
        ("model m", "│  └─ m:v1"),
        ("deployment x", "│     └─ serve-x"),
        ("run b", "├─ run-b"),
        ("model m", "├─ m:v2"),
        ("deployment y", "├─ serve-y"),
        ("unknown p/lost@v2", "└─ p/lost@v2"),
    ]
    assert "seen by 2 runs, 2 models, 2 deployments" in "".join(text for text, _ in lineage.lineage_heading(found))
    alone = Lineage("x.csv of p/d@v1", [], [], [], [])
    assert [row.cells[0].text for row in lineage.lineage_rows(alone, NOW)] == ["x.csv of p/d@v1"]
    assert "no run has seen it" in "".join(text for text, _ in lineage.lineage_heading(alone))


def test_hostile_texts(hostile: str) -> None:
    rows = timeline.version_rows([version(1, message=hostile, note=hostile, tags=(hostile,))], {hostile: 1}, NOW)
    assert len(rows) == 1
    found = Lineage(hostile, [version(1, message=hostile)], [replace(run("a"), name=hostile)], [], [], [hostile])
    for row in lineage.lineage_rows(found, NOW):
        assert "\x1b" not in row.cells[0].text
    bad = result(ok=False, sentence=hostile, column=hostile, sample=Sample((hostile,), ((hostile,),), (1,)))
    assert checks.check_rows([bad])
    assert checks.sample_rows(bad.sample)
