"""Whether a guard's condition holds, told value by value as a run goes on, or once more over an old run.

State is a few numbers per condition, whatever the length of the run. What is not known yet holds neither way.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cached_property

from lab.dataclass import dataclass
from lab.domain.directions import Direction
from lab.domain.guard_language import (
    SIZES,
    TIMES,
    All,
    Any,
    Compare,
    Lasting,
    Name,
    Node,
    Not,
    Number,
    Plateau,
    Trait,
    Worse,
    names_of,
)
from lab.domain.guards import Firing, Guard
from lab.domain.resources import format_size

_OPS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_WORDS = {"<": "below", "<=": "at most", ">": "above", ">=": "at least", "==": "equal to", "!=": "other than"}
_TESTS: Mapping[str, Callable[[float], bool]] = {"isnan": math.isnan, "isinf": math.isinf, "isfinite": math.isfinite}


@dataclass(frozen=True)
class Reference:
    """The curve of the best earlier run: `steps` ascending."""

    run: str
    steps: Sequence[float]
    values: Sequence[float]

    def at(self, step: float) -> float | None:
        """Its value at that step, or the last before; None before its first."""
        index = bisect_right(self.steps, step) - 1
        return self.values[index] if index >= 0 else None


#: The best earlier run by a metric of which that way is better; None where there is none.
References = Callable[[str, Direction], Reference | None]


@dataclass
class Moment:
    """What is known of the run now. `fresh` are the names of which something new was told."""

    at: float = 0.0
    step: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    fresh: frozenset[Name] = frozenset()

    def value(self, name: Name) -> float | None:
        return (self.facts if name.fact else self.metrics).get(name.name)

    @property
    def place(self) -> str:
        return "" if self.step is None else f" at step {format_plain(self.step)}"


@dataclass(frozen=True)
class Verdict:
    """`holds` None where it cannot be told yet; `why` is the evidence where it holds."""

    holds: bool | None
    why: str = ""


_UNKNOWN = Verdict(None)


class _Check:
    """One node with its memory."""

    def __init__(self, node: Node, references: References) -> None:
        self.names = names_of(node)
        self.last = _UNKNOWN

    def tell(self, now: Moment) -> Verdict:
        """The verdict, made anew where something that it asks for is new."""
        if self.names & now.fresh:
            self.last = self.judge(now)
        return self.last

    def judge(self, now: Moment) -> Verdict:
        raise NotImplementedError


class _Compares(_Check):
    def __init__(self, node: Compare, references: References) -> None:
        super().__init__(node, references)
        self._node = node

    def judge(self, now: Moment) -> Verdict:
        node = self._node
        left, right = _side(node.left, node.right, now), _side(node.right, node.left, now)
        if left is None or right is None:
            return _UNKNOWN
        if not _OPS[node.op](left, right):
            return Verdict(False)
        shown, other = (node.left, node.right) if isinstance(node.left, Name) else (node.right, node.left)
        value, bound = (left, right) if shown is node.left else (right, left)
        op = node.op if shown is node.left else _TURNED.get(node.op, node.op)
        place = "" if isinstance(shown, Name) and shown.fact else now.place
        limit = other.text if isinstance(other, Number) else f"{other.name} ({_shown(other, bound)})"
        assert isinstance(shown, Name)
        return Verdict(True, f"{shown.name} was {_shown(shown, value)}{place}, {_WORDS[op]} {limit}")


_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _side(side: Name | Number, other: Name | Number, now: Moment) -> float | None:
    if isinstance(side, Name):
        return now.value(side)
    if not side.share:
        return side.value
    limit = now.limits.get(other.name) if isinstance(other, Name) else None
    return side.value * limit if limit else None


class _Tests(_Check):
    def __init__(self, node: Trait, references: References) -> None:
        super().__init__(node, references)
        self._node = node

    def judge(self, now: Moment) -> Verdict:
        value = now.value(self._node.name)
        if value is None:
            return _UNKNOWN
        holds = _TESTS[self._node.kind](value)
        return Verdict(holds, f"{self._node.name.name} was {_shown(self._node.name, value)}{now.place}")


class _Plateaus(_Check):
    def __init__(self, node: Plateau, references: References) -> None:
        super().__init__(node, references)
        self._node = node
        self._best: float | None = None
        self._best_at = ""
        self._since = 0

    def judge(self, now: Moment) -> Verdict:
        node, value = self._node, now.value(self._node.name)
        assert value is not None  # it is fresh
        if math.isfinite(value) and (self._best is None or self._better(value, self._best)):
            self._best, self._best_at, self._since = value, now.place, 0
            return Verdict(False)
        self._since += 1
        if self._since < node.count:
            return Verdict(False)
        best = "there was none" if self._best is None else f"{format_plain(self._best)}{self._best_at}"
        return Verdict(True, f"{node.name.name} has not improved for {self._since} values (best {best})")

    def _better(self, value: float, best: float) -> bool:
        gain = best - value if self._node.way is Direction.LOWER else value - best
        return gain > self._node.least


class _Diverges(_Check):
    """Worse by a factor: of what is to be low, more than `factor` times the reference, of what is to be high less than
    its `factor`-th part; below nought the other way round."""

    def __init__(self, node: Worse, references: References) -> None:
        super().__init__(node, references)
        self._node = node
        self._references = references

    @cached_property
    def _reference(self) -> Reference | None:
        return self._references(self._node.name.name, self._node.way)

    def judge(self, now: Moment) -> Verdict:
        value, reference = now.value(self._node.name), self._reference
        if value is None or now.step is None or reference is None:
            return _UNKNOWN
        best = reference.at(now.step)
        if best is None or not math.isfinite(best):
            return _UNKNOWN
        grows = (self._node.way is Direction.LOWER) == (best >= 0)
        bound = best * self._node.factor if grows else best / self._node.factor
        holds = math.isnan(value) or (value > bound if self._node.way is Direction.LOWER else value < bound)
        told = f"{self._node.name.name} was {format_plain(value)}{now.place}, where {reference.run} had"
        return Verdict(holds, f"{told} {format_plain(best)}")


class _Lasts(_Check):
    def __init__(self, node: Lasting, references: References) -> None:
        super().__init__(node, references)
        self._node = node
        self._inner = check(node.node, references)
        self._count = 0
        self._since: float | None = None

    def tell(self, now: Moment) -> Verdict:
        inner = self._inner.tell(now)
        if self.names & now.fresh:
            self._count = self._count + 1 if inner.holds else 0
        if not inner.holds:
            self._since = None
            return Verdict(inner.holds)
        self._since = now.at if self._since is None else self._since
        if self._node.count:
            return Verdict(self._count >= self._node.count, f"{inner.why} for {self._count} values")
        lasted = now.at - self._since
        return Verdict(lasted >= self._node.seconds, f"{inner.why} for {format_seconds(lasted)}")


class _Nots(_Check):
    def __init__(self, node: Not, references: References) -> None:
        super().__init__(node, references)
        self._inner = check(node.node, references)

    def tell(self, now: Moment) -> Verdict:
        inner = self._inner.tell(now)
        return Verdict(None if inner.holds is None else not inner.holds, f"it no longer held{now.place}")


class _Several(_Check):
    """All of them hold, or any."""

    def __init__(self, node: All | Any, references: References) -> None:
        super().__init__(node, references)
        self._inner = [check(one, references) for one in node.nodes]
        self._every = isinstance(node, All)

    def tell(self, now: Moment) -> Verdict:
        told = [one.tell(now) for one in self._inner]
        if self._every:
            if all(one.holds for one in told):
                return Verdict(True, " and ".join(one.why for one in told))
            return Verdict(False if any(one.holds is False for one in told) else None)
        holding = [one for one in told if one.holds]
        return holding[0] if holding else Verdict(None if any(one.holds is None for one in told) else False)


_CHECKS: Mapping[type, Callable[..., _Check]] = {
    Compare: _Compares, Trait: _Tests, Plateau: _Plateaus, Worse: _Diverges, Lasting: _Lasts, Not: _Nots,
    All: _Several, Any: _Several,
}  # fmt: skip


def check(node: Node, references: References) -> _Check:
    """A node with a fresh memory."""
    return _CHECKS[type(node)](node, references)


class Watcher:
    """One guard over one run that began at `started`. Each method tells of something new, in the order of time, and
    returns the firing the first time that the condition holds, None ever after."""

    def __init__(self, run: str, guard: Guard, node: Node, references: References, started: float) -> None:
        self._run = run
        self._guard = guard
        self._check = check(node, references)
        self._now = Moment(at=started)
        self._started = self._logged = started
        self.fired = False

    def metrics(self, step: float | None, at: float, values: Mapping[str, float]) -> Firing | None:
        """Metrics that were logged together."""
        self._now.step = step
        self._now.metrics.update(values)
        self._logged = max(self._logged, at)
        return self._tell(at, frozenset(map(Name, values)))

    def facts(self, at: float, facts: Mapping[str, float], limits: Mapping[str, float]) -> Firing | None:
        """What it uses of the machine."""
        self._now.facts.update(facts)
        self._now.limits.update(limits)
        return self._tell(at, frozenset(Name(name, fact=True) for name in facts))

    def clock(self, at: float) -> Firing | None:
        """Nothing new but the time."""
        return self._tell(at, frozenset())

    def _tell(self, at: float, fresh: frozenset[Name]) -> Firing | None:
        if self.fired:
            return None
        now = self._now
        now.at = max(now.at, at)
        now.facts["elapsed"] = now.at - self._started
        now.facts["silent"] = now.at - self._logged
        now.fresh = fresh | _CLOCKS
        verdict = self._check.tell(now)
        if not verdict.holds:
            return None
        self.fired = True
        guard = self._guard
        return Firing(self._run, guard.name, guard.when, guard.do, now.step, now.at, verdict.why)


_CLOCKS = frozenset(Name(name, fact=True) for name in TIMES)


def _shown(name: Name, value: float) -> str:
    if name.fact and name.name in TIMES:
        return format_seconds(value)
    return format_size(value) if name.fact and name.name in SIZES else format_plain(value)


def format_plain(value: float) -> str:
    """A value as it stands in a sentence."""
    if math.isnan(value):
        return "NaN"
    return ("infinite" if value > 0 else "-infinite") if math.isinf(value) else f"{value:.6g}"


def format_seconds(seconds: float) -> str:
    """`45s`, `3m 05s`, `2h 10m`."""
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.3g}s" if seconds < 10 else f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
