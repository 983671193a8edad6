"""Tokens in a file that changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.runtime.serving import tokens as module
from lab.runtime.serving.errors import ConfigError
from lab.runtime.serving.tokens import Tokens


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_its_absence_never_means_open(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(ConfigError, match="LAB_TOKEN_FILE"):
        Tokens(path)
    path.write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        Tokens(path)
    path.write_bytes(b"\xff\n")
    with pytest.raises(ConfigError, match="LAB_TOKEN_FILE"):
        Tokens(path)


def test_each_line_is_valid_until_the_file_says_otherwise(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "token"
    path.write_text("old\n new \n\n")
    tokens = Tokens(path)
    assert tokens.valid(b"old")
    assert tokens.valid(b"new")
    assert not any(map(tokens.valid, (b"", b"ol", b"oldd", b"old\nnew", b"\xff")))
    path.write_text("new\n")
    clock.now += module.LOOK_SECONDS
    assert not tokens.valid(b"old")
    assert tokens.valid(b"new")


def test_a_file_that_is_replaced_is_read_again(tmp_path: Path, clock: Clock) -> None:
    path, fresh = tmp_path / "token", tmp_path / "fresh"
    path.write_text("aaa")
    tokens = Tokens(path)
    fresh.write_text("bbb")
    os.utime(fresh, ns=(path.stat().st_mtime_ns,) * 2)
    fresh.replace(path)
    clock.now += module.LOOK_SECONDS
    assert (tokens.valid(b"aaa"), tokens.valid(b"bbb")) == (False, True)


def test_a_file_that_is_being_written_keeps_the_old_tokens_only_for_a_moment(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "token"
    path.write_text("aaa")
    tokens = Tokens(path)
    path.write_text("")
    clock.now += module.LOOK_SECONDS
    assert tokens.valid(b"aaa")
    clock.now += module.EMPTY_SECONDS
    assert not tokens.valid(b"aaa")
    path.unlink()
    clock.now += module.LOOK_SECONDS
    assert not tokens.valid(b"aaa")
    path.write_text("bbb")
    clock.now += module.LOOK_SECONDS
    assert tokens.valid(b"bbb")
