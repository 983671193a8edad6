"""How far values have moved from a reference: effect sizes, not p-values (in a million rows, all is significant).

All functions are pure, on numpy arrays and counts; NaN in an array of numbers is taken for no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Population stability index from which values have moved a little, and much (Siddiqi 2006, Credit Risk Scorecards).
PSI_MODERATE = 0.1
PSI_MAJOR = 0.25

#: Bins of a numeric PSI, by quantiles of the reference.
BINS = 10

#: Stands for the share of an empty bin, whose logarithm does not exist.
_EMPTY = 1e-4

Numbers = NDArray[Any]


def psi(reference: Numbers, current: Numbers, bins: int = BINS) -> float:
    """Population stability index over bins by quantiles of the reference; 0 for the same distribution, no upper end.

    PSI = Σ (cᵢ - rᵢ) · ln(cᵢ / rᵢ) over the shares of both in each bin (Siddiqi 2006): the symmetric
    Kullback-Leibler (Jeffreys) divergence of the binned values. NaN if either has no values.
    """
    return psi_sorted(_ordered(reference), _ordered(current), bins)


def psi_sorted(reference: Numbers, current: Numbers, bins: int = BINS) -> float:
    """`psi` of sorted values without NaN."""
    if not len(reference) or not len(current):
        return float("nan")
    edges = quantile_edges(reference, bins)
    return psi_counts(_binned(reference, edges), _binned(current, edges))


def psi_counts(reference: Numbers, current: Numbers) -> float:
    """PSI of counts per bin; an empty bin counts as a share of 0.0001."""
    if not reference.sum() or not current.sum():
        return float("nan")
    one = np.maximum(reference / reference.sum(), _EMPTY)
    other = np.maximum(current / current.sum(), _EMPTY)
    return float(((other - one) * np.log(other / one)).sum())


def psi_categories(reference: Mapping[str, int], current: Mapping[str, int]) -> tuple[float, dict[str, int]]:
    """PSI over categories with their counts, and those that the reference has not, with theirs."""
    names = list(dict.fromkeys([*reference, *current]))
    unseen = {name: count for name, count in current.items() if count and not reference.get(name)}
    one = np.array([reference.get(name, 0) for name in names], float)
    other = np.array([current.get(name, 0) for name in names], float)
    return psi_counts(one, other), unseen


def ks(reference: Numbers, current: Numbers) -> float:
    """Kolmogorov-Smirnov statistic, D = sup |F(x) - G(x)| (Smirnov 1939): 0 to 1, NaN if one sample is empty."""
    return ks_sorted(_ordered(reference), _ordered(current))


def ks_sorted(reference: Numbers, current: Numbers) -> float:
    """`ks` of sorted values without NaN."""
    if not len(reference) or not len(current):
        return float("nan")
    if len(reference) > len(current):
        reference, current = current, reference
    # F steps at the shorter one's values and G only grows between them, so G just before and at each is enough.
    first = np.concatenate(([0], np.flatnonzero(reference[1:] != reference[:-1]) + 1))
    values, last = reference[first], np.concatenate((first[1:], [len(reference)]))
    at = np.searchsorted(current, values, "right") / len(current)
    before = np.searchsorted(current, values, "left") / len(current)
    return float(max(np.abs(last / len(reference) - at).max(), np.abs(first / len(reference) - before).max()))


def jensen_shannon(reference: Numbers, current: Numbers) -> float:
    """Jensen-Shannon distance of counts (or shares) per bin, base 2: 0 for equal ones, 1 for disjoint ones.

    √((KL(p‖m) + KL(q‖m)) / 2) with m = (p + q) / 2 (Lin 1991; Endres & Schindelin 2003). NaN if either is empty.
    """
    if not reference.sum() or not current.sum():
        return float("nan")
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    divergence = (_kullback_leibler(p, middle) + _kullback_leibler(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def quantile_edges(ordered: Numbers, bins: int = BINS) -> Numbers:
    """Inner edges of bins with equally many of the sorted values, each edge once: fewer where values repeat.

    A value that makes up a bin of its own, or more, is its lower edge; the values above it are apart from it.
    """
    at = np.arange(1, bins) * len(ordered) // bins
    edges = np.unique(ordered[at])
    most = edges[
        np.searchsorted(ordered, edges, "right") - np.searchsorted(ordered, edges, "left") > len(ordered) / bins
    ]
    above = ordered[np.minimum(np.searchsorted(ordered, most, "right"), len(ordered) - 1)]
    return np.unique(np.concatenate((edges, above)))


def _binned(ordered: Numbers, edges: Numbers) -> Numbers:
    """How many of sorted values lie below the first edge, from each edge to the next, and from the last on."""
    return np.diff(np.concatenate(([0], np.searchsorted(ordered, edges), [len(ordered)])))


def _ordered(values: Numbers) -> Numbers:
    ordered = np.sort(values)
    return ordered[: np.searchsorted(ordered, np.nan)] if ordered.dtype.kind == "f" else ordered


def _kullback_leibler(p: Numbers, q: Numbers) -> float:
    held = p > 0
    return float((p[held] * np.log2(p[held] / q[held])).sum())
