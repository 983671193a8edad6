"""The launch form: what is shown for an entry, and what a filled form means."""

from __future__ import annotations

import shlex

import pytest

from lab.cli.launch import commands as launch_commands
from lab.cli.parser import parse
from lab.cli.values import parse_params
from lab.domain.axes import parse_space
from lab.domain.datasets import DatasetVersion
from lab.domain.launch import LaunchRequest
from lab.domain.runs import Param
from lab.domain.sweeps import Pruner
from lab.errors import UsageError
from lab.ui.screens.launch_form import (
    Known,
    extra_axes,
    launch_command,
    launch_fields,
    param_text,
    params_like,
    plan_of,
    plan_sentence,
    request_of,
)
from lab.ui.widgets.forms import Values

BASE = LaunchRequest(
    entry="train", params={"lr": 0.1, "epochs": 3, "fast": True, "kind": "mlp", "init": None}, data={"digits": "v2"}
)


def filled(**changes: object) -> Values:
    """The values that a form gives when it is submitted as it opened, but for `changes`."""
    values: Values = {}
    for field in launch_fields(BASE, {"digits": Known()}):
        if not (field.kind == "number" and field.value == ""):
            values[field.id] = field.value
    return {**values, **{key.replace("__", "."): value for key, value in changes.items()}}  # type: ignore[dict-item]


def test_fields_are_typed_by_their_defaults() -> None:
    kinds = {field.id: field.kind for field in launch_fields(BASE)}
    assert kinds["param.fast"] == "bool"
    assert {kinds[f"param.{name}"] for name in ("lr", "epochs", "kind", "init")} == {"text"}, "several values fit in"
    assert [field.id for field in launch_fields(BASE, {"digits": Known()})].count("data.digits") == 1


def test_a_version_that_there_is_not_is_told_as_it_is_typed() -> None:
    versions = [
        DatasetVersion(f"b3:{number}abc", "digits", "p", number, 0.0, 1, 1, retired=number == 2) for number in (3, 2, 1)
    ]
    fields = {field.id: field for field in launch_fields(BASE, {"digits": Known(versions, {"gold": 1})})}
    field = fields["data.digits"]
    assert [field.read(text)[1] for text in ("", "v1", "v2", "gold", "3ab")] == [None] * 5
    for text in ("v4", "latest", "3ac"):
        assert field.read(text)[1] == "no such version; there are: gold, v3, v1"
    (none,) = (field for field in launch_fields(BASE, {"other": Known()}) if field.id == "data.other")
    assert none.read("v1")[1] == "no such version; there are: none"


def test_a_form_submitted_as_it_is_means_the_same() -> None:
    assert request_of(BASE, filled()) == BASE


def test_changes_arrive_with_their_types() -> None:
    values = filled(
        param__lr="1", param__epochs="7", param__init="zeros", extra="depth=4 name='a b'", seed="3", engine="docker"
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
    assert epochs.validate("2.5")
    assert epochs.validate("2") is None
    assert epochs.validate("2..5") is None
    assert epochs.validate("2,x")
    assert epochs.validate("5..2") == "epochs: '5..2' ends before it begins: write 2..5"


@pytest.mark.parametrize(("text", "params"), [
    ("", {}),
    ("a=1 b=0.5 c=true d=null e=word f=", {"a": 1, "b": 0.5, "c": True, "d": None, "e": "word", "f": None}),
    ("k='x y'", {"k": "x y"}),
])  # fmt: skip
def test_extra_parameters(text: str, params: dict[str, object]) -> None:
    assert {name: axis.values[0] for name, axis in extra_axes(text).items()} == params


@pytest.mark.parametrize("text", ["word", "=1", "a='"])
def test_what_is_no_parameter_is_said(text: str) -> None:
    with pytest.raises(UsageError):
        extra_axes(text)


def test_the_command_gives_the_command_line_the_same_parameters() -> None:
    params = {"lr": 1e-5, "n": 3, "flag": False, "none": None, "text": "3", "word": "true", "odd": "a b'c", "x": "y"}
    words = shlex.split(launch_command(LaunchRequest("train", params)))
    given = [words[index + 1] for index, word in enumerate(words) if word == "-p"]
    assert parse_params(given) == params


def test_the_command_leaves_out_what_is_as_declared() -> None:
    request = request_of(BASE, filled(param__lr="0.5"))
    assert launch_command(request, BASE.params) == "lab run train -p lr=0.5 --data digits@v2"
    assert param_text(True) == "true"


def test_several_values_make_a_sweep() -> None:
    values = filled(
        param__lr="1e-4..1:log", param__epochs="2..4", extra="depth=4,5", seed="0..2", name="many", trials=9,
        metric="score", policy="retry 2", pruner=Pruner.MEDIAN,
    )  # fmt: skip
    request, plan = request_of(BASE, values), plan_of(BASE, values)
    assert plan is not None
    assert (plan.method, plan.trials, plan.seeds, plan.total) == ("random", 9, (0, 1, 2), 27)
    assert set(plan.space) == {"lr", "epochs", "depth"}
    assert request.params == {"fast": True, "kind": "mlp", "init": None}
    assert (request.seed, request.name) == (0, "many")
    assert plan_of(BASE, filled()) is None
    assert plan_of(BASE, filled(seed="3")) is None
    both = plan_of(BASE, filled(seed="3,4"))
    assert both is not None
    assert both.total == 2
    with pytest.raises(UsageError, match="has no grid"):
        plan_of(BASE, filled(param__lr="0.1..0.5"))


def test_there_is_one_question_for_the_seed() -> None:
    own = LaunchRequest(entry="train", params={"lr": 0.1, "seed": 42})
    assert "seed" not in {field.id for field in launch_fields(own)}, "it is asked for as the parameter"
    values: Values = {"param.lr": "0.1", "param.seed": "1..3"}
    several = plan_of(own, values)
    assert several is not None
    assert (several.total, several.seeds, request_of(own, values).seed) == (3, (), None)
    other = LaunchRequest(entry="train", params={"lr": 0.1, "random-state": 42})
    asked: Values = {"param.lr": "0.1", "param.random-state": "42", "seed": "7"}
    assert (request_of(other, asked).params, request_of(other, asked).seed) == ({"lr": 0.1}, 7)
    asked["param.random-state"] = "43"
    assert request_of(other, asked).params == {"lr": 0.1, "random-state": 43}


def test_the_command_of_a_sweep_means_the_same_sweep() -> None:
    values = filled(param__lr="0.1,0.2", param__epochs="2..4", seed="1,2", jobs=2, metric="thing min", policy="stop")
    plan = plan_of(BASE, values)
    command = launch_command(request_of(BASE, values), BASE.params, plan)
    assert command == (
        "lab run train -p lr=0.1,0.2 -p epochs=2..4 --seed 1,2 --jobs 2 --metric thing --goal min --on-failure stop "
        "--data digits@v2"
    )
    args = parse(launch_commands.all, shlex.split(command)[1:]).args
    assert plan is not None
    assert parse_space(args.param)[1] == plan.space
    assert (args.seed, args.jobs, args.on_failure) == ((1, 2), 2, ["stop"])


def test_a_form_tells_how_many_runs_it_means_and_how_long_they_take() -> None:
    assert plan_sentence(BASE, filled(), 90.0) == "1 run, about 1m 30s"
    assert plan_sentence(BASE, filled(), None).startswith("1 run; how long one takes")
    several = filled(param__lr="0.1,0.2,0.3", param__epochs="1..2", seed="0..2")
    told = "18 runs (6 points × 3 seeds), about 18m 00s one after the other, less where several fit"
    assert plan_sentence(BASE, several, 60.0) == told
    assert plan_sentence(BASE, {**several, "jobs": 1}, 60.0).endswith("about 18m 00s one after the other")
    drawn = filled(param__lr="1e-4..1:log", trials=4)
    assert plan_sentence(BASE, drawn, None).startswith("4 runs, random; how long")
    assert plan_sentence(BASE, {**several, "jobs": 4}, 60.0).endswith("about 5m 00s 4 at a time")
    with pytest.raises(UsageError):
        plan_sentence(BASE, {**several, "method": "adaptive"}, 60.0)


def test_parameters_are_those_of_a_run_where_the_entry_has_them() -> None:
    own: dict[str, Param] = {"lr": 0.1, "epochs": 30, "model": "mlp", "deep": False, "path": None}
    run: dict[str, Param] = {"lr": 1, "epochs": "many", "model": "forest", "deep": 1, "path": "x", "gone": 3}
    found = params_like(own, run)
    assert found == {"lr": 1.0, "epochs": 30, "model": "forest", "deep": False, "path": "x"}
    assert isinstance(found["lr"], float)
    assert params_like(own, {}) == own
