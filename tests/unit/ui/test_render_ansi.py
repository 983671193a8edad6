from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lab.ui.render import ansi
from lab.ui.render.ansi import Mark
from lab.ui.render.logline import plain_line
from lab.ui.theme import DARK, LIGHT, Ground, token_style

RED, OFF = "\x1b[31m", "\x1b[0m"


def test_sgr_says_which_characters_have_which_colour() -> None:
    assert ansi.marks(f"a {RED}red{OFF} b") == (Mark(2, 5, "ansi.1"),)
    assert ansi.marks("\x1b[1;33mwarn\x1b[22mings\x1b[39m!") == (Mark(0, 4, "ansi.3 bold"), Mark(4, 8, "ansi.3"))
    assert ansi.marks(f"{RED}to the end") == (Mark(0, 10, "ansi.1"),)
    assert ansi.marks("\x1b[91mbright\x1b[m") == (Mark(0, 6, "ansi.1"),)
    assert ansi.marks("\x1b[4munder\x1b[24m \x1b[9mout\x1b[29m") == (Mark(0, 5, "underline"), Mark(6, 9, "strike"))
    assert ansi.marks("plain") == ()


def test_many_colours_become_the_nearest_of_the_themes() -> None:
    assert ansi.marks("\x1b[38;5;9mx") == (Mark(0, 1, "ansi.1"),)
    assert ansi.marks("\x1b[38;5;46mx") == (Mark(0, 1, "ansi.2"),)
    assert ansi.marks("\x1b[38;2;20;30;250mx") == (Mark(0, 1, "ansi.4"),)
    assert ansi.marks("\x1b[38;2;90;90;90mgrey") == (Mark(0, 4, "muted"),)
    assert ansi.marks("\x1b[38;2;250;250;250mwhite") == ()
    assert ansi.marks("\x1b[48;5;196;32mground\x1b[0m") == (Mark(0, 6, "ansi.2"),), "a background is left out"


def test_what_is_no_colour_changes_nothing() -> None:
    for escape in ("\x1b[2J", "\x1b]0;owned\x07", "\x1b[38;5m", "\x1b[38;2;1m", "\x1b[999m", "\x1b[?25l", "\x1b(B"):
        assert ansi.marks(f"{escape}x") == ()
    assert ansi.marks("\x1b[31;38;5;999mx") == (Mark(0, 1, "ansi.1"),)
    assert ansi.marks("\x1b[" + "31;" * 5000 + "31mx") == (Mark(0, 1, "ansi.1"),)


def test_places_are_those_of_the_line_that_is_shown() -> None:
    line = plain_line(f"50%\r\x1b[2K{RED}done\x1b[0m in \x1b[1m3 s\x1b[0m\n".encode())
    assert line.text == "done in 3 s"
    assert [line.text[mark.start : mark.end] for mark in line.marks] == ["done", "3 s"]
    assert plain_line(f"{RED}tab\there".encode()).marks
    assert plain_line(f"a\u200bb {RED}red".encode()).marks == (), "something was left out before it"
    assert plain_line(b"no colours").marks == ()


def test_a_match_stands_over_the_colours() -> None:
    styled, found = [Mark(0, 6, "ansi.1")], [Mark(4, 8, "match reverse")]
    assert ansi.spans("red and", styled, found) == [("red ", "ansi.1"), ("and", "match reverse")]
    assert ansi.spans("", styled) == []
    assert ansi.spans("text", ()) == [("text", "")]


def test_every_colour_can_be_read_on_its_background() -> None:
    for ground, palette in ((Ground.DARK, DARK), (Ground.LIGHT, LIGHT)):
        for at in range(8):
            colour = token_style(f"ansi.{at}", ground).color
            assert colour is not None
            assert colour.triplet is not None
            assert contrast(colour.triplet.hex, palette.surface) >= 4.5, (at, ground)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


ESCAPES = st.one_of(
    st.text(alphabet="ab c\t\u200b手\x9b", max_size=6),
    st.from_regex(re.compile(r"\x1b\[[0-9;]{0,12}[mKJH]"), fullmatch=True),
    st.sampled_from(["\x1b", "\x1b[", "\x1b]0;x\x07", "\x1b]0;x", "\r", "\x1b[38;5", "\x1b[0m"]),
)


@given(st.lists(ESCAPES, max_size=12).map("".join))
def test_whatever_a_script_prints_the_pieces_are_the_line(text: str) -> None:
    line = plain_line(text.encode("utf-8", "replace"))
    assert "".join(part for part, _ in ansi.spans(line.text, line.marks)) == line.text
    assert all(0 <= mark.start < mark.end <= len(line.text) for mark in line.marks)
    assert "\x1b" not in line.text
    for _, token in ansi.spans(line.text, line.marks):
        token_style(token)
