"""Changing values of a lab.toml: nothing else of it changes, and what cannot be changed safely is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lab.domain.gates import GATES, gate_literal, gate_of, gate_text, gate_value, parse_gate
from lab.domain.rollouts import Budget
from lab.errors import SettingsError, UsageError
from lab.settings import load_project
from lab.settings.editing import edit_file, with_values

TEXT = """\
# mine
[project]
name = "p"   # the name

[deploy.budget]   # strict
p99 = "500ms"  # slow machine

[entries.train]
command = "python train.py"
"""


def test_only_the_values_change() -> None:
    fresh = with_values(TEXT, "deploy.budget", {"p99": '"1s"', "errors": "0.1"})
    assert fresh == TEXT.replace('p99 = "500ms"  # slow machine', 'p99 = "1s"  # slow machine\nerrors = 0.1')
    assert with_values(fresh, "deploy.budget", {"p99": '"500ms"'}).count("p99") == 1


@pytest.mark.parametrize("text", ["", "# nothing", '[project]\nname = "p"', '[deploy]\nstrategy = "canary"\n'])
def test_a_table_that_is_not_there_is_added(text: str) -> None:
    fresh = with_values(text, "deploy.budget", {"errors": "0.5"})
    assert tomllib.loads(fresh)["deploy"]["budget"] == {"errors": 0.5}
    assert fresh.startswith(text)


@pytest.mark.parametrize(
    "text",
    ["[deploy]\nbudget = {p99 = 1}\n", "[deploy]\nbudget.p99 = 1\n", 'deploy.budget.p99 = 1\n[x]\n',
     'x = \'\'\'\n[deploy.budget]\np99 = 3\n\'\'\'\n'],
)  # fmt: skip
def test_what_is_written_in_another_way_is_left_to_its_author(text: str, tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match="cannot be changed by Lab") as caught:
        edit_file(path, "deploy.budget", {"p99": "2"})
    assert "p99 = 2" in caught.value.hint
    assert path.read_text() == text
    assert [one.name for one in tmp_path.iterdir()] == ["lab.toml"]


def test_gates_are_read_and_written_as_one(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(TEXT)
    path.chmod(0o640)
    wanted = {"p99": 0.25, "memory": 0.5, "disagreement": 0.1, "errors": 0.0, "p95_ratio": 2.0}
    edit_file(path, "deploy.budget", {name: gate_literal(gate_of(name), value) for name, value in wanted.items()})
    budget = load_project(tmp_path).deploy.plan.budget
    assert {gate.name: gate_value(budget, gate) for gate in GATES} == wanted
    assert path.stat().st_mode & 0o777 == 0o640
    for gate in GATES:
        assert parse_gate(gate, gate_text(gate, gate_value(Budget(), gate))) == gate_value(Budget(), gate)
    for name, text in (("p99", "soon"), ("memory", "2"), ("errors", "-0.1"), ("p95_ratio", "0.5"), ("memory", "nan")):
        with pytest.raises(UsageError):
            parse_gate(gate_of(name), text)
    with pytest.raises(UsageError, match="no gate"):
        gate_of("p98")
