"""What a remote says of a dataset version: one small JSON file at `refs/<project>/<dataset>/v<number>.json`.

It is written once and never changed, so it holds what never changes of a version; tags and notes stay at home.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from lab.domain.datasets import Column, DatasetVersion
from lab.domain.names import check_name
from lab.errors import UsageError

#: Bytes that a ref can have.
LARGEST = 4 << 20

_FORM = 1
_KEY = re.compile(r"refs/[^/]+/[^/]+/v[1-9][0-9]{0,8}\.json")
_ID = re.compile(r"b3:[0-9a-f]{64}")
_COUNT_MAX = 1 << 60
_COLUMNS_MAX = 10_000
_TEXT_MAX = 10_000  # characters of a message or name
_ORIGINS_MAX = 20


def key(version: DatasetVersion) -> str:
    """Where the ref of a version is. Raises UsageError for a project or dataset that cannot be called so."""
    check_name("project", version.project)
    check_name("dataset", version.dataset)
    return f"refs/{version.project}/{version.dataset}/v{version.number}.json"


def encode(version: DatasetVersion) -> bytes:
    facts = {
        "format": _FORM,
        "id": version.id,
        "project": version.project,
        "dataset": version.dataset,
        "number": version.number,
        "created": version.created,
        "files": version.files,
        "bytes": version.bytes,
        "rows": version.rows,
        "columns": [{"name": column.name, "type": column.type} for column in version.columns],
        "message": version.message,
        "auto": version.auto,
        "origin": dict(version.origin),
    }
    return json.dumps(facts, allow_nan=False, indent=1).encode()


def decode(name: str, data: bytes) -> DatasetVersion | None:
    """The version that the ref called `name` tells; None for anything not in the right form, or not in its place."""
    if not _KEY.fullmatch(name):
        return None
    try:
        version = _version(json.loads(data))
        return version if _ID.fullmatch(version.id) and key(version) == name else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, UsageError):
        return None


def _version(facts: Any) -> DatasetVersion:
    if facts["format"] != _FORM:
        raise ValueError("a format that is not known")
    return DatasetVersion(
        id=_text(facts["id"]),
        dataset=_text(facts["dataset"]),
        project=_text(facts["project"]),
        number=_count(facts["number"]),
        created=_time(facts["created"]),
        files=_count(facts["files"]),
        bytes=_count(facts["bytes"]),
        rows=None if facts.get("rows") is None else _count(facts["rows"]),
        columns=_columns(facts.get("columns", [])),
        message=_text(facts.get("message", "")),
        auto=facts.get("auto") is True,
        origin=_origin(facts.get("origin", {})),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_MAX:
        raise TypeError("not a text")
    value.encode()  # raises ValueError for lone surrogates
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _COUNT_MAX:
        raise TypeError("not a count")
    return value


def _time(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e11 or math.isnan(value):
        raise TypeError("not a time")
    return float(value)


def _columns(value: object) -> tuple[Column, ...]:
    if not isinstance(value, list) or len(value) > _COLUMNS_MAX:
        raise TypeError("not a list of columns")
    return tuple(Column(_text(column["name"]), _text(column["type"])) for column in value)


def _origin(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > _ORIGINS_MAX:
        raise TypeError("not an origin")
    return {_text(name): _text(text) for name, text in value.items()}
