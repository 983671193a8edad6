"""Groups of runs, counted and averaged by the index."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lab.catalog.filters import ENDINGS, Compiler
from lab.catalog.reader import Reader
from lab.catalog.runs import get_many
from lab.domain.groups import MOST, SEEDS, GroupPage, RunGroup, Spread, name_seed_groups
from lab.domain.query import Order, RunQuery

# All that makes a run what it is but its seed.
_SETUP = """
    md5(concat_ws(chr(31), project, entry, coalesce(code, ''), coalesce(datasets, '{}'), list_sort(list_filter(
        list_zip(param_keys, param_values), lambda pair: NOT list_contains($seeds, pair[1])))::VARCHAR))
"""
# Parameters that not all of the runs have alike, those first that come first in a run.
_DIFFERING = """
    WITH chosen AS NOT MATERIALIZED (SELECT param_keys, param_values FROM run_table WHERE $where),
    params AS (SELECT unnest(param_keys) AS name, unnest(param_values) AS value, unnest(range(len(param_keys))) AS spot
        FROM chosen)
    SELECT name FROM params WHERE NOT list_contains($seeds, name)
    GROUP BY name HAVING min(value) <> max(value) OR count(value) < (SELECT count(*) FROM chosen) AND count(value) > 0
    ORDER BY min(spot), name
"""
# Reading twice what was chosen takes half the memory of keeping it.
_GROUPS = """
    WITH chosen AS NOT MATERIALIZED (
        SELECT id, created, status, metric_keys, metric_lasts, $columns FROM run_table WHERE $where),
    grouped AS (
        SELECT $names, count(*) AS n, count(*) OVER () AS total, (sum(count(*)) OVER ())::BIGINT AS runs,
            row_number() OVER (ORDER BY $order) AS place
        FROM chosen GROUP BY $names),
    shown AS MATERIALIZED (SELECT * FROM grouped ORDER BY place LIMIT $limit OFFSET $offset),
    theirs AS NOT MATERIALIZED (SELECT chosen.*, place FROM chosen JOIN shown ON $same),
    members AS (SELECT place, list(id ORDER BY $inside) AS ids FROM theirs GROUP BY place),
    measured AS (
        SELECT place, unnest(metric_keys) AS metric, unnest(metric_lasts) AS value FROM theirs WHERE $ended),
    spreads AS (
        SELECT place, {'metric': metric, 'n': count(*), 'mean': avg(value), 'sd': stddev_samp(value),
            'low': min(value), 'high': max(value)} AS spread
        FROM measured WHERE abs(value) < $most GROUP BY place, metric),
    told AS (SELECT place, list(spread ORDER BY spread.metric) AS spreads FROM spreads GROUP BY place)
    SELECT shown.*, ids, spreads FROM shown JOIN members USING (place) LEFT JOIN told USING (place) ORDER BY place
"""
_AGGREGATES = {"mean": "avg", "min": "min", "max": "max", "sd": "stddev_samp"}
_NEWEST = ("max(created) DESC", "min(id)")
#: Runs that are alike in what they are sorted by: the newest first, and without an order the oldest.
_INSIDE = {True: ("created DESC", "id"), False: ("created", "id")}


def groups(
    catalog: Reader, query: RunQuery, keys: Sequence[str], orders: Sequence[Order] = (), now: float | None = None
) -> GroupPage:
    """The runs that fit `query` by the values of `keys`: one page of the groups, ordered as `sort_groups` does, else
    the group with the newest run first.

    Runs of a group are in the order of `orders`, else the oldest first. The key `seeds` puts together what differs in
    the seed alone. Metrics are those of the runs that have ended.
    """
    compiler = Compiler(catalog, time.time() if now is None else now)
    inside = compiler.order([one for one in orders if one.key != "n" and one.key not in keys])
    columns = [_setup(compiler) if key == SEEDS else compiler.text(key) for key in keys]
    parts = {
        "$where": compiler.where(query),
        "$columns": ", ".join(
            [f"{column} AS k{at}" for at, column in enumerate(columns)]
            + [f"{value} AS o{at}" for at, (value, _) in enumerate(inside)]
        ),
        "$inside": ", ".join([*(f"o{at} {way}" for at, (_, way) in enumerate(inside)), *_INSIDE[bool(inside)]]),
        "$names": ", ".join(f"k{at}" for at in range(len(keys))),
        "$same": " AND ".join(f"chosen.k{at} IS NOT DISTINCT FROM shown.k{at}" for at in range(len(keys))),
        "$ended": f"status IN (SELECT unnest({compiler.slot(sorted(ENDINGS))}))",
        "$most": compiler.slot(MOST),
    }
    parts["$order"] = ", ".join([*_order(compiler, keys, orders, parts["$ended"]), *_NEWEST])
    sql = _GROUPS
    for slot, text in parts.items():
        sql = sql.replace(slot, text)
    found = catalog.rows(sql, {**compiler.parameters, "limit": query.limit, "offset": query.offset})
    if not found and query.offset:
        return replace(groups(catalog, replace(query, limit=1, offset=0), keys, orders, now), items=())
    made = [_group(row, tuple(row[f"k{at}"] for at in range(len(keys)))) for row in found]
    if list(keys) == [SEEDS]:
        first = {run.id: run for run in get_many(catalog, [group.runs[0] for group in made])}
        made = name_seed_groups(made, first, _differing(catalog, query, compiler.now))
    return GroupPage(tuple(made), found[0]["total"] if found else 0, found[0]["runs"] if found else 0)


def _setup(compiler: Compiler) -> str:
    return _SETUP.replace("$seeds", compiler.slot(compiler.seeds))


def _differing(catalog: Reader, query: RunQuery, now: float) -> list[str]:
    """Names of the parameters, but for seeds, in which any of the runs that fit `query` differ."""
    compiler = Compiler(catalog, now)
    sql = _DIFFERING.replace("$where", compiler.where(query)).replace("$seeds", compiler.slot(compiler.seeds))
    return [row["name"] for row in catalog.rows(sql, compiler.parameters)]


def _order(compiler: Compiler, keys: Sequence[str], orders: Sequence[Order], ended: str) -> Iterator[str]:
    """What `orders` put first, of what the index knows: groups of seeds have no names here."""
    for order in orders:
        way = "DESC NULLS LAST" if order.descending else "ASC NULLS LAST"
        if order.key == "n":
            yield f"count(*) {way}"
        elif order.key == "created":
            yield f"{'max' if order.descending else 'min'}(created) {way}"
        elif order.key in keys:
            if order.key != SEEDS:
                text = f"k{keys.index(order.key)}"
                number = f"CASE WHEN isnan(TRY_CAST({text} AS DOUBLE)) THEN NULL ELSE TRY_CAST({text} AS DOUBLE) END"
                yield f"CASE WHEN {text} IS NOT NULL THEN ({number}) IS NULL END {way}"
                yield f"{number} {way}"
                yield f"{text} {way}"
        else:
            metric, statistic = compiler.spread(order.key)
            value = f"{_AGGREGATES[statistic]}({metric}) FILTER ({ended} AND abs({metric}) < {compiler.slot(MOST)})"
            yield f"{value} {way}"


def _group(row: dict[str, Any], key: tuple[str | None, ...]) -> RunGroup:
    name = ", ".join("none" if value is None else value for value in key)
    spreads = {
        one["metric"]: Spread(one["n"], one["mean"], one["sd"], one["low"], one["high"]) for one in row["spreads"] or ()
    }
    return RunGroup(name, key, row["n"], tuple(row["ids"]), spreads)
