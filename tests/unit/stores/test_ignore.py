import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.stores.ignore import Ignore, ignore_for


@pytest.mark.parametrize(
    ("pattern", "path", "folder", "fits"),
    [
        ("*.pyc", "a.pyc", False, True),
        ("*.pyc", "a/b/c.pyc", False, True),
        ("*.pyc", "a.py", False, False),
        ("build/", "build", True, True),
        ("build/", "build", False, False),
        ("build/", "a/build", True, True),
        ("/build", "build", True, True),
        ("/build", "a/build", True, False),
        ("a/b", "a/b", False, True),
        ("a/b", "x/a/b", False, False),
        ("a/*.csv", "a/x.csv", False, True),
        ("a/*.csv", "a/b/x.csv", False, False),
        ("**/x", "x", False, True),
        ("**/x", "a/b/x", False, True),
        ("a/**", "a/b/c", False, True),
        ("a/**", "a", True, False),
        ("a/**/b", "a/b", False, True),
        ("a/**/b", "a/x/y/b", False, True),
        ("**/**/b", "x/y/b", False, True),
        ("a?c", "abc", False, True),
        ("a?c", "a/c", False, False),
        ("[abc].txt", "b.txt", False, True),
        ("[!abc].txt", "b.txt", False, False),
        ("[!abc].txt", "d.txt", False, True),
        ("[z-a]", "[z-a]", False, True),
        (r"\*", "*", False, True),
        (r"\*", "x", False, False),
        ("a*b*c", "axxbyyc", False, True),
        ("a*b*c", "axxbyy", False, False),
        ("a*b*bc", "abbbc", False, True),
        ("# note", "# note", False, False),
        ("./a", "a", False, True),
        ("line*", "line\nbreak", False, True),
    ],
)
def test_patterns(pattern: str, path: str, folder: bool, fits: bool) -> None:
    assert Ignore([pattern]).fits(path, folder) is fits


def test_the_last_pattern_that_fits_decides() -> None:
    ignore = Ignore(["*.log", "!keep.log", "old/keep.log"])
    assert ignore.fits("a.log", False)
    assert not ignore.fits("keep.log", False)
    assert ignore.fits("old/keep.log", False)


def test_defaults_file_and_extra_come_together(tmp_path: Path) -> None:
    (tmp_path / ".labignore").write_text("# mine\n*.tmp\n!.venv/\n\n")
    ignore = ignore_for(tmp_path, ["*.ckpt"])
    for name, folder in ((".git", True), ("x.tmp", False), ("a/y.ckpt", False), ("a~", False), ("__pycache__", True)):
        assert ignore.fits(name, folder)
    assert not ignore.fits(".venv", True)
    assert not ignore.fits("train.py", False)


def test_an_unreadable_ignore_file_is_told(tmp_path: Path) -> None:
    (tmp_path / ".labignore").mkdir()
    with pytest.raises(LabError, match="labignore"):
        ignore_for(tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet="ab*?[]!\\/-#^", max_size=12), max_size=5), st.text(alphabet="ab/", max_size=10))
def test_no_pattern_breaks_it(patterns: list[str], path: str) -> None:
    assert Ignore(patterns).fits(path, False) in (True, False)


def test_hostile_stars_take_no_time() -> None:
    ignore = Ignore(["*a" * 30 + "b"])
    started = time.monotonic()
    assert not ignore.fits("a" * 250, False)
    assert time.monotonic() - started < 30
