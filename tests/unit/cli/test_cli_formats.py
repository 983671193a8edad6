"""Values as people read them."""

from __future__ import annotations

import pytest

from lab.cli import formats


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (True, "true"),
        (3, "3"),
        (0.1 + 0.2, "0.3"),
        (1.5e-7, "1.5e-07"),
        (float("nan"), "nan"),
        ("a\x1b[31mb", "a[31mb"),
        (10**500, "a huge number"),
    ],
)
def test_values(value: object, shown: str) -> None:
    assert formats.format_value(value) == shown


@pytest.mark.parametrize(
    ("value", "base", "shown"),
    [(0.5, 0.25, "+0.25"), (1, 3, "-2"), (1.0, 1.0, ""), ("a", 1, ""), (float("nan"), 1.0, ""), (None, 1.0, "")],
)
def test_deltas(value: object, base: object, shown: str) -> None:
    assert formats.format_delta(value, base) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0.0042, "4ms"),
        (3.21, "3.2s"),
        (42.4, "42s"),
        (59.7, "1m00s"),
        (192, "3m12s"),
        (3720, "1h02m"),
        (90_000, "1d01h"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert formats.format_duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (7200, "2h"),
        (86400 * 3, "3d"),
        (86400 * 800, "2y"),
        (-5, "0s"),
    ],
)
def test_ages(seconds: float, shown: str) -> None:
    assert formats.format_age(1_000_000_000 - seconds, 1_000_000_000) == shown


def test_utc_times_have_microseconds_and_a_z() -> None:
    assert formats.format_utc(0.0) == "1970-01-01T00:00:00.000000Z"
    assert formats.format_utc(1_700_000_000.123456) == "2023-11-14T22:13:20.123456Z"
    assert formats.format_utc(None) is None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m text", "red text"),
        ("10%\r50%\r100%\r\n", "100%"),
        ("\x1b]0;title\x07ok", "ok"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\tb", "a    b"),
        ("\x9b31mC1", "31mC1"),
        ("plain", "plain"),
    ],
)
def test_log_lines_obey_nothing(line: str, shown: str) -> None:
    assert formats.log_line(line) == shown
