"""An `MLproject` read as a project of Lab's: its entry points with their commands and parameters, and its environment.

The format is MLflow's (mlflow/projects/_project_spec.py): commands are shell text with `{parameter}` in it, a parameter
may have a type and a default, and one that a command does not name is passed as `--name value`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.domain.commands import Part, ShellCommand
from lab.domain.runs import Param
from lab.domain.text import clean
from lab.errors import LabError, SettingsError
from lab.settings import plain_yaml
from lab.settings.foreign import ForeignEntry, ForeignProject, inside, plain, read

FILE = "MLproject"

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_TYPES = ("float", "path", "string", "uri")


def load(root: Path) -> ForeignProject | None:
    """The project in `root`; None if there is no MLproject. Raises SettingsError for one that makes no sense."""
    data = read(root / FILE)
    if data is None:
        return None
    try:
        told = plain_yaml.parse(data, FILE)
    except LabError as error:
        raise SettingsError(error.message, error.hint) from error
    if not isinstance(told, dict):
        raise SettingsError(f"{FILE} holds no mapping", "write its name and entry_points")
    points = told.get("entry_points") or {}
    if not isinstance(points, dict):
        raise SettingsError(f"{FILE}: entry_points is not a mapping", "write a name, then command and parameters")
    docker = told.get("docker_env")
    return ForeignProject(
        name=str(told.get("name") or ""),
        file=root / FILE,
        entries={name: _entry(name, value) for name, value in points.items()},
        base=str(docker.get("image") or "") if isinstance(docker, dict) else "",
        requirements=inside(str(told.get("python_env") or told.get("conda_env") or "")),
    )


def _entry(name: str, told: Any) -> ForeignEntry:
    if not isinstance(told, dict) or not isinstance(told.get("command"), str) or not told["command"].strip():
        raise SettingsError(f"{FILE}: entry point {clean(name, 60)} has no command", 'write command: "python train.py"')
    params: dict[str, Param] = {}
    types: dict[str, str] = {}
    parameters = told.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise SettingsError(f"{FILE}: entry point {clean(name, 60)}: parameters is not a mapping")
    for key, value in parameters.items():
        kind, default = _parameter(value)
        types[key] = kind
        if default is not None:
            params[key] = _typed(default, kind)
    parts = _parts(told["command"], types)
    return ForeignEntry(ShellCommand(parts, types, options=True), params)


def _parameter(value: Any) -> tuple[str, str | None]:
    """(type, default) of `float`, `{type: float, default: 0.1}` or a bare default."""
    if isinstance(value, dict):
        default = value.get("default")
        return str(value.get("type") or "string"), None if default is None else str(default)
    if isinstance(value, str) and value not in _TYPES and value:
        return "string", value
    return (value or "string") if isinstance(value, str) else "string", None


def _typed(text: str, kind: str) -> Param:
    """A default as a parameter of Lab's: numbers are numbers whatever their type says, so that they can be compared."""
    return plain(text) if kind in ("float", "string") else text


def _parts(command: str, known: Mapping[str, str]) -> tuple[Part, ...]:
    parts: list[Part] = []
    end = 0
    for match in _NAME.finditer(command):
        if match[1] in known:
            parts += [Part(command[end : match.start()]), Part(match[1], param=True)]
            end = match.end()
    return (*parts, Part(command[end:]))
