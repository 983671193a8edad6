"""Raw SQL over what the lab knows of runs, with no way to anything else.

The documented tables are copied into a file of their own, which another process opens read-only with DuckDB's access to
files, network and settings locked. It is killed when the time is up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.catalog.reader import Reader
from lab.dataclass import dataclass
from lab.errors import LabError, UsageError

#: Tables and their columns, as the documentation lists them.
TABLES = {
    "runs": (
        "id name project entry status cause exit_code engine params metrics datasets tags notes seed sweep code image "
        "memory created started ended duration starred archived badge reproduces peak_memory cpu_time"
    ).split(),
    "params": ["run", "name", "value", "number"],
    "metrics": ["run", "name", "last", "min", "max", "mean", "count", "step"],
    "tags": ["run", "tag"],
}

_COPIES = (
    """
    CREATE TABLE $db.runs AS SELECT id, name, project, entry, status, cause, exit_code, engine, params, metrics,
        datasets, coalesce(from_json(tags, '["VARCHAR"]'), []) AS tags, coalesce(notes, '') AS notes, seed, sweep, code,
        image, memory, make_timestamp((created * 1e6)::BIGINT) AS created,
        make_timestamp((started * 1e6)::BIGINT) AS started, make_timestamp((ended * 1e6)::BIGINT) AS ended,
        duration, starred, archived, badge, coalesce(reproduces, '') AS reproduces, peak_memory, cpu_time
    FROM run_table
    """,
    """
    CREATE TABLE $db.params AS
    SELECT id AS run, unnest(param_keys) AS name, unnest(param_values) AS value, unnest(param_numbers) AS number
    FROM run_table
    """,
    """
    CREATE TABLE $db.metrics AS
    SELECT run, name, TRY_CAST(m->>'last' AS DOUBLE) AS last, TRY_CAST(m->>'min' AS DOUBLE) AS min,
        TRY_CAST(m->>'max' AS DOUBLE) AS max, TRY_CAST(m->>'mean' AS DOUBLE) AS mean,
        TRY_CAST(m->>'count' AS BIGINT) AS count, TRY_CAST(m->>'step' AS DOUBLE) AS step
    FROM (SELECT id AS run, unnest(metric_keys) AS name, unnest(json_extract(metrics, '$.*')) AS m FROM run_table)
    """,
    """
    CREATE TABLE $db.tags AS SELECT id AS run, unnest(from_json(tags, '["VARCHAR"]')) AS tag FROM run_table
    """,
    "FORCE CHECKPOINT $db",
)


@dataclass(frozen=True)
class Answer:
    """Rows in the order of `columns`; `cut` tells whether there are more than were asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool


def ask(catalog: Reader, folder: Path, sql: str, limit: int, seconds: float) -> Answer:
    """The answer to one SELECT, at most `limit` rows, within `seconds`; `folder` is where the copy is for that long.

    Raises UsageError for what is no SELECT or fails, LabError when the time is up.
    """
    database = folder / f"sql.{os.getpid()}-{os.urandom(4).hex()}.duckdb"
    try:
        _copy(catalog, database)
        told = _child({"database": str(database), "sql": sql, "limit": limit}, seconds)
    finally:
        database.unlink(missing_ok=True)
    if "error" in told:
        raise UsageError(f"the SQL was refused: {told['error']}", f"ask one SELECT of {', '.join(TABLES)}")
    return Answer(tuple(told["columns"]), tuple(tuple(row) for row in told["rows"]), told["cut"])


def _copy(catalog: Reader, database: Path) -> None:
    name = "sql_" + database.stem.rpartition("-")[2]
    catalog.rows("ATTACH '" + str(database).replace("'", "''") + "' AS " + name)
    try:
        for sql in _COPIES:
            catalog.rows(sql.replace("$db", name))
    finally:
        catalog.rows("DETACH " + name)


def _child(asked: dict[str, object], seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "lab.catalog.sandbox"]
    path = os.pathsep.join((str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")))
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"the SQL took more than {seconds:g} s and was ended", "--timeout gives it longer") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or "").strip().splitlines()[-1:] or [f"exit {error.returncode}"]
        raise LabError(f"the SQL could not be carried out: {reason[0]}", "ask for less at once") from error
    told: dict[str, Any] = json.loads(done.stdout)
    return told
