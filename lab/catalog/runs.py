"""Runs in the index: how events become rows, and one page of the run table."""

from __future__ import annotations

import json
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement, earliest, latest
from lab.domain.numbers import decode_float
from lab.domain.query import FIELDS, Condition, Page, RunQuery
from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.errors import UsageError

INGEST = (
    Statement(
        "run.created",
        """
        INSERT INTO runs BY NAME
        SELECT subject AS id, b.*, ts AS created FROM (
            SELECT subject, ts, json_transform(body, '{"name":"VARCHAR","project":"VARCHAR","entry":"VARCHAR",
                "engine":"VARCHAR","image":"VARCHAR","code":"VARCHAR","sweep":"VARCHAR","seed":"BIGINT",
                "memory":"BIGINT","launcher":"VARCHAR","params":"JSON","datasets":"JSON"}') AS b
            FROM incoming WHERE type = 'run.created'
        )
        """,
    ),
    Statement(
        "run.created",
        """
        INSERT INTO run_params
        SELECT subject, e.key, e.value, try_cast(e.value AS DOUBLE) FROM (
            SELECT subject, unnest(map_entries(from_json(body->'$.params', '"MAP(VARCHAR,VARCHAR)"'))) AS e
            FROM incoming WHERE type = 'run.created'
        )
        """,
    ),
    *earliest("run.started", "run_starts", "started"),
    *earliest("run.stop_requested", "run_stops", "stop_requested"),
    # Of several endings the one with the highest authority holds, of equals the first.
    Statement(
        "run.ended",
        """
        CREATE OR REPLACE TEMP TABLE endings AS
        WITH fresh AS (
            SELECT subject AS run, event, b.* FROM (
                SELECT subject, id AS event, json_transform(body, '{"ending":"VARCHAR","cause":"VARCHAR",
                    "exit_code":"INTEGER","authority":"INTEGER","started":"DOUBLE","ended":"DOUBLE",
                    "metrics":"JSON"}') AS b
                FROM incoming WHERE type = 'run.ended'
            )
            QUALIFY row_number() OVER (PARTITION BY subject ORDER BY b.authority DESC, event) = 1
        )
        SELECT * FROM fresh ANTI JOIN run_endings old ON old.run = fresh.run AND
            (old.authority > fresh.authority OR (old.authority = fresh.authority AND old.event < fresh.event))
        """,
    ),
    Statement("run.ended", "DELETE FROM run_endings WHERE run IN (SELECT run FROM endings)"),
    Statement("run.ended", "DELETE FROM run_metrics WHERE run IN (SELECT run FROM endings)"),
    Statement(
        "run.ended",
        """
        INSERT INTO run_endings BY NAME
        SELECT run, ending, cause, exit_code, authority, started AS entry_started, ended, metrics, event FROM endings
        """,
    ),
    Statement(
        "run.ended",
        """
        INSERT INTO run_metrics
        SELECT run, e.key, e.value.last, e.value.min, e.value.max, e.value.mean FROM (
            SELECT run, unnest(map_entries(from_json(metrics,
                '"MAP(VARCHAR,STRUCT(last DOUBLE, min DOUBLE, max DOUBLE, mean DOUBLE))"'))) AS e
            FROM endings
        )
        """,
    ),
    *latest("run.tagged", "run_tags", "from_json(body->'$.tags', '[\"VARCHAR\"]')"),
    *latest("run.noted", "run_notes", "body->>'$.notes'"),
)

_COLUMNS = {name: f"r.{name}" for name in FIELDS}

_ONE = "SELECT * FROM run_table WHERE id = ?"
_MANY = "SELECT * FROM run_table WHERE id IN (SELECT unnest($1::VARCHAR[]))"
_EXACT = "SELECT id FROM runs WHERE name = $1 OR id = $1"
_BEGINS = """
    SELECT id FROM runs WHERE starts_with(id, $1) OR starts_with(name, $1) ORDER BY created DESC LIMIT 20
"""
_ACTIVE = "SELECT * FROM run_table WHERE status IN ('created', 'running') ORDER BY created"
_COUNTS = "SELECT status, count(*) AS n FROM run_table GROUP BY ALL"
_PARAM_KEYS = "SELECT DISTINCT key FROM run_params ORDER BY key"
_METRIC_KEYS = "SELECT DISTINCT key FROM run_metrics ORDER BY key"


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
    return exact or [row["id"] for row in catalog.rows(_BEGINS, [text])]


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
    where = ["true"]
    where += [_condition(condition, f"c{i}", parameters) for i, condition in enumerate(query.conditions)]
    order, join = _order(query, parameters)
    direction = "DESC" if query.order.descending else "ASC"
    matched = " ".join(
        (
            "SELECT r.id,",
            order,
            "AS k, count(*) OVER () AS total FROM run_table r",
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
    return Run(
        id=row["id"],
        name=row["name"],
        project=row["project"],
        entry=row["entry"],
        status=RunStatus(row["status"]),
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
