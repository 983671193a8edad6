"""The language of guards, from text to a tree. Nothing of it is ever evaluated as Python.

    either    = both { "or" both }
    both      = one { "and" one }
    one       = "not" one | part [ "for" (COUNT | DURATION) ]
    part      = "(" either ")" | value op value | test
    test      = ("isnan" | "isinf" | "isfinite") "(" NAME ")"
              | "plateau" "(" NAME "," COUNT { "," (LEAST | "higher" | "lower") } ")"
              | "worse" "(" NAME "," FACTOR [ "," ("higher" | "lower") ] ")"
    op        = "<" | "<=" | ">" | ">=" | "=" | "==" | "!="

A NAME is a metric (`loss`, `val/loss`, `"val loss"`, `metric.memory`) or one of `FACTS`. Numbers are `0.5`, `1e-3`;
beside times `30m`, beside sizes `2GB`, beside what has a limit `90%`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from lab.dataclass import dataclass
from lab.domain.directions import Direction, direction
from lab.domain.query_tree import QueryError
from lab.domain.query_values import seconds, size, span

#: What is known of a run besides its metrics: seconds since its start, seconds since it last logged anything, bytes,
#: cores in use, busy GPUs.
TIMES = ("elapsed", "silent")
SIZES = ("memory", "peak_memory", "gpu_memory")
FACTS = (*TIMES, *SIZES, "cpu", "gpu")
#: Of which a percentage may be said.
LIMITED = frozenset({"memory", "peak_memory", "gpu_memory"})

TESTS = ("isnan", "isinf", "isfinite")
FUNCTIONS = (*TESTS, "plateau", "worse")
OPERATORS = ("<=", ">=", "!=", "==", "<", ">", "=")

_LONGEST, _DEEPEST = 1000, 40
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[A-Za-z%]*(?:\d+[A-Za-z]+)*)"
    r"|(?P<name>[A-Za-z_][\w./@:-]*)|(?P<quoted>\"[^\"]+\"|'[^']+')"
    r"|(?P<sign><=|>=|!=|==|<|>|=|\(|\)|,))"
)
_KEYWORDS = frozenset({"and", "or", "not", "for"})
_HINT = "write such as: isnan(loss), loss > 10 for 3, plateau(val_loss, 20), worse(val_loss, 2), memory > 90%"


class GuardError(QueryError):
    """A guard that cannot be understood; knows the place."""


@dataclass(frozen=True)
class Number:
    """`share` tells that it is a part of a limit."""

    value: float
    share: bool = False
    text: str = ""


@dataclass(frozen=True)
class Name:
    """`fact`: not a metric, but one of `FACTS`."""

    name: str
    fact: bool = False


@dataclass(frozen=True)
class Compare:
    left: Name | Number
    op: str
    right: Name | Number


@dataclass(frozen=True)
class Trait:
    """Whether the value of a metric is NaN, infinite, or finite."""

    kind: str
    name: Name


@dataclass(frozen=True)
class Plateau:
    """No value better than the best by at least `least` among the last `count`."""

    name: Name
    count: int
    least: float
    way: Direction


@dataclass(frozen=True)
class Worse:
    """Worse than the best earlier run of the entry at the same step, by `factor`."""

    name: Name
    factor: float
    way: Direction


@dataclass(frozen=True)
class Lasting:
    """`node` holds for so many values, or for so many seconds."""

    node: Node
    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Not:
    node: Node


@dataclass(frozen=True)
class All:
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Any:
    nodes: tuple[Node, ...]


Node = Compare | Trait | Plateau | Worse | Lasting | Not | All | Any


@dataclass(frozen=True)
class _Token:
    kind: str  # number, name, quoted, sign, end
    text: str
    at: int


def parse_guard(text: str) -> Node:
    """The tree of a condition. Raises GuardError, which knows the place."""
    parser = _Parser(text)
    node = parser.either(0)
    parser.end()
    return node


def names_of(node: Node) -> frozenset[Name]:
    """All metrics and facts that a condition asks for."""
    match node:
        case Compare(left, _, right):
            return frozenset(side for side in (left, right) if isinstance(side, Name))
        case Trait() | Plateau() | Worse():
            return frozenset({node.name})
        case Lasting(inner) | Not(inner):
            return names_of(inner)
        case All(nodes) | Any(nodes):
            return frozenset().union(*map(names_of, nodes))


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        if len(text) > _LONGEST:
            raise GuardError("the condition is too long", f"at most {_LONGEST} characters", text, _LONGEST)
        self._tokens = self._scan()
        self._at = 0

    def _fail(self, message: str, at: int, hint: str = _HINT) -> GuardError:
        return GuardError(message, hint, self._text, at)

    def _scan(self) -> Sequence[_Token]:
        tokens, at, text = [], 0, self._text
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None:
                place = at + len(text[at:]) - len(text[at:].lstrip())
                raise self._fail(f"{text[place]!r} means nothing here", place)
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return (*tokens, _Token("end", "", len(text)))

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._now
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _word(self, word: str) -> bool:
        """Whether the next token is that keyword; if so it is taken."""
        found = self._now.kind == "name" and self._now.text.lower() == word
        if found:
            self._next()
        return found

    def _sign(self, sign: str, why: str) -> None:
        if self._now.kind != "sign" or self._now.text != sign:
            raise self._fail(f"{sign!r} is missing {why}", self._now.at)
        self._next()

    def end(self) -> None:
        if self._now.kind != "end":
            raise self._fail(f"{self._now.text!r} is one too many", self._now.at, "join conditions by and, or")

    def either(self, depth: int) -> Node:
        nodes = [self._both(depth)]
        while self._word("or"):
            nodes.append(self._both(depth))
        return nodes[0] if len(nodes) == 1 else Any(tuple(nodes))

    def _both(self, depth: int) -> Node:
        nodes = [self._one(depth)]
        while self._word("and"):
            nodes.append(self._one(depth))
        return nodes[0] if len(nodes) == 1 else All(tuple(nodes))

    def _one(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self._fail("nested too deeply", self._now.at, "fewer parentheses")
        if self._word("not"):
            return Not(self._one(depth + 1))
        node = self._part(depth)
        return self._lasting(node) if self._word("for") else node

    def _lasting(self, node: Node) -> Node:
        token = self._next()
        if token.kind == "number" and token.text.isdigit() and int(token.text) > 0:
            return Lasting(node, count=int(token.text))
        lasts = span(token.text.lower()) if token.kind == "number" else None
        if not lasts:
            hint = "write for 3 (values) or for 30s (time)"
            raise self._fail("'for' needs how many values or how long", token.at, hint)
        return Lasting(node, seconds=lasts)

    def _part(self, depth: int) -> Node:
        token = self._now
        if token.kind == "sign" and token.text == "(":
            self._next()
            node = self.either(depth + 1)
            self._sign(")", "to close the parenthesis")
            return node
        following = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        if token.kind == "name" and following.kind == "sign" and following.text == "(":
            return self._call(self._next())
        return self._comparison()

    def _comparison(self) -> Compare:
        left = self._next()
        self._check_value(left)
        op = self._now
        if op.kind != "sign" or op.text not in OPERATORS:
            raise self._fail("a comparison is missing", op.at, f"such as {left.text} > 10")
        self._next()
        right = self._next()
        self._check_value(right)
        if "number" == left.kind == right.kind:
            raise self._fail("two numbers are compared", left.at, "one of them is to be a metric")
        return Compare(self._value(left, right), {"=": "=="}.get(op.text, op.text), self._value(right, left))

    def _check_value(self, token: _Token) -> None:
        if token.kind not in ("number", "name", "quoted") or token.text.lower() in _KEYWORDS:
            what = f"not {token.text!r}" if token.text else "but it ends"
            raise self._fail(f"a metric or a number is due here, {what}", token.at)

    def _value(self, token: _Token, other: _Token) -> Name | Number:
        if token.kind != "number":
            return self._name(token)
        beside = self._name(other)
        fact = beside.name if beside.fact else ""
        if token.text.endswith("%"):
            if fact not in LIMITED:
                hint = f"of {', '.join(sorted(LIMITED))} there is a limit"
                raise self._fail(f"{token.text} of what? {beside.name} has no limit", token.at, hint)
            return Number(self._plain(token, token.text[:-1]) / 100, share=True, text=token.text)
        if fact in TIMES:
            return Number(self._read(token, seconds(token.text.lower()), "duration", "30m"), text=token.text)
        if fact in SIZES:
            return Number(self._read(token, size(token.text), "size", "2GB"), text=token.text)
        return Number(self._plain(token, token.text), text=token.text)

    def _read(self, token: _Token, value: float | None, kind: str, example: str) -> float:
        if value is None:
            raise self._fail(f"{token.text!r} is no {kind}", token.at, f"such as {example}")
        return value

    def _plain(self, token: _Token, text: str) -> float:
        try:
            return float(text)
        except ValueError as error:
            raise self._fail(f"{token.text!r} is not a number", token.at, "such as 0.5 or 1e-3") from error

    def _name(self, token: _Token) -> Name:
        if token.kind == "quoted":
            return Name(token.text[1:-1])
        if token.text.startswith("metric."):
            return Name(token.text[len("metric.") :])
        return Name(token.text, fact=token.text in FACTS)

    def _call(self, function: _Token) -> Node:
        if function.text not in FUNCTIONS:
            near = difflib.get_close_matches(function.text, FUNCTIONS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FUNCTIONS)}"
            raise self._fail(f"there is no test {function.text!r}", function.at, hint)
        given = self._arguments(function)
        name = self._name(given[0]) if given and given[0].kind in ("name", "quoted") else None
        if name is None:
            at = given[0].at if given else self._now.at
            raise self._fail(f"{function.text} needs a metric", at, f"such as {function.text}(loss…)")
        if function.text in TESTS:
            if len(given) > 1:
                raise self._fail(f"{function.text} takes one metric", given[1].at, f"such as {function.text}(loss)")
            return Trait(function.text, name)
        numbers = [token for token in given[1:] if token.kind == "number"]
        way = self._way(given, name, function)
        most = 2 if function.text == "plateau" else 1
        if not numbers or len(numbers) > most:
            at = numbers[most].at if len(numbers) > most else self._tokens[self._at - 1].at
            example = "plateau(val_loss, 20)" if function.text == "plateau" else "worse(val_loss, 2.0)"
            raise self._fail(f"{function.text} takes a metric and a number", at, f"such as {example}")
        first = self._plain(numbers[0], numbers[0].text)
        if function.text == "worse":
            if first <= 1:
                raise self._fail("the factor is to be more than 1", numbers[0].at, "such as worse(val_loss, 2.0)")
            return Worse(name, first, way)
        if first < 1 or first != int(first):
            raise self._fail("how many values is a whole number", numbers[0].at, "such as plateau(val_loss, 20)")
        least = self._plain(numbers[1], numbers[1].text) if len(numbers) > 1 else 0.0
        return Plateau(name, int(first), max(0.0, least), way)

    def _arguments(self, function: _Token) -> list[_Token]:
        self._sign("(", f"after {function.text}")
        given: list[_Token] = []
        while not (self._now.kind == "sign" and self._now.text == ")"):
            if given:
                self._sign(",", f"between what {function.text} takes")
            token = self._next()
            self._check_value(token)
            given.append(token)
        self._next()
        return given

    def _way(self, given: Sequence[_Token], name: Name, function: _Token) -> Direction:
        """Which way is better: as said, else as the name tells."""
        for token in given[1:]:
            if token.kind != "number":
                if token.text not in ("higher", "lower"):
                    raise self._fail(f"{token.text!r} is neither higher nor lower", token.at, "say which is better")
                return Direction(token.text)
        told = direction(name.name)
        if told is Direction.UNKNOWN:
            hint = f"write {function.text}({name.name}, …, lower) or higher"
            raise self._fail(f"whether more of {name.name} is better, its name does not tell", given[0].at, hint)
        return told
