"""Guards that fired, in the index, and the runs that others are held against."""

from __future__ import annotations

from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement, first
from lab.domain.directions import Direction
from lab.domain.guards import Firing

INGEST = (
    # Once per run and guard, however often it was told.
    first(
        "run.guard_fired",
        "run_firings",
        "run, guard",
        "event",
        """
        SELECT DISTINCT ON (run, b.guard) run, event, b.* FROM (
            SELECT subject AS run, id AS event, json_transform(body, '{"guard":"VARCHAR","when":"VARCHAR",
                "do":"VARCHAR","step":"DOUBLE","at":"DOUBLE","evidence":"VARCHAR"}') AS b
            FROM incoming WHERE type = 'run.guard_fired'
        ) ORDER BY run, b.guard, event
        """,
    ),
    # A set only grows, so that the order does not matter.
    Statement(
        "run.guard_fired",
        """
        MERGE INTO runs AS old USING (
            SELECT subject AS id, list_sort(list_distinct(list(coalesce(body->>'$.guard', '')))) AS fired
            FROM incoming WHERE type = 'run.guard_fired' GROUP BY subject
        ) AS new ON old.id = new.id
        WHEN NOT MATCHED THEN INSERT BY NAME
        WHEN MATCHED THEN UPDATE SET
            fired = list_sort(list_distinct(list_concat(coalesce(old.fired, []), new.fired)))
        """,
    ),
)

_OF_RUN = 'SELECT run, guard, "when", "do", step, "at", evidence FROM run_firings WHERE run = $1 ORDER BY "at", guard'
_SINCE = """
    SELECT run, guard, "when", "do", step, "at", evidence FROM run_firings
    WHERE "at" >= $1 AND "do" <> 'mark' AND run IN (SELECT id FROM run_table WHERE NOT archived)
    ORDER BY "at" DESC, run, guard LIMIT $2
"""
_BEST = """
    SELECT id, name FROM (
        SELECT id, name, TRY_CAST(json_extract_string(metrics, $4) AS DOUBLE) AS value FROM run_table
        WHERE project = $1 AND entry = $2 AND status = 'finished' AND ended <= $3
    ) WHERE isfinite(value) ORDER BY value * $5, id LIMIT 1
"""


def of_run(catalog: Reader, run: str) -> list[Firing]:
    """The guards that fired in a run, the first one first."""
    return [_firing(row) for row in catalog.rows(_OF_RUN, [run])]


def since(catalog: Reader, moment: float, most: int) -> list[Firing]:
    """What fired since `moment` and is to be told, the latest first."""
    return [_firing(row) for row in catalog.rows(_SINCE, [moment, most])]


def best(
    catalog: Reader, project: str, entry: str, before: float, metric: str, way: Direction
) -> tuple[str, str] | None:
    """(id, name) of the run of an entry with the best value of `metric` of those that had finished `before`."""
    statistic, sign = ("min", 1.0) if way is Direction.LOWER else ("max", -1.0)
    path = f"/{metric.replace('~', '~0').replace('/', '~1')}/{statistic}"
    rows = catalog.rows(_BEST, [project, entry, before, path, sign])
    return (rows[0]["id"], rows[0]["name"]) if rows else None


def _firing(row: dict[str, Any]) -> Firing:
    return Firing(
        run=row["run"],
        guard=row["guard"] or "",
        when=row["when"] or "",
        do=row["do"] or "",
        step=row["step"],
        at=row["at"] or 0.0,
        evidence=row["evidence"] or "",
    )
