from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from lab.ui.render.sparkline import bar, sparkline


def test_rises_from_lowest_to_highest() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7], 7, plain=False) == "▁▂▃▄▅▆▇"
    assert sparkline([0, 1], 4, plain=False) == "  ▁▇"


def test_gaps_and_constants() -> None:
    assert sparkline([1, math.nan, 2], 3, plain=False) == "▁ ▇"
    assert sparkline([3, 3, 3], 3, plain=False) == "▄▄▄"
    assert sparkline([math.nan], 3) == "   "
    assert sparkline([], 2) == "  "


def test_many_values_are_averaged() -> None:
    assert sparkline([0, 0, 0, 0, 1, 1, 1, 1], 2, plain=False) == "▁▇"


def test_ascii() -> None:
    assert sparkline(range(8), 8, plain=True).isascii()
    assert bar(0.5, 4, plain=True) == "##.."


@given(st.lists(st.floats(), max_size=50), st.integers(0, 20))
def test_always_as_wide_as_asked(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == width


@given(st.floats(), st.integers(0, 20))
def test_bars_are_as_wide_as_asked(fraction: float, width: int) -> None:
    assert len(bar(fraction, width)) == width


def test_bars() -> None:
    assert bar(1.0, 3, plain=False) == "███"
    assert bar(0.5, 3, plain=False) == "█▌ "
