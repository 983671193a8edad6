"""`[[entries.NAME.guards]]`: conditions on a run that goes on."""

from __future__ import annotations

from typing import Any

from lab.domain.guard_language import parse_guard
from lab.domain.guards import DOES, Guard
from lab.domain.names import check_name
from lab.domain.query_tree import QueryError
from lab.errors import UsageError
from lab.settings.schema import Table, Value, Wrong, describe, one_of


def _when(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise Wrong(describe(raw))
    text = " ".join(raw.split())
    try:
        parse_guard(text)
    except QueryError as error:
        raise Wrong(f"cannot be understood: {error.message}\n{error.detail}", error.hint, plain=True) from error
    return text


def _name(raw: Any) -> str:
    if not isinstance(raw, str):
        raise Wrong(describe(raw))
    try:
        return check_name("guard", raw)
    except UsageError as error:
        raise Wrong(describe(raw), error.hint) from error


def _build(table: dict[str, Any]) -> Guard:
    return Guard(table.get("name", ""), table["when"], table.get("do", "notify"))


GUARD = Table(
    {
        "name": Value("a name", _name),
        "when": Value('a condition such as "isnan(loss)"', _when, required=True),
        "do": one_of(*DOES),
    },
    build=_build,
)
