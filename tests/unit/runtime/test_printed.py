"""What counts as a metric of what a script prints: real styles of logs, and what must never be taken for one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lab.runtime.printed import LINE_MAX, Patterns

DATA = Path(__file__).parents[2] / "data" / "printed"
STYLES: dict[str, Any] = json.loads((DATA / "styles.json").read_text())
NONE = (DATA / "none.txt").read_text()

Point = tuple[float | None, dict[str, float]]


def points(text: str, patterns: Patterns | None = None) -> list[Point]:
    """All metrics of a text, split as the entry point does."""
    reader = patterns or Patterns()
    found = [reader.find(line) for line in text.replace("\r", "\n").split("\n")]
    return [(step, values) for step, values in found if values]


@pytest.mark.parametrize("style", STYLES)
def test_a_style_of_logs_is_understood(style: str) -> None:
    expected = [(None if step is None else float(step), values) for step, values in STYLES[style]["points"]]
    assert repr(points("\n".join(STYLES[style]["printed"]))) == repr(expected)


@pytest.mark.parametrize("line", NONE.splitlines())
def test_what_is_no_metric_is_not_taken(line: str) -> None:
    assert points(line) == []


def test_all_of_it_in_one_log_is_still_nothing() -> None:
    assert points(NONE) == []


def test_the_runs_own_parameters_are_no_metrics() -> None:
    patterns = Patterns(given={"score_weight": 0.25, "lr": 0.1})
    assert points("score_weight: 0.25\nscore weight: 0.25\nlr=0.1", patterns) == []
    assert points("score_weight: 0.5", patterns) == [(None, {"score_weight": 0.5})]


def test_own_patterns_take_the_place_of_the_built_in_ones() -> None:
    own = Patterns([r"gen (?P<step>\d+): fit (?P<fitness>\S+)", r"@(?P<key>\w+)=(?P<value>\S+)"])
    text = "gen 3: fit 0.5\nloss: 0.1\n@speed=12\n@word=no\ngen 4: fit nan"
    found = points(text, own)
    assert found[:2] == [(3.0, {"fitness": 0.5}), (None, {"speed": 12.0})]
    assert math.isnan(found[2][1]["fitness"])
    assert len(found) == 3


def test_ignored_names_are_never_taken() -> None:
    assert points("loss: 0.5 - lr: 0.1", Patterns(ignore=["lr"])) == [(None, {"loss": 0.5})]


@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "1:",
        "a=",
        "a=1 ",
        "1",
        "(",
        "f(",
        "{",
        "'a",
        "epoch ",
        "[1,",
        "a:",
        "-",
        ".",
        "1e",
        "a.b",
        "[",
        "1/",
    ],
)
def test_no_line_keeps_the_patterns_busy_for_ever(piece: str) -> None:
    assert points(piece * (LINE_MAX // len(piece) - 1) + "1") == []


def test_a_line_that_is_data_is_passed_over() -> None:
    assert points("loss: 0.5" + " " * LINE_MAX) == []


def test_hostile_names_and_numbers_do_no_harm() -> None:
    assert points('{"loss": 1e999, "big": ' + "9" * 400 + "}") == [(None, {"loss": math.inf, "big": math.inf})]
    assert points('{"a": {"b": {"c": {"d": {"e": 1}}}}, "loss": 2}') == [(None, {"loss": 2.0})]
    assert points("[" * 10_000) == []
