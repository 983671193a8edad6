"""What the screens remember from one start to the next: filters, order, chosen metrics, command history, theme.

One small JSON file in the lab home. It is a convenience: when it cannot be read or written, the app goes on.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

#: Commands kept in the history of the command line.
HISTORY = 100


class ViewState:
    """A JSON object per screen, read once and written when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = _read(path)
        self._changed = False

    def get(self, section: str, key: str, default: Any = None) -> Any:
        """What was put, if it is of the type of `default` (where that is not None)."""
        part = self._data.get(section)
        value = part.get(key) if isinstance(part, dict) else None
        if value is None or (default is not None and type(value) is not type(default)):
            return default
        return value

    def put(self, section: str, key: str, value: Any) -> None:
        """Remember a JSON value."""
        part = self._data.get(section)
        if not isinstance(part, dict):
            part = self._data[section] = {}
        if part.get(key) != value:
            part[key] = value
            self._changed = True

    @property
    def history(self) -> list[str]:
        """Lines of the command line, oldest first."""
        return [line for line in self.get("command", "history", []) if isinstance(line, str)]

    def remember_command(self, line: str) -> None:
        lines = [other for other in self.history if other != line]
        self.put("command", "history", [*lines, line][-HISTORY:])

    def save(self) -> str:
        """Write what has changed. Returns a sentence when that failed, "" otherwise."""
        if not self._changed or not self._path.parent.is_dir():
            return ""
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        try:
            fresh.write_text(json.dumps(self._data, ensure_ascii=True, indent=1), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            return f"the view could not be saved to {self._path}: {error.strerror}"
        self._changed = False
        return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
