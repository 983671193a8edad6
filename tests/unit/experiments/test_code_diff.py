"""The text of a difference: what a patch would say, bounded."""

from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from lab.experiments.changes import unified

LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30)


@given(LINES, LINES)
def test_both_sides_can_be_read_back(old: list[str], new: list[str]) -> None:
    """Hunks hold every line that is gone or new, in order, and equal lines around them."""
    lines = list(unified(old, new))
    shown = [line for line in lines if line.kind != "hunk"]
    assert (old == new) is (not lines)
    for side, sign in ((old, "-"), (new, "+")):
        kept = [line.text for line in shown if line.kind in (sign, " ")]
        rest = iter(side)
        assert all(any(text == other for other in rest) for text in kept)
    gone, come = (sum(line.kind == sign for line in shown) for sign in "-+")
    assert len(new) - len(old) == come - gone


def test_it_is_what_difflib_says() -> None:
    old = [f"line {number}" for number in range(200)]
    new = [*old[:50], "changed", *old[51:120], "added", *old[120:]]
    expected = list(difflib.unified_diff(old, new, lineterm=""))[2:]
    found = [line.text if line.kind == "hunk" else line.kind + line.text for line in unified(old, new)]
    assert found == expected


def test_a_file_that_is_all_new_costs_little() -> None:
    old = [f"x{number % 7}" for number in range(50_000)]
    new = [f"y{number % 7}" for number in range(50_000)]
    lines = list(unified(old, new))
    assert len(lines) == 100_001
