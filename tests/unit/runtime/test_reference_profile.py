"""The reference profile, and the server's counters between its edges."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lab.runtime.profile import BINS, build, numeric
from lab.runtime.serving.compute import Output
from lab.runtime.serving.live_profile import Categories, LiveProfile, Numeric, Opaque
from lab.runtime.serving.metrics import page
from lab.runtime.serving.signature import Signature

INPUTS = [
    {"name": "n", "dtype": "float64", "nullable": True},
    {"name": "c", "dtype": "string"},
    {"name": "b", "dtype": "bool"},
    {"name": "who", "dtype": "string", "pii": "hash"},
]
ROWS: list[list[Any]] = [[float(n) if n % 10 else None, "ab"[n % 2], n % 3 == 0, f"person {n}"] for n in range(1000)]


def signature(inputs: list[dict[str, Any]] = INPUTS, **more: Any) -> Signature:
    return Signature.from_json({"framework": "sklearn", "inputs": inputs, "file": "m", **more})


def test_the_reference_says_what_training_was_like() -> None:
    labels = np.array(["yes", "no"])[np.arange(1000) % 2]
    chances = np.column_stack([np.linspace(0, 1, 1000), np.linspace(1, 0, 1000)])
    about = build(INPUTS, ROWS, (labels, chances))
    number, letter, truth, who = about["columns"]
    assert (number["missing"], number["min"], number["max"]) == (100, 1.0, 999.0)
    assert len(number["counts"]) == len(number["edges"]) + 1 == BINS
    assert sum(number["counts"]) == 900
    assert max(number["counts"]) - min(number["counts"]) <= 2
    assert letter["categories"] == {"a": 500, "b": 500}
    assert truth["categories"] == {"false": 666, "true": 334}
    assert who == {"name": "who", "missing": 0, "kind": "opaque"}
    assert "person" not in json.dumps(about)
    assert about["outputs"]["categories"] == {"no": 500, "yes": 500}
    assert about["score"]["min"] >= 0.5


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([1.0, 2.0, 2.0, 3.0], [1.0, 2.0], [1, 2, 1]),
        ([5.0] * 9, [], [9]),
        ([1.0, float("nan"), float("inf")], [], [1]),
    ],
)
def test_few_values_have_a_bin_each(values: list[float], edges: list[float], counts: list[int]) -> None:
    about = numeric(np.array(values))
    assert (about["edges"], about["counts"]) == (edges, counts)


def test_nothing_is_known_of_no_values() -> None:
    assert numeric(np.array([np.nan])) == {"kind": "opaque"}


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_same_rows_give_the_same_counts_live(chunk: int) -> None:
    values = np.linspace(-3, 3, 1000)
    about = build(INPUTS, ROWS, (values, None))
    live = LiveProfile(signature(task="regression"), about)
    for start in range(0, 1000, chunk):
        live.count(ROWS[start : start + chunk], Output(values[start : start + chunk]))
    live.settle()
    number, letter, truth, who = live.columns
    assert isinstance(number, Numeric)
    assert number.histogram.counts == about["columns"][0]["counts"]
    assert number.histogram.sum == sum(n for n in range(1000) if n % 10)
    assert (number.missing, number.outside) == (100, 0)
    assert isinstance(letter, Categories)
    assert letter.counts == about["columns"][1]["categories"]
    assert isinstance(truth, Categories)
    assert truth.counts == about["columns"][2]["categories"]
    assert isinstance(who, Opaque)
    assert isinstance(live.output, Numeric)
    assert live.output.histogram.counts == about["outputs"]["counts"]
    assert b"person" not in page(live.families())


@pytest.mark.parametrize("copies", [1, 100])
def test_what_training_did_not_have_is_counted_apart(copies: int) -> None:
    live = LiveProfile(signature(), build(INPUTS, ROWS, (np.zeros(1000, dtype=int), None)))
    rows: list[list[Any]] = [[-1.0, "z", True, None], [5e9, "a", False, "x"]]
    live.count(rows * copies, Output(np.zeros(2 * copies, dtype=int)))
    live.settle()
    number, letter, _, who = live.columns
    assert isinstance(number, Numeric)
    assert number.outside == 2 * copies
    assert isinstance(letter, Categories)
    assert (letter.unseen, letter.counts["a"]) == (copies, copies)
    assert who.missing == copies


def test_a_model_without_a_profile_is_counted_by_its_signature() -> None:
    inputs = [
        {"name": "n", "dtype": "float64", "min": 0, "max": 20},
        {"name": "c", "dtype": "string", "categories": ["a"]},
        {"name": "free", "dtype": "string"},
        {"name": "b", "dtype": "bool"},
    ]
    live = LiveProfile(signature(inputs, classes=["x", "y"]), {})
    live.count([[10.5, "b", "text", True]], Output(np.array(["x"]), np.array([[0.7, 0.3]])))
    live.settle()
    number, letter, free, _ = live.columns
    assert isinstance(number, Numeric)
    assert (len(number.histogram.buckets), number.histogram.counts[10]) == (19, 1)
    assert isinstance(letter, Categories)
    assert letter.unseen == 1
    assert isinstance(free, Opaque)
    assert isinstance(live.output, Categories)
    assert live.output.counts == {"x": 1, "y": 0}
