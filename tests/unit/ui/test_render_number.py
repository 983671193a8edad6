from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.ui.render.number import (
    format_age,
    format_delta,
    format_duration,
    format_number,
    format_time,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.931234, "0.9312"),
        (0.5, "0.5000"),
        (12.3456, "12.35"),
        (1234.56, "1,235"),
        (0.000123456, "0.0001235"),
        (1.5e-5, "1.5e-5"),
        (1.23456e12, "1.235e12"),
        (12345, "12,345"),
        (3.0, "3"),
        (0.0, "0"),
        (-0.25, "-0.2500"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (True, "true"),
        ("adam", "adam"),
        (10**400, "huge"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert format_number(value) == text


@given(st.floats())
def test_any_float_is_short(value: float) -> None:
    assert 0 < len(format_number(value)) <= 12


def test_deltas_have_sign_and_percent() -> None:
    assert format_delta(0.95, 0.90) == "+0.0500 (+5.6%)"
    assert format_delta(0.90, 0.95) == "-0.0500 (-5.3%)"
    assert format_delta(1.0, 1.0) == "="
    assert format_delta(0.5, 0.0) == "+0.500"
    assert format_delta(None, 1.0) == "–"
    assert format_delta(math.nan, 1.0) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0ms"),
        (2e-5, "20µs"),
        (0.85, "850ms"),
        (2.34, "2.3s"),
        (45.2, "45s"),
        (59.6, "59s"),
        (192, "3m 12s"),
        (3600, "1h 00m"),
        (3725, "1h 02m"),
        (180_000, "2d 2h"),
        (-3, "-3.0s"),
        (math.inf, "–"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


def test_ages() -> None:
    assert [format_age(1000.0 - ago, 1000.0) for ago in (1, 30, 300, 7200)] == [
        "just now",
        "30s ago",
        "5m ago",
        "2h ago",
    ]
    assert format_age(1060.0, 1000.0) == "in 1m"
    assert format_age(None, 0.0) == "–"


def test_times_of_today_show_seconds() -> None:
    now = 1_790_000_000.0
    assert len(format_time(now, now)) == len("14:02:11")
    assert len(format_time(now - 10 * 86400, now)) == len("2026-11-03 14:02")
    assert format_time(1e20) == "–"
