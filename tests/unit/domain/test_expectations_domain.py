import datetime as dt
import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.expectations import (
    CheckReport,
    Result,
    Sample,
    Severity,
    format_bound,
    format_duration,
    parse_duration,
    type_matches,
)
from lab.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1.5m", 90), ("24h", 86_400), (" 2d ", 172_800), ("1w", 604_800), ("2 d", 172_800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "h", "12", "-1h", "1y", "1h30m", "9" * 400 + "w", "101 years"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (90, "90s"), (3600, "1h"), (5400, "90m"), (90_000, "25h"), (1_209_600, "2w")],
)
def test_durations_as_people_write_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    if seconds:
        assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("wanted", "actual", "fits"),
    [
        ("int", "Int8", True),
        ("INT", "UInt64", True),
        ("int", "Float64", False),
        ("number", "Int64", True),
        ("number", "Decimal(precision=10, scale=2)", True),
        ("number", "Boolean", False),
        ("text", "Categorical", True),
        ("str", "Enum(categories=['a'])", True),
        ("datetime", "Datetime(time_unit='us', time_zone=None)", True),
        ("Datetime", "Date", False),
        ("datetime(time_unit='us', time_zone=none)", "Datetime(time_unit='us', time_zone=None)", True),
        ("datetime(time_unit='ms', time_zone=none)", "Datetime(time_unit='us', time_zone=None)", False),
        ("Int32", "Int64", False),
        ("int32", "Int32", True),
        ("list", "List(Int64)", True),
        ("list(int64)", "List(Int64)", True),
        ("list(int8)", "List(Int64)", False),
        ("null", "Null", True),
    ],
)
def test_types(wanted: str, actual: str, fits: bool) -> None:
    assert type_matches(wanted, actual) is fits


def test_bounds_are_written_as_in_settings() -> None:
    assert [format_bound(bound) for bound in (0, 1e6, 0.1, 1e300, inf, dt.date(2026, 1, 2), dt.time(8))] == [
        "0", "1000000", "0.1", "1e+300", "inf", "2026-01-02", "08:00:00",
    ]  # fmt: skip
    assert format_bound(dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)) == "2026-01-02 03:00:00+00:00"


CELLS = st.one_of(st.none(), st.text(max_size=5))
RESULTS = st.builds(
    Result,
    rule=st.text(max_size=5),
    column=st.text(max_size=5),
    severity=st.sampled_from(Severity),
    ok=st.booleans(),
    observed=st.text(max_size=5),
    wanted=st.text(max_size=5),
    sentence=st.text(max_size=5),
    failing=st.one_of(st.none(), st.integers(0)),
    sample=st.builds(
        Sample,
        st.lists(st.text(max_size=3), max_size=3).map(tuple),
        st.lists(st.lists(CELLS, max_size=3).map(tuple), max_size=3).map(tuple),
        st.lists(st.integers(1), max_size=3).map(tuple),
    ),
    skipped=st.booleans(),
)


@given(
    st.builds(
        CheckReport, st.lists(RESULTS, max_size=4).map(tuple), st.one_of(st.none(), st.integers(0)), st.floats(0, 9)
    )
)
def test_a_report_survives_json(report: CheckReport) -> None:
    data = json.loads(json.dumps(report.to_json()))
    assert CheckReport.from_json(data) == report
    assert data["ok"] is all(result.ok for result in report.results)
    assert data["blocked"] is any(not one.ok and one.severity is Severity.BLOCK for one in report.results)
    assert data["warnings"] == sum(not one.ok and one.severity is Severity.WARN for one in report.results)


@pytest.mark.parametrize(
    "data", [{}, {"results": [{}], "rows": 1, "seconds": 1}, {"results": 3, "rows": 1, "seconds": 1}]
)
def test_what_is_no_report(data: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        CheckReport.from_json(data)
