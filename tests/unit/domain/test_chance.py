"""Tests and effects: against SciPy, against tables in books, and by simulation where nothing is true."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.domain import chance

NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 2))
FEW = st.lists(NUMBERS, min_size=2, max_size=8)


@given(FEW)
def test_the_sign_flip_test_counts_every_pattern(differences: list[float]) -> None:
    observed = abs(math.fsum(differences))
    patterns = list(itertools.product((1, -1), repeat=len(differences)))
    sums = [abs(math.fsum(sign * one for sign, one in zip(signs, differences, strict=True))) for signs in patterns]
    far = sum(one >= observed - 1e-9 * math.fsum(map(abs, differences)) for one in sums)
    assert chance.sign_flip(differences) == pytest.approx(far / len(patterns), abs=1e-12)


def test_the_sign_flip_test_on_darwins_plants() -> None:
    """Fisher 1935: 863 of 2^15 patterns reach Darwin's sum on one side, 2 × 863 on both."""
    plants = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert chance.sign_flip(plants) == pytest.approx(2 * 863 / 2**15, abs=1e-12)


@pytest.mark.parametrize("size", [25, 40, 60])
def test_many_pairs_are_drawn_and_nearly_exact(size: int) -> None:
    numbers = random.Random(size)
    differences = [numbers.gauss(0.3, 1) for _ in range(size)]
    p = chance.sign_flip(differences)
    assert p == chance.sign_flip(differences)  # deterministic
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert p == pytest.approx(expected, abs=0.02)


@given(FEW, FEW)
def test_the_rank_sum_test_is_the_exact_permutation_test(first: list[float], second: list[float]) -> None:
    ranks = stats.rankdata([*first, *second])
    middle = len(first) * (len(ranks) + 1) / 2
    observed = abs(sum(ranks[: len(first)]) - middle)
    if math.comb(len(ranks), len(first)) > 3000:
        return
    deals = [abs(sum(deal) - middle) for deal in itertools.combinations(ranks, len(first))]
    expected = sum(one >= observed - 1e-9 for one in deals) / len(deals)
    assert chance.rank_sum(first, second) == pytest.approx(expected, abs=1e-12)


def test_the_rank_sum_test_without_ties_is_scipys() -> None:
    numbers = random.Random(3)
    for n, m in ((3, 3), (5, 5), (4, 9), (10, 10), (20, 30)):
        first = [numbers.random() for _ in range(n)]
        second = [numbers.random() + 0.2 for _ in range(m)]
        expected = stats.mannwhitneyu(first, second, method="exact").pvalue
        assert chance.rank_sum(first, second) == pytest.approx(expected, rel=1e-9)


def test_what_a_verdict_of_five_seeds_quotes() -> None:
    assert chance.rank_sum([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)
    assert chance.rank_sum([1, 2, 3], [4, 5, 6]) == pytest.approx(0.1) == chance.smallest_rank_sum(3, 3)
    assert chance.sign_flip([1] * 6) == 2 / 64 == chance.smallest_sign_flip(6)


@given(FEW, FEW)
def test_both_tests_and_the_effect_are_symmetric(first: list[float], second: list[float]) -> None:
    assert chance.rank_sum(first, second) == chance.rank_sum(second, first)
    assert chance.superiority(first, second) == pytest.approx(1 - chance.superiority(second, first))
    low, high = chance.welch_interval(first, second)
    assert chance.welch_interval(second, first) == pytest.approx((-high, -low))
    assert chance.sign_flip(first) == pytest.approx(chance.sign_flip([-one for one in first]))
    assert 0 < chance.sign_flip(first) <= 1
    assert 0 < chance.rank_sum(first, second) <= 1


def test_p_is_uniform_where_nothing_is_true() -> None:
    """No more than the promised share of p values is small, and not much less than it."""
    numbers = random.Random(11)
    pairs, ranks = [], []
    for _ in range(3000):
        pairs.append(chance.sign_flip([numbers.gauss(0, 1) for _ in range(10)]))
        ranks.append(chance.rank_sum([numbers.gauss(0, 1) for _ in range(7)], [numbers.gauss(0, 1) for _ in range(7)]))
    # The rank sums of seven against seven are few: steps of p are up to 0.11 wide.
    for found, grain in ((pairs, 2 / 2**10), (ranks, 0.11)):
        for level in (0.05, 0.2, 0.5, 0.8):
            share = sum(p <= level for p in found) / len(found)
            error = 4 * math.sqrt(level * (1 - level) / len(found))
            assert level - error - grain <= share <= level + error


@given(st.lists(st.integers(0, 5).map(float), min_size=1, max_size=9),
       st.lists(st.integers(0, 5).map(float), min_size=1, max_size=9))  # fmt: skip
def test_superiority_counts_pairs(first: list[float], second: list[float]) -> None:
    wins = sum((new > old) + (new == old) / 2 for new in second for old in first)
    assert chance.superiority(first, second) == pytest.approx(wins / len(first) / len(second))


@settings(max_examples=50)
@given(st.floats(1, 500))
def test_students_quantile(freedom: float) -> None:
    assert chance.student_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-7)


def test_intervals_are_scipys() -> None:
    first, second = [0.91, 0.92, 0.90, 0.93, 0.915], [0.93, 0.95, 0.94, 0.935, 0.97]
    welch = stats.ttest_ind(second, first, equal_var=False).confidence_interval()
    assert chance.welch_interval(first, second) == pytest.approx((welch.low, welch.high), rel=1e-9)
    differences = [new - old for old, new in zip(first, second, strict=True)]
    paired = stats.ttest_rel(second, first).confidence_interval()
    assert chance.paired_interval(differences) == pytest.approx((paired.low, paired.high), rel=1e-9)


def test_extreme_numbers_do_no_harm() -> None:
    assert chance.sign_flip([1e308, 1e308, 1e308]) == 0.25
    assert chance.sign_flip([5e-324, -5e-324]) == 1.0
    assert chance.sign_flip([0.0, 0.0]) == chance.sign_flip([]) == chance.rank_sum([], [1.0]) == 1.0
    assert chance.welch_interval([1.0, 1.0], [2.0, 2.0]) == (1.0, 1.0)
    assert chance.deviation([3.0]) == 0.0


def test_holms_procedure() -> None:
    assert chance.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert chance.holm([0.02]) == [0.02]
    assert chance.holm([]) == []


def test_seeds_needed_are_cohens() -> None:
    """Cohen 1988, table 2.4.1: 64 on either side for d = 0.5, two-sided 0.05, power 0.8."""
    exact = chance.values_needed(0.5, 1.0, 0.05) * 3 / math.pi
    assert exact == pytest.approx(63.8, abs=0.2)
    assert chance.pairs_needed(0.5, 1.0, 0.05) == pytest.approx(33.4, abs=0.3)
    assert chance.values_needed(0.0, 1.0, 0.05) == math.inf
    assert chance.pairs_needed(1.0, 0.0, 0.05) == 0.0
    assert chance.normal_quantile(0.975) == pytest.approx(1.959963985, abs=1e-8)


def test_the_power_is_about_what_was_asked_for() -> None:
    numbers = random.Random(5)
    n = math.ceil(chance.values_needed(1.2, 1.0, 0.05))
    found = [
        chance.rank_sum([numbers.gauss(0, 1) for _ in range(n)], [numbers.gauss(1.2, 1) for _ in range(n)]) <= 0.05
        for _ in range(600)
    ]
    assert 0.74 <= sum(found) / len(found) <= 0.88
