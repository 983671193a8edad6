import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.profiles import (
    ColumnProfile,
    Correlation,
    FileGroup,
    Histogram,
    ImagesProfile,
    Leakage,
    Pii,
    Profile,
    TableProfile,
)

numbers = st.floats(allow_nan=False) | st.integers()
columns = st.builds(
    ColumnProfile,
    name=st.text(),
    type=st.text(),
    kind=st.text(),
    minimum=st.none() | numbers,
    sd=st.none() | numbers,
    quantiles=st.lists(st.floats(allow_nan=False)).map(tuple),
    histogram=st.builds(
        Histogram,
        st.lists(st.floats(allow_nan=False)).map(tuple),
        st.lists(st.integers()).map(tuple),
    ),
    top=st.lists(st.tuples(st.text(), st.integers())).map(tuple),
    pii=st.lists(st.builds(Pii, st.text(), st.floats(0, 1))).map(tuple),
)
tables = st.builds(
    TableProfile,
    rows=st.integers(),
    duplicate_rows=st.integers(),
    sampled=st.integers(),
    columns=st.lists(columns, max_size=3).map(tuple),
    correlations=st.lists(st.builds(Correlation, st.text(), st.text(), numbers.map(float)), max_size=2).map(tuple),
    leakage=st.lists(st.builds(Leakage, st.text(), st.text(), st.floats(0, 1)), max_size=2).map(tuple),
)


@given(tables)
def test_a_table_comes_back_from_json(table: TableProfile) -> None:
    profile = Profile(1, 2, (FileGroup(".csv", 1, 2),), table, notes=("x",))
    assert Profile.from_json(json.loads(json.dumps(profile.to_json(), allow_nan=False))) == profile


def test_images_come_back_from_json() -> None:
    images = ImagesProfile(3, (FileGroup("PNG", 3, 9),), (1.0, 2.0), (3.0,), (4.0,), ((5, 6, 3),), 1, ("a.png",))
    profile = Profile(3, 9, (), images=images)
    assert Profile.from_json(json.loads(json.dumps(profile.to_json()))) == profile


def test_what_json_does_not_hold_is_a_string() -> None:
    column = ColumnProfile("x", "Float64", "number", mean=math.nan, maximum=math.inf, quantiles=(-math.inf,))
    profile = Profile(1, 1, (), TableProfile(1, 0, 1, (column,)))
    data: Any = profile.to_json()
    found = data["table"]["columns"][0]
    assert (found["mean"], found["maximum"], found["quantiles"]) == ("NaN", "Infinity", ["-Infinity"])
    back = Profile.from_json(json.loads(json.dumps(data, allow_nan=False)))
    assert back.table is not None
    assert math.isnan(back.table.columns[0].mean or 0)
    assert back.table.columns[0] == replace(column, mean=back.table.columns[0].mean)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"format": 0, "files": 1, "bytes": 1, "groups": [], "table": None, "images": None, "notes": []},
        {"format": 1},
        {"format": 1, "files": 1, "bytes": 1, "groups": [], "table": {"rows": 1}, "images": None, "notes": []},
        {"format": 1, "files": 1, "bytes": 1, "groups": [{"x": 1}], "table": None, "images": None, "notes": []},
        {"format": 1, "files": "many", "bytes": 1, "groups": [], "table": None, "images": None, "notes": []},
    ],
)
def test_what_is_no_profile(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Profile.from_json(data)
