"""JSON and CSV made into what a server takes."""

from __future__ import annotations

import pytest

from lab.domain.payloads import from_csv, from_json
from lab.errors import UsageError


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ('{"rows": [{"a": 1}]}', {"rows": [{"a": 1}]}),
        ('{"data": [[1, 2]]}', {"data": [[1, 2]]}),
        ('{"a": 1, "b": null}', {"rows": [{"a": 1, "b": None}]}),
        ('[{"a": 1}, {"a": 2}]', {"rows": [{"a": 1}, {"a": 2}]}),
        ("[[1, 2], [3, 4]]", {"data": [[1, 2], [3, 4]]}),
        ("[1, 2]", {"data": [[1, 2]]}),
    ],
)
def test_a_row_or_rows_are_wrapped(text: str, payload: object) -> None:
    assert from_json(text) == payload


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '"x"', "null", '{"a": NaN}', "[Infinity]", "[1e999]", "[" * 100_000]
)
def test_what_holds_no_rows_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_json(text)
    assert caught.value.hint


def test_csv_rows_have_numbers_and_nulls() -> None:
    assert from_csv('a,b,c\n1,0.5,x\n,007,"y, z"\n') == {
        "rows": [{"a": 1, "b": 0.5, "c": "x"}, {"a": None, "b": "007", "c": "y, z"}]
    }


def test_nan_in_a_csv_is_a_missing_value() -> None:
    assert from_csv("a,b\nNaN,nan\n") == {"rows": [{"a": None, "b": None}]}


def test_a_csv_word_keeps_its_letters() -> None:
    assert from_csv("a,b\nNone,'q'\n") == {"rows": [{"a": "None", "b": "'q'"}]}


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b\n1,2,3\n", "a\n-inf\n", "a\n1e999\n", 'a\n"unclosed\n'])
def test_a_csv_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        from_csv(text)


def test_a_short_csv_row_has_nulls() -> None:
    assert from_csv("a,b\n1\n") == {"rows": [{"a": 1, "b": None}]}
