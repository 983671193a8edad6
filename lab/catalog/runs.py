"""Runs in the index: how events become rows, and one page of the run table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lab.catalog.reader import Reader
from lab.domain.numbers import decode_float
from lab.domain.query import FIELDS, Condition, RunQuery
from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.errors import UsageError

INGEST = (
    # run.created owns what was asked for.
    """
    INSERT INTO runs BY NAME
    SELECT subject AS id, b.*, ts AS created FROM (
        SELECT subject, ts, json_transform(body, '{"name":"VARCHAR","project":"VARCHAR","entry":"VARCHAR",
            "engine":"VARCHAR","image":"VARCHAR","code":"VARCHAR","sweep":"VARCHAR","seed":"BIGINT",
            "memory":"BIGINT","launcher":"VARCHAR","params":"JSON","datasets":"JSON"}') AS b
        FROM incoming WHERE type = 'run.created'
    )
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, project = excluded.project, entry = excluded.entry,
        engine = excluded.engine, image = excluded.image, code = excluded.code, sweep = excluded.sweep,
        seed = excluded.seed, memory = excluded.memory, launcher = excluded.launcher, params = excluded.params,
        datasets = excluded.datasets, created = excluded.created
    """,
    """
    INSERT INTO run_params
    SELECT subject, e.key, CASE WHEN json_type(e.value) = 'VARCHAR' THEN e.value->>'$' ELSE e.value END,
        try_cast(e.value->>'$' AS DOUBLE)
    FROM (
        SELECT subject, unnest(map_entries(from_json(body->'$.params', '"MAP(VARCHAR,JSON)"'))) AS e
        FROM incoming WHERE type = 'run.created'
    )
    """,
    """
    INSERT INTO runs BY NAME
    SELECT subject AS id, list_distinct(from_json(body->'$.tags', '["VARCHAR"]')) AS tags, id AS tags_event
    FROM incoming WHERE (type = 'run.created' AND json_array_length(body->'$.tags') > 0) OR type = 'run.tagged'
    QUALIFY row_number() OVER (PARTITION BY subject ORDER BY id DESC) = 1
    ON CONFLICT (id) DO UPDATE SET tags = excluded.tags, tags_event = excluded.tags_event
    WHERE excluded.tags_event > coalesce(tags_event, '')
    """,
    """
    INSERT INTO runs BY NAME
    SELECT subject AS id, body->>'$.notes' AS notes, id AS notes_event FROM incoming WHERE type = 'run.noted'
    QUALIFY row_number() OVER (PARTITION BY subject ORDER BY id DESC) = 1
    ON CONFLICT (id) DO UPDATE SET notes = excluded.notes, notes_event = excluded.notes_event
    WHERE excluded.notes_event > coalesce(notes_event, '')
    """,
    """
    INSERT INTO runs BY NAME
    SELECT subject AS id, min(ts) AS started FROM incoming WHERE type = 'run.started' GROUP BY subject
    ON CONFLICT (id) DO UPDATE SET started = least(coalesce(started, excluded.started), excluded.started)
    """,
    """
    INSERT INTO runs BY NAME
    SELECT subject AS id, min(ts) AS stop_requested FROM incoming WHERE type = 'run.stop_requested' GROUP BY subject
    ON CONFLICT (id) DO UPDATE SET
        stop_requested = least(coalesce(stop_requested, excluded.stop_requested), excluded.stop_requested)
    """,
    # Of several endings the one with the highest authority holds, of equals the first.
    """
    CREATE OR REPLACE TEMP TABLE endings AS
    SELECT subject AS id, event AS ended_event, b.* FROM (
        SELECT subject, id AS event, json_transform(body, '{"ending":"VARCHAR","cause":"VARCHAR",
            "exit_code":"INTEGER","authority":"INTEGER","started":"DOUBLE","ended":"DOUBLE","metrics":"JSON"}') AS b
        FROM incoming WHERE type = 'run.ended'
    )
    QUALIFY row_number() OVER (PARTITION BY subject ORDER BY b.authority DESC, event) = 1
    """,
    """
    DELETE FROM run_metrics WHERE run IN (SELECT id FROM endings)
        AND run NOT IN (
            SELECT r.id FROM runs r JOIN endings e USING (id)
            WHERE r.authority > e.authority OR (r.authority = e.authority AND r.ended_event < e.ended_event)
        )
    """,
    """
    INSERT INTO run_metrics
    SELECT id, e.key, e.value.last, e.value.min, e.value.max, e.value.mean FROM (
        SELECT id, unnest(map_entries(from_json(metrics,
            '"MAP(VARCHAR,STRUCT(last DOUBLE, min DOUBLE, max DOUBLE, mean DOUBLE))"'))) AS e
        FROM endings WHERE id NOT IN (
            SELECT r.id FROM runs r JOIN endings e USING (id)
            WHERE r.authority > e.authority OR (r.authority = e.authority AND r.ended_event < e.ended_event)
        )
    )
    """,
    """
    INSERT INTO runs BY NAME
    SELECT id, ended_event, ending, cause, exit_code, authority, started, ended, metrics FROM endings
    ON CONFLICT (id) DO UPDATE SET ended_event = excluded.ended_event, ending = excluded.ending,
        cause = excluded.cause, exit_code = excluded.exit_code, authority = excluded.authority,
        started = coalesce(excluded.started, started), ended = excluded.ended, metrics = excluded.metrics
    WHERE excluded.authority > coalesce(authority, 0)
        OR (excluded.authority = authority AND excluded.ended_event < ended_event)
    """,
)

_STATUS = "coalesce(r.ending, CASE WHEN r.started IS NULL THEN 'created' ELSE 'running' END)"

_COLUMNS = {
    **{name: f"r.{name}" for name in FIELDS},
    "status": _STATUS,
    "duration": "(r.ended - r.started)",
}

_ONE = "SELECT * FROM runs WHERE id = ? AND created IS NOT NULL"
_MANY = "SELECT * FROM runs WHERE id IN (SELECT unnest($1::VARCHAR[])) AND created IS NOT NULL"
_FIND = """
    SELECT id FROM runs WHERE created IS NOT NULL AND (name = $1 OR starts_with(id, $1) OR starts_with(name, $1))
    ORDER BY (id = $1 OR name = $1) DESC, created DESC LIMIT 20
"""
_EXACT = "SELECT id FROM runs WHERE created IS NOT NULL AND (name = $1 OR id = $1)"
_ACTIVE = "SELECT * FROM runs WHERE ending IS NULL AND created IS NOT NULL ORDER BY created"
_COUNTS = """
    SELECT coalesce(ending, CASE WHEN started IS NULL THEN 'created' ELSE 'running' END) AS status, count(*) AS n
    FROM runs WHERE created IS NOT NULL GROUP BY ALL
"""
_PARAM_KEYS = "SELECT DISTINCT key FROM run_params ORDER BY key"
_METRIC_KEYS = "SELECT DISTINCT key FROM run_metrics ORDER BY key"


@dataclass(frozen=True)
class Page:
    """Some of the matching runs, and how many match in all."""

    items: tuple[Run, ...]
    total: int


def get(catalog: Reader, run_id: str) -> Run | None:
    rows = catalog.rows(_ONE, [run_id])
    return _run(rows[0]) if rows else None


def get_many(catalog: Reader, ids: list[str]) -> list[Run]:
    """The runs that exist among `ids`, in that order."""
    found = {row["id"]: _run(row) for row in catalog.rows(_MANY, [ids])}
    return [found[id] for id in ids if id in found]


def find(catalog: Reader, text: str) -> list[str]:
    """Ids of runs that `text` may mean: an exact id or name alone, else those that begin with it."""
    exact = [row["id"] for row in catalog.rows(_EXACT, [text])]
    return exact or [row["id"] for row in catalog.rows(_FIND, [text])]


def active(catalog: Reader) -> list[Run]:
    """Runs without an ending, oldest first."""
    return [_run(row) for row in catalog.rows(_ACTIVE)]


def counts(catalog: Reader) -> dict[str, int]:
    """How many runs have each status."""
    return {row["status"]: row["n"] for row in catalog.rows(_COUNTS)}


def keys(catalog: Reader) -> tuple[list[str], list[str]]:
    """Names of all parameters, and of all metrics, that any run has."""
    params = [row["key"] for row in catalog.rows(_PARAM_KEYS)]
    return params, [row["key"] for row in catalog.rows(_METRIC_KEYS)]


def page(catalog: Reader, query: RunQuery) -> Page:
    """One page of the runs that meet all conditions, in the order asked for."""
    parameters: dict[str, object] = {"limit": query.limit, "offset": query.offset}
    where = ["r.created IS NOT NULL"]
    where += [_condition(condition, f"c{i}", parameters) for i, condition in enumerate(query.conditions)]
    order, join = _order(query, parameters)
    direction = "DESC" if query.order.descending else "ASC"
    matched = " ".join(
        (
            "SELECT r.id,",
            order,
            "AS k, count(*) OVER () AS total FROM runs r",
            join,
            "WHERE",
            " AND ".join(where),
            "ORDER BY k",
            direction,
            "NULLS LAST, r.created DESC, r.id LIMIT $limit OFFSET $offset",
        )
    )
    found = catalog.rows(matched, parameters)
    if not found and query.offset:
        return Page((), page(catalog, RunQuery(query.conditions, query.order, 1)).total)
    return Page(tuple(get_many(catalog, [row["id"] for row in found])), found[0]["total"] if found else 0)


def _order(query: RunQuery, parameters: dict[str, object]) -> tuple[str, str]:
    """The sort expression and the join that it needs."""
    key = query.order.key
    if key in _COLUMNS:
        return _COLUMNS[key], ""
    kind, name = _split(key)
    parameters["order"] = name
    metric = "LEFT JOIN run_metrics sm ON sm.run = r.id AND sm.key = $order"
    param = "LEFT JOIN run_params sp ON sp.run = r.id AND sp.key = $order"
    if kind == "metric":
        return "sm.last", metric
    if kind == "param":
        # Numbers by value and before words; words by text.
        return "coalesce(sp.number, CASE WHEN sp.value IS NULL THEN NULL ELSE 'Infinity'::DOUBLE END)", param
    return "coalesce(sp.number, sm.last)", f"{param} {metric}"


def _split(key: str) -> tuple[str, str]:
    kind, dot, name = key.partition(".")
    if dot and kind in ("param", "metric"):
        return kind, name
    return "", key


def _condition(condition: Condition, slot: str, parameters: dict[str, object]) -> str:
    """One condition as SQL over `runs r`; its values go into `parameters` under names that begin with `slot`."""
    op, value = condition.op, condition.value
    if not condition.key:
        parameters[slot] = value.lower()
        return (
            f"(contains(lower(r.name), ${slot}) OR starts_with(r.id, ${slot}) OR contains(lower(r.entry), ${slot})"
            f" OR contains(lower(coalesce(r.notes, '')), ${slot}) OR contains(lower(r.project), ${slot}))"
        )
    if condition.key in ("tag", "tags"):
        parameters[slot] = value
        has = f"list_contains(coalesce(r.tags, []), ${slot})"
        return f"NOT {has}" if op == "!=" else has
    if condition.key in _COLUMNS:
        return _field(_COLUMNS[condition.key], condition, slot, parameters)
    kind, name = _split(condition.key)
    parameters[slot + "k"] = name
    param = _exists("run_params", "value", "number", condition, slot, parameters)
    metric = _exists("run_metrics", "last::VARCHAR", "last", condition, slot, parameters)
    return {"param": param, "metric": metric}.get(kind, f"({param} OR {metric})")


def _field(column: str, condition: Condition, slot: str, parameters: dict[str, object]) -> str:
    if condition.op in ("<", ">", "<=", ">="):
        parameters[slot] = condition.number
        return f"try_cast({column} AS DOUBLE) {condition.op} ${slot}"
    parameters[slot] = condition.value.lower()
    if condition.op == ":":
        return f"contains(lower({column}::VARCHAR), ${slot})"
    return f"lower({column}::VARCHAR) {condition.op} ${slot}"


def _exists(table: str, text: str, number: str, condition: Condition, slot: str, parameters: dict[str, object]) -> str:
    if condition.op == ":":
        parameters[slot] = condition.value.lower()
        test = f"contains(lower({text}), ${slot})"
    elif condition.number is not None:
        parameters[slot] = condition.number
        test = f"{number} {condition.op} ${slot}"
    elif condition.op in ("=", "!="):
        parameters[slot] = condition.value
        test = f"{text} {condition.op} ${slot}"
    else:
        raise UsageError(f"{condition.value!r} is not a number", "compare with a number")
    return " ".join(("r.id IN (SELECT run FROM", table, "WHERE key =", f"${slot}k AND {test})"))


def _run(row: dict[str, Any]) -> Run:
    status = row["ending"] or ("created" if row["started"] is None else "running")
    return Run(
        id=row["id"],
        name=row["name"],
        project=row["project"],
        entry=row["entry"],
        status=RunStatus(status),
        cause=row["cause"] or "",
        exit_code=row["exit_code"],
        engine=row["engine"] or "",
        params=json.loads(row["params"] or "{}"),
        metrics={key: _summary(value) for key, value in json.loads(row["metrics"] or "{}").items()},
        datasets={name: value["version"] for name, value in json.loads(row["datasets"] or "{}").items()},
        tags=tuple(row["tags"] or ()),
        notes=row["notes"] or "",
        seed=row["seed"] or 0,
        sweep=row["sweep"] or "",
        code=row["code"] or "",
        image=row["image"] or "",
        memory=row["memory"] or 0,
        launcher=row["launcher"] or "",
        stop_requested=row["stop_requested"] is not None,
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
    )


def _summary(value: dict[str, Any]) -> MetricSummary:
    return MetricSummary(
        last=decode_float(value["last"]),
        min=decode_float(value["min"]),
        max=decode_float(value["max"]),
        mean=decode_float(value["mean"]),
        count=int(value["count"]),
        step=decode_float(value.get("step", 0)),
    )
