"""Whether two runs came out the same: verdicts on curves and files, and how far several scatter. Pure functions."""

from __future__ import annotations

import hashlib
import math
import struct
from array import array
from collections.abc import Mapping, Sequence

from lab.domain.capture import Output
from lab.domain.reproduction import EXACT, Agreement, Attempt, MetricVerdict, OutputVerdict, Spread, Tolerance
from lab.domain.runs import History, Run


def judge_metric(
    name: str, old: History, new: History, tolerance: Tolerance, sigma: float | None = None
) -> MetricVerdict:
    """The verdict on one metric. Identical: every step and value has the same bits; within: the last values are at
    most the tolerance apart. `sigma` is the standard deviation over the run's seeds, if known."""
    if not len(old.values) or not len(new.values):
        mine_only, theirs_only = (float(side.values[-1]) if len(side.values) else None for side in (old, new))
        return MetricVerdict(name, Agreement.UNKNOWN, mine_only, theirs_only)
    mine, theirs = float(old.values[-1]), float(new.values[-1])
    if _bits(old.steps) == _bits(new.steps) and _bits(old.values) == _bits(new.values):
        return MetricVerdict(name, Agreement.IDENTICAL, mine, theirs)
    limit = tolerance.limit(mine, sigma)
    close = limit > 0 and (abs(theirs - mine) <= limit or _bits([mine]) == _bits([theirs]))
    parts = _parting(old, new, EXACT if close else tolerance, 0.0 if close else limit)
    return MetricVerdict(name, Agreement.WITHIN if close else Agreement.DIFFERENT, mine, theirs, limit, parts)


def _parting(old: History, new: History, tolerance: Tolerance, limit: float) -> float | None:
    """The first step whose values are further apart than they may be, or that only one of the curves has."""
    for at, (mine, theirs) in enumerate(zip(old.values, new.values, strict=False)):
        allowed = max(limit, tolerance.relative * abs(mine)) if limit else 0.0
        same = old.steps[at] == new.steps[at] and (
            struct.pack("d", mine) == struct.pack("d", theirs) or abs(theirs - mine) <= allowed > 0
        )
        if not same:
            return float(old.steps[at])
    longer = old if len(old.values) > len(new.values) else new
    shared = min(len(old.values), len(new.values))
    return float(longer.steps[shared]) if shared < len(longer.values) else None


def _bits(values: Sequence[float]) -> bytes:
    return array("d", values).tobytes()


def curves_digest(curves: Mapping[str, History]) -> str:
    """A name for all curves of a run, by their bits."""
    hashed = hashlib.sha256()
    for name in sorted(curves):
        hashed.update(f"{len(name)} {name} {len(curves[name].values)} ".encode("utf-8", "replace"))
        hashed.update(_bits(curves[name].steps) + _bits(curves[name].values))
    return hashed.hexdigest()


def judge_outputs(old: Sequence[Output], new: Sequence[Output]) -> tuple[OutputVerdict, ...]:
    """Files by path, those of the first run first."""
    mine, theirs = ({item.path: item for item in side} for side in (old, new))
    found = []
    for path in dict.fromkeys((*mine, *theirs)):
        pair = [side[path] for side in (mine, theirs) if path in side]
        if len(pair) < 2 or not all(item.sha256 for item in pair):
            agreement = Agreement.UNKNOWN if len(pair) == 2 and pair[0].size == pair[1].size else Agreement.DIFFERENT
        else:
            agreement = Agreement.IDENTICAL if pair[0].sha256 == pair[1].sha256 else Agreement.DIFFERENT
        found.append(OutputVerdict(path, pair[0].kind, agreement))
    return tuple(found)


def spreads(run: Run, attempts: Sequence[Attempt]) -> dict[str, Spread]:
    """How far the attempts' last values scatter, of at least two finite ones; the first run counts among them where
    all that is known to have gone in is the same."""
    found = {}
    for name, summary in run.metrics.items():
        values = [verdict.new for one in attempts for verdict in one.metrics if verdict.name == name]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if attempts and not any(one.causes for one in attempts) and math.isfinite(summary.last):
            known.append(summary.last)
        if len(known) < 2 or len(attempts) < 2:
            continue
        mean = math.fsum(known) / len(known)
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (len(known) - 1))
        away = abs(summary.last - mean) / sd if sd > 0 and math.isfinite(summary.last) else None
        found[name] = Spread(len(known), mean, sd, away)
    return found
