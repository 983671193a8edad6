from __future__ import annotations

import random

import pytest

from lab.ui.render.cells import width_of
from lab.ui.render.histogram import histogram_line, histogram_rows, rebin


def test_a_line_begins_at_zero_and_shows_the_smallest_count() -> None:
    assert histogram_line([0, 1, 1000, 500], 4) == "·▁▇▄"
    assert histogram_line([0, 1, 1000, 500], 4, plain=True) == " _*-"
    assert histogram_line([], 5) == ""
    assert histogram_line([0, 0], 5) == "··"
    assert histogram_line([3, 3], 10) == "▇▇"


def test_an_even_histogram_stays_even_in_any_width() -> None:
    for width in range(1, 30):
        assert len(set(histogram_line([100] * 20, width))) == 1, width
        assert sum(rebin([100] * 20, width)) == pytest.approx(2000)


def test_no_count_is_lost_and_neighbours_stay_neighbours() -> None:
    assert rebin([1, 2, 3, 4], 2) == [3, 7]
    assert rebin([1, 2, 3], 2) == [2, 4]
    assert rebin([1, 2], 5) == [1, 2]
    assert rebin([1, 2], 0) == []
    for seed in range(50):
        pen = random.Random(seed)
        counts = [pen.randrange(1000) for _ in range(pen.randrange(1, 60))]
        assert sum(rebin(counts, pen.randrange(1, 70))) == pytest.approx(sum(counts))


@pytest.mark.parametrize("plain", [True, False])
def test_a_chart_fits_and_names_its_ends(plain: bool) -> None:
    for width in range(0, 90, 7):
        rows = histogram_rows([0, 5, 1_000_000, 3], [0, 1, 2, 3, 4], width, 6, lambda value: f"{value:g}", plain)
        assert all(width_of("".join(text for text, _ in row)) <= width for row in rows), width
    text = ["".join(part for part, _ in row) for row in rows]
    assert text[0].startswith("1,000,000 ")
    assert text[-1].split() == ["0", "4"]
    assert len(rows) == 8
    # The smallest count is seen on the lowest line, an empty bin nowhere.
    full, lowest = ("#", text[5]) if plain else ("█", text[5])
    assert full in lowest
    assert histogram_rows([0, 0], [0, 1, 2], 40, 6, str, plain) == []
    assert histogram_rows([], [], 40, 6, str, plain) == []
