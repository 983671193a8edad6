import datetime
import json
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lab.datasets import diff, distributions, rows
from lab.datasets.diff import compare, compare_entries, compare_files
from lab.domain.datasets import Column
from lab.domain.diffs import DatasetDiff, EntryChange, FileChange, Retyped, RowsDiff, Side, SideFile


class Sides:
    """Makes sides from contents; every content is a file of its own name, as in the store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, label: str, **files: bytes | pl.DataFrame) -> Side:
        return Side(label, [self.file(name.replace("__", "/").replace("_", "."), held) for name, held in files.items()])

    def file(self, name: str, held: bytes | pl.DataFrame) -> SideFile:
        path = self.folder / os.urandom(8).hex()
        if isinstance(held, bytes):
            path.write_bytes(held)
        else:
            held.write_parquet(path)
        content = path.read_bytes()
        return SideFile(name, blake3(content).hexdigest(), len(content), path)


@pytest.fixture
def side(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def rows_of(found: DatasetDiff) -> RowsDiff:
    assert found.rows is not None, found.notes
    return found.rows


def between(side: Sides, old: pl.DataFrame, new: pl.DataFrame, key: Sequence[str] = ()) -> DatasetDiff:
    found = compare(side("v1", t_parquet=old), side("v2", t_parquet=new), key)
    json.dumps(found.to_json(), allow_nan=False)
    return found


def planted(n: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two versions: 0.5 % of the rows deleted, as many inserted, 1 % changed in `x`; in another order."""
    draw = np.random.default_rng(seed)
    old = pl.DataFrame(
        {
            "id": draw.permutation(n),
            "x": draw.normal(size=n),
            "y": draw.normal(size=n),
            "colour": draw.choice(["red", "green"], n),
        }
    )
    part = n // 200
    kept = old[np.sort(draw.permutation(n)[part:])]
    changed = np.zeros(len(kept), bool)
    changed[draw.permutation(len(kept))[: 2 * part]] = True
    kept = kept.with_columns(pl.when(pl.Series(changed)).then(pl.col("x") + 5).otherwise("x").alias("x"))
    inserted = old.head(part).with_columns(pl.col("id") + n)
    return old, pl.concat([kept, inserted])[draw.permutation(n)]


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
def test_planted_truth(side: Sides, monkeypatch: pytest.MonkeyPatch, held: bool, ordered: bool) -> None:
    old, new = planted(100_000)
    if ordered:
        old, new = old.sort("id"), new.sort("id")
    if not held:
        monkeypatch.setattr(diff, "_HELD_BYTES", 0)
        monkeypatch.setattr(rows, "_COMPARED", 300)
        monkeypatch.setattr(distributions, "_TOGETHER", 2)
    found = between(side, old, new)
    changes = rows_of(found)
    assert (changes.key, changes.key_source) == (("id",), "inferred")
    assert (changes.old_rows, changes.new_rows) == (100_000, 100_000)
    assert (changes.inserted, changes.deleted, changes.changed) == (500, 500, 1000)
    assert changes.changed_cells == (("x", 1000),)
    assert len(changes.inserted_sample) == len(changes.deleted_sample) == len(changes.changed_sample) == 20
    before, after = ({str(row[0]): row for row in frame.rows()} for frame in (old, new))
    assert changes.columns == ("id", "x", "y", "colour")
    for row in changes.inserted_sample:
        assert tuple(map(str, after[str(row[0])])) == row
        assert row[0] not in before
    for row in changes.deleted_sample:
        assert tuple(map(str, before[str(row[0])])) == row
        assert row[0] not in after
    for row in changes.changed_sample:
        (cell,) = row.cells
        assert cell.column == "x"
        assert (cell.old, cell.new) == (str(before[str(row.key[0])][1]), str(after[str(row.key[0])][1]))
    assert found.drifts[0].name == "x"
    assert "id" not in [drifted.name for drifted in found.drifts]


def test_planted_truth_without_a_key(side: Sides) -> None:
    old, new = planted(20_000)
    changes = rows_of(between(side, old.drop("id"), new.drop("id")))
    # The inserted rows are copies of rows that are still there, but for deleted and changed ones among the first.
    assert (changes.key, changes.key_source, changes.changed) == ((), "none", 0)
    one, other = Counter(old.drop("id").rows()), Counter(new.drop("id").rows())
    assert (changes.inserted, changes.deleted) == ((other - one).total(), (one - other).total())
    assert changes.notes == ("Without a key, a row that changed counts as one deleted and one inserted.",)


def test_text_files(side: Sides) -> None:
    old = side("v1", t_csv=b"name,id,x\nann,1,5\nbob,2,6\ncid,3,7\n")
    new = side("v2", t_csv=b"name,id,x\nann,1,5\n\nbob,2,6.5\ndan,4,8\n")
    found = compare(old, new)
    changes = rows_of(found)
    assert (changes.inserted, changes.deleted, changes.changed) == (1, 1, 1)
    assert changes.inserted_sample == (("dan", "4", "8.0"),)
    assert found.schema is not None
    assert found.schema.retyped == (Retyped("x", "Int64", "Float64"),)
    assert changes.changed_sample[0].cells[0].new == "6.5"


def test_a_declared_key_of_several_columns(side: Sides) -> None:
    old = pl.DataFrame({"row": [1, 1, 2], "value": ["a", "b", "a"], "x": [1, 2, 3]})
    new = pl.DataFrame({"row": [1, 1, 2], "value": ["b", "a", "c"], "x": [2, 9, 3]})
    changes = rows_of(between(side, old, new, ("row", "value")))
    assert (changes.key, changes.key_source) == (("row", "value"), "declared")
    assert (changes.inserted, changes.deleted, changes.changed) == (1, 1, 1)
    assert changes.changed_sample[0].key == ("1", "a")


def test_keys_that_several_rows_share_or_that_are_null(side: Sides) -> None:
    old = pl.DataFrame({"k": [1, 2, 2, None, None, 5], "x": [1, 2, 3, 4, 4, 5]})
    new = pl.DataFrame({"k": [1, 2, 2, None, 5, 5], "x": [9, 3, 7, 4, 5, 5]})
    changes = rows_of(between(side, old, new, ("k",)))
    # 1 changed. (2, 2) became (2, 7), one (null, 4) went, and (5, 5) came once more.
    assert (changes.changed, changes.inserted, changes.deleted) == (1, 2, 2)
    assert changes.inserted_sample == (("2", "7"), ("5", "5"))
    assert changes.deleted_sample == (("2", "2"), (None, "4"))
    assert "5 old and 5 new rows have no k, or one that several rows share" in changes.notes[0]


def test_float_keys(side: Sides) -> None:
    old = pl.DataFrame({"k": [1.0, math.nan, 2.0], "x": [1, 2, 3]})
    new = pl.DataFrame({"k": [math.nan, 1.0, 2.0], "x": [2, 1, 4]})
    changes = rows_of(between(side, old, new, ("k",)))
    assert (changes.changed, changes.inserted, changes.deleted) == (1, 0, 0)


def test_a_key_that_changed_its_type(side: Sides) -> None:
    old = pl.DataFrame({"id": [1, 2, 3], "x": [1, 2, 3]})
    new = pl.DataFrame({"id": ["1", "2", "x4"], "x": [1, 5, 4]})
    found = between(side, old, new, ("id",))
    changes = rows_of(found)
    assert (changes.changed, changes.inserted, changes.deleted) == (1, 1, 1)
    assert changes.notes == ("Key 'id' has changed its type: it is compared as String.",)


def test_a_key_that_is_not_there(side: Sides) -> None:
    frame = pl.DataFrame({"id": [1, 2], "l": [[1], [2]]})
    found = between(side, frame, frame.with_columns(pl.col("id") + 1), ("nope\x1b", "l"))
    changes = rows_of(found)
    assert (changes.key, changes.key_source) == (("id",), "inferred")
    assert changes.notes[:2] == (
        "Key 'nope' is not a column of both sides.",
        "Key 'l' holds lists or structures, which cannot be a key.",
    )


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"x": [5, 6, 7], "id": [1, 2, 3]}, ("id",)),
        ({"x": [5, 6, 7], "customerId": ["a", "b", "c"]}, ("customerId",)),
        ({"userID": [1, 1, 2], "order_key": [1, 2, 3]}, ("order_key",)),
        ({"id": [1, 2, None], "code": ["a", "b", "c"]}, ("code",)),
        ({"price": [1.5, 2.5, 3.5]}, ()),
        ({"essay": ["a" * 90, "b" * 90, "c" * 90]}, ()),
        ({"valid": [True, False, None]}, ()),
    ],
)
def test_inferred_keys(side: Sides, columns: dict[str, list[object]], key: tuple[str, ...]) -> None:
    old = pl.DataFrame({**columns, "extra": [1.0, 2.0, 3.0]})
    found = between(side, old, old.with_columns(pl.col("extra") * 2))
    assert rows_of(found).key == key


def test_a_unique_column_with_other_values_is_no_key(side: Sides) -> None:
    old = pl.DataFrame({"count": [1, 2, 3, 4], "x": [0.5, 0.5, 0.5, 0.5]})
    assert rows_of(between(side, old, old.with_columns(pl.col("count") + 100))).key == ()


def test_nan_and_null(side: Sides) -> None:
    old = pl.DataFrame({"id": [1, 2, 3, 4], "x": [math.nan, None, 0.0, math.nan], "y": [1, 1, 1, 1]})
    new = pl.DataFrame({"id": [1, 2, 3, 4], "x": [math.nan, None, -0.0, None], "y": [1, 1, 1, 1]})
    changes = rows_of(between(side, old, new))
    assert (changes.changed, changes.changed_cells) == (1, (("x", 1),))
    assert changes.changed_sample[0].cells[0].new is None


def test_empty_sides(side: Sides) -> None:
    full = pl.DataFrame({"id": [1, 2], "x": [1.0, 2.0]})
    found = between(side, full, full.clear())
    changes = rows_of(found)
    assert (changes.deleted, changes.inserted, changes.new_rows, found.drifts) == (2, 0, 0, ())
    assert found.notes == ("v2 has no rows, so there are no distributions to compare.",)
    assert rows_of(between(side, full.clear(), full, ("id",))).inserted == 2
    wider = full.clear().with_columns(pl.lit(1).alias("new"))
    assert rows_of(between(side, full.clear(), wider)).inserted == 0


def test_schema(side: Sides) -> None:
    n = 50
    old = pl.DataFrame(
        {"id": range(n), "gone": range(n), "price": np.arange(n) * 1.5, "kind": ["a", "b"] * 25, "odd": [[1]] * n}
    )
    new = old.select(
        "id",
        pl.col("kind"),
        pl.col("price").alias("cost"),
        pl.lit(1).alias("added\x1b"),
        pl.col("gone").cast(pl.Float64).alias("other"),
        pl.lit(3).alias("odd"),
    )
    found = between(side, old, new)
    assert found.schema is not None
    assert found.schema.added == (Column("added\x1b", "Int32"), Column("other", "Float64"))
    assert found.schema.dropped == (Column("gone", "Int64"),)
    assert found.schema.renamed == (("price", "cost"),)
    assert found.schema.retyped == (Retyped("odd", "List(Int64)", "Int32"),)
    assert found.notes == ("Column 'odd' is not compared: its types have nothing in common.",)
    assert (rows_of(found).changed, rows_of(found).inserted) == (0, 0)
    assert not found.schema.same
    reordered = between(side, old, old.select(sorted(old.columns)))
    assert reordered.schema is not None
    assert reordered.schema.reordered
    assert rows_of(reordered).changed == 0


def test_no_columns_in_common(side: Sides) -> None:
    found = between(side, pl.DataFrame({"a": [1]}), pl.DataFrame({"b": ["x"]}))
    assert found.rows is None
    assert found.notes == ("The sides share no columns that can be compared.",)


def test_one_side_is_no_table(side: Sides) -> None:
    found = compare(side("v1", t_csv=b"a\n1\n"), side("v2\x1b", t_csv=b"a\n\0\n"))
    assert found.schema is found.rows is None
    assert found.notes == (
        "Not compared as tables: v2 is not a table: t.csv: it holds zero bytes, so it is no text in UTF-8.",
    )
    found = compare(side("v1", t_csv=b"a\n1\n"), side("v2", t_csv=b"a\n1\n", README=b"x"))
    assert "README is not CSV" in found.notes[0]
    assert found.files.added == (FileChange("README", 0, 1),)


def test_files(side: Sides) -> None:
    old = side("v1", a=b"1", b=b"22", c=b"333", d=b"4", e=b"4", same=b"s")
    new = side("v2", a=b"1x", x__b=b"22", new=b"n", d2=b"4", same=b"s")
    found = compare(old, new)
    assert found.files.changed == (FileChange("a", 1, 2),)
    assert found.files.renamed == (FileChange("d2", 1, 1, was="d"), FileChange("x/b", 2, 2, was="b"))
    assert found.files.added == (FileChange("new", 0, 1),)
    assert found.files.removed == (FileChange("c", 3, 0), FileChange("e", 1, 0))
    assert found.files.unchanged == 1
    assert not found.identical
    assert compare(old, old).identical
    assert compare_files([], []).unchanged == 0


def test_the_same_files_are_not_read(side: Sides) -> None:
    frame = pl.DataFrame({"id": [1, 2], "x": [1.0, 2.0]})
    broken = side("v1", t_parquet=frame).files[0].real
    file = side.file("t.parquet", frame)
    broken.unlink()
    gone = SideFile("t.parquet", file.hash, file.size, broken)
    assert compare(Side("v1", [gone]), Side("v2", [gone])).identical


def test_only_rows_of_files_that_differ_are_compared(side: Sides) -> None:
    parts = {
        f"p{number}_parquet": pl.DataFrame({"id": [number * 10, number * 10 + 1], "x": [1.0, 2.0]})
        for number in range(4)
    }
    changed = {**parts, "p2_parquet": pl.DataFrame({"id": [20, 99], "x": [1.5, 2.0]})}
    found = compare(side("v1", **parts), side("v2", **changed))
    changes = rows_of(found)
    assert found.files.unchanged == 3
    assert (changes.old_rows, changes.new_rows) == (8, 8)
    assert (changes.inserted, changes.deleted, changes.changed) == (1, 1, 1)
    more = {**parts, "p9_parquet": pl.DataFrame({"id": [90], "x": [9.0]})}
    changes = rows_of(compare(side("v1", **parts), side("v2", **more)))
    assert (changes.inserted, changes.deleted, changes.old_rows, changes.new_rows) == (1, 0, 8, 9)
    assert changes.inserted_sample == (("90", "9.0"),)
    changes = rows_of(compare(side("v1", **more), side("v2", **parts)))
    assert (changes.inserted, changes.deleted) == (0, 1)


def test_drifts_worst_first(side: Sides) -> None:
    n = 5000
    draw = np.random.default_rng(0)
    old = pl.DataFrame(
        {
            "id": range(n),
            "steady": draw.normal(size=n),
            "moved": draw.normal(size=n),
            "kind": draw.choice(["a", "b"], n),
            "day": [datetime.date(2026, 1, 1)] * n,
            "flag": [True, False] * (n // 2),
            "comment": [f"{number} words" for number in range(n)],
            "holes": draw.normal(size=n),
            "list": [[1]] * n,
        }
    )
    new = old.with_columns(
        pl.col("moved") + 2,
        pl.when(pl.col("id") < 1000).then(pl.lit("new\x1b")).otherwise("kind").alias("kind"),
        pl.col("comment") + " and many more of them",
        pl.when(pl.col("id") % 2 == 0).then("holes").alias("holes"),
    )
    found = between(side, old, new)
    by_name = {drifted.name: drifted for drifted in found.drifts}
    assert {drifted.name for drifted in found.drifts[:3]} == {"moved", "comment", "kind"}
    assert by_name["moved"].ks == pytest.approx(0.68, abs=0.03)
    assert by_name["kind"].unseen == (("new\x1b", 1000),)
    assert (by_name["kind"].js or 0) > 0.2
    assert by_name["comment"].measured == "lengths"
    assert by_name["holes"].null_delta == 0.5
    assert by_name["steady"].psi == by_name["steady"].ks == by_name["flag"].psi == by_name["day"].psi == 0
    assert by_name["list"].measured == "nothing"
    assert found.sampled == 0


def test_many_rows_are_sampled_for_drift(side: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributions, "ALL_ROWS", 1000)
    monkeypatch.setattr(distributions, "SAMPLE_ROWS", 500)
    monkeypatch.setattr(diff, "SAMPLE_ROWS", 500)
    old, new = planted(3000)
    found = between(side, old, new)
    assert found.sampled == 500
    assert found.notes == ("Distributions are of 500 sampled rows where a side has more than a million.",)
    assert len(found.drifts) == 3


def test_times_beyond_the_calendar(side: Sides) -> None:
    far = pl.DataFrame({"id": [1, 2], "t": pl.Series([2**62, 5]).cast(pl.Datetime("ms"))})
    changes = rows_of(between(side, far, far.with_columns(pl.col("t").reverse())))
    assert changes.changed == 2
    assert changes.changed_sample[0].cells[0].old == "4.61168601842739e+15 s"


def test_pictures(side: Sides, tmp_path: Path) -> None:
    def drawn(width: int) -> bytes:
        Image.new("RGB", (width, 5)).save(tmp_path / "i", "PNG")
        return (tmp_path / "i").read_bytes()

    old = side("v1", a_png=drawn(10), b_png=drawn(11))
    new = side("v2", a_png=drawn(10), b_png=b"broken", c_png=drawn(40))
    found = compare(old, new)
    assert found.images is not None
    assert (found.images.old.count, found.images.new.count) == (2, 3)
    assert found.images.new.broken == ("b.png",)
    assert found.images.new.dimensions == ((10, 5, 1), (40, 5, 1))
    assert found.rows is None
    json.dumps(found.to_json())


def test_progress_is_told(side: Sides) -> None:
    told: list[str] = []
    old, new = planted(1000)
    compare(side("v1", t_parquet=old), side("v2", t_parquet=new), progress=told.append)
    assert len(told) >= 2


values = {
    "n": (pl.Float64, st.none() | st.floats(width=16)),
    "t": (pl.String, st.none() | st.text(max_size=3)),
    "b": (pl.Boolean, st.none() | st.booleans()),
    "l": (pl.List(pl.Int64), st.none() | st.lists(st.integers(0, 2), max_size=2)),
}
keys = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5)
tables = st.lists(st.tuples(keys, *(strategy for _, strategy in values.values())), max_size=10)
SCHEMA = {"k": pl.Int64, **{name: dtype for name, (dtype, _) in values.items()}}


def frozen(row: Sequence[object]) -> tuple[object, ...]:
    """A row as Python can count it: NaN equals NaN, -0.0 is 0.0, a list is a tuple."""
    plain: Callable[[object], object] = lambda value: (  # noqa: E731
        "nan" if isinstance(value, float) and math.isnan(value) else tuple(value) if isinstance(value, list) else value
    )
    return tuple((isinstance(value, bool), plain(value)) for value in row)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables, tables, st.booleans(), st.randoms(use_true_random=False))
def test_rows_agree_with_counting_by_hand(
    tmp_path: Path, old: list[tuple[object, ...]], new: list[tuple[object, ...]], keyed: bool, chance: random.Random
) -> None:
    new = [*new, *chance.sample(old, len(old) // 2)]
    one, other = (pl.DataFrame(table, schema=SCHEMA, orient="row") for table in (old, new))
    found = between(Sides(tmp_path), one, other, ("k",) if keyed else ())
    if found.identical:
        return
    changes = rows_of(found)
    before, after = Counter(map(frozen, one.rows())), Counter(map(frozen, other.rows()))
    came, went = (after - before).total(), (before - after).total()
    if changes.key_source == "none":
        assert (changes.inserted, changes.deleted) == (came, went)
    assert (changes.inserted + changes.changed, changes.deleted + changes.changed) == (came, went)
    assert sum(count for _, count in changes.changed_cells) >= changes.changed


def test_links_empty_folders_and_executable_files_are_compared(side: Sides) -> None:
    run, tool, data = (side.file(name, b"x") for name in ("run.sh", "tool", "full/data"))
    old = Side("v1", [run, tool], {"latest": "a", "gone": "a", "turned": "a"}, ["empty", "full", "left"])
    new = Side("v2", [replace(run, executable=True), data, side.file("turned", b"y")], {"latest": "b"}, ["left", "new"])
    assert compare_entries(old, new) == (
        EntryChange("empty", "an empty folder", ""),
        EntryChange("gone", "a link to a", ""),
        EntryChange("latest", "a link to a", "a link to b"),
        EntryChange("new", "", "an empty folder"),
        EntryChange("run.sh", "a file", "an executable file"),
        EntryChange("turned", "a link to a", "a file"),
    )
    assert compare_entries(old, old) == ()
    found = compare(Side("v1", [run]), Side("v2", [replace(run, executable=True)]))
    assert not found.identical
    assert json.loads(json.dumps(found.to_json()))["files"]["entries"] == [
        {"path": "run.sh", "old": "a file", "new": "an executable file"}
    ]


def test_names_that_polars_takes_for_patterns(side: Sides) -> None:
    old = pl.DataFrame({"*": [1, 2, 3], "^.*$": ["a", "b", "c"], "": [1.0, 2.0, 3.0], "*x": [1, 2, 3]})
    found = between(side, old, old.with_columns(pl.Series("^.*$", ["a", "z", "c"])).rename({"*x": "x*"}), ["*"])
    assert (rows_of(found).changed, rows_of(found).changed_cells[0]) == (1, ("^.*$", 1))
    assert found.schema is not None
    assert found.schema.renamed == (("*x", "x*"),)
    assert rows_of(between(side, old, old.head(2))).deleted == 1
