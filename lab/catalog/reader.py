"""What the noun modules need of the index: rows for a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Reader(Protocol):
    """See `lab.catalog.connection.Catalog.rows`."""

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[dict[str, Any]]: ...
