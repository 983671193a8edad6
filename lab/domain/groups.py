"""Runs put together by what they share, and how far their metrics spread."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from lab.dataclass import dataclass
from lab.domain.query import Order
from lab.domain.runs import Param, Run

#: Groups runs that differ in nothing but their seed.
SEEDS = "seeds"

#: Beyond this a square leaves the floats; such a value is an accident and left out like infinity.
MOST = 1e150

#: Statistics of a group's values that groups can be sorted by.
SPREADS = ("mean", "min", "max", "sd")


@dataclass(frozen=True)
class Spread:
    """The last values of one metric in a group, finite ones only; `sd` is the sample's (n - 1), None of one value."""

    n: int
    mean: float
    sd: float | None
    min: float
    max: float


@dataclass(frozen=True)
class RunGroup:
    """`values` are what the runs share, one for each key; `runs` are ids, in the order asked for, else oldest first.
    `metrics` are of all runs as of now; `ended` are those of the runs that have ended, where others, `going`, have not.
    """

    name: str
    values: tuple[str | None, ...]
    n: int
    runs: tuple[str, ...]
    metrics: Mapping[str, Spread]
    going: tuple[str, ...] = ()
    ended: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupPage:
    """Some of the groups: there are `total`, with `runs` runs in all of them."""

    items: tuple[RunGroup, ...]
    total: int
    runs: int


def as_of_now(groups: Sequence[RunGroup], active: Sequence[Run]) -> list[RunGroup]:
    """Groups with the present values of runs that have not ended, of which `groups` hold nothing so far."""
    runs = {run.id: run for run in active}
    if not runs:
        return list(groups)
    going = [tuple(id for id in group.runs if id in runs) for group in groups]
    return [
        with_live(replace(group, going=ids, ended=group.metrics), [runs[id] for id in ids]) if ids else group
        for group, ids in zip(groups, going, strict=True)
    ]


def with_live(group: RunGroup, going: Sequence[Run]) -> RunGroup:
    """The group with the values that its `going` runs have now beside those of the ended ones."""
    live: dict[str, list[float]] = {}
    for run in going:
        for name, metric in run.metrics.items():
            if abs(metric.last) < MOST:  # false of NaN
                live.setdefault(name, []).append(metric.last)
    metrics = {**group.ended, **{name: joined(group.ended.get(name), values) for name, values in live.items()}}
    return replace(group, metrics=dict(sorted(metrics.items())))


def joined(spread: Spread | None, values: Sequence[float]) -> Spread:
    """The spread of what `spread` was taken of and `values` together. `values` are finite, one or more."""
    n, mean = len(values), math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    theirs = Spread(n, mean, math.sqrt(squares / (n - 1)) if n > 1 else None, min(values), max(values))
    return theirs if spread is None else pooled([spread, theirs])


def pooled(spreads: Sequence[Spread]) -> Spread:
    """The spread of all values that `spreads` were taken of, one or more: sums of squares as Chan, Golub and LeVeque
    (1979) add those of two samples."""
    n = sum(one.n for one in spreads)
    mean = math.fsum(one.n * one.mean for one in spreads) / n
    squares = math.fsum((one.sd or 0.0) ** 2 * (one.n - 1) + one.n * (one.mean - mean) ** 2 for one in spreads)
    sd = math.sqrt(squares / (n - 1)) if n > 1 else None
    return Spread(n, mean, sd, min(one.min for one in spreads), max(one.max for one in spreads))


def name_seed_groups(groups: Sequence[RunGroup], first: Mapping[str, Run], differing: Sequence[str]) -> list[RunGroup]:
    """Groups named by the parameters in which they differ, such as `lr=0.1 model=forest`, else by their entry.

    `first` holds one run of each group by id, `differing` the names of those parameters, also where they are alike in
    these groups. Equal names are told apart by entry, project, data and code.
    """
    runs = [first[group.runs[0]] for group in groups]
    told = [
        " ".join(f"{name}={_short(run.params[name])}" for name in differing if name in run.params) or run.entry
        for run in runs
    ]
    for more in (
        [run.entry for run in runs],
        [run.project for run in runs],
        [" ".join(f"{name}@{version}" for name, version in run.datasets.items()) for run in runs],
        [f"code {run.code.rpartition(':')[2][:8]}" for run in runs],
    ):
        twins = {name for name, count in Counter(told).items() if count > 1}
        if not twins:
            break
        if len(set(more)) > 1:
            told = [f"{name} {text}" if name in twins else name for name, text in zip(told, more, strict=True)]
    return [replace(group, name=name, values=(name,)) for group, name in zip(groups, told, strict=True)]


def _short(value: Param) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def sort_groups(groups: Sequence[RunGroup], keys: Sequence[str], orders: Sequence[Order]) -> list[RunGroup]:
    """By `n`, by a key, or by a metric's mean or other spread (`loss.min`, `loss.sd`); what has none comes last."""
    found = list(groups)
    for order in reversed(orders):
        values = [_sort_value(group, keys, order.key) for group in found]
        have = [(value, group) for value, group in zip(values, found, strict=True) if value is not None]
        none = [group for value, group in zip(values, found, strict=True) if value is None]
        have.sort(key=lambda pair: pair[0], reverse=order.descending)
        found = [group for _, group in have] + none
    return found


def _sort_value(group: RunGroup, keys: Sequence[str], key: str) -> tuple[bool, float, str] | None:
    if key == "n":
        return (False, group.n, "")
    if key in keys:
        text = group.values[keys.index(key)]
        return None if text is None else _text_value(text)
    name = key.removeprefix("metric.")
    spread = group.metrics.get(name)
    base, _, statistic = name.rpartition(".")
    if spread is None and statistic in SPREADS and base in group.metrics:
        value = getattr(group.metrics[base], statistic)
    else:
        value = spread.mean if spread else None
    return None if value is None else (False, value, "")


def _text_value(text: str) -> tuple[bool, float, str]:
    """Numbers by value, and after them words."""
    try:
        number = float(text)
    except ValueError:
        return (True, 0.0, text)
    return (True, 0.0, text) if math.isnan(number) else (False, number, "")
