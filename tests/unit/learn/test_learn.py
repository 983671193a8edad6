"""The table of words: complete, found by every name, and told alike by the app and the shell."""

from __future__ import annotations

import re

import pytest

from lab import learn
from lab.cli.main import commands
from lab.ui import actions
from lab.ui.render.datadiff import DRIFTED


def test_every_entry_says_what_it_is_and_what_to_do() -> None:
    names: list[str] = []
    for word in learn.words():
        entry = learn.find(word)
        assert entry is not None
        assert entry.word == word
        assert entry.what.endswith(".")
        assert entry.todo
        names += [entry.word, *entry.also]
    lowered = [name.lower() for name in names]
    assert sorted(lowered) == sorted(set(lowered)), "a word has one entry"


def test_every_screen_is_explained() -> None:
    for id in actions.SCREENS:
        entry = learn.screen(id)
        assert entry is not None, id
        assert entry.what
        assert entry.todo
    assert learn.screen("nothing") is None


@pytest.mark.parametrize(
    ("word", "entry"),
    [
        ("PSI", "psi"), ("Population  Stability index", "psi"), ("val_accuracy", "accuracy"), ("loss.min", "loss"),
        ("train/loss", "loss"), ("peak_memory", "peak memory"), ("eval_f1", "f1"), ("5xx/s", "requests"),
    ],
)  # fmt: skip
def test_a_word_is_found_by_what_screens_call_it(word: str, entry: str) -> None:
    found = learn.find(word)
    assert found is not None
    assert found.word == entry


def test_bounds_are_the_ones_that_the_screens_use() -> None:
    psi = learn.find("psi")
    assert psi is not None
    assert str(DRIFTED) in psi.why


def test_unknown_words_and_broken_files() -> None:
    assert learn.find("xyzzy") is None
    assert learn.nearest("psy") == "psi"
    assert learn.nearest("xyzzy") == ""
    with pytest.raises(ValueError, match="under 'a'"):
        learn.parse("# a\nwhat: x\nnonsense\n")


def test_commands_that_are_named_exist() -> None:
    known = [" ".join(command.words) for command in commands()]
    for word in learn.words():
        entry = learn.find(word)
        assert entry is not None
        for named in re.findall(r"\blab ((?:[a-z]+ ?)+)", f"{entry.what} {entry.why} {entry.todo}"):
            assert any(named == one or named.startswith(f"{one} ") for one in known), (word, named)
