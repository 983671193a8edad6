"""What users type as values."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.cli import values
from lab.domain.query import Condition
from lab.errors import UsageError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("1_000", 1000),
        ("0.1", 0.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("-2.5e+3", -2500.0),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("None", None),
        ("forest", "forest"),
        ("", ""),
        ("007", "007"),
        ("1_000_", "1_000_"),
        ("1.2.3", "1.2.3"),
        ("0x10", "0x10"),
        ("1 2", "1 2"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("'a'b", "'a'b"),
        ("'", "'"),
        ("a=b", "a=b"),
        ("１２", "１２"),
    ],
)
def test_a_value_is_what_it_looks_like(typed: str, meant: object) -> None:
    value = values.parse_value(typed)
    assert value == meant
    assert type(value) is type(meant)


def test_nan_is_a_float() -> None:
    assert math.isnan(values.parse_value("nan"))  # type: ignore[arg-type]


@given(st.text(max_size=40) | st.from_regex(r"[+-]?[0-9_.eE]{1,30}", fullmatch=True))
def test_any_text_has_a_value(text: str) -> None:
    value = values.parse_value(text)
    assert value is None or isinstance(value, str | int | float)


def test_a_number_of_thousands_of_digits_stays_text() -> None:
    assert values.parse_value("9" * 5000) == "9" * 5000


def test_params_are_split_at_the_first_equals_sign_and_the_last_one_holds() -> None:
    assert values.parse_params(["lr=0.1", "note=a=b", "lr=0.2", "empty="]) == {"lr": 0.2, "note": "a=b", "empty": ""}


@pytest.mark.parametrize("word", ["lr", "=3", ""])
def test_a_param_without_name_or_equals_sign_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="is not a parameter"):
        values.parse_params([word])


def test_dataset_versions() -> None:
    assert values.parse_data(["digits@v2", "toy@best"]) == {"digits": "v2", "toy": "best"}
    for word in ("digits", "@v2", "digits@"):
        with pytest.raises(UsageError):
            values.parse_data([word])


def test_a_filter_word_may_hold_several_conditions() -> None:
    assert values.parse_filters(["status:failed lr<0.1", "tag:best"]) == (
        Condition("status", ":", "failed"),
        Condition("lr", "<", "0.1"),
        Condition("tag", ":", "best"),
    )


def test_columns() -> None:
    assert values.parse_columns("name, lr,,loss") == ["name", "lr", "loss"]
    with pytest.raises(UsageError):
        values.parse_columns(" , ")


@pytest.mark.parametrize("text", ["-1", "x", "", "1.5", "²"])
def test_counts_are_whole_and_not_negative(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        values.count(text)


def test_numbers_for_argparse() -> None:
    assert values.count("12") == 12
    assert values.gpus("all") == -1
    assert values.gpus("2") == 2
    assert values.port("8100") == 8100
    assert values.positive("0.5") == 0.5
    for text in ("0", "65536"):
        with pytest.raises(ArgumentTypeError):
            values.port(text)
    for text in ("0", "-1", "nan", "inf", "x"):
        with pytest.raises(ArgumentTypeError):
            values.positive(text)
