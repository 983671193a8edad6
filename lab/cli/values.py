"""What users type as values: `-p lr=0.1`, `--data digits@v2`, `--columns a,b`. Pure functions."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.domain.directions import Direction
from lab.domain.params import parse_value
from lab.domain.query import Any, Node, QueryError, parse_filter, split_names
from lab.domain.runs import Param
from lab.errors import UsageError

if TYPE_CHECKING:
    from lab.domain.guards import Guard


def parse_params(words: Iterable[str]) -> dict[str, Param]:
    """`["lr=0.1", "kind=forest"]` as a mapping; the last one of a key holds. Raises UsageError without `=`."""
    params: dict[str, Param] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise UsageError(f"{word!r} is not a parameter", "write -p key=value, such as -p lr=0.1")
        params[key] = parse_value(value)
    return params


def parse_better(words: Iterable[str]) -> dict[str, Direction]:
    """`["cost=lower"]` as a mapping. Raises UsageError for what is neither `higher` nor `lower`."""
    found: dict[str, Direction] = {}
    for word in words:
        metric, equals, way = word.rpartition("=")
        if not (metric and equals and way in (Direction.HIGHER, Direction.LOWER)):
            raise UsageError(f"{word!r} does not say what is better", "write --better METRIC=higher or METRIC=lower")
        found[metric] = Direction(way)
    return found


def parse_guards(words: Iterable[str], do: str) -> tuple[Guard, ...]:
    """Conditions as guards that are called by them and do `do`. Raises GuardError, which knows the place."""
    # Here and not above: few commands are given any.
    from lab.domain.guard_language import parse_guard
    from lab.domain.guards import Guard, named

    found = []
    for word in words:
        parse_guard(word)
        found.append(Guard("", word, do))
    return named(found)


def parse_data(words: Iterable[str]) -> dict[str, str]:
    """`["digits@v2"]` as {dataset: version or alias}. Raises UsageError without `@`."""
    data: dict[str, str] = {}
    for word in words:
        name, at, version = word.rpartition("@")
        if not (name and at and version):
            raise UsageError(f"{word!r} is not a dataset version", "write --data name@v2")
        data[name] = version
    return data


def parse_filters(words: Iterable[str]) -> tuple[Node, ...]:
    """What must all hold. Words are read as one filter, as on the screen's filter line: the shell has cut it at its
    blanks. A word that by itself means "this or that" stays one condition of several."""
    return parse_filter(" ".join(_whole(word) for word in words))


def _whole(word: str) -> str:
    if " " not in word:
        return word
    try:
        nodes = parse_filter(word)
    except QueryError:
        return word
    return f"({word})" if len(nodes) == 1 and isinstance(nodes[0], Any) else word


def parse_columns(text: str) -> list[str]:
    """Column names separated by commas. Raises UsageError when there is none."""
    names = split_names(text)
    if not names:
        raise UsageError("no column is named", "write --columns name,status,lr")
    return names


def count(text: str) -> int:
    """A whole number from 0, for argparse."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def gpus(text: str) -> int:
    """How many GPUs, -1 for `all`, for argparse."""
    return -1 if text == "all" else count(text)


def port(text: str) -> int:
    """A TCP port that a user may take, for argparse."""
    number = count(text)
    if not 1 <= number <= 65535:
        raise ArgumentTypeError(f"{text!r} is not a port: use 1 to 65535")
    return number


def positive(text: str) -> float:
    """A number above 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def seconds(text: str) -> float:
    """A time such as `60s` in seconds, for argparse."""
    # Here and not above: few commands are given a time.
    from lab.domain.rollouts import parse_seconds

    try:
        return parse_seconds(text)
    except UsageError as error:
        raise ArgumentTypeError(f"{error.message}: {error.hint}") from error
