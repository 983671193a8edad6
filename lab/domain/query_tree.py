"""A filter as a tree: conditions joined by and, or, not. Frozen and comparable; `str()` gives text that parses back."""

from __future__ import annotations

import re
from dataclasses import field

from lab.dataclass import dataclass
from lab.errors import UsageError

#: Of a condition. `:` is "contains", `~` "matches the regular expression"; the longer ones first.
OPERATORS = ("<=", ">=", "!=", "!~", "=", ":", "<", ">", "~")
ORDERED = frozenset({"<", ">", "<=", ">="})
PATTERNS = frozenset({"~", "!~"})
KEYWORDS = frozenset({"and", "or", "not", "in", "is"})

_BARE_KEY = re.compile(r"[^\s<>=!:~\"'\\()&|-][^\s<>=!:~\"'\\()]*")
_BARE_VALUE = re.compile(r"[^\s\"'\\(),<>=!~&|][^\s\"'\\(),]*")


class QueryError(UsageError):
    """A filter that cannot be understood: `at` is the position in `text` where it goes wrong, from 0."""

    def __init__(self, message: str, hint: str, text: str, at: int) -> None:
        super().__init__(message, hint)
        self.text = text
        self.at = at

    @property
    def detail(self) -> str:
        """The filter, and below it a caret at the place."""
        flat, at = self.text.replace("\n", " ").replace("\t", " "), min(self.at, len(self.text))
        start = max(0, at - 50)
        head = "…" if start else ""
        shown = flat[start : at + 24]
        tail = "…" if at + 24 < len(flat) else ""
        return f"  {head}{shown}{tail}\n  {' ' * (len(head) + at - start)}^"


@dataclass(frozen=True)
class Condition:
    """`key op value`; without `key` plain text to look for. `at` is where it stands in the text it came from."""

    key: str
    op: str
    value: str
    at: int = field(default=-1, compare=False, repr=False)

    @property
    def number(self) -> float | None:
        return number(self.value)

    def __str__(self) -> str:
        return f"{quoted_key(self.key)}{self.op}{quoted(self.value)}" if self.key else _text(self.value)


@dataclass(frozen=True)
class Among:
    """`key in (a, b)`: equal to one of `values`; negated: there is a value, and it is none of them."""

    key: str
    values: tuple[str, ...]
    negated: bool = False
    at: int = field(default=-1, compare=False, repr=False)

    @property
    def plain(self) -> Node:
        """The same in conditions."""
        op, join = ("!=", All) if self.negated else ("=", Any)
        return join(tuple(Condition(self.key, op, value, self.at) for value in self.values))

    def __str__(self) -> str:
        values = ", ".join(quoted(value) for value in self.values)
        return f"{_operand(self.key)} {'not in' if self.negated else 'in'} ({values})"


@dataclass(frozen=True)
class Missing:
    """`key is none`: there is no value; negated: there is one."""

    key: str
    negated: bool = False
    at: int = field(default=-1, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{_operand(self.key)} is {'not none' if self.negated else 'none'}"


@dataclass(frozen=True)
class Not:
    """All runs that do not fit `node`, also those that have no such value."""

    node: Node

    def __str__(self) -> str:
        return f"not {_inside(self.node, All, Any)}"


@dataclass(frozen=True)
class All:
    """Every one of two or more `nodes` holds."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " ".join(_inside(node, All, Any) for node in self.nodes)


@dataclass(frozen=True)
class Any:
    """At least one of two or more `nodes` holds."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(_inside(node, Any) for node in self.nodes)


Leaf = Condition | Among | Missing
Node = Leaf | Not | All | Any


def leaves(nodes: tuple[Node, ...]) -> list[Leaf]:
    """Every condition in `nodes`, from left to right."""
    found: list[Leaf] = []
    for node in nodes:
        if isinstance(node, All | Any):
            found += leaves(node.nodes)
        elif isinstance(node, Not):
            found += leaves((node.node,))
        else:
            found.append(node)
    return found


def number(text: str) -> float | None:
    """The number that `text` is, as Python writes them."""
    try:
        return float(text)
    except ValueError:
        return None


def _inside(node: Node, *wrapped: type) -> str:
    return f"({node})" if isinstance(node, wrapped) else str(node)


def quoted_key(key: str) -> str:
    """A name as it stands before an operator."""
    return key if _BARE_KEY.fullmatch(key) else _quotes(key)


def _operand(key: str) -> str:
    """A name as it stands before a word such as `in`."""
    return _quotes(key) if key.lower() in KEYWORDS else quoted_key(key)


def quoted(value: str) -> str:
    """A value as it stands behind an operator; nothing is nothing."""
    plain = not value or (_BARE_VALUE.fullmatch(value) and value.lower() not in KEYWORDS)
    return value if plain and value else _quotes(value)


def _text(value: str) -> str:
    """Plain text so that it is taken for nothing else."""
    plain = re.fullmatch(r"[^\s<>=!:~\"'\\()&|,-][^\s<>=!:~\"'\\(),]*", value)
    return value if plain and value.lower() not in KEYWORDS else _quotes(value)


def _quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
