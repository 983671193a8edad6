"""`[retention]` of a `lab.toml`: which runs are kept whole."""

from __future__ import annotations

from typing import Any

from lab.domain.expectations import parse_duration
from lab.domain.retention import CHECKPOINTS, RUNS, Policy
from lab.errors import UsageError
from lab.settings.schema import BOOLEAN, STRINGS, Table, Value, Wrong, check_count, describe, one_of


def _age(raw: Any) -> float:
    if not isinstance(raw, str):
        raise Wrong(describe(raw))
    try:
        return parse_duration(raw)
    except UsageError as error:
        raise Wrong(describe(raw), error.hint) from error


_COUNT = Value("a number from 1 up", lambda raw: check_count(raw, 1))

RETENTION = Table(
    {
        "best": Table(each=_COUNT),
        "last": _COUNT,
        "younger": Value('an age such as "14d"', _age),
        "tagged": BOOLEAN,
        "starred": BOOLEAN,
        "drop": one_of(CHECKPOINTS, RUNS),
        "checkpoints": STRINGS,
    },
    build=lambda table: Policy(**table),
)
