"""Axes over runs, and how strong the tie of a parameter to a metric is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.relations import CATEGORY, LINEAR, LOG, metric_axis, param_axes, spearman, ties
from lab.domain.runs import MetricSummary, Run, RunStatus


def run(at: int, value: float | None, **params: object) -> Run:
    metrics = {} if value is None else {"acc": MetricSummary(value, value, value, value, 1)}
    return Run(f"r{at}", f"run-{at}", "p", "train", RunStatus.FINISHED, params=params, metrics=metrics)  # type: ignore[arg-type]


def test_axes_are_of_what_differs_and_know_their_kind() -> None:
    rates = (1e-4, 1e-3, 1e-2)
    runs = [run(at, 0.5, lr=lr, depth=at, model="ab"[at % 2], fixed=3, flag=at == 0) for at, lr in enumerate(rates)]
    axes = {axis.title: axis for axis in param_axes(runs)}
    assert {name: axis.kind for name, axis in axes.items()} == {
        "lr": LOG, "depth": LINEAR, "model": CATEGORY, "flag": CATEGORY,
    }  # fmt: skip
    assert [axes["lr"].share(at) for at in range(3)] == pytest.approx([0, 0.5, 1])
    assert axes["lr"].text(0) == "0.0001"
    assert (axes["model"].labels, axes["model"].text(1)) == (("a", "b"), "b")
    assert axes["flag"].text(0) == "true"


def test_what_is_missing_or_odd_has_no_place() -> None:
    runs = [run(0, 0.1, lr=1), run(1, math.nan), run(2, None, lr="x"), run(3, math.inf, lr=math.inf)]
    axis = metric_axis(runs, "acc")
    assert axis.places == (0.1, None, None, None)
    assert axis.text(1) == "–"
    (lr,) = param_axes(runs)
    assert lr.kind == CATEGORY
    assert lr.places[1] is None
    assert metric_axis([run(0, 0.0), run(1, 10.0)], "acc", log=True).places == (None, 1.0)
    assert ties(param_axes(runs), axis)[0].strength == 0.0


def test_the_strongest_tie_comes_first() -> None:
    runs = [run(at, at / 10 + (0.01 if at % 2 else 0), lr=at, noise=[3, 1, 4, 1, 5, 9][at], model="ab"[at // 3])
            for at in range(6)]  # fmt: skip
    found = ties(param_axes(runs), metric_axis(runs, "acc"))
    assert [one.axis.title for one in found] == ["lr", "model", "noise"]
    assert found[0].rank == 1.0
    assert (found[0].best, found[1].best, found[1].rank) == ("5", "b", None)
    worse = ties(param_axes(runs), metric_axis(runs, "acc"), lower=True)
    assert (worse[0].best, worse[1].best) == ("0", "a")


def test_the_correlation_ratio_is_the_variance_between_categories() -> None:
    runs = [run(at, value, model=name) for at, (name, value) in enumerate([("a", 1), ("a", 3), ("b", 5), ("b", 7)])]
    (tie,) = ties(param_axes(runs), metric_axis(runs, "acc"))
    assert tie.strength == pytest.approx(math.sqrt(16 / 20))


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=30))
def test_spearman_is_pearson_of_middle_ranks(pairs: list[tuple[int, int]]) -> None:
    def ranks(values: list[int]) -> np.ndarray:
        return np.array([sum(v < x for v in values) + (sum(v == x for v in values) + 1) / 2 for x in values])

    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    found = spearman(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert found == 0.0
    else:
        assert found == pytest.approx(np.corrcoef(ranks(x), ranks(y))[0, 1])
