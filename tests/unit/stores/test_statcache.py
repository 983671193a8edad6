import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.paths import LabHome
from lab.stores.statcache import StatCache

HOUR = 3600 * 10**9
NOW = 1_795_000_000_000_000_000
OLD = NOW - HOUR
ROOT = Path("/data/sales")
A, B = "ab" * 32, "cd" * 32


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def cache_file(home: LabHome) -> Path:
    (path,) = home.stat_cache.iterdir()
    return path


def test_what_was_read_is_known_for_that_state_only(home: LabHome) -> None:
    state = (7, 5, OLD, OLD)
    StatCache.load(home, ROOT).save({"a.csv": (state, A)}, NOW)
    cache = StatCache.load(home, ROOT)
    assert cache.hash("a.csv", state) == A
    for other in ((8, 5, OLD, OLD), (7, 6, OLD, OLD), (7, 5, OLD + 1, OLD), (7, 5, OLD, OLD + 1)):
        assert cache.hash("a.csv", other) == ""
    assert cache.last("a.csv") == A
    assert cache.hash("b.csv", state) == cache.last("b.csv") == ""
    assert StatCache.load(home, ROOT / "else").last("a.csv") == ""


@pytest.mark.parametrize("moment", [NOW - 1_999_999_999, NOW, NOW + HOUR, 2**63, 2**80, -(2**80)])
@pytest.mark.parametrize("which", ["mtime", "ctime"])
def test_young_and_impossible_times_are_not_trusted(home: LabHome, moment: int, which: str) -> None:
    state = (7, 5, moment, OLD) if which == "mtime" else (7, 5, OLD, moment)
    StatCache.load(home, ROOT).save({"a": (state, A), "b": ((8, 5, OLD, OLD), B)}, NOW)
    cache = StatCache.load(home, ROOT)
    assert cache.hash("a", state) == ""
    assert cache.last("a") == A
    assert cache.hash("b", (8, 5, OLD, OLD)) == B


names = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name).map(os.fsdecode)
numbers = st.integers(0, 2**63 - 1)
states = st.tuples(st.integers(0, 2**64 - 1), numbers, st.integers(-(2**62), OLD), st.integers(0, OLD))
known = st.dictionaries(names, st.tuples(states, st.binary(min_size=32, max_size=32).map(bytes.hex)), max_size=8)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known)
def test_everything_comes_back(home: LabHome, files: dict[str, tuple[tuple[int, int, int, int], str]]) -> None:
    StatCache.load(home, ROOT).save(files, NOW)
    assert StatCache.load(home, ROOT).known(files) == files


def test_any_damage_is_as_if_there_were_none(home: LabHome) -> None:
    files = {f"{number}": ((number, 5, OLD, OLD), A) for number in range(20)}
    StatCache.load(home, ROOT).save(files, NOW)
    path = cache_file(home)
    good = path.read_bytes()
    dice = random.Random(5)
    bad = [b"", b"labstat1", good[:-1], good + b"x", good[: len(good) // 2], bytes(len(good)), os.urandom(len(good))]
    for _ in range(300):
        damaged = bytearray(good)
        damaged[dice.randrange(len(good))] ^= 1 << dice.randrange(8)
        bad.append(bytes(damaged))
    for content in bad:
        path.write_bytes(content)
        assert StatCache.load(home, ROOT).known(files) == {}
    path.unlink()
    path.mkdir()
    assert StatCache.load(home, ROOT).known(files) == {}
    path.rmdir()
    StatCache.load(home, ROOT).save(files, NOW)
    assert StatCache.load(home, ROOT).known(files) == files


def test_nothing_new_is_not_written(home: LabHome) -> None:
    files = {"a": ((1, 5, OLD, OLD), A)}
    StatCache.load(home, ROOT).save(files, NOW)
    inode = cache_file(home).stat().st_ino
    StatCache.load(home, ROOT).save(files, NOW + HOUR)
    assert cache_file(home).stat().st_ino == inode
    StatCache.load(home, ROOT).save({}, NOW)
    assert StatCache.load(home, ROOT).known(files) == {}


def test_a_place_where_nothing_can_be_written_is_no_matter(home: LabHome) -> None:
    home.stat_cache.parent.mkdir(exist_ok=True)
    home.stat_cache.write_text("in the way")
    StatCache.load(home, ROOT).save({"a": ((1, 5, OLD, OLD), A)}, NOW)
    assert StatCache.load(home, ROOT).last("a") == ""
