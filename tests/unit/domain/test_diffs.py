import json
import math
from pathlib import Path

from lab.domain.diffs import ColumnDrift, DatasetDiff, EntryChange, FileChange, FilesDiff, SchemaDiff, SideFile


def test_what_json_does_not_hold_is_a_string() -> None:
    drifted = ColumnDrift("x", "values", psi=math.nan, old_mean=-math.inf, old_nulls=0.25, new_nulls=0.5)
    found = DatasetDiff("v1", "v2", FilesDiff(changed=(FileChange("a", 1, 2),)), SchemaDiff(), drifts=(drifted,))
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (data["drifts"][0]["psi"], data["drifts"][0]["old_mean"]) == ("NaN", "-Infinity")
    assert data["identical"] is False
    assert data["files"]["changed"][0] == {"path": "a", "old_size": 1, "new_size": 2, "was": ""}


def test_what_follows_from_the_fields() -> None:
    assert ColumnDrift("x", "values", old_nulls=0.25, new_nulls=0.5).null_delta == 0.25
    assert SchemaDiff().same
    assert not SchemaDiff(renamed=(("a", "b"),)).same
    assert DatasetDiff("v1", "v2", FilesDiff(unchanged=3)).identical
    assert not DatasetDiff("v1", "v2", FilesDiff(renamed=(FileChange("a", 1, 1, was="b"),))).identical
    assert not DatasetDiff("v1", "v2", FilesDiff(unchanged=3, entries=(EntryChange("a", "", "x"),))).identical
    assert SideFile("a", "00", 1, Path("x")).path == "a"
