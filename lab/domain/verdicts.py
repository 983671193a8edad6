"""Verdicts that know noise: is one group of runs better than another, or was it the seed?

Which test is taken depends on how many seeds there are, never on what they show: from six equal seeds on the paired
sign-flip test, else the exact rank-sum test of all values (with five pairs or fewer no paired test can have p ≤ 0.05).
With several groups against one baseline the p values are Holm's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from lab.dataclass import dataclass
from lab.domain import chance
from lab.domain.directions import Direction, direction
from lab.domain.runs import Run, RunStatus
from lab.domain.seeds import Seed, SeedGroup, seed_of

ALPHA = 0.05
#: From so many equal seeds on the paired test can have p ≤ ALPHA.
_LEAST_PAIRS = 6
#: More seeds than this are never asked for.
MOST_SEEDS = 50


class Outcome(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    HIGHER = "higher"  # beyond noise, and nobody knows whether that is good
    LOWER = "lower"
    NOISE = "noise"
    SAME = "same"
    NONE = "none"  # too few seeds to say anything


@dataclass(frozen=True)
class GroupStats:
    """One metric over the seeds of a group; a seed that was run several times counts once, by its mean.

    `mean` and `sd` (n - 1) are of finite values; `n` counts the seeds, `left_out` the runs without a final finite
    value.
    """

    n: int
    mean: float
    sd: float
    values: Mapping[Seed, float]
    left_out: int = 0


@dataclass(frozen=True)
class Verdict:
    """What can be said of group `group` against group `baseline` (indexes) on one metric.

    `effect` is mean minus mean with its 95 % interval `low` to `high` (None for fewer than two seeds); `a12` the chance
    that a run of the group has a higher value than one of the baseline; `wins` of `pairs` equal seeds (of all pairs of
    values, where no seeds are equal) are better, or higher where the direction is unknown. `p` is Holm's over
    `comparisons`. `more` says how many seeds each side lacks for a verdict (baseline, group); None where no number
    that is worth it would do.
    """

    metric: str
    group: int
    baseline: int
    direction: Direction
    outcome: Outcome
    test: str = ""  # "paired", "rank" or ""
    p: float | None = None
    comparisons: int = 1
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    a12: float | None = None
    wins: int = 0
    pairs: int = 0
    equal_seeds: bool = False
    n: tuple[int, int] = (0, 0)
    more: tuple[int, int] | None = (0, 0)


def stats(group: SeedGroup, metric: str) -> GroupStats:
    """The metric's last values in the group's finished runs."""
    found: dict[Seed, list[float]] = {}
    for run in group.runs:
        value = _value(run, metric)
        if value is not None:
            found.setdefault(seed_of(run), []).append(value)
    values = {seed: chance.mean(items) for seed, items in found.items()}
    numbers = list(values.values())
    left_out = len(group.runs) - sum(len(items) for items in found.values())
    if not numbers:
        return GroupStats(0, math.nan, math.nan, {}, left_out)
    return GroupStats(len(numbers), chance.mean(numbers), chance.deviation(numbers), values, left_out)


def _value(run: Run, metric: str) -> float | None:
    summary = run.metrics.get(metric)
    if summary is None or run.status is not RunStatus.FINISHED or not math.isfinite(summary.last):
        return None
    return summary.last


def judge(
    groups: Sequence[SeedGroup], baseline: int, metrics: Sequence[str], better: Mapping[str, Direction] | None = None
) -> tuple[Verdict, ...]:
    """A verdict for each metric and each group but the baseline; `better` overrules what a metric's name tells."""
    others = [index for index in range(len(groups)) if index != baseline]
    verdicts: list[Verdict] = []
    for metric in metrics:
        way = (better or {}).get(metric) or direction(metric)
        summaries = [stats(one, metric) for one in groups]
        base = summaries[baseline]
        tested = [index for index in others if _can_test(base, summaries[index])]
        raw = [_test(base, summaries[index]) for index in tested]
        adjusted = dict(zip(tested, chance.holm([p for _, p in raw]), strict=True))
        tests = dict(zip(tested, (name for name, _ in raw), strict=True))
        for index in others:
            blank = Verdict(metric, index, baseline, way, Outcome.NONE, n=(base.n, summaries[index].n))
            if index in adjusted:
                verdict = _judged(blank, base, summaries[index], tests[index], adjusted[index], len(tested))
            else:
                verdict = _untested(blank, base, summaries[index])
            verdicts.append(verdict)
    return tuple(verdicts)


def _can_test(base: GroupStats, other: GroupStats) -> bool:
    return base.n >= 2 and other.n >= 2


def _common(base: GroupStats, other: GroupStats) -> list[Seed]:
    return [seed for seed in base.values if seed in other.values]


def _test(base: GroupStats, other: GroupStats) -> tuple[str, float]:
    common = _common(base, other)
    if len(common) >= _LEAST_PAIRS:
        return "paired", chance.sign_flip([other.values[seed] - base.values[seed] for seed in common])
    return "rank", chance.rank_sum(list(base.values.values()), list(other.values.values()))


def _untested(blank: Verdict, base: GroupStats, other: GroupStats) -> Verdict:
    if not base.n or not other.n:
        return replace(blank, more=None)
    least = _least_values(ALPHA)
    more = (max(0, least - base.n), max(0, least - other.n))
    return replace(blank, effect=other.mean - base.mean, more=more)


def _judged(blank: Verdict, base: GroupStats, other: GroupStats, test: str, p: float, comparisons: int) -> Verdict:
    common = _common(base, other)
    first, second = list(base.values.values()), list(other.values.values())
    differences = [other.values[seed] - base.values[seed] for seed in common]
    pairs = differences or [new - old for new in second for old in first]
    sign = -1 if blank.direction is Direction.LOWER else 1
    low, high = chance.paired_interval(differences) if test == "paired" else chance.welch_interval(first, second)
    effect = chance.mean(differences) if test == "paired" else other.mean - base.mean
    same = len(set(first + second)) == 1 or (len(common) == base.n == other.n and not any(differences))
    found = replace(
        blank,
        test=test,
        p=p,
        comparisons=comparisons,
        effect=effect,
        low=low,
        high=high,
        a12=chance.superiority(first, second),
        wins=sum(sign * value > 0 for value in pairs),
        pairs=len(pairs),
        equal_seeds=bool(common),
    )
    if same:
        return replace(found, outcome=Outcome.SAME)
    if p <= ALPHA:
        return replace(found, outcome=_outcome(blank.direction, found.a12 or 0.0, effect, test))
    return replace(found, outcome=Outcome.NOISE, more=_lacking(base, other, common, ALPHA / comparisons))


def _outcome(way: Direction, a12: float, effect: float, test: str) -> Outcome:
    """Which way it goes, by what the test looks at: the mean difference, or the ranks."""
    up = effect > 0 if test == "paired" else a12 > 0.5
    if way is Direction.UNKNOWN:
        return Outcome.HIGHER if up else Outcome.LOWER
    return Outcome.BETTER if up is (way is Direction.HIGHER) else Outcome.WORSE


def _lacking(base: GroupStats, other: GroupStats, common: Sequence[Seed], alpha: float) -> tuple[int, int] | None:
    """How many seeds each side lacks to see an effect as large as now with power 0.8; None for more than MOST_SEEDS."""
    effect = other.mean - base.mean
    pooled = math.sqrt((base.sd**2 + other.sd**2) / 2)
    values = chance.values_needed(effect, pooled, alpha)
    pairs = math.inf
    if len(common) >= 2 and len(common) == min(base.n, other.n):
        differences = [other.values[seed] - base.values[seed] for seed in common]
        pairs = chance.pairs_needed(chance.mean(differences), chance.deviation(differences), alpha)
    most = max(base.n, other.n)
    for n in range(most if base.n != other.n else most + 1, MOST_SEEDS + 1):
        paired = n >= _LEAST_PAIRS and pairs < math.inf
        enough = n >= pairs and chance.smallest_sign_flip(n) <= alpha
        if enough if paired else n >= values and chance.smallest_rank_sum(n, n) <= alpha:
            return n - base.n, n - other.n
    return None


def _least_values(alpha: float) -> int:
    """The fewest seeds on either side with which the rank-sum test can reach `alpha`."""
    return next(n for n in range(2, MOST_SEEDS) if chance.smallest_rank_sum(n, n) <= alpha)


def tell(verdict: Verdict, label: str, base: str) -> str:
    """The verdict as a sentence about the group called `label` and the baseline called `base`, not cleaned."""
    n, m = verdict.n
    match verdict.outcome:
        case Outcome.NONE if not n or not m:
            return f"{label if not m else base} has no final value: no verdict"
        case Outcome.NONE:
            who = "only one seed each" if n == m == 1 else f"only one seed of {base if n == 1 else label}"
            return f"{who}: no verdict{_queue(verdict, ', ')}"
        case Outcome.SAME:
            return f"{label} is the same, to the last digit"
        case Outcome.NOISE if verdict.more is None:
            return f"within noise: {MOST_SEEDS} seeds would not tell {label} from {base} ({_p(verdict)})"
        case Outcome.NOISE:
            return f"within noise{_queue(verdict, ': ')} ({_p(verdict)})"
    wins = verdict.wins
    if verdict.outcome in (Outcome.WORSE, Outcome.LOWER):
        wins = verdict.pairs - verdict.wins
    on = f"{wins}/{verdict.pairs} seeds" if verdict.equal_seeds else f"{n} against {m} seeds"
    unsure = ""
    if verdict.direction is Direction.UNKNOWN:
        good, bad = ("higher", "lower") if verdict.outcome is Outcome.HIGHER else ("lower", "higher")
        unsure = f" (good if {good} is better, bad if {bad} is)"
    return f"{label} {verdict.outcome.value}: {on}, {_p(verdict)}{unsure}"


def _queue(verdict: Verdict, before: str) -> str:
    if verdict.more is None or not any(verdict.more):
        return ""
    count = max(verdict.more)
    each = " each" if all(verdict.more) else ""
    return f"{before}queue {count} more seed{'s' if count > 1 else ''}{each}"


def _p(verdict: Verdict) -> str:
    p = verdict.p or 0.0
    several = f", Holm for {verdict.comparisons}" if verdict.comparisons > 1 else ""
    return (f"p = {p:.3f}" if p >= 0.0005 else "p < 0.001") + several
