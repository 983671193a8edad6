"""Could it be chance? Tests and effects for a handful of numbers on either side. Pure, exact, no library needed.

Everything is two-sided and deterministic: the same numbers always give the same answer.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

#: Pairs up to which all sign patterns are counted; beyond, this many are drawn.
EXACT_PAIRS, DRAWN = 24, 9_999
#: Quantiles of the normal distribution: 1 - 0.05 / 2 and the usual power of 0.8.
Z_POWER = 0.8416212335729143
#: Asymptotic relative efficiency of the rank-sum test against the t test for normal values (Hodges & Lehmann 1956).
_EFFICIENCY = 3 / math.pi

_CLOSE = 1e-9  # share of the largest sum within which two sums count as equal


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """Standard deviation of a sample (n - 1); 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) * (value - middle) for value in values) / (len(values) - 1))


def sign_flip(differences: Sequence[float]) -> float:
    """p of a paired sign-flip permutation test on the mean of `differences`.

    Fisher's randomisation test (R. A. Fisher, The Design of Experiments, 1935, §21): were there no effect, each
    difference could as well have had the other sign; p is the share of the 2^n sign patterns whose sum is as far from
    0 as the observed one. Up to 24 pairs all patterns are counted, by sums of two halves; beyond, 9,999 are drawn and
    p = (1 + b) / (1 + m) (Phipson & Smyth 2010, Statistical Applications in Genetics 9:39).
    """
    sizes = [abs(value) for value in differences if value]
    if not sizes:
        return 1.0
    top = max(sizes)
    sizes = [size / top for size in sizes]  # so that no sum overflows
    target = abs(math.fsum(math.copysign(size, sign) for size, sign in zip(sizes, _signs(differences), strict=True)))
    target -= _CLOSE * math.fsum(sizes)
    if len(sizes) > EXACT_PAIRS:
        return _drawn(sizes, target)
    half = len(sizes) // 2
    left, right = _sums(sizes[:half]), sorted(_sums(sizes[half:]))
    far = sum(bisect_right(right, -target - one) + len(right) - bisect_left(right, target - one) for one in left)
    return min(1.0, far / (len(left) * len(right)))


def _signs(differences: Sequence[float]) -> Iterable[float]:
    return (value for value in differences if value)


def _sums(sizes: Sequence[float]) -> list[float]:
    """Sums of all sign patterns."""
    sums = [0.0]
    for size in sizes:
        sums = [one + size for one in sums] + [one - size for one in sums]
    return sums


def _drawn(sizes: Sequence[float], target: float) -> float:
    tables = [_sums(sizes[at : at + 8]) for at in range(0, len(sizes), 8)]
    chance = random.Random(len(sizes))
    choices = [chance.choices(table, k=DRAWN) for table in tables]
    far: int = sum(abs(sum(parts)) >= target for parts in zip(*choices, strict=True))
    return (far + 1) / (DRAWN + 1)


def rank_sum(first: Sequence[float], second: Sequence[float]) -> float:
    """p of the exact Wilcoxon-Mann-Whitney rank-sum test, with midranks where values are equal.

    F. Wilcoxon, Biometrics Bulletin 1 (1945) 80; H. B. Mann & D. R. Whitney, Ann. Math. Stat. 18 (1947) 50. p is the
    share of all ways to deal the ranks out whose sum is as far from its expectation as the observed one: exact for
    any sizes and ties, counted by a generating function whose coefficients are digits of long integers
    (B. Streitberg & J. Röhmel 1986, the shift algorithm).
    """
    n, m = len(first), len(second)
    if not n or not m:
        return 1.0
    ranks = _midranks([*first, *second])
    total = sum(ranks)
    bits = math.comb(n + m, n).bit_length() + 1
    ways = [1] + [0] * n  # ways[k]: digit s counts the ways to choose k ranks whose doubled sum is s
    for rank in ranks:
        for k in range(n, 0, -1):
            ways[k] += ways[k - 1] << (bits * rank)
    # Twice the distance from the expectation n * total / (n + m), in whole numbers.
    target = abs(sum(ranks[:n]) * (n + m) - n * total)
    digits, mask, far, at = ways[n], (1 << bits) - 1, 0, 0
    while digits:
        if abs(at * (n + m) - n * total) >= target:
            far += digits & mask
        digits >>= bits
        at += 1
    return far / math.comb(n + m, n)


def _midranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each value; equal ones share the mean of their ranks."""
    ordered = sorted(values)
    return [bisect_left(ordered, value) + bisect_right(ordered, value) + 1 for value in values]


def smallest_rank_sum(n: int, m: int) -> float:
    """The least p that `rank_sum` can have: 2 of all ways to deal the ranks out."""
    return min(1.0, 2 / math.comb(n + m, n))


def smallest_sign_flip(pairs: int) -> float:
    """The least p that `sign_flip` can have."""
    return min(1.0, math.ldexp(2.0, -pairs))


def superiority(first: Sequence[float], second: Sequence[float]) -> float:
    """A12: the chance that a value of `second` is above one of `first`, half of it where they are equal.

    A. Vargha & H. D. Delaney, J. Educational and Behavioral Statistics 25 (2000) 101. 0.5 is no effect, 0.56 small,
    0.64 medium, 0.71 large.
    """
    ordered = sorted(first)
    doubled = sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in second)
    return doubled / (2 * len(first) * len(second))


def paired_interval(differences: Sequence[float]) -> tuple[float, float]:
    """95 % confidence interval of the mean of `differences`, at least two (Student 1908)."""
    n = len(differences)
    margin = student_quantile(n - 1) * deviation(differences) / math.sqrt(n)
    return mean(differences) - margin, mean(differences) + margin


def welch_interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """95 % confidence interval of mean(second) - mean(first), at least two values each.

    B. L. Welch, Biometrika 34 (1947) 28: unequal variances, degrees of freedom by Satterthwaite.
    """
    effect = mean(second) - mean(first)
    one, two = (deviation(side) ** 2 / len(side) for side in (first, second))
    if one + two == 0:
        return effect, effect
    freedom = (one + two) ** 2 / (one**2 / (len(first) - 1) + two**2 / (len(second) - 1))
    margin = student_quantile(freedom) * math.sqrt(one + two)
    return effect - margin, effect + margin


def student_quantile(freedom: float, p: float = 0.975) -> float:
    """The `p` quantile of Student's t, p from 0.5 on.

    Newton's method on the distribution function, which is concave above 0: from 0 it climbs to the root and never
    beyond it.
    """
    density = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    at = 0.0
    for _ in range(200):
        step = (p - _student(at, freedom)) / (density * (1 + at * at / freedom) ** (-(freedom + 1) / 2))
        at += step
        if step <= 1e-12 * (1 + at):
            break
    return at


def _student(at: float, freedom: float) -> float:
    """Student's distribution function for `at` ≥ 0, by the incomplete beta function (Abramowitz & Stegun 26.7.1)."""
    return 1 - _beta(freedom / (freedom + at * at), freedom / 2, 0.5) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Abramowitz & Stegun 26.5.8, Lentz)."""
    if x <= 0 or x >= 1:
        return max(0.0, min(1.0, x))
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    tiny = 1e-300
    d = 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    c, value = 1.0, d
    for m in range(1, 500):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + factor * d) or tiny)
            c = (1 + factor / c) or tiny
            change = c * d
            value *= change
        if abs(change - 1) < 1e-14:
            break
    return front * value


def holm(ps: Sequence[float]) -> list[float]:
    """p values for several comparisons at once, in their order (S. Holm, Scand. J. Statist. 6 (1979) 65)."""
    adjusted, highest = [1.0] * len(ps), 0.0
    for place, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, ps[at] * (len(ps) - place)))
        adjusted[at] = highest
    return adjusted


def normal_quantile(p: float) -> float:
    """The `p` quantile of the normal distribution, 0.5 ≤ p < 1: Student's with as good as endless freedom."""
    low, high = 0.0, 40.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(-middle / math.sqrt(2)) / 2 < p else (low, middle)
    return low


def pairs_needed(effect: float, sd: float, alpha: float) -> float:
    """Pairs that a paired test needs to see `effect` with power 0.8, `sd` being that of the differences.

    n = (z₁₋α/₂ + z₁₋β)² / d² + z₁₋α/₂² / 2 with d = effect / sd (W. C. Guenther, The American Statistician 35 (1981)
    243). inf without an effect.
    """
    return _needed(effect, sd, alpha, 1.0, 2.0)


def values_needed(effect: float, sd: float, alpha: float) -> float:
    """Values on either side that the rank-sum test needs to see `effect` with power 0.8, `sd` pooled of both sides.

    n = (2 (z₁₋α/₂ + z₁₋β)² / d² + z₁₋α/₂² / 4) / 0.955: Guenther's formula for two means, divided by the rank test's
    efficiency.
    """
    return _needed(effect, sd, alpha, 2.0, 4.0) / _EFFICIENCY


def _needed(effect: float, sd: float, alpha: float, factor: float, part: float) -> float:
    if effect == 0:
        return math.inf
    if sd == 0:
        return 0.0
    z = normal_quantile(1 - alpha / 2)
    ratio = sd / effect
    return factor * (z + Z_POWER) ** 2 * ratio * ratio + z * z / part
