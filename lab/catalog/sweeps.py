"""Sweeps in the index: those that were asked for, and runs that only share a sweep's name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import TRUTH, first, said
from lab.catalog.values import json_object
from lab.domain.directions import Direction, direction
from lab.domain.metric_order import metric_order
from lab.domain.sweeps import Method, Sweep, SweepPlan, state_of

INGEST = (
    first(
        "sweep.created",
        "sweeps",
        "id",
        "created_event",
        """
        SELECT subject AS id, ts AS created, created_event, b.* FROM (
            SELECT DISTINCT ON (subject) subject, ts, id AS created_event, json_transform(body, '{"name":"VARCHAR",
                "project":"VARCHAR","entry":"VARCHAR","plan":"JSON"}') AS b
            FROM incoming WHERE type = 'sweep.created' ORDER BY subject, id
        )
        """,
    ),
    said("sweep.held", "sweeps", "halted_event", halted=TRUTH),
    first(
        "sweep.stopped",
        "sweeps",
        "id",
        "stop_event",
        """
        SELECT subject AS id, arg_min_null(body->>'$.cause', id) AS stop_cause, arg_min(ts, id) AS stopped,
            min(id) AS stop_event
        FROM incoming WHERE type = 'sweep.stopped' GROUP BY subject
        """,
    ),
)

# Runs with the same parameters and seed are tries of one point. `again` counts points of which every try has failed,
# and that are to be tried again; `done` those that need nothing more.
_ALL = """
    WITH tries AS (
        SELECT sweep AS name, params::VARCHAR AS point, seed, count(*) AS tries,
            bool_or(status IN ('queued', 'created', 'running')) AS going,
            bool_or(status IN ('finished', 'stopped')) AS settled
        FROM run_table WHERE coalesce(sweep, '') <> '' GROUP BY ALL
    ),
    points AS (
        SELECT t.name, count(*) FILTER (NOT going) AS done, count(*) FILTER (NOT going AND NOT settled) AS failed,
            count(*) FILTER (NOT going AND NOT settled AND s.plan->>'$.on_failure[0]' = 'retry'
                AND tries <= TRY_CAST(s.plan->>'$.on_failure[1]' AS INTEGER)) AS again
        FROM tries AS t LEFT JOIN sweeps AS s ON s.name = t.name GROUP BY t.name
    ),
    counted AS (
        SELECT sweep AS name, count(*) AS runs, min(created) AS began, max(ended) AS ended,
            count(*) FILTER (status = 'queued') AS queued,
            count(*) FILTER (status IN ('created', 'running')) AS running,
            count(*) FILTER (status = 'finished') AS finished,
            arg_min(project, created) AS project, arg_min(entry, created) AS entry,
            first(metrics ORDER BY created) FILTER (status = 'finished') AS metrics
        FROM run_table WHERE coalesce(sweep, '') <> '' GROUP BY sweep
    )
    SELECT coalesce(s.id, '') AS id, coalesce(s.name, c.name) AS name, coalesce(s.project, c.project, '') AS project,
        coalesce(s.entry, c.entry, '') AS entry, coalesce(s.created, c.began) AS created, s.plan AS plan,
        coalesce(s.halted, false) AS halted, s.stopped, coalesce(s.stop_cause, '') AS cause,
        coalesce(c.runs, 0) AS runs, coalesce(c.queued, 0) AS queued, coalesce(c.running, 0) AS running,
        coalesce(c.finished, 0) AS finished, coalesce(p.failed - p.again, 0) AS failed,
        coalesce(p.done - p.again, 0) AS done, coalesce(p.again, 0) AS again, c.ended, c.metrics
    FROM (FROM sweeps WHERE created_event IS NOT NULL) AS s FULL JOIN counted AS c ON s.name = c.name
        LEFT JOIN points AS p ON p.name = c.name
    WHERE $name IS NULL OR coalesce(s.name, c.name) = $name
    ORDER BY created DESC, name
"""
_BEST = """
    SELECT name, value FROM (
        SELECT name, metric_lasts[list_position(metric_keys, $metric)] AS value FROM run_table
        WHERE sweep = $sweep AND status IN ('finished', 'stopped')
    ) WHERE value IS NOT NULL AND isfinite(value) ORDER BY value * $sign, name LIMIT 1
"""
_NAMED = """
    SELECT name FROM sweeps WHERE created_event IS NOT NULL AND (name = $1 OR id = $1)
    UNION SELECT sweep FROM run_table WHERE sweep = $1
"""
_BEGINS = """
    SELECT DISTINCT name FROM (
        SELECT name FROM sweeps WHERE created_event IS NOT NULL AND (starts_with(name, $1) OR starts_with(id, $1))
        UNION SELECT sweep FROM run_table WHERE starts_with(sweep, $1)
    ) ORDER BY name LIMIT 20
"""
_TENDED = """
    SELECT id, name FROM sweeps WHERE created_event IS NOT NULL AND stopped IS NULL AND (
        plan->>'$.method' = 'adaptive' OR plan->>'$.early' = 'true' OR plan->>'$.pruner' <> ''
        OR plan->>'$.on_failure[0]' <> 'continue'
    ) ORDER BY created_event
"""
_LIMITS = """
    SELECT name, coalesce(halted, false) AS halted, coalesce(TRY_CAST(plan->>'$.jobs' AS INTEGER), 0) AS jobs
    FROM sweeps WHERE created_event IS NOT NULL AND (halted OR plan->>'$.jobs' <> '0')
"""


_STRICT = """
    SELECT s.name, coalesce(bool_or(r.status IN ('failed', 'lost', 'interrupted')), false) AS broken
    FROM sweeps AS s LEFT JOIN run_table AS r ON r.sweep = s.name
    WHERE s.created_event IS NOT NULL AND s.stopped IS NULL AND s.plan->>'$.on_failure[0]' = 'stop' GROUP BY s.name
"""


def all_sweeps(catalog: Reader, name: str | None = None) -> list[Sweep]:
    """Every sweep, the latest first; only the one called `name` where that is given."""
    return [_sweep(catalog, row) for row in catalog.rows(_ALL, {"name": name})]


def unfinished(catalog: Reader, but: Collection[str]) -> list[Sweep]:
    """Sweeps that are not over and that somebody must look after: adaptive ones, those that stop hopeless runs, those
    with a policy on failures. `but` are ids of some that need no look."""
    names = [row["name"] for row in catalog.rows(_TENDED) if row["id"] not in but]
    return [sweep for name in names for sweep in all_sweeps(catalog, name)]


def find(catalog: Reader, text: str) -> list[str]:
    """Names of sweeps that `text` may mean: an exact name or id alone, else those that begin with it."""
    exact = [row["name"] for row in catalog.rows(_NAMED, [text])]
    return exact or [row["name"] for row in catalog.rows(_BEGINS, [text])]


def limits(catalog: Reader) -> tuple[set[str], dict[str, int]]:
    """Names of the sweeps that are paused; name → the most runs at a time."""
    rows = catalog.rows(_LIMITS)
    return {row["name"] for row in rows if row["halted"]}, {row["name"]: row["jobs"] for row in rows if row["jobs"]}


def strict(catalog: Reader) -> dict[str, bool]:
    """Sweeps that a failure stops: name → whether one of their runs has failed."""
    return {row["name"]: row["broken"] for row in catalog.rows(_STRICT)}


def _sweep(catalog: Reader, row: dict[str, Any]) -> Sweep:
    plan = _plan(row["plan"])
    metric, way = (plan.metric, plan.goal) if plan else ("", Direction.UNKNOWN)
    if not metric:
        metric, way = _telling(json_object(row["metrics"]))
    best = (
        []
        if not metric or way is Direction.UNKNOWN
        else catalog.rows(_BEST, {"metric": metric, "sweep": row["name"], "sign": -1 if way is Direction.HIGHER else 1})
    )
    total = max(plan.total if plan else row["runs"], row["done"])
    more = bool(row["again"]) or (plan is not None and plan.method is Method.ADAPTIVE and row["done"] < total)
    state = state_of(
        stopped=row["stopped"] is not None, held=row["halted"], running=row["running"], queued=row["queued"],
        finished=row["finished"], runs=row["runs"], more=more,
    )  # fmt: skip
    return Sweep(
        id=row["id"], name=row["name"], project=row["project"], entry=row["entry"], created=row["created"], plan=plan,
        state=state, runs=row["runs"], done=row["done"], total=total, queued=row["queued"], running=row["running"],
        finished=row["finished"], failed=row["failed"], held=row["halted"], cause=row["cause"], metric=metric,
        best=best[0]["value"] if best else None, best_run=best[0]["name"] if best else "",
        ended=None if state.active else row["ended"],
    )  # fmt: skip


def _telling(metrics: dict[str, Any]) -> tuple[str, Direction]:
    """Of a sweep that names none: the metric that tells most, of those whose names say which way is better."""
    for name in metric_order(metrics):
        way = direction(name)
        if way is not Direction.UNKNOWN:
            return name, way
    return "", Direction.UNKNOWN


def _plan(text: str | None) -> SweepPlan | None:
    """The plan; None for runs without one, and for a plan of a later version of Lab."""
    raw = json_object(text)
    try:
        return SweepPlan.from_json(raw) if raw else None
    except (KeyError, TypeError, ValueError):
        return None
