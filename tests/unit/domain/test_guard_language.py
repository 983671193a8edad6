"""Guards: what their language takes and refuses, and when they fire."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.domain.directions import Direction
from lab.domain.guard_language import (
    All,
    Compare,
    GuardError,
    Lasting,
    Name,
    Number,
    Plateau,
    Trait,
    Worse,
    parse_guard,
)
from lab.domain.guard_watch import Reference, Watcher
from lab.domain.guards import Firing, Guard, named

LOSS = Name("loss")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("isnan(loss)", Trait("isnan", LOSS)),
        ("loss > 10 for 3", Lasting(Compare(LOSS, ">", Number(10.0, text="10")), count=3)),
        ("loss >= 1e-3 for 90s", Lasting(Compare(LOSS, ">=", Number(0.001, text="1e-3")), seconds=90.0)),
        ("plateau(val_loss, 20)", Plateau(Name("val_loss"), 20, 0.0, Direction.LOWER)),
        ("plateau(x, 5, 0.01, higher)", Plateau(Name("x"), 5, 0.01, Direction.HIGHER)),
        ("worse(accuracy, 2.0)", Worse(Name("accuracy"), 2.0, Direction.HIGHER)),
        ("elapsed > 1h30m", Compare(Name("elapsed", fact=True), ">", Number(5400.0, text="1h30m"))),
        ("memory > 90%", Compare(Name("memory", fact=True), ">", Number(0.9, share=True, text="90%"))),
        ("2GB < memory", Compare(Number(2e9, text="2GB"), "<", Name("memory", fact=True))),
        ("metric.memory > 3", Compare(Name("memory"), ">", Number(3.0, text="3"))),
        ('"val loss" = -1', Compare(Name("val loss"), "==", Number(-1.0, text="-1"))),
        ("val/loss > train/loss", Compare(Name("val/loss"), ">", Name("train/loss"))),
        ("isnan(a) and isinf(b)", All((Trait("isnan", Name("a")), Trait("isinf", Name("b"))))),
    ],
)
def test_what_a_condition_means(text: str, node: object) -> None:
    assert parse_guard(text) == node


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("isnam(loss)", 0, "no test 'isnam'"),
        ("loss > ", 7, "it ends"),
        ("loss >> 3", 6, "due here"),
        ("loss", 4, "a comparison is missing"),
        ("loss > 30m", 7, "not a number"),
        ("loss > 90%", 7, "of what"),
        ("elapsed > soon then", 15, "one too many"),
        ("elapsed > 3x", 10, "no duration"),
        ("memory > 3q", 9, "no size"),
        ("1 > 2", 0, "two numbers"),
        ("loss > 10 for ever", 14, "how many values or how long"),
        ("plateau(val_loss)", 16, "a metric and a number"),
        ("plateau(spam, 3)", 8, "does not tell"),
        ("plateau(loss, 3, upward)", 17, "neither higher nor lower"),
        ("worse(loss, 0.5)", 12, "more than 1"),
        ("(loss > 3", 9, "close the parenthesis"),
        ("loss > 3)", 8, "one too many"),
        ("__import__('os')", 0, "no test"),
        ("loss > 3; x", 8, "means nothing"),
        ("loss.__class__ = 1 or lambda: 3", 30, "comparison is missing"),
        ("not " * 60 + "isnan(x)", 164, "too deeply"),
        ("", 0, "it ends"),
    ],
)
def test_what_is_wrong_is_pointed_at(text: str, at: int, says: str) -> None:
    with pytest.raises(GuardError) as caught:
        parse_guard(text)
    assert says in caught.value.message
    assert caught.value.at == at
    assert "^" in caught.value.detail


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_taken_or_refused_with_a_place(text: str) -> None:
    at = 0
    try:
        parse_guard(text)
    except GuardError as error:
        at = error.at
    assert 0 <= at <= len(text)


def fires(when: str, values: Sequence[float], reference: Reference | None = None, name: str = "loss") -> Firing | None:
    """The firing over values of one metric, logged a second apart from step 0 on."""
    guard = Guard("g", when, "stop")
    watcher = Watcher("r", guard, parse_guard(when), lambda *_: reference, 0.0)
    told = [watcher.metrics(float(step), step + 1.0, {name: value}) for step, value in enumerate(values)]
    found = [firing for firing in told if firing is not None]
    assert len(found) <= 1, "a guard fires once"
    return found[0] if found else None


@pytest.mark.parametrize(
    ("when", "values", "step", "evidence"),
    [
        ("isnan(loss)", [1.0, math.nan, math.nan], 1, "loss was NaN at step 1"),
        ("loss > 10", [10.0, 12.5], 1, "loss was 12.5 at step 1, above 10"),
        ("10 < loss", [10.0, 12.5], 1, "loss was 12.5 at step 1, above 10"),
        ("loss > 10 for 3", [11, 11, 1, 11, 11, 11], 5, "loss was 11 at step 5, above 10 for 3 values"),
        ("loss > 10 for 2s", [11, 11, 1, 11, 11, 11], 5, "loss was 11 at step 5, above 10 for 2s"),
        ("plateau(loss, 3)", [3, 2, 2, 2.5, math.nan], 4, "loss has not improved for 3 values (best 2 at step 1)"),
        ("plateau(loss, 2, 0.5)", [3, 2, 1.9, 1.8], 3, "loss has not improved for 2 values (best 2 at step 1)"),
        ("elapsed > 3", [1.0] * 9, 3, "elapsed was 4s, above 3"),
        ("not loss < 5", [1.0, 7.0], 1, "it no longer held at step 1"),
        ("loss > 1 and not isnan(loss)", [0, 2], 1, "loss was 2 at step 1, above 1 and it no longer held at step 1"),
        ("isinf(loss) or loss < 0", [1, -math.inf], 1, "loss was -infinite at step 1"),
    ],
)
def test_when_a_guard_fires_and_what_it_saw(when: str, values: list[float], step: int, evidence: str) -> None:
    firing = fires(when, values)
    assert firing is not None
    assert (firing.step, firing.evidence) == (step, evidence)
    assert firing.cause == f"stopped by guard 'g': {evidence}"


@pytest.mark.parametrize(
    ("when", "values"),
    [
        ("isnan(loss)", [1.0, math.inf]),
        ("other > 1", [5.0]),
        ("not other > 1", [5.0]),
        ("loss > 10 for 3", [11, 11, 1, 11, 11]),
        ("plateau(loss, 3)", [3, 2, 1, 1, 1]),
        ("loss > 0 and other > 0", [1.0]),
        ("memory > 90%", [1.0]),
    ],
)
def test_when_it_does_not(when: str, values: list[float]) -> None:
    assert fires(when, values) is None


def test_diverging_is_measured_at_the_same_step() -> None:
    best = Reference("calm-otter", [0.0, 2.0, 4.0], [1.0, 0.5, 0.1])
    firing = fires("worse(loss, 2)", [1.9, 1.9, 0.9, 0.9, 0.3], best)
    assert firing is not None
    assert (firing.step, firing.evidence) == (4, "loss was 0.3 at step 4, where calm-otter had 0.1")
    assert fires("worse(loss, 2)", [1.9, 1.9, 1.1], best) is not None
    assert fires("worse(loss, 2)", [9.0], None) is None, "there is nothing to be worse than"
    high = Reference("calm-otter", [0.0], [0.9])
    assert fires("worse(acc, 2)", [0.5, 0.44], high, "acc") is not None
    below = Reference("calm-otter", [0.0], [-10.0])
    assert fires("worse(loss, 2)", [-6.0], below) is None
    assert fires("worse(loss, 2)", [-4.0], below) is not None


def test_facts_and_their_limits() -> None:
    watcher = Watcher("r", Guard("g", "memory > 90% for 2", "stop"), parse_guard("memory > 90% for 2"), _none, 0.0)
    limits = {"memory": float(1 << 30)}
    assert watcher.facts(1.0, {"memory": 0.95 * (1 << 30)}, {}) is None, "no limit is known"
    assert watcher.facts(2.0, {"memory": 0.95 * (1 << 30)}, limits) is None
    assert watcher.metrics(1.0, 2.5, {"loss": 1.0}) is None, "nothing new about memory"
    firing = watcher.facts(3.0, {"memory": 0.95 * (1 << 30)}, limits)
    assert firing is not None
    assert firing.evidence == "memory was 973 MB, above 90% for 2 values"


def test_the_clock_alone_can_fire() -> None:
    watcher = Watcher("r", Guard("g", "silent > 10m", "notify"), parse_guard("silent > 10m"), _none, 100.0)
    assert watcher.metrics(7.0, 200.0, {"loss": 1.0}) is None
    assert watcher.clock(799.0) is None
    firing = watcher.clock(801.0)
    assert firing is not None
    assert (firing.step, firing.evidence) == (7.0, "silent was 10m 01s, above 10m")
    assert watcher.clock(999.0) is None


def _none(*_: object) -> None:
    return None


def test_every_guard_has_a_name_of_its_own() -> None:
    guards = named([Guard("a", "x > 1"), Guard("a", "x > 2"), Guard("", "x > 3")])
    assert [guard.name for guard in guards] == ["a", "x > 2", "x > 3"]
