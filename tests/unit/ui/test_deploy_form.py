"""The deploy form as data: what it asks for, what its values mean, and the command that does the same."""

from __future__ import annotations

import shlex

import pytest

from lab.cli.main import commands
from lab.cli.parser import parse
from lab.domain.param_spec import ParamSpec, Values
from lab.domain.rollouts import RolloutPlan, Strategy
from lab.ui.screens.deploy_form import deploy_command, deploy_request, deploy_sentence, deploy_specs

USUAL = RolloutPlan()


def filled(**changed: str) -> tuple[Values, dict[str, str]]:
    """The form's values with some texts typed in, and what is wrong with each."""
    values: Values = {}
    wrong: dict[str, str] = {}
    for spec in deploy_specs("churn", USUAL, 0.0):
        value, trouble = spec.read(changed.get(spec.id, str(spec.value)))
        if trouble:
            wrong[spec.id] = trouble
        if value is not None:
            values[spec.id] = value
    return values, wrong


def test_what_is_there_from_the_start_is_how_things_are_usually_done() -> None:
    values, wrong = filled()
    assert not wrong
    asked = deploy_request(values, USUAL)
    assert (asked.name, asked.plan, asked.port, asked.idle, asked.engine) == ("churn", USUAL, 0, 0.0, "")
    assert deploy_command("churn@champion", asked, USUAL) == "lab deploy churn@champion --name churn"
    assert deploy_sentence(values, USUAL).startswith("churn: all requests at once")


def test_what_is_typed_is_what_the_command_says() -> None:
    values, wrong = filled(strategy="canary", share="25", hold="2m", replicas="3", idle="10m", port="8500",
                           engine="process")  # fmt: skip
    assert not wrong
    asked = deploy_request(values, USUAL)
    assert (asked.plan.strategy, asked.plan.share, asked.plan.hold) == (Strategy.CANARY, 25, 120.0)
    assert deploy_sentence(values, USUAL) == "churn: 25 % of the requests for 120 s, then all"
    line = deploy_command("churn:v3", asked, USUAL)
    assert line == ("lab deploy churn:v3 --name churn --canary 25 --for 120s --replicas 3 --idle 600s --port 8500 "
                    "--engine process")  # fmt: skip
    program, *words = shlex.split(line)
    assert program == "lab"
    assert parse(commands(), words).command is not None


@pytest.mark.parametrize(
    ("id", "text"), [("share", "0"), ("share", "many"), ("hold", "soon"), ("replicas", "0"), ("port", "70000"),
                     ("port", "80"),                     ("name", ""), ("name", "no blanks"), ("idle", "later")],
)  # fmt: skip
def test_what_cannot_be_is_told_at_its_field(id: str, text: str) -> None:
    assert list(filled(**{id: text})[1]) == [id]


def test_a_number_left_empty_is_left_out_unless_it_is_needed() -> None:
    assert ParamSpec("n", "n", "number").read("") == (None, None)
    assert ParamSpec("n", "n", "number", optional=False).read("") == (None, "a number is needed")
    assert ParamSpec("n", "n", "number").read("0x") == (None, "not a number")
    assert ParamSpec("t", "t", optional=False).read("")[1] == "this is needed"
