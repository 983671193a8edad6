from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.ids import _encode, is_ulid, observe, short_id, ulid
from lab.domain.names import check_name, run_name
from lab.domain.numbers import decode_float, encode_float, jsonable
from lab.domain.resources import format_size, parse_size
from lab.domain.text import cell_width, clean, clean_lines
from lab.errors import UsageError


@given(st.text())
def test_cleaned_text_is_harmless_and_one_line(text: str) -> None:
    safe = clean(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in safe)
    assert not any(0x202A <= ord(char) <= 0x202E or 0x2066 <= ord(char) <= 0x2069 for char in safe)
    assert "\n" not in safe
    assert clean(safe) == safe
    safe.encode()


def test_escapes_lose_their_teeth() -> None:
    assert clean("\x1b]52;c;aGk=\x07x\x9b31m") == "]52;c;aGk=x31m"
    assert clean("a\tb\nc\x00") == "a    b c"
    assert clean("abcdef", 4) == "abc…"
    assert clean_lines("a\r\nb\x1b[1m") == "a\nb[1m"
    assert cell_width("aé日") == 4


def test_ulids_grow_also_when_the_clock_jumps_back() -> None:
    ids = [ulid() for _ in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert all(map(is_ulid, ids))
    ahead = _encode((time.time_ns() // 1_000_000 + 3_600_000) << 80, 26)
    observe(ahead)
    assert ulid() > ahead


def test_an_id_from_the_far_future_is_not_followed() -> None:
    observe("7" + "z" * 25)
    assert ulid()[0] == "0"


def test_short_ids_are_names() -> None:
    ids = {short_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(len(id) == 8 and id[0].isalpha() and check_name("run", id) for id in ids)
    assert len({run_name(id) for id in ids}) > 1500


@pytest.mark.parametrize("name", ["", ".x", "-x", "a/b", "a b", "x" * 64, "a\n", "é", "../x"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        check_name("model", name)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512m", 512 << 20),
        ("2 GB", 2 << 30),
        ("1.5GiB", 3 << 29),
        ("1024", 1024),
        (7, 7),
        ("1T", 1 << 40),
        ("3kb", 3072),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "-1", "1 m m", "0", "0.0001k", "9" * 400, "1p", True])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)


def test_sizes_for_people() -> None:
    told = [format_size(size) for size in (0, 999, 1024, 1536, 512 << 20, 5 << 40)]
    assert told == ["0 B", "999 B", "1 KB", "1.5 KB", "512 MB", "5.0 TB"]


@given(st.floats())
def test_floats_survive_json(value: float) -> None:
    back = decode_float(encode_float(value))
    assert back == value or (back != back and value != value)


def test_every_float_however_deep() -> None:
    deep = {"a": [1.0, float("nan"), {"b": (float("inf"), float("-inf"))}], 3: None}
    assert jsonable(deep) == {"a": [1.0, "NaN", {"b": ["Infinity", "-Infinity"]}], "3": None}
    for wrong in ("nan", "x", "", None, [1]):
        with pytest.raises((ValueError, TypeError)):
            decode_float(wrong)
