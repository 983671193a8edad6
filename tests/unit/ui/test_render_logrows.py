"""Lines of a log wrapped into rows, times of lines, and places of lines in the file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.ui.render.cells import tidy, width_of
from lab.ui.render.logfile import BLOCK, LogFile
from lab.ui.render.logfilter import FilteredLog
from lab.ui.render.logrows import Clock, pieces_down, pieces_up, wrapped


@given(st.text(max_size=300), st.integers(2, 40))
def test_wrapped_pieces_are_the_line_and_fit(text: str, width: int) -> None:
    text = tidy(text)
    parts = [text[start:stop] for start, stop in wrapped(text, width)]
    assert "".join(parts) == text
    assert all(width_of(part) <= width for part in parts)
    assert parts


def test_rows_from_the_top_and_up_from_the_end() -> None:
    lines = ["a" * 25, "b", "c" * 11]
    down = pieces_down(0, 3, 4, 10, lines.__getitem__)
    assert [(piece.number, piece.stop - piece.start) for piece in down] == [(0, 10), (0, 10), (0, 5), (1, 1)]
    up = pieces_up(0, 3, 4, 10, lines.__getitem__)
    assert [(piece.number, piece.stop - piece.start) for piece in up] == [(0, 5), (1, 1), (2, 10), (2, 1)]
    assert pieces_up(0, 0, 4, 10, lines.__getitem__) == []


def test_a_line_has_the_time_of_the_first_look_that_saw_it() -> None:
    clock = Clock([(0, 100.0), (50, 101.0), (80, 103.0)])
    assert [clock.stamp(end) for end in (0, 50, 51)] == [
        time.strftime("%H:%M:%S", time.localtime(at)) for at in (100, 101, 103)
    ]
    assert clock.stamp(81) == ""
    assert not Clock()
    assert not Clock([(0, 1.0)])


@pytest.mark.parametrize("size", [3, 200])
def test_lines_and_bytes_name_each_other(tmp_path: Path, size: int) -> None:
    path = tmp_path / "log"
    texts = [f"line {number} {'x' * (number % size)}" for number in range(3 * BLOCK // size)]
    path.write_text("\n".join(texts[:-1]) + "\n")
    log = LogFile(path)
    with path.open("a") as file:
        file.write(texts[-1] + "\npart")
    log.poll()
    begins, at = [], 0
    for text in texts:
        begins.append(at)
        at += len(text) + 1
    for number in (0, 1, 7, len(texts) // 2, len(texts) - 2, len(texts) - 1):
        found = log.line_at(begins[number] + 1)
        assert log.line(found) == texts[number]
        assert log.offset(found) == begins[number]
        assert log.end_offset(found) == begins[number] + len(texts[number]) + 1
        assert log.line_at(begins[number]) == found
    assert log.line(log.line_at(at + 2)) == "part"
    assert log.end_offset(log.whole) == at + 4
    only = FilteredLog(log, "line 7 ")
    while only.extend_back(BLOCK):
        pass
    assert only.end_offset(only.first) == begins[8]
    log.close()
