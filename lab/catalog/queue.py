"""The queue in the index: runs that wait, and what the user said about them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import COUNT, TRUTH, said
from lab.dataclass import dataclass

INGEST = (
    said("run.claimed", "runs", "claim_event", claim="body->>'$.by'"),
    said("run.placed", "runs", "place_event", place="TRY_CAST(body->>'$.place' AS DOUBLE)"),
    said("run.held", "runs", "held_event", held=TRUTH),
    said("queue.paused", "queue_marks", "event", key="mark", subject="'paused'", value=TRUTH),
    said("queue.limited", "queue_marks", "event", key="mark", subject="'jobs'", value=COUNT),
)

# That none has ended is said of the table's own column: then only the few rows that remain are read whole.
_ASKED = """
    SELECT id, name, project, entry, sweep, coalesce(cpus, 0) AS cpus, coalesce(memory, 0) AS memory,
        coalesce(gpus, 0) AS gpus, coalesce(held, false) AS held, coalesce(place, created) AS place, status, launcher
    FROM all_runs WHERE ending IS NULL AND NOT purged AND
"""
_WAITING = _ASKED + "status = 'queued' ORDER BY place, created_event, id"
_GOING = _ASKED + "status IN ('created', 'running') AND engine <> 'imported' ORDER BY created, id"
_BOTH = _ASKED + "status IN ('queued', 'created', 'running') AND engine <> 'imported' ORDER BY place, created_event, id"
_PEAKS = """
    SELECT project, entry, max(peak_memory) AS peak FROM (
        SELECT project, entry, peak_memory, row_number() OVER (PARTITION BY project, entry ORDER BY created DESC) AS n
        FROM all_runs
        WHERE NOT purged AND status = 'finished' AND peak_memory > 0 AND entry IN (SELECT unnest($1::VARCHAR[]))
    ) WHERE n <= $2 GROUP BY project, entry
"""
_MARKS = "SELECT mark, value FROM queue_marks"
# What a rollout measured of a server of it before it got requests.
_SERVING = """
    SELECT d.name, d.replicas * arg_max(CAST(s.evidence->>'$.memory' AS BIGINT), s.event) AS memory
    FROM deployments AS d JOIN rollouts AS r ON r.deployment = d.id JOIN rollout_steps AS s ON s.rollout = r.id
    WHERE d.status IN ('starting', 'ready', 'unhealthy') AND s.ok
        AND TRY_CAST(s.evidence->>'$.memory' AS BIGINT) IS NOT NULL
    GROUP BY d.id, d.name, d.replicas ORDER BY d.name
"""


@dataclass(frozen=True)
class Asked:
    """A run and what it asked for: `cpus` 0 for no limit, memory in bytes; `place` orders those that wait."""

    id: str
    name: str
    project: str
    entry: str
    sweep: str
    cpus: float
    memory: int
    gpus: int
    held: bool
    place: float
    status: str
    launcher: str


def waiting(catalog: Reader) -> list[Asked]:
    """Runs that wait, in the order of the queue."""
    return [_asked(row) for row in catalog.rows(_WAITING)]


def going(catalog: Reader) -> list[Asked]:
    """Runs that have their share of the machine, oldest first."""
    return [_asked(row) for row in catalog.rows(_GOING)]


def lined_up(catalog: Reader) -> tuple[list[Asked], list[Asked]]:
    """`waiting` and `going` at one look, at half the cost; both in the order of the queue."""
    rows = [_asked(row) for row in catalog.rows(_BOTH)]
    return [one for one in rows if one.status == "queued"], [one for one in rows if one.status != "queued"]


def peaks(catalog: Reader, entries: Collection[str], most: int) -> dict[tuple[str, str], int]:
    """(project, entry) → the most memory that any of its last `most` finished runs has used, bytes."""
    rows = catalog.rows(_PEAKS, [list(entries), most])
    return {(row["project"], row["entry"]): row["peak"] for row in rows}


def serving(catalog: Reader) -> dict[str, int]:
    """Deployment that is up → the memory that its servers were measured to need, bytes."""
    return {row["name"]: row["memory"] for row in catalog.rows(_SERVING)}


def marks(catalog: Reader) -> tuple[bool, int]:
    """Whether the user has paused the whole queue, and how many runs may go at a time, 0 for as many as have room."""
    said = {row["mark"]: row["value"] or 0 for row in catalog.rows(_MARKS)}
    return bool(said.get("paused")), said.get("jobs", 0)


def _asked(row: dict[str, Any]) -> Asked:
    return Asked(**{**row, **{name: row[name] or "" for name in ("project", "entry", "sweep", "launcher")}})
