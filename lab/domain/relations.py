"""How metrics hang together with parameters over many runs: axes to draw, and how strong each tie is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import groupby

from lab.dataclass import dataclass
from lab.domain.runs import Param, Run

#: Kinds of axes: even, by powers of ten, or one place for each value.
LINEAR, LOG, CATEGORY = "linear", "log", "category"

#: A parameter that spans so many times its least value is read by powers of ten.
_WIDE = 50
_MOST_CATEGORIES = 50


@dataclass(frozen=True)
class Axis:
    """One parameter or metric over runs. `places` has a number for each run: the value, its logarithm to base ten, or
    the place of its category; None where a run has none. `labels` are the categories, in their order."""

    key: str
    title: str
    kind: str
    places: tuple[float | None, ...]
    labels: tuple[str, ...] = ()

    @cached_property
    def span(self) -> tuple[float, float]:
        """Least and greatest place, never equal."""
        known = [place for place in self.places if place is not None]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        if self.kind == CATEGORY:
            low, high = 0.0, float(max(1, len(self.labels) - 1))
        if not high > low:
            half = abs(low) * 0.05 or 0.5
            return low - half, high + half
        return low, high

    def text(self, run: int) -> str:
        """The value of a run, as it is read."""
        place = self.places[run]
        if place is None:
            return "–"
        if self.kind == CATEGORY:
            return self.labels[int(place)]
        return f"{10**place if self.kind == LOG else place:.4g}"

    def share(self, run: int) -> float | None:
        """Where on the axis a run is, 0 to 1."""
        place = self.places[run]
        if place is None:
            return None
        low, high = self.span
        return (place - low) / (high - low)


@dataclass(frozen=True)
class Tie:
    """A parameter and how much it has to do with a metric: `strength` 0 to 1, `rank` the signed rank correlation where
    the parameter is a number. `best` is the value with the best mean of the metric; `runs` are those with both."""

    axis: Axis
    strength: float
    rank: float | None
    best: str
    runs: int


def param_axes(runs: Sequence[Run]) -> tuple[Axis, ...]:
    """The parameters in which the runs differ, in the order in which they were met; and the seed, if it differs."""
    names = dict.fromkeys(name for run in runs for name in run.params)
    columns: dict[str, list[Param]] = {name: [run.params.get(name) for run in runs] for name in names}
    if "seed" not in columns:
        columns["seed"] = [run.seed for run in runs]
    found = []
    for name, values in columns.items():
        if len({repr(value) for value in values}) > 1:
            found.append(_param_axis(name, values))
    return tuple(found)


def _param_axis(name: str, values: Sequence[Param]) -> Axis:
    known = [value for value in values if value is not None]
    numbers = [float(value) for value in known if isinstance(value, int | float) and not isinstance(value, bool)
               and abs(value) < 1e300 and math.isfinite(value)]  # fmt: skip
    if known and len(numbers) == len(known):
        return _number_axis(f"param.{name}", name, [None if value is None else float(value) for value in values])
    texts = [None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
             for value in values]  # fmt: skip
    labels = sorted({text for text in texts if text is not None})[:_MOST_CATEGORIES]
    at: Mapping[str | None, float] = {text: float(place) for place, text in enumerate(labels)}
    return Axis(f"param.{name}", name, CATEGORY, tuple(at.get(text) for text in texts), tuple(labels))


def _number_axis(key: str, title: str, values: Sequence[float | None]) -> Axis:
    known = [value for value in values if value is not None]
    if known and min(known) > 0 and max(known) >= _WIDE * min(known):
        return Axis(key, title, LOG, tuple(None if value is None else math.log10(value) for value in values))
    return Axis(key, title, LINEAR, tuple(values))


def metric_axis(runs: Sequence[Run], name: str, log: bool = False) -> Axis:
    """The last values of a metric; what is not finite (on a log axis: not above 0) is missing."""
    values: list[float | None] = []
    for run in runs:
        summary = run.metrics.get(name)
        known = summary is not None and math.isfinite(summary.last) and abs(summary.last) < 1e300
        value = summary.last if summary is not None and known else None
        if log:
            value = math.log10(value) if value is not None and value > 0 else None
        values.append(value)
    return Axis(f"metric.{name}", name, LOG if log else LINEAR, tuple(values))


def ties(params: Sequence[Axis], metric: Axis, lower: bool = False) -> tuple[Tie, ...]:
    """Every parameter against a metric, the strongest first and the seed, which is chance, last; `lower` values of the
    metric are better.

    Numbers by the rank correlation of C. Spearman (1904, American Journal of Psychology 15), categories by the
    correlation ratio η (R. A. Fisher 1925, Statistical Methods for Research Workers, ch. VIII): the root of the share
    of the metric's variance that lies between the categories.
    """
    found = [_tie(axis, metric, lower) for axis in params]
    return tuple(sorted(found, key=lambda one: (one.axis.key == "param.seed", -one.strength)))


def _tie(axis: Axis, metric: Axis, lower: bool) -> Tie:
    pairs = [(x, y, at) for at, (x, y) in enumerate(zip(axis.places, metric.places, strict=True))
             if x is not None and y is not None]  # fmt: skip
    if len(pairs) < 2:
        return Tie(axis, 0.0, None, "–", len(pairs))
    by_value: dict[float, list[float]] = {}
    for x, y, _ in pairs:
        by_value.setdefault(x, []).append(y)
    means = {x: math.fsum(ys) / len(ys) for x, ys in by_value.items()}
    best = (min if lower else max)(means, key=lambda x: means[x])
    text = next(axis.text(at) for x, _, at in pairs if x == best)
    if axis.kind == CATEGORY:
        return Tie(axis, _ratio(by_value), None, text, len(pairs))
    rank = spearman([x for x, _, _ in pairs], [y for _, y, _ in pairs])
    return Tie(axis, abs(rank), rank, text, len(pairs))


def _ratio(groups: Mapping[float, Sequence[float]]) -> float:
    everything = [y for ys in groups.values() for y in ys]
    middle = math.fsum(everything) / len(everything)
    whole = math.fsum((y - middle) ** 2 for y in everything)
    between = math.fsum(len(ys) * (math.fsum(ys) / len(ys) - middle) ** 2 for ys in groups.values())
    return math.sqrt(min(1.0, between / whole)) if whole > 0 else 0.0


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation, -1 to 1; equal values share their middle rank, 0 where one side does not vary."""
    x, y = _ranks(first), _ranks(second)
    middle = (len(x) + 1) / 2
    both = math.fsum((a - middle) * (b - middle) for a, b in zip(x, y, strict=True))
    sizes = math.fsum((a - middle) ** 2 for a in x) * math.fsum((b - middle) ** 2 for b in y)
    return max(-1.0, min(1.0, both / math.sqrt(sizes))) if sizes > 0 else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=lambda at: values[at])
    ranks = [0.0] * len(values)
    done = 0
    for _, group in groupby(order, key=lambda at: values[at]):
        members = list(group)
        for at in members:
            ranks[at] = done + (len(members) + 1) / 2
        done += len(members)
    return ranks
