"""What the screens remember from one start to the next: the last screen, filters, order, columns, marks, sizes of
panes, chosen metrics; and, for all projects alike, the theme and the lines of the command line.

One small JSON file in the lab home. It is a convenience: when it cannot be read or written, the app goes on.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

#: Commands kept in the history of the command line.
HISTORY = 100
#: Projects that are remembered, those used last.
_PROJECTS = 50
#: Sections that all projects share.
_SHARED = ("app", "command")
_EVERY = "projects"


def project_of(folder: Path) -> str:
    """What tells projects apart here: the nearest folder with a `lab.toml`, else `folder` itself."""
    folder = folder.absolute()
    return str(next((one for one in (folder, *folder.parents) if (one / "lab.toml").is_file()), folder))


class ViewState:
    """A JSON object per screen of one project, read once and written when it has changed. What other processes have
    written meanwhile of other projects stays."""

    def __init__(self, path: Path, project: str = "") -> None:
        self._path = path
        self._project = project
        data = _read(path)
        self._shared = {key: _dict(data.get(key)) for key in _SHARED}
        self._own = _dict(_dict(data.get(_EVERY)).get(project))
        self._changed = False

    def get(self, section: str, key: str, default: Any = None) -> Any:
        """What was put, if it is of the type of `default` (where that is not None)."""
        value = _dict(self._home_of(section).get(section)).get(key)
        if value is None or (default is not None and type(value) is not type(default)):
            return default
        return value

    def put(self, section: str, key: str, value: Any) -> None:
        """Remember a JSON value."""
        home = self._home_of(section)
        part = home.get(section)
        if not isinstance(part, dict):
            part = home[section] = {}
        if part.get(key) != value:
            part[key] = value
            self._changed = True

    def _home_of(self, section: str) -> dict[str, Any]:
        return self._shared if section in _SHARED else self._own

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
        projects = _dict(_read(self._path).get(_EVERY))
        projects.pop(self._project, None)
        projects = dict([*projects.items(), (self._project, self._own)][-_PROJECTS:])
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        try:
            fresh.write_text(json.dumps({**self._shared, _EVERY: projects}, indent=1), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            return f"the view could not be saved to {self._path}: {error.strerror}"
        self._changed = False
        return ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return _dict(data)
