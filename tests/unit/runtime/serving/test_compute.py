"""Choosing how to compute: right before fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lab.runtime.serving.compute import Cost, Output, Predict, Way, choose, measure
from lab.runtime.serving.errors import LoadError

GOLDEN = [{"data": [float(n)], "prediction": 2.0 * n} for n in range(4)]


def doubling(seconds: float, factor: float = 2.0) -> Predict:
    def predict(rows: list[list[Any]]) -> Output:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
        return Output(np.array([row[0] * factor for row in rows]))

    return predict


def way(name: str, predict: Predict, **about: bool) -> Way:
    return Way(name, lambda: predict, **about)


def test_the_fastest_right_way_is_taken_and_all_measurements_kept() -> None:
    ways = [way("slow", doubling(0.004)), way("fast", doubling(0.0005), own=False)]
    predict, cost, choice = choose(ways, GOLDEN)
    assert choice.way == "fast"
    assert predict([[4.0]]).predictions.tolist() == [8.0]
    assert 0.0003 < cost.call + cost.row < 0.004
    assert list(choice.about["seconds"]) == ["slow", "fast"]
    assert choice.about["seconds"]["slow"]["1"] >= 0.004
    assert choice.sentence.startswith("computed by fast (slow ")


def test_a_way_that_is_fast_enough_ends_the_search() -> None:
    def never() -> Predict:
        raise AssertionError("opened for nothing")

    _, cost, choice = choose([way("quick", doubling(0.0), own=False), Way("own", never)], GOLDEN)
    assert choice.way == "quick"
    assert cost.inline(1)


def test_twins_are_all_measured_by_a_row_and_a_batch() -> None:
    def by_row(rows: list[list[Any]]) -> Output:
        return doubling(0.0005 * len(rows))(rows)

    ways = [way("rows", by_row, own=False), way("batches", doubling(0.0008), own=False), way("own", doubling(0.0))]
    _, _, choice = choose(ways, GOLDEN)
    assert choice.way == "batches"
    assert list(choice.about["seconds"]) == ["rows", "batches"], "and the model itself is not opened"


@pytest.mark.parametrize(
    ("predict", "about", "reason"),
    [
        (doubling(0.0, 2.1), {}, "it does not answer alike"),
        (doubling(0.0, 2.0000001), {"exact": True}, "it does not answer bit for bit alike"),
        (lambda rows: Output(np.zeros(1)), {}, "it does not answer alike"),
        (lambda rows: rows[9], {}, "it failed (IndexError)"),
    ],
)
def test_a_wrong_way_is_passed_over_with_its_reason(predict: Any, about: dict[str, bool], reason: str) -> None:
    _, _, choice = choose([way("own", doubling(0.001)), way("wrong", predict, own=False, **about)], GOLDEN)
    assert (choice.way, choice.about["passed_over"]) == ("own", {"wrong": reason})


def test_what_is_not_installed_is_told() -> None:
    def missing() -> Predict:
        raise ModuleNotFoundError(name="onnxruntime")

    _, _, choice = choose([Way("onnx", missing, own=False), way("own", doubling(0.0))], GOLDEN)
    assert choice.about["passed_over"] == {"onnx": "onnxruntime is not installed"}


def test_single_precision_is_near_enough_unless_exact_answers_are_wanted() -> None:
    ways = [way("single", doubling(0.0, 2.00001), own=False), way("own", doubling(0.0005))]
    assert choose(ways, GOLDEN)[2].way == "single"
    choice = choose(ways, GOLDEN, exact=True)[2]
    assert (choice.way, choice.passed_over) == ("own", [("single", "only exact answers are wanted")])


@pytest.mark.parametrize("predict", [doubling(0.0, 2.1), lambda rows: 1 / 0])
def test_a_model_that_is_wrong_itself_is_not_served(predict: Callable[..., Any]) -> None:
    with pytest.raises(LoadError, match="golden rows"):
        choose([way("own", predict)], GOLDEN)


def test_without_golden_rows_only_the_own_way_is_trusted() -> None:
    _, cost, choice = choose([way("quick", doubling(0.0), own=False), way("own", doubling(0.0))], [])
    assert (choice.way, choice.timings, cost.inline(1)) == ("own", (), False)


def test_the_cost_of_a_call_and_of_its_rows_are_told_apart() -> None:
    def predict(rows: list[list[Any]]) -> Output:
        end = time.perf_counter() + 0.002 + 0.0001 * len(rows)
        while time.perf_counter() < end:
            pass
        return Output(np.zeros(len(rows)))

    cost, timings = measure(predict, [[1.0]])
    assert [rows for rows, _ in timings] == [1, 32]
    assert cost.row < cost.call
    assert cost.rows_within(0.05, 32, 4096) < 4096


def test_bounds_of_a_batch() -> None:
    assert Cost(0.0, 0.001).rows_within(0.05, 32, 4096) == 50
    assert Cost(0.0, 1.0).rows_within(0.05, 32, 4096) == 32
    assert Cost(0.0, 0.0).rows_within(0.05, 32, 4096) == 4096
    assert Cost(0.00005, 0.00001).inline(1)
    assert not Cost(0.00005, 0.00001).inline(100)
