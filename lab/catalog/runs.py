"""Runs in the index: how events become rows, and one page of the run table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement, first, last
from lab.catalog.values import json_list, json_object, summary
from lab.domain.query import FIELDS, Condition, Page, RunQuery
from lab.domain.runs import Run, RunStatus
from lab.errors import UsageError

INGEST = (
    first(
        "run.created",
        "runs",
        "id",
        "created_event",
        """
        SELECT
            subject AS id, ts AS created, event AS created_event, b.*,
            json_keys(b.params) AS param_keys,
            json_extract_string(b.params, '$.*') AS param_values,
            TRY_CAST(json_extract_string(b.params, '$.*') AS DOUBLE[]) AS param_numbers
        FROM (
            SELECT DISTINCT ON (subject) subject, ts, id AS event, json_transform(body, '{"name":"VARCHAR",
                "project":"VARCHAR","entry":"VARCHAR","engine":"VARCHAR","image":"VARCHAR","code":"VARCHAR",
                "sweep":"VARCHAR","seed":"BIGINT","memory":"BIGINT","launcher":"VARCHAR","params":"JSON",
                "datasets":"JSON"}') AS b
            FROM incoming WHERE type = 'run.created' ORDER BY subject, id
        )
        """,
    ),
    first(
        "run.started",
        "runs",
        "id",
        "launched",
        "SELECT subject AS id, min(ts) AS launched FROM incoming WHERE type = 'run.started' GROUP BY subject",
    ),
    first(
        "run.stop_requested",
        "runs",
        "id",
        "stop_requested",
        """
        SELECT subject AS id, min(ts) AS stop_requested FROM incoming
        WHERE type = 'run.stop_requested' GROUP BY subject
        """,
    ),
    # Of several endings the one with the highest authority holds, of equals the first.
    first(
        "run.ended",
        "runs",
        "id",
        "ending_rank",
        """
        SELECT
            id, ending_rank, b.cause, b.exit_code, b.started AS entry_started, b.ended, b.metrics,
            CASE WHEN b.ending IN ('finished', 'failed', 'stopped', 'interrupted') THEN b.ending ELSE 'lost' END
                AS ending,
            json_keys(b.metrics) AS metric_keys,
            TRY_CAST(CASE
                WHEN len(json_keys(b.metrics)) = len(json_extract_string(b.metrics, '$.*.last'))
                THEN json_extract_string(b.metrics, '$.*.last')
                ELSE list_transform(json_extract(b.metrics, '$.*'), lambda metric: metric->>'$.last')
            END AS DOUBLE[]) AS metric_lasts
        FROM (
            SELECT DISTINCT ON (subject) subject AS id, b,
                concat(9 - least(9, greatest(0, coalesce(b.authority, 0))), event) AS ending_rank
            FROM (
                SELECT subject, id AS event, json_transform(body, '{"ending":"VARCHAR","cause":"VARCHAR",
                    "exit_code":"INTEGER","authority":"INTEGER","started":"DOUBLE","ended":"DOUBLE",
                    "metrics":"JSON"}') AS b
                FROM incoming WHERE type = 'run.ended'
            )
            ORDER BY subject, ending_rank
        )
        """,
    ),
    last(
        "run.tagged",
        "runs",
        "id",
        "tags_event",
        """
        SELECT subject AS id, arg_max_null(body->'$.tags', id) AS tags, max(id) AS tags_event
        FROM incoming WHERE type = 'run.tagged' GROUP BY subject
        """,
    ),
    last(
        "run.noted",
        "runs",
        "id",
        "notes_event",
        """
        SELECT subject AS id, arg_max_null(body->>'$.notes', id) AS notes, max(id) AS notes_event
        FROM incoming WHERE type = 'run.noted' GROUP BY subject
        """,
    ),
    Statement(
        "run.created",
        """
        INSERT INTO run_keys
        SELECT 'param', unnest(json_keys(body->'$.params')) FROM incoming WHERE type = 'run.created'
        EXCEPT SELECT * FROM run_keys
        """,
    ),
    Statement(
        "run.ended",
        """
        INSERT INTO run_keys
        SELECT 'metric', unnest(json_keys(body->'$.metrics')) FROM incoming WHERE type = 'run.ended'
        EXCEPT SELECT * FROM run_keys
        """,
    ),
)

KindOf = Callable[[str], tuple[str, str]]

_COLUMNS = frozenset(FIELDS)
_NUMERIC = frozenset({"seed", "created", "started", "ended", "duration"})

_SHOWN = """
    SELECT id, name, project, entry, status, cause, exit_code, engine, params, metrics, datasets, tags, notes, seed,
        sweep, code, image, memory, stop_requested, launcher, created, started, ended
    FROM run_table
"""
_ONE = _SHOWN + "WHERE id = $1"
_MANY = _SHOWN + "WHERE id IN (SELECT unnest($1::VARCHAR[]))"
_ACTIVE = _SHOWN + "WHERE status IN ('created', 'running') ORDER BY created, id"
_EXACT = "SELECT id FROM run_table WHERE name = $1 OR id = $1 ORDER BY created DESC, id"
_BEGINS = """
    SELECT id FROM run_table WHERE starts_with(id, $1) OR starts_with(name, $1) ORDER BY created DESC, id LIMIT 20
"""
_COUNTS = "SELECT status, count(*) AS n FROM run_table GROUP BY ALL ORDER BY ALL"
_KEYS = "SELECT kind, key FROM run_keys ORDER BY key"

# What a filter or an order may ask of a run; $key is the slot of a parameter or metric name.
_PARAM_TEXT = "param_values[list_position(param_keys, $key)]"
_PARAM_NUMBER = "param_numbers[list_position(param_keys, $key)]"
_METRIC = "metric_lasts[list_position(metric_keys, $key)]"


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
    rows = catalog.rows(_KEYS)
    params = [row["key"] for row in rows if row["kind"] == "param"]
    return params, [row["key"] for row in rows if row["kind"] == "metric"]


def page(catalog: Reader, query: RunQuery) -> Page:
    """One page of the runs that meet all conditions, in the order asked for; runs without the key of the order, or
    with NaN for it, come last. Raises UsageError where a parameter or metric is compared with what is no number."""
    parameters: dict[str, object] = {"limit": query.limit, "offset": query.offset}
    kind_of = _kinds(catalog)
    where = [_condition(condition, f"c{i}", parameters, kind_of) for i, condition in enumerate(query.conditions)]
    sql = " ".join(
        (
            "SELECT id, count(*) OVER () AS total FROM run_table WHERE",
            " AND ".join(where or ["true"]),
            "ORDER BY",
            _order(query, parameters, kind_of),
            ", created DESC, id LIMIT $limit OFFSET $offset",
        )
    )
    found = catalog.rows(sql, parameters)
    if not found and query.offset:
        return Page((), page(catalog, RunQuery(query.conditions, query.order, 1)).total)
    return Page(tuple(get_many(catalog, [row["id"] for row in found])), found[0]["total"] if found else 0)


def _order(query: RunQuery, parameters: dict[str, object], kind_of: KindOf) -> str:
    key, way = query.order.key, "DESC NULLS LAST" if query.order.descending else "ASC NULLS LAST"
    if key in _COLUMNS:
        return f"{key} {way}"
    kind, name = kind_of(key)
    parameters["order"] = name
    param, metric = (text.replace("$key", "$order") for text in (_PARAM_NUMBER, _METRIC))
    number = {"param": param, "metric": metric}.get(kind, f"coalesce({param}, {metric})")
    # Numbers first, by value, and after them words, by text.
    words = "" if kind == "metric" else ", " + _PARAM_TEXT.replace("$key", "$order") + " " + way
    return f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END {way}{words}"


def _kinds(catalog: Reader) -> KindOf:
    """Tells what a name in a query means: (`param` or `metric` or "" for either, the name alone)."""
    params, metrics = map(set, keys(catalog))

    def kind_of(key: str) -> tuple[str, str]:
        kind, dot, name = key.partition(".")
        if dot and kind in ("param", "metric"):
            return kind, name
        if (key in params) == (key in metrics):
            return "", key
        return "param" if key in params else "metric", key

    return kind_of


def _condition(condition: Condition, slot: str, parameters: dict[str, object], kind_of: KindOf) -> str:
    """One condition as SQL over `run_table`; its values go into `parameters` under names that begin with `slot`."""
    if not condition.key:
        parameters[slot] = condition.value.lower()
        return (
            f"(contains(lower(name), ${slot}) OR starts_with(id, ${slot}) OR contains(lower(entry), ${slot})"
            f" OR contains(lower(coalesce(notes, '')), ${slot}) OR contains(lower(project), ${slot}))"
        )
    if condition.key in ("tag", "tags"):
        parameters[slot] = condition.value
        has = f"coalesce(list_contains(from_json(tags, '[\"VARCHAR\"]'), ${slot}), false)"
        return f"NOT {has}" if condition.op == "!=" else has
    if condition.key in _COLUMNS:
        return _field(condition, slot, parameters)
    kind, name = kind_of(condition.key)
    parameters[slot + "k"] = name
    text, number, metric = (part.replace("$key", f"${slot}k") for part in (_PARAM_TEXT, _PARAM_NUMBER, _METRIC))
    tests = []
    if kind != "metric":
        tests.append(_test(condition, slot, parameters, text, number))
    if kind != "param":
        tests.append(_test(condition, slot, parameters, f"{metric}::VARCHAR", metric))
    return "(" + " OR ".join(tests) + ")"


def _field(condition: Condition, slot: str, parameters: dict[str, object]) -> str:
    """A condition on a run's own field, which ignores upper and lower case."""
    column = condition.key
    if condition.number is not None and (column in _NUMERIC or condition.op in ("<", ">", "<=", ">=")):
        if condition.op != ":":
            parameters[slot] = condition.number
            return f"TRY_CAST({column} AS DOUBLE) {condition.op} ${slot}"
    elif condition.op in ("<", ">", "<=", ">="):
        raise UsageError(f"{condition.value!r} is not a number", "compare with a number")
    parameters[slot] = condition.value.lower()
    if condition.op == ":":
        return f"contains(lower({column}::VARCHAR), ${slot})"
    return f"lower({column}::VARCHAR) {condition.op} ${slot}"


def _test(condition: Condition, slot: str, parameters: dict[str, object], text: str, number: str) -> str:
    """A condition on a parameter or metric, whose value is `text` and, where it is one, `number`."""
    if condition.op == ":":
        parameters[slot] = condition.value.lower()
        return f"contains(lower({text}), ${slot})"
    if condition.number is not None:
        parameters[slot] = condition.number
        # DuckDB holds NaN to be greater than any number; for people it is none.
        ordered = "" if condition.op in ("=", "!=") else f" AND NOT isnan({number})"
        return f"({number} {condition.op} ${slot}{ordered})"
    if condition.op in ("=", "!="):
        parameters[slot] = condition.value
        return f"{text} {condition.op} ${slot}"
    raise UsageError(f"{condition.value!r} is not a number", "compare with a number")


def _run(row: dict[str, Any]) -> Run:
    datasets = json_object(row["datasets"])
    return Run(
        id=row["id"],
        name=row["name"] or row["id"],
        project=row["project"] or "",
        entry=row["entry"] or "",
        status=RunStatus(row["status"]),
        cause=row["cause"] or "",
        exit_code=row["exit_code"],
        engine=row["engine"] or "",
        params=json_object(row["params"]),
        metrics={key: summary(value) for key, value in json_object(row["metrics"]).items()},
        datasets={name: str(value.get("version", "")) for name, value in datasets.items() if isinstance(value, dict)},
        tags=tuple(tag for tag in json_list(row["tags"]) if isinstance(tag, str)),
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
