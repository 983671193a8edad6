"""What a sweep goes through: every form, every mistake, and what follows from it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.axes import (
    Axis,
    Choices,
    Span,
    axis_from_json,
    axis_json,
    axis_text,
    grid,
    parse_axis,
    parse_seeds,
    parse_space,
    sample,
)
from lab.domain.runs import Param
from lab.errors import UsageError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1", (0.1,)),
        ("0.1,0.01", (0.1, 0.01)),
        ("1, 2 ,3", (1, 2, 3)),
        ("2..5", (2, 3, 4, 5)),
        ("-2..1", (-2, -1, 0, 1)),
        ("2..9:3", (2, 5, 8)),
        ("0..1:0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("0.1..0.5:0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("1,2,4..6", (1, 2, 4, 5, 6)),
        ("adam,sgd", ("adam", "sgd")),
        ("true,false", (True, False)),
        ("null,1", (None, 1)),
        ("'a,b',c", ("a,b", "c")),
        ('"1,2"', ("1,2",)),
        ("'2..8'", ("2..8",)),
        ("'1','2'", ("1", "2")),
        ("1,'1',true", (1, "1", True)),
        ("", ("",)),
        ("it's", ("it's",)),
        ("don't,won't", ("don't", "won't")),
        ("../data", ("../data",)),
        ("v1..v2", ("v1..v2",)),
        ("..", ("..",)),
        ("1e-3,1e-2", (0.001, 0.01)),
    ],
)
def test_values(text: str, values: tuple[Param, ...]) -> None:
    axis = parse_axis("x", text)
    assert axis.values == values
    assert [type(value) for value in axis.values] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.1,,0.2", "a value is missing between the commas"),
        ("0.1,", "a value is missing"),
        (",", "a value is missing"),
        ("1,2,1", "1 stands in the list twice"),
        ("8..2", "ends before it begins"),
        ("2..2", "ends before it begins"),
        ("2..x", "is not a range"),
        ("2..", "is not a range"),
        ("..8", "is not a range"),
        ("2..8:", "neither a step nor log"),
        ("2..8:-1", "a step is above 0"),
        ("2..8:0", "a step is above 0"),
        ("2..8:lin", "neither a step nor log"),
        ("0..1:log", "a log range begins above 0"),
        ("1,0.1..1:log", "has no grid"),
        ("'a,b", "is not closed"),
        ("1..99999,3", "more than 10,000"),
    ],
)
def test_mistakes_are_named(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_axis("x", text)


def test_a_range_without_steps_can_only_be_drawn_from() -> None:
    for text in ("0.001..0.1", "0.001..0.1:log", "1..1000:log"):
        axis = parse_axis("lr", text)
        assert not axis.countable
        with pytest.raises(UsageError, match="has no grid") as caught:
            grid({"lr": axis})
        assert "--sweep random" in caught.value.hint
    with pytest.raises(UsageError, match="more than 10,000"):
        grid({"n": parse_axis("n", "1..100000")})
    with pytest.raises(UsageError, match="1,000,000 points"):
        grid({name: parse_axis(name, "1..1000") for name in "ab"})


def test_the_last_parameter_varies_fastest() -> None:
    fixed, space = parse_space(["lr=0.1,0.01", "depth=2..3", "kind=forest", "depth=4,5"])
    assert fixed == {"kind": "forest"}
    assert grid(space) == [
        {"lr": 0.1, "depth": 4}, {"lr": 0.1, "depth": 5}, {"lr": 0.01, "depth": 4}, {"lr": 0.01, "depth": 5},
    ]  # fmt: skip
    assert grid({}) == [{}]
    with pytest.raises(UsageError, match="is not a parameter"):
        parse_space(["lr"])
    fixed, space = parse_space(["lr=0.1,0.01", "lr=3"])
    assert (fixed, space) == ({"lr": 3}, {})


def test_seeds() -> None:
    assert parse_seeds("7") == (7,)
    assert parse_seeds("0..4") == (0, 1, 2, 3, 4)
    assert parse_seeds("1,5,9") == (1, 5, 9)
    for text in ("x", "0.5", "0..1:0.5", "true", "", "0.1..2:log"):
        with pytest.raises(UsageError):
            parse_seeds(text)


def test_drawing_is_repeatable_and_never_twice_the_same() -> None:
    _, space = parse_space(["lr=0.0001..0.1:log", "depth=2..8", "kind=a,b"])
    points = sample(space, 50, seed=3)
    assert points == sample(space, 50, seed=3)
    assert points != sample(space, 50, seed=4)
    assert len({repr(point) for point in points}) == 50
    _, few = parse_space(["depth=2..4", "kind=a,b"])
    assert sample(few, 99, seed=0) == grid(few), "no more points than there are"
    assert len(sample(few, 5, seed=0)) == 5


def test_a_log_range_has_as_many_in_each_power_of_ten() -> None:
    _, space = parse_space(["lr=0.001..1:log"])
    values = [float(point["lr"]) for point in sample(space, 3000, seed=1)]  # type: ignore[arg-type]
    shares = [sum(low <= value < low * 10 for value in values) / 3000 for low in (0.001, 0.01, 0.1)]
    # Three standard deviations of a binomial share of one third are 0.026.
    assert all(abs(share - 1 / 3) < 0.03 for share in shares)


def test_a_range_with_fewer_values_than_trials_gives_those_it_has() -> None:
    _, whole = parse_space(["depth=1..3:log"])
    assert sorted(int(str(point["depth"])) for point in sample(whole, 10, seed=0)) == [1, 2, 3]
    narrow = parse_axis("x", f"1.0..{math.nextafter(1.0, 2.0)!r}")
    assert len(sample({"x": narrow}, 5, seed=0)) == 2


FINITE = st.floats(-1e6, 1e6, allow_nan=False)


@given(FINITE, FINITE, st.sampled_from(["", ":log", ":0.5", ":3"]))
def test_what_is_drawn_lies_in_the_range_and_reads_back(low: float, high: float, how: str) -> None:
    try:
        axis = parse_axis("x", f"{low!r}..{high!r}{how}")
    except UsageError:
        assert low >= high or (how == ":log" and low <= 0)
        return
    assert isinstance(axis, Span)
    for point in sample({"x": axis}, 5, seed=0):
        assert low <= point["x"] <= high  # type: ignore[operator]
    assert axis_from_json(axis_json(axis)) == axis
    assert parse_axis("x", axis_text(axis)) == axis


@given(st.lists(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(),
                          st.text("ab,. '1x", max_size=6)), min_size=1, max_size=5))  # fmt: skip
def test_values_are_typed_as_they_read(values: list[Param]) -> None:
    distinct: list[Param] = []
    for value in values:
        text = isinstance(value, str) and (value != value.strip() or "'" in value)
        if not text and not any(value == one and type(value) is type(one) for one in distinct):
            distinct.append(value)
    if not distinct or "" in distinct:
        return
    axis: Axis = Choices(tuple(distinct))
    back = parse_axis("x", axis_text(axis))
    assert [repr(value) for value in back.values] == [repr(value) for value in axis.values]
    assert axis_from_json(axis_json(axis)) == axis


def test_whole_numbers_stay_whole() -> None:
    _, space = parse_space(["n=1..1000:log", "m=1..9:2", "f=0..1"])
    for point in sample(space, 20, seed=0):
        assert isinstance(point["n"], int)
        assert isinstance(point["m"], int)
        assert point["f"] in (0, 1), "0..1 are whole numbers; 0.0..1.0 is all between"
    assert not math.isnan(sum(float(p["x"]) for p in sample(parse_space(["x=0.0..1"])[1], 3, 0)))  # type: ignore[arg-type]
