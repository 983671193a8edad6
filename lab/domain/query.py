"""Which runs to show: a filter, an order, a page of them.

A filter is words that must all hold: `status:failed`, `lr<0.01`, `val_accuracy>=0.9`, `tag:best`, `model=forest`, or
plain text that the name, id, entry, notes or project contain. They may be joined by `and`, `or`, `not` and parentheses.
A bare name is a field, a parameter or a metric; `param.x`, `metric.x` and `run.x` say which, `loss.min` asks for a
statistic. The whole language is in `query_parser`, `query_values` and `query_names`.
"""

from __future__ import annotations

from lab.dataclass import dataclass
from lab.domain.query_parser import parse_filter
from lab.domain.query_tree import All, Among, Any, Condition, Missing, Node, Not, QueryError, leaves, quoted_key
from lab.domain.runs import Run
from lab.errors import UsageError

__all__ = [
    "All",
    "Among",
    "Any",
    "Condition",
    "Missing",
    "Node",
    "Not",
    "Order",
    "Page",
    "QueryError",
    "RunQuery",
    "leaves",
    "parse_filter",
    "parse_order",
    "parse_orders",
    "write_filter",
    "write_orders",
]

#: Names of a run's own fields as columns.
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


@dataclass(frozen=True)
class Order:
    """Sort by a field, parameter or metric; runs without it come last."""

    key: str = "created"
    descending: bool = True


@dataclass(frozen=True)
class RunQuery:
    """A page of the run table: runs that fit all `conditions`, by `order` and, where that is equal, by `then`.

    Archived runs are left out unless a condition is about `archived`.
    """

    conditions: tuple[Node, ...] = ()
    order: Order = Order()
    limit: int = 50
    offset: int = 0
    then: tuple[Order, ...] = ()

    @property
    def orders(self) -> tuple[Order, ...]:
        return (self.order, *self.then)

    @property
    def asks_archived(self) -> bool:
        return any(leaf.key in ("archived", "run.archived") for leaf in leaves(self.conditions))


@dataclass(frozen=True)
class Page:
    """Some of the matching runs, and how many match in all."""

    items: tuple[Run, ...]
    total: int


def write_filter(nodes: tuple[Node, ...]) -> str:
    """Text of which `parse_filter` makes the same again."""
    return str(nodes[0]) if len(nodes) == 1 else str(All(nodes))


def parse_order(text: str) -> Order:
    """`lr`, `-val_accuracy` (descending) or `metric.loss`."""
    key = text.removeprefix("-")
    if not key:
        raise UsageError("an empty sort key", "write a column, such as created or -val_accuracy")
    return Order(key, text.startswith("-"))


def parse_orders(text: str) -> tuple[Order, ...]:
    """`-accuracy,lr`: the first key counts first. A name with a comma stands in double quotes."""
    return tuple(parse_order(part) for part in split_names(text)) or (parse_order(""),)


def write_orders(orders: tuple[Order, ...]) -> str:
    """Text of which `parse_orders` makes the same again."""
    return ",".join(("-" if order.descending else "") + _name(order.key) for order in orders)


def split_names(text: str) -> list[str]:
    """Names separated by commas, blanks around them left out; double quotes keep commas and blanks."""
    names, taken, inside = [], "", False
    for char in text + ",":
        if char == '"':
            inside = not inside
        elif char == "," and not inside:
            names.append(taken.strip())
            taken = ""
        else:
            taken += char
    if inside:
        raise UsageError(f"a quote is not closed in {text!r}", "close the quote")
    return [name for name in names if name]


def _name(key: str) -> str:
    return f'"{key}"' if "," in key or key != key.strip() or quoted_key(key) == "" else key
