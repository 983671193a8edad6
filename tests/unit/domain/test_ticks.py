from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.domain.ticks import linear_ticks, log_labels, log_ticks, nice_step, tick_labels, time_labels, time_ticks


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.123, 0.187, ["0.14", "0.16", "0.18"]),
        (0, 10_000, ["0", "2k", "4k", "6k", "8k", "10k"]),
        (0, 50_000, ["0", "10k", "20k", "30k", "40k", "50k"]),
        (0, 2_500_000, ["0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"]),
        (-1, 1, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (1e-7, 5e-7, ["1e-7", "2e-7", "3e-7", "4e-7", "5e-7"]),
    ],
)
def test_linear_ticks_are_round(low: float, high: float, labels: list[str]) -> None:
    assert tick_labels(linear_ticks(low, high, 5)) == labels


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.1, 10, ["0.1", "0.2", "0.5", "1", "2", "5", "10"]),
        (1e-6, 1, ["1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]),
        (1e-12, 1e12, ["1e-12", "1e-8", "1e-4", "1", "1e4", "1e8", "1e12"]),
    ],
)
def test_log_ticks_are_one_two_five(low: float, high: float, labels: list[str]) -> None:
    assert log_labels(log_ticks(low, high, 7)) == labels


def test_a_scale_has_more_than_one_tick_where_they_fit() -> None:
    assert tick_labels(linear_ticks(0.347, 0.988, 3)) == ["0.4", "0.6", "0.8"]
    assert tick_labels(linear_ticks(0.88, 0.97, 3)) == ["0.90", "0.95"]
    assert len(linear_ticks(0.11, 9.9, 1)) <= 2


def test_log_ticks_within_a_decade_are_linear() -> None:
    assert tick_labels(log_ticks(0.31, 0.42, 5)) == ["0.35", "0.40"]


def test_time_ticks_are_whole_minutes_and_hours() -> None:
    assert time_labels(time_ticks(0, 600, 5)) == ["0s", "2m", "4m", "6m", "8m", "10m"]
    assert time_labels(time_ticks(0, 7200, 5)) == ["0s", "30m", "1h", "1h30", "2h"]
    assert time_labels(time_ticks(0, 86400 * 10, 5)) == ["0s", "2d", "4d", "6d", "8d", "10d"]
    assert time_labels(time_ticks(0, 1, 2)) == ["0.0s", "0.5s", "1.0s"]


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite, st.integers(1, 12))
@example(0.0, 1.7976931348623157e308, 9)
@example(1.7e308, 1.7976931348623157e308, 1)
def test_any_range_gives_few_ticks_inside_it(one: float, other: float, count: int) -> None:
    low, high = sorted((one, other))
    span = high - low
    for ticks in (linear_ticks(low, high, count), time_ticks(low, high, count)):
        assert len(ticks) <= count + 2
        assert all(low - span * 1e-6 <= tick <= high + span * 1e-6 for tick in ticks if math.isfinite(span))
        assert len(tick_labels(ticks)) == len(ticks)


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 12))
def test_any_log_range_gives_ticks_inside_it(one: float, other: float, count: int) -> None:
    low, high = sorted((one, other))
    ticks = log_ticks(low, high, count)
    assert len(ticks) <= 2 * count
    assert all(low * 0.999999 <= tick <= high * 1.000001 for tick in ticks)
    assert len(log_labels(ticks)) == len(ticks)


def test_steps() -> None:
    assert [nice_step(span, 1) for span in (0.3, 1, 1.5, 3, 7)] == [0.5, 1, 2, 5, 10]
    assert nice_step(0, 5) == 0
    assert nice_step(math.inf, 5) == 0
