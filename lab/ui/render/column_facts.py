"""How a column of a table is spread, by what stands in its cells."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean, median, quantiles, stdev

from lab.domain.describe import BINS, MOST_VALUES, Described, Numbers
from lab.domain.resources import format_size
from lab.ui.render.cells import tidy
from lab.ui.render.number import NOTHING, format_duration, format_number
from lab.ui.render.order import is_duration, is_size, value_of


def described(texts: Sequence[str], title: str) -> Described:
    """Facts about the cells of a column; numbers where every cell that is not empty is one."""
    told = [tidy(text).strip() for text in texts]
    known = [text for text in told if text and text != NOTHING]
    values = [value_of(text) for text in known]
    finite = [value for value in values if value is not None and math.isfinite(value)]
    numeric = bool(known) and None not in values
    odd = len(values) - len(finite) if numeric else 0
    counts = Counter(known)
    common = tuple(counts.most_common(MOST_VALUES))
    numbers = _numbers(sorted(finite)) if numeric and finite else None
    return Described(title, len(texts), len(texts) - len(known), len(counts), odd, common, numbers)


def _numbers(values: Sequence[float]) -> Numbers:
    low, high = values[0], values[-1]
    q1, _, q3 = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (low, low, low)
    width = (high - low) / BINS
    bins = [0] * BINS
    edges = [low + at * width for at in range(BINS)]
    for value in values:
        bins[max(0, bisect_right(edges, value) - 1) if width > 0 else 0] += 1
    sd = stdev(values) if len(values) > 1 else None
    return Numbers(len(values), fmean(values), sd, low, q1, median(values), q3, high, tuple(bins))


def teller(texts: Sequence[str]) -> Callable[[float], str]:
    """How the numbers of these cells are written: as sizes, durations or plainly."""
    known = [text for text in map(str.strip, texts) if text and text != NOTHING]
    if known and all(map(is_size, known)):
        return format_size
    return format_duration if known and all(map(is_duration, known)) else format_number
