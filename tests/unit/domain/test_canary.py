from __future__ import annotations

import math

import pytest

from lab.domain.canary import Traffic, compare, disagreement, two_proportion_z


def test_two_proportions_as_worked_out_by_hand() -> None:
    # p = 43/300 = 0.14333; its spread sqrt(0.14333 * 0.85667 * (1/200 + 1/100)) = 0.042917; 0.14 / 0.042917 = 3.2621.
    assert two_proportion_z(38, 200, 5, 100) == pytest.approx(-3.2621, abs=2e-4)
    assert two_proportion_z(5, 100, 38, 200) == pytest.approx(3.2621, abs=2e-4)
    assert two_proportion_z(0, 100, 0, 100) == 0.0
    assert two_proportion_z(0, 0, 1, 1) == 0.0


def test_no_worse_goes_on_also_with_a_few_errors_of_both() -> None:
    verdict = compare(Traffic(9000, 90, 0.010), Traffic(1000, 10, 0.012), 1.5)
    assert verdict.ok
    assert verdict.evidence["p95_ratio"] == pytest.approx(1.2)
    assert verdict.evidence["z"] == pytest.approx(0.0, abs=1e-9)


def test_more_errors_than_chance_gives_stop_it() -> None:
    verdict = compare(Traffic(9000, 0, 0.010), Traffic(1000, 20, 0.010), 1.5)
    assert not verdict.ok
    assert "2.0% of its requests failed" in verdict.told


def test_one_error_in_few_requests_is_chance() -> None:
    assert compare(Traffic(90, 1), Traffic(10, 1), 1.5).ok
    assert not compare(Traffic(0, 0), Traffic(5, 5), 1.5).ok, "nothing but errors"


def test_slower_is_worse_where_it_can_be_felt_and_enough_came() -> None:
    assert not compare(Traffic(900, 0, 0.010), Traffic(100, 0, 0.030), 1.5).ok
    assert compare(Traffic(900, 0, 0.001), Traffic(100, 0, 0.003), 1.5).ok, "two milliseconds are of no matter"
    few = compare(Traffic(90, 0, 0.010), Traffic(10, 0, 0.030), 1.5)
    assert few.ok
    assert "too few" in few.told


def test_labels_differ_or_not_and_numbers_by_how_far() -> None:
    assert disagreement([0, 1, 2, 1], [0, 2, 2, 1]) == 1
    assert disagreement(["a", "b"], ["a", "c"]) == 1
    old = [float(value) + 0.5 for value in range(100)]  # its standard deviation is 28.9
    assert disagreement(old, [value + 2.0 for value in old]) == 0
    assert disagreement(old, [value + 4.0 for value in old]) == 100
    assert disagreement(old[:2], [math.nan, "x"]) == 2
    assert disagreement([1.5, 1.5], [1.5, 1.6]) == 1
    assert disagreement([], []) == 0
