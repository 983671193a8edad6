"""One SELECT of a user's, in a process of its own: `python -m lab.catalog.sandbox`.

Reads {"database", "sql", "limit"} as JSON from stdin, writes {"columns", "rows", "cut"} or {"error"} to stdout. The
process sees one read-only database and no other file, may write none, and is killed by its parent when its time is up.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lab.catalog.driver import duckdb
from lab.domain.numbers import jsonable

#: Seconds of processor time after which the system ends the process, should its parent be gone.
_MOST_CPU = 120
#: An answer of more bytes than this is refused.
_MOST_OUTPUT = 64 * 1024 * 1024

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "access_mode": "READ_ONLY",
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "threads": 2,
    "memory_limit": "512MB",
    "temp_directory": "",
}


def answer(database: str, sql: str, limit: int) -> dict[str, Any]:
    """The rows of one SELECT, at most `limit`; `cut` tells whether there are more. `error` instead where it fails."""
    try:
        with duckdb.connect(database, config=_CONFIG) as con:
            con.execute("SET lock_configuration = true")
            statements = con.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                return {"error": "only one SELECT can be asked"}
            con.execute(statements[0])
            names = [column[0] for column in con.description or ()]
            rows = con.fetchmany(limit + 1)
    except duckdb.Error as error:
        return {"error": _reason(error)}
    return {"columns": names, "rows": [[plain(cell) for cell in row] for row in rows[:limit]], "cut": len(rows) > limit}


def _reason(error: duckdb.Error) -> str:
    """What is wrong and where; not DuckDB's advice on settings that are locked here."""
    lines = str(error).strip().split("\n")
    spoken = isinstance(error, duckdb.ProgrammingError)
    return "\n".join(lines[:8]).rstrip() if spoken else lines[0]


def plain(value: object) -> Any:
    """A cell as JSON can hold it; times in RFC 3339, durations in seconds, bytes in hexadecimal."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.hex() if isinstance(value, bytes) else str(value)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU, _MOST_CPU))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    asked = json.load(sys.stdin)
    text = json.dumps(jsonable(answer(asked["database"], asked["sql"], asked["limit"])))
    if len(text) > _MOST_OUTPUT:
        text = json.dumps({"error": "the answer is too large: ask for fewer columns or rows"})
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
