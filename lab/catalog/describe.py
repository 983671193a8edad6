"""One column of the run table, described by the index."""

from __future__ import annotations

import time

from lab.catalog.filters import Compiler
from lab.catalog.reader import Reader
from lab.domain.describe import BINS, MOST_VALUES, Described, Numbers
from lab.domain.query import RunQuery

_CHOSEN = """
    WITH chosen AS (SELECT $text AS t, $value AS v FROM all_runs WHERE NOT purged AND $where),
    finite AS (SELECT v FROM chosen WHERE isfinite(v))
"""
_COUNTS = """
    SELECT count(*) AS runs, count(t) AS there, count(DISTINCT t) AS "distinct", count(v) AS numeric,
        count(v) FILTER (NOT isfinite(v)) AS odd FROM chosen
"""
_VALUES = "SELECT t, count(*) AS n FROM chosen WHERE t IS NOT NULL GROUP BY t ORDER BY n DESC, t LIMIT $most"
# Values so large that their squares leave the floats have no spread that could be told.
_NUMBERS = """
    SELECT count(*) AS n, avg(v) AS mean,
        CASE WHEN max(abs(v)) < 1e150 THEN stddev_samp(v) END AS sd,
        min(v) AS low, quantile_cont(v, [0.25, 0.5, 0.75]) AS quartiles, max(v) AS high FROM finite
"""
_BINS = """
    SELECT least(floor((v - low) / (high - low) * $bins), $bins - 1)::INTEGER AS bin, count(*) AS n
    FROM finite, (SELECT min(v) AS low, max(v) AS high FROM finite)
    WHERE high > low AND isfinite(high - low) GROUP BY bin
"""


def describe(catalog: Reader, query: RunQuery, key: str, now: float | None = None) -> Described:
    """The column `key` (a field, parameter, metric or its statistic) over all runs that fit `query`."""
    compiler = Compiler(catalog, time.time() if now is None else now)
    where, text, value = compiler.where(query), compiler.text(key), compiler.value(key)
    chosen = _CHOSEN.replace("$text", text).replace("$value", value).replace("$where", where)
    given = compiler.parameters
    (counts,) = catalog.rows(chosen + _COUNTS, given)
    values = catalog.rows(chosen + _VALUES, {**given, "most": MOST_VALUES})
    numbers = None
    if counts["numeric"] > counts["odd"] and counts["numeric"] == counts["there"]:
        numbers = _numbers(catalog, chosen, given)
    return Described(
        key=key,
        runs=counts["runs"],
        missing=counts["runs"] - counts["there"],
        distinct=counts["distinct"],
        odd=counts["odd"],
        values=tuple((str(row["t"]), row["n"]) for row in values),
        numbers=numbers,
    )


def _numbers(catalog: Reader, chosen: str, given: dict[str, object]) -> Numbers:
    (found,) = catalog.rows(chosen + _NUMBERS, given)
    bins = [0] * BINS
    for row in catalog.rows(chosen + _BINS, {**given, "bins": BINS}):
        bins[row["bin"]] = row["n"]
    if not any(bins):  # one value, or a width that no float holds
        bins[0] = found["n"]
    q1, median, q3 = found["quartiles"]
    return Numbers(found["n"], found["mean"], found["sd"], found["low"], q1, median, q3, found["high"], tuple(bins))
