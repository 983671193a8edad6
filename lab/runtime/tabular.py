"""Rows as JSON has them, and as a model takes them. Needs numpy; pandas or polars only for models that need frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

#: How a model takes its input: float64 or object arrays, or a data frame with named columns.
ARRAY, OBJECTS, PANDAS, POLARS = "array", "objects", "pandas", "polars"

MAX_CATEGORIES = 100
_INT64 = 2**63

Row = list[Any]


@dataclass(frozen=True)
class Example:
    """Example rows in the order of `names`; values are JSON's own. `frame` is the library they came from, or ""."""

    names: tuple[str, ...]
    rows: list[Row]
    frame: str = ""


class Typed(NamedTuple):
    """A column with the type that a signature gives it."""

    name: str
    dtype: str
    nullable: bool = False


def typed(inputs: Sequence[Mapping[str, Any]]) -> list[Typed]:
    """The columns of a signature's inputs."""
    return [Typed(given["name"], given["dtype"], given.get("nullable") is True) for given in inputs]


def build(kind: str, columns: Sequence[Typed], rows: list[Row]) -> Any:
    """`rows` as the input that a model of this `kind` takes. Raises ImportError if its frame library is missing.

    Types are those of `columns` and not of the values that happen to be there, or the answer to a row would depend on
    those that come with it.
    """
    if kind == ARRAY:
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(columns))
    if kind == OBJECTS:
        table = np.empty((len(rows), len(columns)), dtype=object)
        for index, row in enumerate(rows):
            table[index, :] = row
        return table
    library = import_module(kind)
    series = _polars_series if kind == POLARS else _pandas_series
    return library.DataFrame(
        {column.name: series(library, column, [row[index] for row in rows]) for index, column in enumerate(columns)}
    )


def _polars_series(library: Any, column: Typed, values: list[Any]) -> Any:
    kinds = {"bool": library.Boolean, "float64": library.Float64, "string": library.String}
    if column.dtype == "int64":
        kind = library.Int64 if _whole(values) else library.Float64
        return library.Series(column.name, values, dtype=kind, strict=False)
    return library.Series(column.name, values, dtype=kinds[column.dtype], strict=column.dtype != "float64")


def _pandas_series(library: Any, column: Typed, values: list[Any]) -> Any:
    gaps = column.nullable or None in values
    if column.dtype == "string":
        return library.Series(values, dtype=library.Series([""]).dtype)  # which one depends on its version
    if column.dtype == "bool":
        return library.Series(values, dtype="object" if gaps else "bool")
    whole = column.dtype == "int64" and not gaps and _whole(values)
    return library.Series(values, dtype="int64" if whole else "float64")


def _whole(values: list[Any]) -> bool:
    """Whether all numbers are whole and fit 64 bits."""
    return all(value is None or (abs(value) < _INT64 and float(value).is_integer()) for value in values)


def example_of(value: Any, expected: Sequence[str], features: int) -> Example:
    """Read an example of a model's input: a data frame, a list of dicts, or a 2-D array or list of lists.

    `expected` are the model's own column names ((): it has none), `features` their number (0: unknown).
    Raises ValueError if the example does not fit them.
    """
    library = type(value).__module__.split(".")[0]
    if hasattr(value, "columns") and library in (PANDAS, POLARS):
        names = tuple(str(name) for name in value.columns)
        rows = [list(row) for row in zip(*(value[name].to_list() for name in value.columns), strict=True)]
        return _fitting(Example(names, _plain(rows), library), expected, features)
    if isinstance(value, Sequence) and value and isinstance(value[0], Mapping):
        names = tuple(expected) or tuple(str(name) for name in value[0])
        missing = [name for name in names if name not in value[0]]
        if missing:
            raise ValueError(f"the example lacks the columns {', '.join(missing)}")
        return _fitting(Example(names, _plain([[row[name] for name in names] for row in value])), expected, features)
    table = np.asarray(value)
    if table.ndim == 1 and features and len(table) == features:
        table = table.reshape(1, -1)
    if table.ndim != 2:
        raise ValueError(f"the example has {table.ndim} dimensions, not 2")
    names = tuple(expected) or tuple(f"x{index}" for index in range(table.shape[1]))
    if len(names) != table.shape[1]:
        raise ValueError(f"the example has {table.shape[1]} columns, the model {len(names)}")
    return _fitting(Example(names, table.tolist()), expected, features)


def _fitting(example: Example, expected: Sequence[str], features: int) -> Example:
    if not example.rows:
        raise ValueError("the example has no rows")
    if expected and set(example.names) != set(expected):
        raise ValueError("the example has other columns than the model was fitted on")
    if features and len(example.names) != features:
        raise ValueError(f"the example has {len(example.names)} columns, the model {features}")
    return example


def _plain(rows: list[Row]) -> list[Row]:
    """Values of numpy's own types as Python's."""
    return [[value.item() if isinstance(value, np.generic) else value for value in row] for row in rows]


def describe(example: Example, pii: Mapping[str, str]) -> list[dict[str, Any]]:
    """The signature's inputs: name, type, range or categories of each column; of personal ones only name and type.

    Raises ValueError for values that JSON has no type for, and for personal columns that are not there.
    """
    unknown = set(pii) - set(example.names)
    if unknown:
        raise ValueError(f"pii= names columns that the example lacks: {', '.join(sorted(unknown))}")
    return [
        _input(name, [row[index] for row in example.rows], pii.get(name, ""))
        for index, name in enumerate(example.names)
    ]


def _input(name: str, values: Sequence[Any], pii: str) -> dict[str, Any]:
    present = [value for value in values if value is not None and value == value]
    about: dict[str, Any] = {"name": name, "dtype": _dtype(name, present)}
    if len(present) < len(values):
        about["nullable"] = True
    if pii:
        about["pii"] = pii
    elif about["dtype"] == "string":
        seen = sorted(set(present))
        if len(seen) <= MAX_CATEGORIES:
            about["categories"] = seen
    elif about["dtype"] != "bool":
        finite = [value for value in present if math.isfinite(value)]
        if finite:
            about |= {"min": min(finite), "max": max(finite)}
    return about


def _dtype(name: str, values: Sequence[Any]) -> str:
    found = {type(value) for value in values}
    for dtype, kinds in (("bool", {bool}), ("int64", {int}), ("float64", {int, float}), ("string", {str})):
        if found and found <= kinds:
            return dtype
    if not found:
        return "float64"
    raise ValueError(f"the column {name!r} of the example holds {', '.join(sorted(kind.__name__ for kind in found))}")


def same(left: Any, right: Any, rtol: float = 1e-6, atol: float = 1e-9) -> bool:
    """Whether two outputs agree: exactly for labels, within a relative or absolute tolerance for numbers."""
    a, b = np.asarray(left), np.asarray(right)
    if a.shape != b.shape:
        return False
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        if a.dtype.kind not in "fiu" or b.dtype.kind not in "fiu":
            return False
        return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True))
    return bool(np.array_equal(a, b))
