from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from lab.ui.render.cells import cut, fit, tidy, width_of


def unsafe(text: str) -> list[str]:
    return [char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Cf")]


def test_hostile_text_loses_everything_a_terminal_obeys(hostile: str) -> None:
    assert unsafe(tidy(hostile)) == []
    assert len(tidy(hostile, 50)) <= 50


def test_hostile_text_fits_its_cells_exactly(hostile: str) -> None:
    for width in (0, 1, 2, 3, 7, 30):
        for align in ("left", "right", "center"):
            assert width_of(fit(tidy(hostile), width, align)) == width


@given(st.text(), st.integers(0, 40))
def test_any_text_fits(text: str, width: int) -> None:
    assert width_of(fit(tidy(text), width)) == width


def test_cut_text_ends_in_an_ellipsis() -> None:
    assert cut("baseline", 5) == "base…"
    assert cut("日本語", 4) == "日…"
    assert cut("abc", 3) == "abc"


def test_alignment() -> None:
    assert fit("ab", 4, "right") == "  ab"
    assert fit("ab", 5, "center") == " ab  "


def test_a_joined_emoji_is_as_wide_as_its_parts() -> None:
    assert width_of(tidy("👨‍👩‍👧")) == 6
