"""What the runs of a lab tell of a parameter or a metric, in the words of an explanation."""

from __future__ import annotations

from lab.domain.describe import Described
from lab.domain.directions import Direction
from lab.domain.query import Condition, write_filter
from lab.domain.text import clean, count_of
from lab.learn import Entry

#: Values that are named one by one.
_NAMED = 4


def of_param(name: str, one: Described) -> Entry:
    """`one` is the parameter over all runs."""
    what = f"A parameter of {_share(one)}, {_values(one)}."
    example = one.values[0][0] if one.values else ""
    todo = (
        f"/ on Runs keeps those of a value: {_filter(name, '=', example)}. Vary it alone, with several seeds, to see "
        f"what it does to a metric."
    )
    return Entry(clean(name), (), what, "", todo)


def of_metric(name: str, last: Described, low: Described, high: Described, better: Direction, said: bool) -> Entry:
    """`last`, `low` and `high` are the last, the smallest and the largest value of each run, over all runs; `said` is
    whether a person, not the name, tells which way is better."""
    what = f"A metric of {_share(last)}"
    if last.numbers is not None:
        spread = f"{_number(last.numbers.low)} to {_number(last.numbers.high)}"
        what += f": last values {spread}" if last.distinct > 1 else f": its last value is {_number(last.numbers.low)}"
    if low.numbers is not None and high.numbers is not None:
        what += f"; over all steps {_number(low.numbers.low)} to {_number(high.numbers.high)}"
    what += f"; {last.odd:,} ended as NaN or infinite" if last.odd else ""
    whose = "as you have said" if said else "its name tells"
    why = {
        Direction.HIGHER: f"More of it is better, {whose}.",
        Direction.LOWER: f"Less of it is better, {whose}.",
        Direction.UNKNOWN: "Its name does not tell whether more or less of it is better, so no value is the best.",
    }[better]
    bound = _number(last.numbers.median) if last.numbers is not None else "0.5"
    op = ">" if better is Direction.HIGHER else "<"
    todo = f"/ on Runs filters by it: {_filter(name, op, bound)}, or by {clean(name)}.min, .max, .mean and .best."
    return Entry(clean(name), (), f"{what}.", why, todo)


def _share(one: Described) -> str:
    there = one.runs - one.missing
    return f"all {count_of(one.runs, 'run')}" if not one.missing else f"{there:,} of {count_of(one.runs, 'run')}"


def _values(one: Described) -> str:
    if one.distinct == 1:
        return f"always {clean(one.values[0][0], 60)}"
    if one.counted or one.numbers is None:
        named = ", ".join(f"{clean(value, 40)} ({count_of(runs, 'run')})" for value, runs in one.values[:_NAMED])
        rest = one.distinct - min(len(one.values), _NAMED)
        return f"with {one.distinct:,} values: {named}{f' and {rest:,} more' if rest > 0 else ''}"
    return f"with {one.distinct:,} values from {_number(one.numbers.low)} to {_number(one.numbers.high)}"


def _filter(name: str, op: str, value: str) -> str:
    return clean(write_filter((Condition(name, op, value),)), 120)


def _number(value: float) -> str:
    return f"{value:.4g}"
