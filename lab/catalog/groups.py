"""Groups of runs, counted and averaged by the index."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from lab.catalog.filters import ENDINGS, Compiler
from lab.catalog.reader import Reader
from lab.catalog.runs import get_many
from lab.domain.groups import MOST, SEEDS, RunGroup, Spread, name_seed_groups
from lab.domain.query import RunQuery

# All that makes a run what it is but its seed.
_SETUP = """
    concat_ws(chr(31), project, entry, coalesce(code, ''), coalesce(datasets, '{}'), list_sort(list_filter(
        list_zip(param_keys, param_values), lambda pair: pair[1] <> 'seed'))::VARCHAR)
"""
_CHOSEN = "WITH chosen AS (SELECT id, created, status, metric_keys, metric_lasts, $keys FROM run_table WHERE $where)"
_GROUPS = """
    SELECT $names, count(*) AS n, list(id ORDER BY created, id) AS ids FROM chosen GROUP BY $names
    ORDER BY max(created) DESC, min(id)
"""
_SPREADS = """
    SELECT $names, metric, count(*) AS n, avg(value) AS mean, stddev_samp(value) AS sd, min(value) AS low,
        max(value) AS high
    FROM (SELECT $names, unnest(metric_keys) AS metric, unnest(metric_lasts) AS value FROM chosen
        WHERE status IN (SELECT unnest($endings)))
    WHERE abs(value) < $most GROUP BY $names, metric ORDER BY metric
"""


def groups(catalog: Reader, query: RunQuery, keys: Sequence[str], now: float | None = None) -> list[RunGroup]:
    """The runs that fit `query` (all, whatever its page), by the values of `keys`; the group with the newest run first.

    The key `seeds` puts together what differs in the seed alone. Metrics are those of the runs that have ended.
    """
    compiler = Compiler(catalog, time.time() if now is None else now)
    where = compiler.where(query)
    columns = [_SETUP if key == SEEDS else compiler.text(key) for key in keys]
    named = ", ".join(f"{column} AS k{at}" for at, column in enumerate(columns))
    names = ", ".join(f"k{at}" for at in range(len(keys)))
    begin = _CHOSEN.replace("$keys", named).replace("$where", where)
    found = catalog.rows(begin + _GROUPS.replace("$names", names), compiler.parameters)
    spreads: dict[tuple[str | None, ...], dict[str, Spread]] = {}
    slots = {"$names": names, "$most": compiler.slot(MOST), "$endings": compiler.slot(sorted(ENDINGS))}
    sql = begin + _SPREADS
    for slot, text in slots.items():
        sql = sql.replace(slot, text)
    for row in catalog.rows(sql, compiler.parameters):
        spread = Spread(row["n"], row["mean"], row["sd"], row["low"], row["high"])
        spreads.setdefault(_key(row, len(keys)), {})[row["metric"]] = spread
    made = [_group(row, _key(row, len(keys)), spreads) for row in found]
    if list(keys) != [SEEDS]:
        return made
    first = {run.id: run for run in get_many(catalog, [group.runs[0] for group in made])}
    return name_seed_groups(made, first)


def _key(row: dict[str, Any], keys: int) -> tuple[str | None, ...]:
    return tuple(row[f"k{at}"] for at in range(keys))


def _group(
    row: dict[str, Any], key: tuple[str | None, ...], spreads: dict[tuple[str | None, ...], dict[str, Spread]]
) -> RunGroup:
    name = ", ".join("none" if value is None else value for value in key)
    return RunGroup(name, key, row["n"], tuple(row["ids"]), spreads.get(key, {}))
