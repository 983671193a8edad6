from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.search import LONGEST, Needle, Place, excerpt, parse_needle, parse_places
from lab.domain.text import clean
from lab.errors import UsageError


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("loss", Needle("loss", False, True)),
        ("Loss", Needle("Loss", False, False)),
        ("/lo+ss/", Needle("lo+ss", True, True)),
        ("//", Needle("//", False, True)),
        ("/", Needle("/", False, True)),
        ("a/b", Needle("a/b", False, True)),
        ("É", Needle("É", False, False)),
    ],
)
def test_what_is_looked_for(text: str, needle: Needle) -> None:
    assert parse_needle(text) == needle


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "x" * (LONGEST + 1), "\udc80"])
def test_what_cannot_be_looked_for(text: str) -> None:
    with pytest.raises(UsageError):
        parse_needle(text)


def test_places() -> None:
    assert parse_places([]) == tuple(Place)
    assert parse_places(["logs, code", "names"]) == (Place.NAMES, Place.CODE, Place.LOGS)
    with pytest.raises(UsageError) as caught:
        parse_places(["log"])
    assert "logs" in caught.value.hint


def test_an_excerpt_shows_the_match_without_what_a_terminal_obeys() -> None:
    found = excerpt("\x1b[31m  step 3: \x1b[1mloss\x1b[0m nan\x07", 19, 23)
    assert found.text[found.start : found.end] == "loss"
    assert found.text == "step 3: loss nan"
    long = excerpt("a" * 1000 + "NEEDLE" + "b" * 1000, 1000, 1006)
    assert long.text[long.start : long.end] == "NEEDLE"
    assert len(long.text) <= 240


@given(st.text(), st.integers(0, 50), st.integers(0, 50))
def test_any_line_makes_an_excerpt(line: str, start: int, length: int) -> None:
    start = min(start, len(line))
    found = excerpt(line, start, min(len(line), start + length))
    assert 0 <= found.start <= found.end <= len(found.text) <= 240
    assert clean(found.text) == found.text
