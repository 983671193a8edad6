from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.stores.loglines import LONGEST, LineCutter, last_lines_at, line_begin, lines_between


@given(st.binary(max_size=200), st.integers(1, 7))
def test_lines_do_not_depend_on_how_they_come(data: bytes, size: int) -> None:
    cutter = LineCutter()
    found = [line for start in range(0, len(data), size) for line in cutter.feed(data[start : start + size])]
    found += cutter.end()
    assert found == (data.removesuffix(b"\n").split(b"\n") if data else [])[: None if data != b"\n" else 1]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 49_999, 50_000, 60_000])
def test_the_last_lines_are_found_from_the_end(tmp_path: Path, count: int) -> None:
    path = tmp_path / "log"
    lines = [f"line {number} of a log that is longer than one block".encode() for number in range(50_000)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert list(lines_between(path, last_lines_at(path, count))) == lines[len(lines) - min(count, len(lines)) :]
    path.write_bytes(b"\n".join(lines) + b"\nunfinished")
    if count:
        assert list(lines_between(path, last_lines_at(path, count)))[-1] == b"unfinished"


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    assert last_lines_at(tmp_path / "none", 5) == 0
    assert list(lines_between(tmp_path / "none", 0)) == []


def test_a_line_begins_after_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthree")
    assert [line_begin(path, at) for at in (0, 1, 3, 4, 5, 8, 9, 99)] == [0, 4, 4, 4, 8, 8, 13, 98]


def test_a_line_without_end_is_cut_and_a_bar_keeps_its_last_state() -> None:
    cutter = LineCutter()
    found = [line for _ in range(12) for line in cutter.feed(b"x" * 1_000_000)]
    found += [*cutter.feed(b"tail\nnext\n"), *cutter.end()]
    assert [len(line) for line in found] == [LONGEST, 4]
    bar = LineCutter()
    for number in range(30):
        assert list(bar.feed(f"{number:>99}%|\r".encode() * 1000)) == []
        assert len(bar._rest) <= LONGEST + 101_000
    assert next(iter(bar.feed(b"100%\n"))).endswith(b"100%")
