"""A model's columns as a form of one row: what stands in it at first, and what is made of what was typed. Pure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import UsageError
from lab.ui.render.number import format_number

#: Of more columns a form is no help.
MOST = 60
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class FormColumn:
    """One input of the model. `text` is what stands there at first, `help` what fits."""

    name: str
    dtype: str
    text: str
    help: str


def form_columns(signature: Mapping[str, Any], example: Mapping[str, Any]) -> list[FormColumn]:
    """The columns of a signature with the values of an example's first row; none where there are too many."""
    inputs = [one for one in signature.get("inputs", ()) if isinstance(one, dict)]
    row: Mapping[str, Any] = next(iter(example.get("rows") or ({},)))
    if len(inputs) > MOST:
        return []
    return [
        FormColumn(
            str(one.get("name", "")), str(one.get("dtype", "")), _text(row.get(str(one.get("name")))), _help(one)
        )
        for one in inputs
    ]


def form_payload(columns: Sequence[FormColumn], texts: Sequence[str]) -> dict[str, Any]:
    """The row that was typed; an empty field is a missing value. Raises UsageError that names the column."""
    return {"rows": [{one.name: _value(one, text.strip()) for one, text in zip(columns, texts, strict=True)}]}


def csv_text(signature: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The example as a CSV to go on from."""
    names = [str(one.get("name", "")) for one in signature.get("inputs", ()) if isinstance(one, dict)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[_text(row.get(name)) for name in names] for row in example.get("rows", ())])
    return file.getvalue()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else clean(str(value), 500)


def _help(given: Mapping[str, Any]) -> str:
    """What the column took in training."""
    low, high, kinds = given.get("min"), given.get("max"), given.get("categories")
    told = str(given.get("dtype", ""))
    if isinstance(kinds, list):
        told = ", ".join(clean(str(kind), 40) for kind in kinds[:6]) + (", …" if len(kinds) > 6 else "")
    elif isinstance(low, int | float) and isinstance(high, int | float):
        told += f" {format_number(low, 4)} to {format_number(high, 4)}"
    return told + (", or empty" if given.get("nullable") else "")


def _value(column: FormColumn, text: str) -> Any:
    if not text:
        return None
    if column.dtype == "bool" and text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    if column.dtype not in ("float64", "int64"):
        return text
    try:
        number = int(text) if column.dtype == "int64" else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        kind = "a whole number" if column.dtype == "int64" else "a number"
        raise UsageError(f"{clean(column.name, 100)} is not {kind}", column.help)
    return number
