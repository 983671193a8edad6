from __future__ import annotations

from lab.domain.datasets import Column
from lab.domain.diffs import (
    INFERRED,
    Cell,
    ChangedRow,
    ColumnDrift,
    DatasetDiff,
    EntryChange,
    FileChange,
    FilesDiff,
    ImagesDiff,
    Retyped,
    RowsDiff,
    SchemaDiff,
)
from lab.domain.profiles import FileGroup, ImagesProfile
from lab.ui.render import datadiff
from lab.ui.render.rows import Row

FILES = FilesDiff(
    added=(FileChange("new.csv", 0, 10),),
    removed=(FileChange("old.csv", 2048, 0),),
    changed=(FileChange("a.csv", 1024, 3072),),
    renamed=(FileChange("b2.csv", 5, 5, "b.csv"),),
    unchanged=7,
)
SCHEMA = SchemaDiff((Column("fresh", "Int64"),), (Column("lost", "String"),), (Retyped("age", "Int64", "String"),),
                    (("town", "city"),), True)  # fmt: skip
ROWS = RowsDiff(
    1000, 1010, ("id",), INFERRED, 20, 10, 300, (("price", 300), ("name", 2)), ("name", "id", "price", "other"),
    (("n", "i9", "5", None),), (("d", "i1", "4", ""),),
    (ChangedRow(("i5",), (Cell("price", "3", None), Cell("name", "", "x"))),), ("Only a part was compared.",),
)  # fmt: skip
DRIFTS = (
    ColumnDrift("price", "values", 0.8, 0.4, None, 0.0, 0.2, 10.0, 20.0),
    ColumnDrift("kind", "categories", 0.15, unseen=(("x", 4),), unseen_count=5, gone=(("y", 1),), gone_count=1),
    ColumnDrift("empty", "values", 0.0, old_nulls=0.0, new_nulls=0.3),
    ColumnDrift("town", "categories", 0.01, unseen=(("", 1),), unseen_count=1),
    ColumnDrift("calm", "values", 0.0, 0.0),
    ColumnDrift("nested", "nothing"),
)


def whole(**changes: object) -> DatasetDiff:
    facts: dict[str, object] = {"files": FILES, "schema": SCHEMA, "rows": ROWS, "drifts": DRIFTS}
    return DatasetDiff("v1", "v2", **{**facts, **changes})  # type: ignore[arg-type]


def texts(rows: list[Row]) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in rows]


def words(diff: DatasetDiff) -> list[str]:
    return ["".join(text for text, _ in row) for row in datadiff.summary_rows(diff, "d")]


def test_the_summary_is_worst_first() -> None:
    lines = words(whole(notes=("A note.",)))
    assert lines[0] == " d v1 → v2"
    assert lines[1] == " ✖ Schema: 1 dropped, 1 retyped, 1 renamed, 1 added, in another order"
    assert lines[2] == " ✖ Distributions: 1 drifted, 2 moved, 1 with other values; worst: price PSI 0.80"
    assert lines[3] == " ▲ Files: 1 removed, 1 changed, 1 renamed, 1 added, 7 the same"
    assert lines[4].startswith(" ▲ Rows: 10 deleted, 300 changed, 20 inserted (1,000 → 1,010 rows)")
    assert lines[5] == "   A note."
    same = DatasetDiff("v1", "v2", FilesDiff(unchanged=3))
    assert "nothing: both hold the same files" in words(same)[1]


def test_a_change_of_links_alone_is_a_change() -> None:
    moved = FilesDiff(unchanged=3, entries=(EntryChange("latest", "a link to a", "a link to b"),))
    diff = DatasetDiff("v1", "v2", moved)
    assert not diff.identical
    assert words(diff)[1] == " ○ Files: 1 changed besides content, 3 the same"
    assert texts(datadiff.file_rows(moved)) == [["~ changed", "latest  a link to a → a link to b", "", "", "", ""]]


def test_the_section_to_look_at_first() -> None:
    assert datadiff.worst(datadiff.sections(whole())) == datadiff.DRIFT
    calm = whole(drifts=DRIFTS[4:], schema=SchemaDiff())
    assert datadiff.worst(datadiff.sections(calm)) == datadiff.ROWS
    assert datadiff.worst(datadiff.sections(whole(drifts=(), schema=None, rows=None))) == datadiff.FILES
    assert datadiff.worst(datadiff.sections(DatasetDiff("a", "b", FilesDiff()))) == datadiff.FILES
    assert [one.key for one in datadiff.sections(whole())] == ["files", "schema", "rows", "drift"]


def test_files_and_columns() -> None:
    rows = texts(datadiff.file_rows(FILES))
    assert [row[0] for row in rows] == ["- removed", "~ changed", "~ renamed", "+ added"]
    assert rows[0][2:5] == ["2 KB", "–", "▼-2 KB"]
    assert rows[2][5] == "b.csv"
    rows = texts(datadiff.schema_rows(SCHEMA))
    assert [row[:2] for row in rows[:4]] == [
        ["- dropped", "lost"], ["~ retyped", "age"], ["~ renamed", "city"], ["+ added", "fresh"]]  # fmt: skip
    assert rows[1][2:] == ["Int64", "String"]
    assert len(rows) == 5
    assert texts(datadiff.schema_rows(SchemaDiff())) == []


def test_rows_show_old_and_new() -> None:
    assert [column.title for column in datadiff.row_columns(ROWS)] == ["change", "id", "price", "name", "other"]
    rows = datadiff.row_rows(ROWS)
    assert texts(rows) == [
        ["~ changed", "i5", "3 → null", "(empty) → x", ""],
        ["- deleted", "i1", "4", "d", "(empty)"],
        ["+ inserted", "i9", "5", "n", "null"],
    ]
    facts = [(pair.label, pair.value) for pair in datadiff.row_facts(ROWS, rows[0].key)]
    assert facts == [("Changed row", ""), ("id", "i5"), ("price", "3\n→ null"), ("name", "(empty)\n→ x")]
    assert ("price", "5") in [(pair.label, pair.value) for pair in datadiff.row_facts(ROWS, rows[2].key)]
    heading = "\n".join("".join(text for text, _ in row) for row in datadiff.rows_heading(ROWS))
    assert "by id (inferred)" in heading
    assert "Only a part" in heading
    assert "no key" in "".join(text for text, _ in datadiff.rows_heading(RowsDiff(1, 1))[0])


def test_drift_in_words_and_bars() -> None:
    assert [datadiff.drift_level(one) for one in DRIFTS] == [
        ("fail", "drifted"), ("warn", "moved"), ("warn", "nulls"), ("idle", "values"), ("ok", "stable"),
        ("ok", "stable"),
    ]  # fmt: skip
    rows = texts(datadiff.drift_rows(DRIFTS))
    assert rows[0][1] == "✖ drifted"
    assert rows[0][2] == "█" * 10
    assert rows[0][5:7] == ["0.0% → 20.0%", "10 → 20"]
    assert rows[1][2].startswith("███")
    assert rows[1][2].endswith("  ")
    assert rows[1][7] == "+5 (x, …)  -1 (y)"
    assert rows[5][3] == "–"
    facts = {pair.label: pair.value for pair in datadiff.drift_facts(DRIFTS[1])}
    assert facts["x"] == "4 rows"
    assert facts["…"] == "and 4 more"
    assert facts["y"] == "1 row"


def test_pictures() -> None:
    old = ImagesProfile(10, (FileGroup("png", 10, 1),), (1.0,) * 7, (28.0,) * 7, (28.0,) * 7)
    new = ImagesProfile(
        12, (FileGroup("png", 6, 1), FileGroup("gif", 6, 1)), (1.0,) * 7, (56.0,) * 7, (28.0,) * 7, (), 1
    )
    images = ImagesDiff(old, new)
    rows = {row[0]: row[1:] for row in texts(datadiff.image_rows(images))}
    assert rows["pictures"] == ["10", "12"]
    assert rows["median width"] == ["28", "56"]
    assert rows["format gif"] == ["–", "50%"]
    section = datadiff.sections(whole(images=images))[-1]
    assert (section.level, section.key) == ("fail", datadiff.IMAGES)


def test_hostile_texts(hostile: str) -> None:
    rows = RowsDiff(1, 1, (hostile,), INFERRED, 1, 1, 1, ((hostile, 1),), (hostile,), ((hostile,),), ((hostile,),),
                    (ChangedRow((hostile,), (Cell(hostile, hostile, hostile),)),), (hostile,))  # fmt: skip
    drift = ColumnDrift(hostile, hostile, 1.0, unseen=((hostile, 1),), unseen_count=1)
    schema = SchemaDiff((Column(hostile, hostile),))
    diff = DatasetDiff(hostile, hostile, FilesDiff((FileChange(hostile),)), schema, rows, (drift,), notes=(hostile,))
    assert datadiff.summary_rows(diff, hostile)
    for row in datadiff.row_rows(rows):
        assert datadiff.row_facts(rows, row.key)
        assert len(row.cells) == len(datadiff.row_columns(rows))
    assert datadiff.drift_facts(drift)
    assert datadiff.file_rows(diff.files)
