"""Which runs to show: a small filter language and an order.

A filter is words separated by spaces, all of which must hold: `status:failed`, `lr<0.01`, `val_accuracy>=0.9`,
`tag:best`, `model=forest`, or plain text that the name, id, entry or notes contain. A bare name is a parameter
or a metric; `param.x` and `metric.x` say which.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from lab.domain.runs import Run
from lab.errors import UsageError

#: Filter and sort names of a run's own fields.
FIELDS = (
    "id",
    "name",
    "project",
    "entry",
    "status",
    "engine",
    "sweep",
    "seed",
    "created",
    "started",
    "ended",
    "duration",
)
OPERATORS = ("<=", ">=", "!=", "=", ":", "<", ">")

_CONDITION = re.compile(r"(?P<key>[^\s<>=!:]+)(?P<op><=|>=|!=|=|:|<|>)(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """One word of a filter; `key` is empty for plain text, `op` one of OPERATORS."""

    key: str
    op: str
    value: str

    @property
    def number(self) -> float | None:
        try:
            return float(self.value)
        except ValueError:
            return None


@dataclass(frozen=True)
class Order:
    """Sort by a field, parameter or metric; runs without it come last."""

    key: str = "created"
    descending: bool = True


@dataclass(frozen=True)
class RunQuery:
    """A page of the run table."""

    conditions: tuple[Condition, ...] = ()
    order: Order = Order()
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class Page:
    """Some of the matching runs, and how many match in all."""

    items: tuple[Run, ...]
    total: int


def parse_filter(text: str) -> tuple[Condition, ...]:
    """Conditions in `text`. Raises UsageError where a quote is not closed or `<`/`>` lacks a number."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"the filter {text!r} cannot be read: {error}", "close the quote") from error
    return tuple(_condition(word) for word in words)


def _condition(word: str) -> Condition:
    match = _CONDITION.fullmatch(word)
    if match is None:
        return Condition("", ":", word)
    condition = Condition(match["key"], match["op"], match["value"])
    if condition.op in ("<", ">", "<=", ">=") and condition.number is None:
        raise UsageError(f"{word!r}: {condition.value!r} is not a number", f"write {condition.key}{condition.op}0.5")
    return condition


def parse_order(text: str) -> Order:
    """`lr`, `-val_accuracy` (descending) or `metric.loss`."""
    key = text.removeprefix("-")
    if not key:
        raise UsageError("an empty sort key", "write a column, such as created or -val_accuracy")
    return Order(key, text.startswith("-"))
