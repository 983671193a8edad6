"""`[metrics]` and `[entries.X.metrics]`: which metrics are collected without the script's help."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from lab.domain.collecting import Collecting
from lab.settings.schema import BOOLEAN, STRINGS, Table, Value, Wrong, describe

_LONGEST, _MOST = 500, 50


def _patterns(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list) or len(raw) > _MOST:
        raise Wrong(describe(raw))
    for pattern in raw:
        if not isinstance(pattern, str) or len(pattern) > _LONGEST:
            raise Wrong(f"a list with {describe(pattern)}")
        try:
            groups = set(re.compile(pattern).groupindex)
        except (re.error, RecursionError, OverflowError) as error:
            raise Wrong(
                f"holds {describe(pattern)}, which is no regular expression: {error}",
                "in TOML write patterns between single quotes: 'loss (?P<loss>[0-9.]+)'",
                plain=True,
            ) from error
        if not groups - {"step", "key"} or ("key" in groups) > ("value" in groups):
            raise Wrong(
                f"holds {describe(pattern)}, which names no metric",
                "name a group after the metric, as in 'loss (?P<loss>[0-9.]+)', or two of them key and value",
                plain=True,
            )
    return tuple(raw)


METRICS = Table(
    {
        "stdout": BOOLEAN,
        "tools": BOOLEAN,
        "patterns": Value("a list of regular expressions", _patterns),
        "ignore": STRINGS,
    }
)


def collecting(project: dict[str, Any], entry: dict[str, Any]) -> Collecting:
    """The entry's own table on top of the project's."""
    return replace(Collecting(), **{**project, **entry})
