"""The launch form: what is shown for an entry, and what a filled form means."""

from __future__ import annotations

import shlex

import pytest

from lab.cli.values import parse_params
from lab.domain.launch import LaunchRequest
from lab.errors import UsageError
from lab.ui.screens.launch_form import extra_params, launch_command, launch_fields, param_text, request_of
from lab.ui.widgets.forms import Values

BASE = LaunchRequest(
    entry="train", params={"lr": 0.1, "epochs": 3, "fast": True, "kind": "mlp", "init": None}, data={"digits": "v2"}
)


def filled(**changes: object) -> Values:
    """The values that a form gives when it is submitted as it opened, but for `changes`."""
    values: Values = {}
    for field in launch_fields(BASE, ["digits"]):
        if not (field.kind == "number" and field.value == ""):
            values[field.id] = field.value
    return {**values, **{key.replace("__", "."): value for key, value in changes.items()}}  # type: ignore[dict-item]


def test_fields_are_typed_by_their_defaults() -> None:
    kinds = {field.id: field.kind for field in launch_fields(BASE)}
    assert kinds["param.lr"] == kinds["param.epochs"] == "number"
    assert kinds["param.fast"] == "bool"
    assert kinds["param.kind"] == kinds["param.init"] == "text"
    assert len({field.id for field in launch_fields(BASE, ["digits", "digits"])}) == len(
        launch_fields(BASE, ["digits"])
    )


def test_a_form_submitted_as_it_is_means_the_same() -> None:
    assert request_of(BASE, filled()) == BASE


def test_changes_arrive_with_their_types() -> None:
    values = filled(
        param__lr=1, param__epochs=7, param__init="zeros", extra="depth=4 name='a b'", seed=3, engine="docker"
    )
    request = request_of(BASE, values)
    assert request.params == {
        "lr": 1.0,
        "epochs": 7,
        "fast": True,
        "kind": "mlp",
        "init": "zeros",
        "depth": 4,
        "name": "a b",
    }
    assert isinstance(request.params["lr"], float)
    assert (request.seed, request.engine) == (3, "docker")


def test_whole_numbers_stay_whole() -> None:
    (epochs,) = (field for field in launch_fields(BASE) if field.id == "param.epochs")
    assert epochs.validate is not None
    assert epochs.validate(2.5)
    assert epochs.validate(2) is None


@pytest.mark.parametrize(("text", "params"), [
    ("", {}),
    ("a=1 b=0.5 c=true d=null e=word f=", {"a": 1, "b": 0.5, "c": True, "d": None, "e": "word", "f": None}),
    ("k='x y'", {"k": "x y"}),
])  # fmt: skip
def test_extra_parameters(text: str, params: dict[str, object]) -> None:
    assert extra_params(text) == params


@pytest.mark.parametrize("text", ["word", "=1", "a='"])
def test_what_is_no_parameter_is_said(text: str) -> None:
    with pytest.raises(UsageError):
        extra_params(text)


def test_the_command_gives_the_command_line_the_same_parameters() -> None:
    params = {"lr": 1e-5, "n": 3, "flag": False, "none": None, "text": "3", "word": "true", "odd": "a b'c", "x": "y"}
    words = shlex.split(launch_command(LaunchRequest("train", params)))
    given = [words[index + 1] for index, word in enumerate(words) if word == "-p"]
    assert parse_params(given) == params


def test_the_command_leaves_out_what_is_as_declared() -> None:
    request = request_of(BASE, filled(param__lr=0.5))
    assert launch_command(request, BASE.params) == "lab run train -p lr=0.5 --data digits@v2"
    assert param_text(True) == "true"
