"""Things read from the index of late, by id, as long as it has taken in nothing new: who types a filter asks for much
the same with every key.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

#: So many are kept, which is some pages.
_MOST = 1000


class Recent(Generic[T]):
    """Things of one state of the index. Safe to use from any thread."""

    def __init__(self) -> None:
        self._state: Hashable = None
        self._known: dict[str, T] = {}
        self._lock = threading.Lock()

    def get(self, state: Hashable, ids: Iterable[str]) -> dict[str, T]:
        """Those of `ids` that were read in this state."""
        with self._lock:
            return {id: self._known[id] for id in ids if id in self._known} if state == self._state else {}

    def put(self, state: Hashable, things: Mapping[str, T]) -> None:
        """Keep what was read. `state` is what it was before, so that nothing kept is older than it."""
        with self._lock:
            if state != self._state:
                self._state, self._known = state, {}
            self._known |= things
            for id in list(self._known)[:-_MOST]:
                del self._known[id]
