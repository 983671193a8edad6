"""What the noun modules need of the index: rows for a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from lab.catalog.recent import Recent


class Reader(Protocol):
    """See `lab.catalog.connection.Catalog`."""

    recent_runs: Recent[Any]

    @property
    def state(self) -> tuple[int, int]: ...

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[dict[str, Any]]: ...
