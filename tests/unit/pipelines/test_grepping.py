"""Looking for text in files: the same as looking at every line, whatever the blocks."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.domain.search import Needle, parse_needle
from lab.errors import UsageError
from lab.pipelines.grepping import Backwards, Literal, Match, Pattern, line_number, opened, pattern

_LINES = st.lists(st.text("abAB \té\x1b\r", max_size=12), max_size=30)


def backwards(path: Path, wanted: Pattern, most: int, block: int) -> list[Match]:
    with opened(path) as fd:
        looker = Backwards(fd, wanted, most, block)
        while looker.step():
            pass
        return looker.matches


@settings(deadline=None)
@given(_LINES, st.sampled_from(["a", "ab", "B", "bé", "É", "/a+b/", "/^b/", "/B$/"]), st.integers(1, 40), st.booleans())
def test_it_finds_what_looking_at_every_line_finds(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], text: str, block: int, ended: bool
) -> None:
    data = "\n".join(lines) + ("\n" if ended else "")
    path = tmp_path_factory.getbasetemp() / "grepped"
    path.write_bytes(data.encode())
    needle = parse_needle(text)
    source = needle.text if needle.regex else re.escape(needle.text)
    wanted = re.compile(source, re.IGNORECASE if needle.fold else 0)
    expected = [(at, line) for at, line in enumerate(data.split("\n"), 1) if wanted.search(line)]
    found = backwards(path, pattern(needle), 100, block)
    with opened(path) as fd:
        assert [(line_number(fd, match.offset), match.line) for match in found] == expected[::-1]
    assert all(wanted.search(match.line[match.start : match.end]) for match in found if "^" not in text)
    forwards = pattern(needle).first(data.encode(), 3)
    assert [match.line for match in forwards] == [line for _, line in expected[:3]]
    assert all(data.encode()[match.offset :].startswith(match.line.encode()) for match in forwards)


def test_it_looks_no_further_than_it_must(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first loss\n" + b"x" * 99 + b"\n" * 10_000 + b"last loss\n")
    with opened(path) as fd:
        looker = Backwards(fd, Literal("loss", True), 1, 100)
        assert not looker.step()
        assert [match.line for match in looker.matches] == ["last loss"]
        assert looker.bytes == 100


def test_a_line_without_end_is_looked_at_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"needle" + b"x" * (9 << 20))
    assert len(backwards(path, Literal("needle", True), 1, 1 << 20)) == 1


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/hostname")
    for name in ("pipe", "link", "none"):
        with pytest.raises(OSError), opened(tmp_path / name):
            pass


def test_bytes_that_are_no_text_are_looked_at_all_the_same() -> None:
    (match,) = Literal("loss", True).first(b"\xff\xfe LOSS \x80\n", 3)
    assert match.line[match.start : match.end] == "LOSS"


@pytest.mark.parametrize("text", ["(", "a{2,1}", "(?P<", "(?<=x)y", r"\1", "((a{100}){100}){100}"])
def test_what_is_no_regular_expression_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="regular expression"):
        pattern(Needle(text, True, True))


@pytest.mark.parametrize("text", ["(a+)+$", "(a|aa)+$", "(.*a){20}b", "(a?){60}a{60}b"])
def test_patterns_that_others_never_finish_end(text: str) -> None:
    wanted = pattern(Needle(text, True, False))
    assert wanted.first(b"a" * 20_000 + b"!", 1) == []
