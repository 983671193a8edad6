"""What the index has answered since it last changed, for those who ask the same again and again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

Rows = list[dict[str, Any]]
Question = tuple[str, str]

#: So many answers are remembered, none of more rows than this: what services and screens ask in a rhythm is short.
_MOST, _ROWS = 64, 32
_READS = ("SELECT", "WITH", "FROM")


def question(sql: str, parameters: Sequence[object] | dict[str, object]) -> Question | None:
    """What names a query; None for one with lists, which nobody asks twice, and for what does more than ask."""
    if not sql.lstrip().startswith(_READS):
        return None
    values = parameters.values() if isinstance(parameters, dict) else parameters
    if any(isinstance(value, list | tuple) for value in values):
        return None
    return sql, repr(parameters)  # 1, 1.0 and True are equal but not the same to SQL


class Answers:
    """Answers of one state of the index, which is a number. Safe to use from any thread."""

    def __init__(self) -> None:
        self._state = -1
        self._known: dict[Question, Rows] = {}
        self._lock = threading.Lock()

    def get(self, state: int, asked: Question) -> Rows | None:
        """The rows, the caller's own; None if nobody has asked that in this state."""
        with self._lock:
            found = self._known.get(asked) if state == self._state else None
        return None if found is None else [dict(row) for row in found]

    def put(self, state: int, asked: Question, rows: Rows) -> None:
        """Remember what was answered. `state` is what it was before the question, so that an answer is never older."""
        if len(rows) > _ROWS:
            return
        kept = [dict(row) for row in rows]
        with self._lock:
            if state > self._state:
                self._state = state
                self._known.clear()
            if state == self._state:
                self._known[asked] = kept
                while len(self._known) > _MOST:
                    del self._known[next(iter(self._known))]
