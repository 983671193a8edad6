"""One column of the run table over many runs: how it is spread, or which values there are."""

from __future__ import annotations

from lab.dataclass import dataclass

#: Bars of a histogram, and values that are counted one by one.
BINS = 20
MOST_VALUES = 20
#: Numbers of so few different values, each of them twice on average, are told by value rather than by stretch.
_FEW = 8


@dataclass(frozen=True)
class Numbers:
    """Finite values. `sd` is the sample standard deviation (None of a single value), quartiles are interpolated
    linearly (as numpy's default), `bins` counts in BINS stretches of equal width from `low` to `high`."""

    n: int
    mean: float
    sd: float | None
    low: float
    q1: float
    median: float
    q3: float
    high: float
    bins: tuple[int, ...]

    @property
    def edges(self) -> tuple[float, ...]:
        """Where each stretch begins."""
        width = (self.high - self.low) / len(self.bins)
        return tuple(self.low + at * width for at in range(len(self.bins)))


@dataclass(frozen=True)
class Described:
    """`runs` that fit a filter, `missing` of them without the column; `odd` are NaN or infinite. `values` are the
    commonest, (text, count); there are `distinct` in all. `numbers` is None where not every value is a number."""

    key: str
    runs: int
    missing: int
    distinct: int
    odd: int
    values: tuple[tuple[str, int], ...]
    numbers: Numbers | None

    @property
    def counted(self) -> bool:
        """Whether its values tell more than a histogram."""
        few = self.distinct <= _FEW and self.numbers is not None and 2 * self.distinct <= self.numbers.n
        return self.numbers is None or few or self.distinct == 1
