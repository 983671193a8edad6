"""Seed groups and verdicts: what is the same but for luck, and what is more than it."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.domain.compare import Comparison
from lab.domain.directions import Direction, direction
from lab.domain.runs import MetricSummary, Param, Run, RunStatus
from lab.domain.seeds import SeedGroup, group, is_seed, missing, reseeded, seed_of
from lab.domain.verdicts import MOST_SEEDS, Outcome, Verdict, judge, stats, tell


def run(
    name: str,
    seed: int,
    value: float = 0.5,
    metric: str = "accuracy",
    status: RunStatus = RunStatus.FINISHED,
    code: str = "b3:1",
    data: str = "v1",
    **params: Param,
) -> Run:
    summary = MetricSummary(value, value, value, value, 1)
    return Run(
        f"{name}-{seed}", f"{name}-{seed}", "p", "train", status, params=params, seed=seed, code=code,
        datasets={"d": data}, metrics={metric: summary},
    )  # fmt: skip


def side(name: str, values: list[float], metric: str = "accuracy", first: int = 0, **params: Param) -> list[Run]:
    return [run(name, first + at, value, metric, **params) for at, value in enumerate(values)]


def verdict(old: list[float], new: list[float], metric: str = "accuracy", first: int = 0) -> tuple[Verdict, str]:
    groups = group([*side("a", old, metric, lr=0.1), *side("b", new, metric, first, lr=0.2)])
    (found,) = judge(groups, 0, [metric])
    return found, tell(found, groups[1].label, groups[0].label)


# Names


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("val_loss", "lower"), ("loss/train", "lower"), ("accuracy", "higher"), ("valAccuracy", "higher"),
        ("f1", "higher"), ("test_f1_macro", "higher"), ("r2", "higher"), ("roc_auc", "higher"), ("RMSE", "lower"),
        ("neg_mean_squared_error", "higher"), ("neg_log_loss", "higher"), ("negative_log_likelihood", "lower"),
        ("error_rate", "lower"), ("logloss", "lower"), ("loss_scale", "unknown"), ("lr", "unknown"), ("", "unknown"),
        ("epoch", "unknown"), ("mAP", "higher"), ("perplexity", "lower"), ("accuracy_loss", "lower"),
        ("\x1b[2J loss", "lower"),
    ],
)  # fmt: skip
def test_a_name_tells_which_way_is_better(name: str, way: str) -> None:
    assert direction(name).value == way


@pytest.mark.parametrize("name", ["seed", "random_seed", "model.seed", "randomState", "random_state", "np-seed", "rng"])
def test_seed_like_names(name: str) -> None:
    assert is_seed(name)


@pytest.mark.parametrize("name", ["seeds", "n_seeds", "seed_size", "speed", "state", "", "seedling"])
def test_names_that_seed_nothing(name: str) -> None:
    assert not is_seed(name)


# Groups


def test_runs_equal_but_for_the_seed_are_one_group() -> None:
    runs = [run("a", 1, lr=0.1, random_state=1), run("b", 2, lr=0.1, random_state=2), run("c", 1, lr=0.2)]
    groups = group(runs)
    assert [one.ids for one in groups] == [("a-1", "b-2"), ("c-1",)]
    assert groups[0].seeds == ((1,), (2,))


@pytest.mark.parametrize("other", [{"code": "b3:2"}, {"data": "v2"}, {"lr": 0.1, "depth": 1}, {"lr": "0.1"}])
def test_anything_else_makes_another_group(other: dict[str, str]) -> None:
    assert len(group([run("a", 1, lr=0.1), run("b", 2, **{"lr": 0.1, **other})])) == 2  # type: ignore[arg-type]


def test_labels_are_what_differs_or_names() -> None:
    runs = [*side("a", [1, 2], lr=0.1, depth=3), *side("b", [1, 2], lr=0.2, depth=3)]
    assert [one.label for one in group(runs)] == ["lr=0.1", "lr=0.2"]
    assert [one.label for one in group([runs[0], runs[2]])] == ["a-0", "b-0"]
    twins = [*side("a", [1, 2]), *(run("b", at, code="b3:2") for at in range(3))]
    assert [one.label for one in group(twins)] == ["a-0 +1", "b-0 +2"]


def test_a_seed_that_ran_twice_counts_once() -> None:
    one = group([run("a", 1, 0.2), run("b", 1, 0.4), run("c", 2, 0.9)])[0]
    found = stats(one, "accuracy")
    assert (found.n, found.values[(1,)]) == (2, pytest.approx(0.3))


def test_what_is_not_final_has_no_say() -> None:
    runs = [run("a", 1), run("b", 2, math.nan), run("c", 3, math.inf), run("d", 4, status=RunStatus.FAILED)]
    found = stats(group(runs)[0], "accuracy")
    assert (found.n, found.left_out) == (1, 3)
    assert stats(group(runs)[0], "other").n == 0


# Verdicts


def test_better_on_five_of_five_seeds() -> None:
    found, text = verdict([0.90, 0.91, 0.92, 0.93, 0.94], [0.95, 0.96, 0.97, 0.98, 0.99])
    assert (found.outcome, found.test, found.wins, found.pairs) == (Outcome.BETTER, "rank", 5, 5)
    assert text == "lr=0.2 better: 5/5 seeds, p = 0.008"
    assert found.a12 == 1.0
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < 0.05 < found.high


def test_a_lower_loss_is_better_and_a_lower_accuracy_is_worse() -> None:
    low, high = [0.1, 0.11, 0.12, 0.13, 0.14], [0.2, 0.21, 0.22, 0.23, 0.24]
    assert verdict(high, low, "loss")[1] == "lr=0.2 better: 5/5 seeds, p = 0.008"
    assert verdict(high, low, "accuracy")[1] == "lr=0.2 worse: 5/5 seeds, p = 0.008"
    assert verdict(high, low, "zip")[1].endswith("(good if lower is better, bad if higher is)")
    assert verdict(low, high, "zip")[0].outcome is Outcome.HIGHER


def test_six_equal_seeds_are_compared_in_pairs() -> None:
    """Each seed is worth more than the difference, which only pairs can see."""
    old = [0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3]
    found, text = verdict(old, [value + 0.01 + at / 1000 for at, value in enumerate(old)])
    assert (found.test, found.outcome) == ("paired", Outcome.BETTER)
    assert text == "lr=0.2 better: 7/7 seeds, p = 0.016"
    apart, _ = verdict(old, [value + 0.01 for value in old], first=100)
    assert (apart.test, apart.outcome, apart.equal_seeds) == ("rank", Outcome.NOISE, False)


def test_other_seeds_are_told_as_counts() -> None:
    assert verdict([1, 2, 3, 4], [5, 6, 7, 8, 9], first=50)[1] == "lr=0.2 better: 4 against 5 seeds, p = 0.016"


def test_too_few_seeds_have_no_verdict() -> None:
    assert verdict([0.9], [0.8])[1] == "only one seed each: no verdict, queue 3 more seeds each"
    assert verdict([0.9], [0.8, 0.7, 0.6, 0.5])[1] == "only one seed of lr=0.1: no verdict, queue 3 more seeds"
    assert verdict([math.nan], [0.8])[1] == "a-0 has no final value: no verdict"


def test_of_several_groups_it_is_said_once_which_one_is_meant() -> None:
    runs = [run("a", 0, 0.9, lr=0.1), run("b", 0, math.nan, lr=0.2), run("c", 0, 0.8, lr=0.3)]
    groups = group(runs)
    found = tuple(judge(groups, 0, ["accuracy"]))
    compared = Comparison(tuple(runs), "a-0", (), (), (), (), True, groups, found)
    assert [compared.sentence(one) for one in found] == [
        "b-0 has no final value: no verdict",
        "c-0: only one seed each: no verdict, queue 3 more seeds each",
    ]


def test_noise_says_how_many_seeds_it_lacks() -> None:
    found, text = verdict([0.90, 0.91], [0.95, 0.96])
    assert (found.outcome, found.more) == (Outcome.NOISE, (2, 2))
    assert text == "within noise: queue 2 more seeds each (p = 0.333)"
    found, text = verdict([0.1, 0.2, 0.3, 0.4], [0.1001, 0.2001, 0.31, 0.39], first=9)
    assert found.more is None
    assert text.startswith(f"within noise: {MOST_SEEDS} seeds would not tell lr=0.2 from lr=0.1 (p = ")
    uneven, text = verdict([0.1, 0.2, 0.15], [0.9, 0.8])
    assert uneven.more is not None
    assert uneven.more[1] == uneven.more[0] + 1


def test_the_seeds_it_asks_for_are_enough_if_the_effect_stays() -> None:
    """Most labs that follow the advice once get their verdict: the power is 0.8 for the effect that was seen."""
    numbers = random.Random(2)
    settled = asked = 0
    for _ in range(200):
        old, new = ([numbers.gauss(middle, 1) for _ in range(5)] for middle in (0.0, 1.5))
        found, _ = verdict(old, new, first=50)
        if found.outcome is Outcome.NOISE and found.more is not None and 1.2 < (found.effect or 0) < 1.8:
            asked += 1
            old += [numbers.gauss(0.0, 1) for _ in range(found.more[0])]
            new += [numbers.gauss(1.5, 1) for _ in range(found.more[1])]
            settled += verdict(old, new, first=50)[0].outcome is Outcome.BETTER
    assert asked >= 20
    assert settled / asked >= 0.6


def test_the_same_to_the_last_digit() -> None:
    assert verdict([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])[0].outcome is Outcome.SAME
    assert verdict([0.5, 0.5], [0.5, 0.5], first=7)[0].outcome is Outcome.SAME


def test_several_groups_are_held_to_more() -> None:
    low, high = [0.1, 0.11, 0.12, 0.13], [0.2, 0.21, 0.22, 0.23]
    runs = [*side("a", low, lr=1), *side("b", high, lr=2), *side("c", low, lr=3)]
    found = judge(group(runs), 0, ["accuracy"])
    assert [one.comparisons for one in found] == [2, 2]
    assert found[0].p == pytest.approx(2 * 2 / 70)
    assert found[0].outcome is Outcome.NOISE
    assert "Holm for 2" in tell(found[0], "b", "a")


def test_the_user_may_overrule_a_name() -> None:
    groups = group([*side("a", [1, 2, 3, 4], "zip", lr=1), *side("b", [5, 6, 7, 8], "zip", lr=2)])
    assert judge(groups, 0, ["zip"], {"zip": Direction.LOWER})[0].outcome is Outcome.WORSE


VALUES = st.lists(st.floats(-100, 100).map(lambda value: round(value, 1)), min_size=2, max_size=9)
MIRROR = {Outcome.BETTER: Outcome.WORSE, Outcome.WORSE: Outcome.BETTER}


@settings(max_examples=200)
@given(VALUES, VALUES, st.sampled_from([0, 50]))
def test_a_verdict_seen_from_the_other_side(old: list[float], new: list[float], first: int) -> None:
    groups = group([*side("a", old, lr=0.1), *side("b", new, first=first, lr=0.2)])
    (here,), (there,) = judge(groups, 0, ["accuracy"]), judge(groups, 1, ["accuracy"])
    assert here.p == pytest.approx(there.p)
    assert there.outcome is MIRROR.get(here.outcome, here.outcome)
    assert (here.effect or 0.0) == pytest.approx(-(there.effect or 0.0))
    assert (here.more or ()) == tuple(reversed(there.more or ()))


def test_false_alarms_are_as_rare_as_promised() -> None:
    numbers = random.Random(4)
    for size in (4, 5, 8):
        alarms = sum(
            verdict([numbers.gauss(0, 1) for _ in range(size)], [numbers.gauss(0, 1) for _ in range(size)])[0].outcome
            in (Outcome.BETTER, Outcome.WORSE)
            for _ in range(800)
        )
        assert alarms / 800 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 800)


# The next seeds


def test_the_next_seeds_first_make_pairs() -> None:
    groups = group([*side("a", [1, 2, 3], lr=1), *side("b", [1, 2], lr=2)])
    assert missing(groups, {0: 1, 1: 2}) == {0: [3], 1: [2, 3]}


def test_seed_parameters_follow_the_seed() -> None:
    one = group([run("a", 1, lr=0.1, rng_seed=1), run("b", 2, lr=0.1, rng_seed=2)])[0]
    assert reseeded(one, 7) == {"lr": 0.1, "rng_seed": 7}
    chosen = group([run("a", 1, random_state=42), run("b", 2, random_state=42)])[0]
    assert reseeded(chosen, 7) == {"random_state": 42}
    alone = group([run("a", 5, random_state=5)])[0]
    assert reseeded(alone, 7) == {"random_state": 7}
    assert seed_of(run("a", 5, random_state=5)) == (5,)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=5, unique=True), st.integers(1, 4))
def test_a_seed_is_never_used_twice(seeds: list[int], count: int) -> None:
    groups = (SeedGroup(tuple(run("a", seed) for seed in seeds), "a"),)
    found = missing(groups, {0: count})[0]
    assert len(found) == len(set(found)) == count
    assert not set(found) & set(seeds)
