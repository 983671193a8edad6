"""A `dvc.yaml` read as a project of Lab's: its stages are entry points, with their commands, parameters and data.

The format is DVC's (dvc/schema.py). Parameters stand in files, `params.yaml` by default, and get there again in the
run's own copy; `${name}` in a command is a value of theirs. Data is what DVC tracks or other stages make, since neither
is part of a snapshot of the code.
"""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.domain.commands import Part, ShellCommand
from lab.domain.runs import Param
from lab.domain.text import clean
from lab.errors import LabError, SettingsError
from lab.settings import dvc_templates as templates
from lab.settings import plain_yaml
from lab.settings.dvc_templates import Scope, TemplateError, within
from lab.settings.foreign import ForeignEntry, ForeignProject, inside, plain, read

FILE = "dvc.yaml"
PARAMS = "params.yaml"

_PARAMS_MAX = 5_000


@dataclass
class _Project:
    """The folder, its files of parameters as they are read, and which paths are data."""

    root: Path
    made: frozenset[str] = frozenset()  # outs of any stage
    documents: dict[str, Any] = field(default_factory=dict)

    def document(self, file: str) -> Any:
        """What is in a file of parameters; None for one that is not there."""
        if file not in self.documents:
            self.documents[file] = _load(self.root, file)
        return self.documents[file]

    def params(self, file: str) -> Mapping[str, Param]:
        """The values in a file by dotted name; none for one that is not there."""
        values = _flat(self.document(file), "").items()
        return {name[1:]: value for name, value in values if isinstance(value, str | int | float | bool | None)}

    def is_data(self, path: str) -> bool:
        return path in self.made or (self.root / f"{path}.dvc").is_file()


def load(root: Path) -> ForeignProject | None:
    """The project in `root`; None if there is no dvc.yaml. Raises SettingsError for one that makes no sense."""
    data = read(root / FILE)
    if data is None:
        return None
    told = _parse(data, FILE)
    stages = told.get("stages") or {} if isinstance(told, dict) else None
    if not isinstance(stages, dict):
        raise SettingsError(f"{FILE} holds no stages", "write them below 'stages:'")
    try:
        entries = _entries(_Project(root), stages, told)
    except TemplateError as error:
        line = plain_yaml.line(data, error.keys)
        keys = ".".join(clean(key, 60) for key in error.keys)
        raise SettingsError(f"{FILE}:{line}: {keys}: {error}", error.hint) from error
    return ForeignProject(name="", file=root / FILE, entries=entries)


def _entries(project: _Project, stages: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, ForeignEntry]:
    document = project.document(PARAMS)
    scope = Scope().with_vars([PARAMS], project.document, "") if isinstance(document, dict) else Scope()
    with within("vars"):
        scope = scope.with_vars(told.get("vars"), project.document, "")
    found = [_Stage.of(project, *stage) for stage in templates.stages(stages, scope)]
    project.made = frozenset(_place(stage.told, path) for stage in found for path, _ in _outs(stage.told))
    return {stage.name: _entry(project, stage) for stage in found}


@dataclass(frozen=True)
class _Stage:
    """One stage: its name, its commands as they are written, and all else with its references replaced."""

    name: str
    lines: tuple[str, ...]
    told: Mapping[str, Any]
    scope: Scope

    @classmethod
    def of(cls, project: _Project, name: str, told: Mapping[str, Any], scope: Scope) -> _Stage:
        with within("stages", name.partition("@")[0]):
            with within("wdir"):
                workdir = inside(str(templates.resolved(told.get("wdir") or "", scope)))
            with within("vars"):
                scope = scope.with_vars(told.get("vars"), project.document, workdir)
            rest: dict[str, Any] = {}
            for key in told.keys() - {"cmd", "vars", "desc", "meta"}:
                with within(key):
                    rest[key] = templates.resolved(told[key], scope)
            command = told.get("cmd")
            lines = tuple(command) if isinstance(command, list) else (command,)
            if not lines or not all(isinstance(line, str) and line.strip() for line in lines):
                raise TemplateError(f"stage {clean(name, 60)} has no cmd")
        return cls(name, lines, rest, scope)


def _entry(project: _Project, stage: _Stage) -> ForeignEntry:
    told = stage.told
    workdir = inside(str(told.get("wdir") or ""))
    files = dict(_tracked(project, told, workdir))
    parts: list[Part] = [Part(_folders(told, workdir))]
    with within("stages", stage.name.partition("@")[0], "cmd"):
        for number, line in enumerate(stage.lines):
            parts += [Part(" && " if number else ""), *templates.command(line, stage.scope)]
    files |= {part.text: stage.scope.files[part.text] for part in parts if part.param}
    params = {key: known[key] for key, file in files.items() if key in (known := project.params(file))}
    listed = told.get("deps")
    deps = [_place(told, dep) for dep in listed if isinstance(dep, str)] if isinstance(listed, list) else []
    return ForeignEntry(
        command=ShellCommand(tuple(part for part in parts if part.text), known=tuple(params)),
        params=params,
        files=files,
        datasets=tuple(dict.fromkeys(path for path in deps if path and project.is_data(path))),
        metrics=tuple(path for path, kind in _outs(told) if kind == "metrics" for path in [_place(told, path)] if path),
        workdir=workdir,
    )


def _folders(told: Mapping[str, Any], workdir: str) -> str:
    """What makes the folders that outputs go to, as DVC does before a stage."""
    depth = "../" * len(workdir.split("/")) if workdir else ""
    folders = {_place(told, path).rpartition("/")[0] for path, _ in _outs(told)} - {""}
    return f"mkdir -p {' '.join(shlex.quote(depth + folder) for folder in sorted(folders))} && " if folders else ""


def _outs(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, kind) of what a stage makes; each is written as a path, or as a path with settings."""
    for kind in ("outs", "metrics", "plots"):
        listed = told.get(kind)
        for item in listed if isinstance(listed, list) else ():
            path = next(iter(item), "") if isinstance(item, dict) else item
            yield "" if path is None else str(path), kind


def _place(told: Mapping[str, Any], path: str) -> str:
    """A path of a stage, from the root of the project; "" for one outside."""
    workdir = str(told.get("wdir") or "")
    return "" if path.startswith("/") or "://" in path else inside(_join(workdir, path))


def _join(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _tracked(project: _Project, told: Mapping[str, Any], workdir: str) -> Iterator[tuple[str, str]]:
    """(parameter, file) of what a stage says that it depends on."""
    listed = told.get("params")
    for item in listed if isinstance(listed, list) else ():
        wanted = item.items() if isinstance(item, dict) else [(PARAMS, [item])] if isinstance(item, str) else []
        for file, keys in wanted:
            path = inside(_join(workdir, str(file)))
            known = project.params(path) if path else {}
            for name in known:
                if not keys or any(name == key or name.startswith(f"{key}.") for key in keys):
                    yield name, path


def _load(root: Path, file: str) -> Any:
    if not inside(file):
        return None
    data = read(root / file)
    if data is None:
        return None
    if file.endswith(".json"):
        return _document(file, lambda: json.loads(data))
    if file.endswith(".toml"):
        return _document(file, lambda: tomllib.loads(data.decode()))
    return _parse(data, file) if file.endswith((".yaml", ".yml")) else None


def _document(file: str, load: Any) -> Any:
    try:
        return load()
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{clean(file)} cannot be read: {clean(str(error), 120)}", "mend the file") from error


def _flat(value: Any, prefix: str) -> dict[str, Any]:
    """`.dotted.name` to value; lists are left out, since a parameter is one value."""
    if not isinstance(value, dict):
        return {} if isinstance(value, list) or (value is None and not prefix) else {prefix: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        if len(found) >= _PARAMS_MAX:
            break
        found |= _flat(item, f"{prefix}.{key}")
    return found


def _parse(data: bytes, name: str) -> Any:
    try:
        return plain_yaml.parse(data, name, scalar=lambda text, quoted: text if quoted else plain(text))
    except LabError as error:
        raise SettingsError(error.message, error.hint) from error
