"""Runs in the index: how events become rows, and one page of the run table."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from lab.catalog.filters import Compiler, keys
from lab.catalog.reader import Reader
from lab.catalog.statements import TRUTH, Statement, first, first_of_wide, said
from lab.catalog.values import json_list, json_object, summary
from lab.domain.query import Page, RunQuery
from lab.domain.runs import Badge, Edit, Param, Run, RunStatus

__all__ = ["INGEST", "active", "counts", "find", "get", "get_many", "history", "keys", "named", "page", "place",
           "purged"]  # fmt: skip

# Orders events of one kind about one run. What was imported from a source that has grown since is told again: an event
# that is `revised` comes before all others (`/` sorts before any digit or letter), the latest of them first.
_TOLD = """
    CASE WHEN (body->>'$.revised') = 'true'
    THEN concat('/', translate(id, '0123456789abcdefghjkmnpqrstvwxyz', 'zyxwvtsrqpnmkjhgfedcba9876543210')) ELSE id END
"""

INGEST = (
    *first_of_wide(
        "run.created",
        "runs",
        "created_event",
        """
        SELECT
            subject AS id, coalesce(moment, ts) AS created, created_event, b.*,
            json_keys(b.params) AS param_keys,
            json_extract_string(b.params, '$.*') AS param_values,
            TRY_CAST(json_extract_string(b.params, '$.*') AS DOUBLE[]) AS param_numbers
        FROM (
            SELECT DISTINCT ON (subject) subject, ts, TRY_CAST(body->>'$.at' AS DOUBLE) AS moment,
                $told AS created_event, json_transform(body, '{"name":"VARCHAR",
                "project":"VARCHAR","entry":"VARCHAR","engine":"VARCHAR","image":"VARCHAR","code":"VARCHAR","patch":"VARCHAR",
                "sweep":"VARCHAR","seed":"BIGINT","memory":"BIGINT","cpus":"DOUBLE","gpus":"INTEGER",
                "launcher":"VARCHAR","queued":"BOOLEAN","params":"JSON","datasets":"JSON",
                "reproduces":"VARCHAR","swapped":"VARCHAR"}') AS b
            FROM incoming WHERE type = 'run.created' ORDER BY subject, created_event
        )
        """.replace("$told", _TOLD),
    ),
    first(
        "run.started",
        "runs",
        "id",
        "launched",
        """
        SELECT subject AS id, min(coalesce(TRY_CAST(body->>'$.at' AS DOUBLE), ts)) AS launched FROM incoming
        WHERE type = 'run.started' GROUP BY subject
        """,
    ),
    first(
        "run.stop_requested",
        "runs",
        "id",
        "stop_event",
        """
        SELECT subject AS id, arg_min(ts, id) AS stop_requested, arg_min_null(body->>'$.reason', id) AS stop_reason,
            min(id) AS stop_event
        FROM incoming WHERE type = 'run.stop_requested' GROUP BY subject
        """,
    ),
    # Of several endings the one with the highest authority holds, of equals the first, or the last of those that
    # say of themselves that they revise. One that says `running` takes an ending back.
    first(
        "run.ended",
        "runs",
        "id",
        "ending_rank",
        """
        SELECT
            id, ending_rank, b.cause, b.exit_code, b.started AS entry_started, b.ended, b.metrics,
            b.peak_memory, b.cpu_time,
            CASE WHEN b.ending IN ('finished', 'failed', 'stopped', 'interrupted') THEN b.ending
                WHEN b.ending = 'running' THEN NULL ELSE 'lost' END AS ending,
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
                SELECT subject, $told AS event, json_transform(body, '{"ending":"VARCHAR","cause":"VARCHAR",
                    "exit_code":"INTEGER","authority":"INTEGER","started":"DOUBLE","ended":"DOUBLE",
                    "metrics":"JSON","peak_memory":"BIGINT","cpu_time":"DOUBLE"}') AS b
                FROM incoming WHERE type = 'run.ended'
            )
            ORDER BY subject, ending_rank
        )
        """.replace("$told", _TOLD),
    ),
    said("run.tagged", "runs", "tags_event", tags="body->'$.tags'"),
    said("run.noted", "runs", "notes_event", notes="body->>'$.notes'"),
    said("run.reproduced", "runs", "badge_event", given_badge="body->>'$.badge'", badge_note="body->>'$.note'"),
    said("run.renamed", "runs", "name_event", given_name="body->>'$.name'"),
    said("run.starred", "runs", "star_event", star=TRUTH),
    said("run.archived", "runs", "archive_event", away=TRUTH),
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

#: What each event of an edit changes.
_EDITED = {
    "run.renamed": "name",
    "run.noted": "notes",
    "run.tagged": "tags",
    "run.starred": "starred",
    "run.archived": "archived",
}

_COLUMNS = """
    SELECT id, name, project, entry, status, cause, exit_code, engine, params, metrics, datasets, tags, notes, seed,
        sweep, code, image, memory, stop_requested, stop_reason, launcher, queued, created, started, ended,
        starred, archived,
        peak_memory, cpu_time, badge, badge_note, reproduces, swapped, fired
"""
_SHOWN = _COLUMNS + "FROM all_runs WHERE "
_ONE = _SHOWN + "NOT purged AND id = $1"
# By their places in the table, which a scan of the ids alone tells: else all columns of all runs are read.
_SPOTS = "SELECT rowid FROM runs WHERE id IN (SELECT unnest($1::VARCHAR[]))"
_MANY = f"{_SHOWN}NOT purged AND spot IN ({_SPOTS})"
_STONES = _SHOWN + "purged AND id IN (SELECT unnest($1::VARCHAR[]))"
# Of those that have not ended, which the table's own column tells, only the few rows that remain are read whole.
_ACTIVE = _SHOWN + "ending IS NULL AND NOT purged AND status IN ('created', 'running') ORDER BY created, id"
_ANY_OPEN = "SELECT 1 FROM runs WHERE ending IS NULL LIMIT 1"
_FINISHED = (
    _SHOWN + "NOT purged AND project = $1 AND entry = $2 AND status = 'finished' ORDER BY created DESC, id LIMIT $3"
)
_EXACT = "SELECT id FROM run_table WHERE name = $1 OR id = $1 ORDER BY created DESC, id"
_NAMED = "SELECT id FROM run_table WHERE name = $1 ORDER BY created DESC, id"
_BEGINS = """
    SELECT id FROM run_table WHERE starts_with(id, $1) OR starts_with(name, $1) ORDER BY created DESC, id LIMIT 20
"""
_COUNTS = "SELECT status, count(*) AS n FROM run_table WHERE NOT archived GROUP BY ALL ORDER BY ALL"
_EDITS = "SELECT ts, type, body FROM edits WHERE subject = $1 AND starts_with(type, 'run.') ORDER BY event"
_BORN = "SELECT born FROM run_table WHERE id = $1"
# What decides which runs are on a page is read of all that fit, everything else of those on it alone.
_FITTING = """
    WITH fit AS MATERIALIZED (
        SELECT spot, created AS begun, id AS run, $keys FROM all_runs WHERE NOT purged AND $where
    )
    SELECT spot, run, (SELECT count(*) FROM fit) AS total
    FROM fit ORDER BY $order LIMIT $limit OFFSET $offset
"""
_PLACE = """
    WITH fit AS MATERIALIZED (SELECT created AS begun, id AS run, $keys FROM all_runs WHERE NOT purged AND $where)
    SELECT place FROM (
        SELECT run, row_number() OVER (ORDER BY $order) - 1 AS place FROM fit
        WHERE EXISTS (SELECT 1 FROM fit WHERE run = $id)  -- nothing is put in order for a run that does not fit
    ) WHERE run = $id
"""
_AT = _SHOWN + "NOT purged AND spot IN (SELECT unnest($1::BIGINT[]))"


def get(catalog: Reader, run_id: str) -> Run | None:
    rows = catalog.rows(_ONE, [run_id])
    return _run(rows[0]) if rows else None


def get_many(catalog: Reader, ids: list[str]) -> list[Run]:
    """The runs that exist among `ids`, in that order."""
    found = {row["id"]: _run(row) for row in catalog.rows(_MANY, [ids])}
    return [found[id] for id in ids if id in found]


def purged(catalog: Reader, ids: list[str]) -> list[Run]:
    """Of `ids` the runs that were purged, as they were; their folders are gone."""
    return [_run(row) for row in catalog.rows(_STONES, [ids])]


def find(catalog: Reader, text: str) -> list[str]:
    """Ids of runs that `text` may mean: an exact id or name alone, else those that begin with it."""
    exact = [row["id"] for row in catalog.rows(_EXACT, [text])]
    return exact or [row["id"] for row in catalog.rows(_BEGINS, [text])]


def named(catalog: Reader, name: str) -> list[str]:
    """Ids of runs with exactly that name."""
    return [row["id"] for row in catalog.rows(_NAMED, [name])]


def active(catalog: Reader) -> list[Run]:
    """Runs without an ending, oldest first."""
    if not catalog.rows(_ANY_OPEN):  # nearly always, and a fifth of the work
        return []
    return [_run(row) for row in catalog.rows(_ACTIVE)]


def finished(catalog: Reader, project: str, entry: str, most: int) -> list[Run]:
    """The last runs of an entry that finished, the latest first."""
    return [_run(row) for row in catalog.rows(_FINISHED, [project, entry, most])]


def counts(catalog: Reader) -> dict[str, int]:
    """How many runs have each status, archived ones left out."""
    return {row["status"]: row["n"] for row in catalog.rows(_COUNTS)}


def history(catalog: Reader, run_id: str) -> list[Edit]:
    """Everything that was edited, oldest first, each with what was there before."""
    born = catalog.rows(_BORN, [run_id])
    now: dict[str, Param | tuple[str, ...]] = {
        "name": born[0]["born"] if born else "", "notes": "", "tags": (), "starred": False, "archived": False,
    }  # fmt: skip
    edits = []
    for row in catalog.rows(_EDITS, [run_id]):
        body = json_object(row["body"])
        if row["type"] == "run.pruned":
            edits.append(Edit(row["ts"], "files", None, f"{body.get('files')} went to the trash, {body.get('batch')}"))
            continue
        what = _EDITED[row["type"]]
        value = body.get("value" if what in ("starred", "archived") else what)
        new = tuple(str(tag) for tag in value) if isinstance(value, list) else value
        edits.append(Edit(row["ts"], what, now[what], new))
        now[what] = new
    return edits


def page(catalog: Reader, query: RunQuery, now: float | None = None) -> Page:
    """One page of the runs that meet all conditions, in the order asked for; runs without the key of the order, or
    with NaN for it, come last. `now` is what relative dates count from, seconds since the epoch.

    Raises UsageError where a parameter or metric is compared with what is no number."""
    compiler = Compiler(catalog, time.time() if now is None else now)
    sql = _filled(_FITTING, compiler, query)
    state = catalog.state
    found = catalog.rows(sql, {**compiler.parameters, "limit": query.limit, "offset": query.offset})
    if not found and query.offset:
        return Page((), page(catalog, replace(query, limit=1, offset=0), now).total)
    return Page(tuple(_at(catalog, state, found)), found[0]["total"] if found else 0)


def place(catalog: Reader, query: RunQuery, run_id: str) -> int | None:
    """Where a run stands, from 0, among all that fit `query`; None where it does not fit."""
    compiler = Compiler(catalog, time.time())
    sql = _filled(_PLACE, compiler, query)
    rows = catalog.rows(sql, {**compiler.parameters, "id": run_id})
    return rows[0]["place"] if rows else None


def _filled(sql: str, compiler: Compiler, query: RunQuery) -> str:
    """A statement with what `query` asks for, and in which order."""
    keys = compiler.order(query.orders)
    parts = {
        "$where": compiler.where(query),
        "$keys": ", ".join(f"{key} AS key{at}" for at, (key, _) in enumerate(keys)),
        "$order": ", ".join((*(f"key{at} {way}" for at, (_, way) in enumerate(keys)), "begun DESC", "run")),
    }
    for slot, text in parts.items():
        sql = sql.replace(slot, text)
    return sql


def _at(catalog: Reader, state: tuple[int, int], places: list[dict[str, Any]]) -> list[Run]:
    """The runs at these places of the table, as many of them as there are still. Those that were read since the index
    has last changed are not read again: whoever types a filter asks for much the same with every key."""
    known: dict[str, Run] = catalog.recent_runs.get(state, [place["run"] for place in places])
    missing = {place["run"]: place["spot"] for place in places if place["run"] not in known}
    if missing:
        read = [_run(row) for row in catalog.rows(_AT, [list(missing.values())])]
        fresh = {run.id: run for run in read if run.id in missing}
        if moved := [id for id in missing if id not in fresh]:
            fresh |= {run.id: run for run in get_many(catalog, moved)}
        catalog.recent_runs.put(state, fresh)
        known |= fresh
    return [known[place["run"]] for place in places if place["run"] in known]


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
        queued=bool(row["queued"]),
        stop_requested=row["stop_requested"] is not None,
        stop_reason=row["stop_reason"] or "",
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
        starred=row["starred"],
        archived=row["archived"],
        peak_memory=row["peak_memory"],
        cpu_time=row["cpu_time"],
        guards=tuple(row["fired"] or ()),
        badge=_badge(row["badge"]),
        badge_note=row["badge_note"] or "",
        reproduces=row["reproduces"] or "",
        swapped=row["swapped"] or "",
    )


def _badge(text: str) -> Badge:
    """What a later version may call otherwise is none that this one knows."""
    try:
        return Badge(text)
    except ValueError:
        return Badge.NONE
