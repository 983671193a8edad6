"""A `dvc.yaml` read as a project of Lab's: its stages are entry points, with their commands, parameters and data.

The format is DVC's (dvc/schema.py, dvc/parsing). Parameters stand in files, `params.yaml` by default, and get there
again in the run's own copy; `${name}` in a command is a value of theirs. Data is what DVC tracks or other stages make,
since neither is part of a snapshot of the code.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.domain.commands import Part, ShellCommand
from lab.domain.runs import Param
from lab.domain.text import clean
from lab.errors import LabError, SettingsError
from lab.settings import plain_yaml
from lab.settings.foreign import ForeignEntry, ForeignProject, inside, plain, read

FILE = "dvc.yaml"
PARAMS = "params.yaml"

_NAME = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_.\[\]-]*)\s*\}")
_PARAMS_MAX = 5_000


@dataclass
class _Project:
    """The folder, its files of parameters as they are read, and which paths are data."""

    root: Path
    made: frozenset[str] = frozenset()  # outs of any stage
    files: dict[str, Mapping[str, Param]] = field(default_factory=dict)

    def params(self, file: str) -> Mapping[str, Param]:
        """The values in a file by dotted name; none for one that is not there."""
        if file not in self.files:
            self.files[file] = _params(self.root, file)
        return self.files[file]

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
    made = frozenset(_place(stage, path) for stage in stages.values() for path, _ in _outs(stage))
    project = _Project(root, made)
    entries = {
        name: entry for stage, value in stages.items() for name, entry in _stage(project, stage, value, told).items()
    }
    return ForeignProject(name="", file=root / FILE, entries=entries)


def _stage(project: _Project, name: str, told: Any, whole: Mapping[str, Any]) -> dict[str, ForeignEntry]:
    """One entry, or one for each item of a stage that is written once for many."""
    if not isinstance(told, dict):
        raise SettingsError(f"{FILE}: stage {clean(name, 60)} is not a mapping", "write its cmd, deps and outs")
    items = told.get("foreach")
    if items is None:
        return {name: _entry(project, name, told, whole, {})}
    inner = told.get("do")
    if not isinstance(inner, dict) or not isinstance(items, list | dict):
        return {}  # made of other values: DVC alone knows
    named = items.items() if isinstance(items, dict) else ((item, item) for item in items if isinstance(item, str))
    found = {}
    for key, item in named:
        values = {"key": key, **{f"item{dot}": value for dot, value in _flat(item, "").items()}}
        found[f"{name}@{key}"] = _entry(project, name, inner, whole, values)
    return found


def _entry(
    project: _Project, name: str, told: Mapping[str, Any], whole: Mapping[str, Any], given: Mapping[str, str]
) -> ForeignEntry:
    command = told.get("cmd")
    lines = command if isinstance(command, list) else [command]
    if not lines or not all(isinstance(line, str) and line.strip() for line in lines):
        raise SettingsError(f"{FILE}: stage {clean(name, 60)} has no cmd", "write cmd: python train.py")
    workdir = inside(str(told.get("wdir") or ""))
    files = dict(_tracked(project, told, workdir))
    known = {**_vars(whole), **given}
    default = _join(workdir, PARAMS) if (project.root / workdir / PARAMS).is_file() else PARAMS
    parts: list[Part] = [Part(_folders(told, workdir))]
    for number, line in enumerate(lines):
        parts += [Part(" && " if number else ""), *_parts(name, line, known, project.params(default), default, files)]
    params = {key: project.params(file)[key] for key, file in files.items()}
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


def _parts(
    stage: str,
    line: str,
    known: Mapping[str, str],
    params: Mapping[str, Param],
    file: str,
    files: dict[str, str],
) -> Iterator[Part]:
    """A command with its references; parameters that it names are added to `files`."""
    end = 0
    for match in _NAME.finditer(line):
        yield Part(line[end : match.start()])
        name = re.sub(r"\[(\w+)\]", r".\1", match[1])
        if name in known:
            yield Part(shlex.quote(known[name]))
        elif name in params:
            files[name] = file
            yield Part(name, param=True)
        else:
            raise SettingsError(
                f"{FILE}: stage {clean(stage, 60)}: ${{{clean(name, 60)}}} is neither in {file} nor in vars",
                "add it there",
            )
        end = match.end()
    yield Part(line[end:])


def _folders(told: Mapping[str, Any], workdir: str) -> str:
    """What makes the folders that outputs go to, as DVC does before a stage."""
    depth = "../" * len(workdir.split("/")) if workdir else ""
    folders = {_place(told, path).rpartition("/")[0] for path, _ in _outs(told)} - {""}
    return f"mkdir -p {' '.join(shlex.quote(depth + folder) for folder in sorted(folders))} && " if folders else ""


def _outs(told: Any) -> Iterator[tuple[str, str]]:
    """(path, kind) of what a stage makes; each is written as a path, or as a path with settings."""
    stage = told.get("do", told) if isinstance(told, dict) else {}
    for kind in ("outs", "metrics", "plots"):
        listed = stage.get(kind) if isinstance(stage, dict) else None
        for item in listed if isinstance(listed, list) else ():
            yield (item if isinstance(item, str) else next(iter(item), "") if isinstance(item, dict) else ""), kind


def _place(told: Any, path: str) -> str:
    """A path of a stage, from the root of the project; "" for one outside."""
    workdir = str(told.get("wdir") or "") if isinstance(told, dict) else ""
    return "" if path.startswith("/") or "${" in path or "://" in path else inside(_join(workdir, path))


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


def _vars(told: Mapping[str, Any]) -> dict[str, str]:
    """Values that stand in dvc.yaml itself."""
    listed = told.get("vars")
    found: dict[str, str] = {}
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict):
            found |= {name[1:]: value for name, value in _flat(item, "").items()}
    return found


def _params(root: Path, file: str) -> Mapping[str, Param]:
    data = read(root / file)
    if data is None:
        return {}
    told: Any
    if file.endswith(".json"):
        told = _document(file, lambda: json.loads(data))
    elif file.endswith(".toml"):
        told = _document(file, lambda: tomllib.loads(data.decode()))
    elif file.endswith((".yaml", ".yml")):
        return {name[1:]: plain(text) for name, text in _flat(_parse(data, file), "").items()}
    else:
        return {}
    return {name[1:]: value for name, value in _flat(told, "").items() if isinstance(value, str | int | float | bool)}


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
        return plain_yaml.parse(data, name)
    except LabError as error:
        raise SettingsError(error.message, error.hint) from error
