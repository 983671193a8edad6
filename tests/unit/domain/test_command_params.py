from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.commands import filled, literal
from lab.errors import UsageError

PARAMS = {"lr": 1e-05, "n-estimators": 60, "kind": "a b; rm -rf /", "fast": True, "slow": False, "none": None}


def test_words_name_parameters_and_the_rest_are_options() -> None:
    command = ("python", "train.py", "--lr={lr}", "{params}")
    assert filled(command, "train", PARAMS) == (
        "python", "train.py", "--lr=1e-05", "--n-estimators", "60", "--kind", "a b; rm -rf /", "--fast",
    )  # fmt: skip
    assert filled(("python", "train.py", "{overrides}"), "train", {"a.b": 1, "c": "x", "d": True, "e": None}) == (
        "python", "train.py", "a.b=1", "c=x", "d=true",
    )  # fmt: skip


def test_the_seed_can_be_named_without_being_a_parameter() -> None:
    assert filled(("p", "--seed={seed}", "{params}"), "x", {"lr": 1}, seed=7) == ("p", "--seed=7", "--lr", "1")
    assert filled(("p", "{seed}"), "x", {"seed": 3}, seed=7) == ("p", "3")
    assert filled(("p", "{params}"), "x", {"lr": 1}, seed=7) == ("p", "--lr", "1")


def test_what_would_name_a_parameter_is_written_with_braces_twice_and_others_are_kept() -> None:
    assert filled(("sh", "{{a}} {lr}"), "x", {"lr": 1}) == ("sh", "{a} 1")
    nested = '{"a": {"b": 1}}'
    assert filled(("sh", "{lr}", nested), "x", {"lr": 1}) == ("sh", "1", nested)
    for alone in ('{"a": 1}', nested, "{}", "{1}", "{{ a }}"):
        assert filled(("sh", alone), "x", {"a": 1}) == ("sh", alone)


def test_a_parameter_that_is_named_must_have_a_value() -> None:
    with pytest.raises(UsageError, match="names the parameter lr, which has no value") as caught:
        filled(("python", "train.py", "{lr}"), "train", {"none": 1})
    assert "-p lr=" in caught.value.hint


@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_.-]{0,5}", fullmatch=True), st.text(max_size=8), max_size=4))
def test_whatever_a_value_is_it_stays_one_word(params: dict[str, str]) -> None:
    rest = {name: value for name, value in params.items() if name not in ("params", "overrides")}
    argv = filled(("p", "{params}"), "x", rest)
    assert argv == ("p", *(word for name, value in rest.items() for word in (f"--{name}", value)))


@given(
    st.lists(st.text("{}ab1. ", max_size=9), max_size=4), st.dictionaries(st.sampled_from("ab"), st.text(max_size=2))
)
def test_literal_words_come_out_as_they_were(words: list[str], params: dict[str, str]) -> None:
    assert filled(literal(words), "x", params) == tuple(words)
