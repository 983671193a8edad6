"""Tables that fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.cli.tables import Column, Styled, cut, table
from lab.domain.text import cell_width

NAME = Column("name", keep=True)


def test_columns_are_aligned_and_numbers_stand_on_the_right() -> None:
    drawn = table([NAME, Column("rows", right=True), Column("path")], [["a", "5", "x"], ["longer", "1,000", "y"]], 80)
    assert drawn.lines == ("NAME     ROWS  PATH", "a           5  x", "longer  1,000  y")


def test_a_name_of_the_users_keeps_its_case_in_the_header() -> None:
    assert table([NAME, Column("lr", verbatim=True)], [["a", "1"]], 80).lines[0] == "NAME  lr"


def test_wide_characters_take_two_cells() -> None:
    drawn = table([NAME, Column("x")], [["手書き数字", "1"], ["abc", "2"]], 80)
    assert drawn.lines[1] == "手書き数字  1"
    assert drawn.lines[2] == "abc         2"


def test_text_is_cut_before_columns_are_left_out() -> None:
    rows = [["calm-otter-42", "x" * 60, "y" * 60]]
    drawn = table([NAME, Column("cause"), Column("notes")], rows, 50)
    assert drawn.left_out == ()
    assert all(cell_width(line) <= 50 for line in drawn.lines)
    assert "calm-otter-42" in drawn.lines[1]
    assert drawn.lines[1].count("…") == 2


def test_columns_without_room_are_left_out_from_the_right_and_told() -> None:
    rows = [["calm-otter-42", "0.123456", "0.654321", "9"]]
    columns = [NAME, *(Column(title, right=True) for title in ("loss", "accuracy", "n"))]
    drawn = table(columns, rows, 24)
    assert drawn.lines[1] == "calm-otter-42  0.123456"
    assert drawn.left_out == ("accuracy", "n")


def test_a_name_is_never_cut_however_narrow_the_terminal() -> None:
    drawn = table([NAME, Column("id", keep=True), Column("cause")], [["calm-otter-42", "k9jjpypk", "z"]], 10)
    assert drawn.lines[1] == "calm-otter-42  k9jjpypk"


def test_styles_do_not_change_the_layout() -> None:
    rows = [[Styled("ok", "ok"), "x"], [Styled("failed", "fail"), "y"]]
    plain = table([Column("status"), NAME], rows, 80).lines
    painted = table([Column("status"), NAME], rows, 80, lambda text, style: f"<{style}>{text}</>").lines
    assert plain[1:] == ("ok      x", "failed  y")
    assert painted[1:] == ("<ok>ok</>      x", "<fail>failed</>  y")


def test_hostile_cells_reach_no_terminal() -> None:
    hostile = "a\x1b]0;owned\x07\u202eb\r\nc\x9b2J"
    drawn = table([NAME, Column(hostile)], [[hostile, hostile]], 80)
    text = "".join(drawn.lines)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or char == "\u202e" for char in text)
    assert len(drawn.lines) == 2


@given(
    st.lists(st.lists(st.text(max_size=90), min_size=4, max_size=4), max_size=6),
    st.integers(min_value=20, max_value=120),
)
def test_without_columns_to_keep_every_line_fits(rows: list[list[str]], room: int) -> None:
    drawn = table([Column("a"), Column("b"), Column("c"), Column("d")], rows, room)
    assert len(drawn.lines) == len(rows) + 1
    assert all(cell_width(line) <= room for line in drawn.lines)


@given(st.text(max_size=60), st.integers(min_value=1, max_value=30))
def test_cut_text_fits(text: str, width: int) -> None:
    assert cell_width(cut(text, width)) <= max(width, 1)
