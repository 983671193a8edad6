"""Requests against a signature: what passes, and errors that name columns and never values."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from lab.runtime.serving.config import Policies
from lab.runtime.serving.errors import MAX_NAMED, RequestError
from lab.runtime.serving.native import read_rows
from lab.runtime.serving.rows import RowReader
from lab.runtime.serving.signature import Row, Signature

SECRET = "s3cret-value"


def _signature(*columns: dict[str, Any]) -> Signature:
    given = columns or ({"name": "a", "dtype": "float64"}, {"name": "b", "dtype": "int64"})
    return Signature.from_json({"v": 1, "framework": "sklearn", "inputs": list(given), "file": "model.skops"})


def _rows(signature: Signature, request: Any) -> list[Row]:
    """As `/predict` reads and checks them."""
    reader = RowReader(signature, Policies())
    rows = read_rows(reader, request, 10)
    assert reader.check(rows, 10) == ()
    return rows


MIXED = _signature(
    {"name": "n", "dtype": "float64", "nullable": True},
    {"name": "s", "dtype": "string"},
    {"name": "t", "dtype": "bool"},
)


@pytest.mark.parametrize(
    ("signature", "request_body", "rows"),
    [
        (_signature(), {"data": [[1, 2], [0.5, 3]]}, [[1, 2], [0.5, 3]]),
        (_signature(), {"rows": [{"b": 2, "a": 1}], "id": "x"}, [[1, 2]]),
        (_signature({"name": "only", "dtype": "float64"}), {"rows": [{"only": 1}]}, [[1]]),
        (MIXED, {"rows": [{"t": True, "n": None, "s": "x"}]}, [[None, "x", True]]),
    ],
)
def test_rows_come_out_in_the_model_s_order(signature: Signature, request_body: Any, rows: Any) -> None:
    assert _rows(signature, request_body) == rows


@pytest.mark.parametrize(
    ("request_body", "status", "code", "columns"),
    [
        ([], 422, "shape", ()),
        (None, 422, "shape", ()),
        ({}, 422, "shape", ()),
        ({"rows": [{"a": 1, "b": 2}], "data": [[1, 2]]}, 422, "shape", ()),
        ({"data": []}, 422, "shape", ()),
        ({"data": SECRET}, 422, "shape", ()),
        ({"data": [1, 2]}, 422, "shape", ()),
        ({"data": [[1, 2], [1]]}, 422, "shape", ()),
        ({"data": [[[1], 2]]}, 400, "type", ("a",)),
        ({"data": [[1, 2]] * 11}, 413, "too_many_rows", ()),
        ({"rows": [[1, 2]]}, 422, "shape", ()),
        ({"rows": [{"a": 1}]}, 400, "missing_columns", ("b",)),
        ({"rows": [{"a": 1, "b": 2, "c": SECRET}]}, 400, "unknown_columns", ("c",)),
        ({"rows": [{"a": SECRET, "b": 2}]}, 400, "type", ("a",)),
        ({"rows": [{"a": 1, "b": True}]}, 400, "type", ("b",)),
        ({"rows": [{"a": 1, "b": {"x": SECRET}}]}, 400, "type", ("b",)),
        ({"data": [[1, 2], [None, 2]]}, 400, "null", ("a",)),
    ],
)
def test_what_does_not_fit_is_told_by_column(request_body: Any, status: int, code: str, columns: Any) -> None:
    with pytest.raises(RequestError) as caught:
        _rows(_signature(), request_body)
    assert (caught.value.status, caught.value.code, caught.value.columns) == (status, code, columns)
    assert SECRET not in caught.value.message + "".join(caught.value.columns)


def test_few_and_short_names_come_back() -> None:
    with pytest.raises(RequestError) as caught:
        _rows(_signature(), {"rows": [{"a": 1, "b": 2} | {f"{i:03d}" * 100: 1 for i in range(500)}]})
    assert len(caught.value.columns) == MAX_NAMED
    assert all(len(name) <= 64 for name in caught.value.columns)


def test_a_model_without_columns_takes_data_of_any_width() -> None:
    signature = Signature.from_json({"v": 1, "framework": "sklearn", "inputs": [], "file": "m"})
    assert _rows(signature, {"data": [[1, 2, 3]]}) == [[1, 2, 3]]
    with pytest.raises(RequestError, match="send"):
        _rows(signature, {"rows": [{"a": 1}]})
    with pytest.raises(RequestError):
        _rows(signature, {"data": [[1, "x", 3]]})


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"inputs": [], "framework": "sklearn"},
        {"inputs": [{"name": "a", "dtype": "object"}], "framework": "sklearn", "file": "m"},
        {"inputs": [{"name": "a", "dtype": "bool"}] * 2, "framework": "sklearn", "file": "m"},
        {"inputs": ["a"], "framework": "sklearn", "file": "m"},
    ],
)
def test_a_foreign_signature_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"signature\.json"):
        Signature.from_json(data)


CITIES = _signature(
    {"name": "city", "dtype": "string", "categories": ["Oslo", "Bergen"], "nullable": True},
    {"name": "age", "dtype": "int64", "min": 18, "max": 90},
)


@pytest.mark.parametrize(
    ("row", "code", "columns"),
    [
        (["Oslo", 18], "", ()),
        ([None, 90], "", ()),
        ([SECRET, 20], "unseen_categories", ("city",)),
        (["Oslo", 17], "outside_range", ("age",)),
        (["Oslo", 90.5], "outside_range", ("age",)),
    ],
)
def test_what_training_did_not_have_goes_by_its_policy(row: Row, code: str, columns: tuple[str, ...]) -> None:
    rows = [["Bergen", 50], row]
    assert RowReader(CITIES, Policies()).check(rows, 10) == ()
    told = RowReader(CITIES, Policies(unseen="warn", outside="warn")).check(rows, 10)
    assert [(finding.code, finding.columns) for finding in told] == ([(code, columns)] if code else [])
    assert SECRET not in str([finding.told for finding in told])
    strict = RowReader(CITIES, Policies(unseen="reject", outside="reject"))
    if not code:
        assert strict.check(rows, 10) == ()
        return
    with pytest.raises(RequestError) as caught:
        strict.check(rows, 10)
    assert (caught.value.status, caught.value.code, caught.value.columns) == (422, code, columns)
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(("policy", "found"), [("count", []), ("warn", [("missing_values", ("age",))])])
def test_missing_values_go_by_their_policy(policy: str, found: list[Any]) -> None:
    told = RowReader(CITIES, Policies(missing=policy)).check([[None, 20], ["Oslo", None]], 10)
    assert [(finding.code, finding.columns) for finding in told] == found
    with pytest.raises(RequestError) as caught:
        RowReader(CITIES, Policies(missing=policy)).check([["Oslo", None], ["Oslo", SECRET]], 10)
    assert (caught.value.code, caught.value.columns) == ("type", ("age",))


def test_json_itself_brings_no_infinities() -> None:
    """The checks above rely on it: a float that was parsed is finite."""
    for text in ("1e999", "NaN", "Infinity", "-Infinity", "9" * 400):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(text)
