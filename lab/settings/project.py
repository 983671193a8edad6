"""A project's `lab.toml`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, TypeVar

from lab.dataclass import dataclass
from lab.domain.collecting import Collecting
from lab.domain.commands import ShellCommand
from lab.domain.guards import Guard, named
from lab.domain.names import check_name
from lab.domain.resources import Resources
from lab.domain.retention import Policy
from lab.domain.runs import Param
from lab.domain.text import clean
from lab.errors import NotFoundError
from lab.settings.collecting import METRICS, collecting
from lab.settings.data import DATASETS, REMOTES, DatasetSettings, RemoteSettings, is_url
from lab.settings.deploy import DEPLOY, DeploySettings
from lab.settings.guards import GUARD
from lab.settings.retention import RETENTION
from lab.settings.schema import (
    BOOLEAN,
    COMMAND,
    CORES,
    GPUS,
    INSIDE,
    LINE,
    PARAM,
    PROCESSES,
    PROJECT_NAME,
    SIZE,
    STRINGS,
    Document,
    Table,
    Tables,
    check_param,
)

_Named = TypeVar("_Named")

PROJECT_FILE = "lab.toml"
#: Of MLflow and DVC: their projects run as they are.
FOREIGN_FILES = ("MLproject", "dvc.yaml")

_RESOURCES = Table({"cpus": CORES, "memory": SIZE, "gpus": GPUS, "shm": SIZE, "pids": PROCESSES})

SCHEMA = Table(
    {
        "project": Table({"name": PROJECT_NAME}, required=True),
        "datasets": DATASETS,
        "remotes": REMOTES,
        "entries": Table(
            each=Table(
                {
                    "command": COMMAND,
                    "datasets": STRINGS,
                    "workdir": INSIDE,
                    "network": BOOLEAN,
                    "params": Table(each=PARAM, check=check_param),
                    "resources": _RESOURCES,
                    "metrics": METRICS,
                    "guards": Tables(GUARD),
                }
            ),
            check=lambda name: check_name("entry", name),
        ),
        "image": Table({"base": LINE, "requirements": INSIDE, "python": LINE}),
        "resources": _RESOURCES,
        "metrics": METRICS,
        "code": Table({"ignore": STRINGS, "max_file": SIZE, "max_total": SIZE}),
        "retention": RETENTION,
        "deploy": DEPLOY,
    }
)


@dataclass(frozen=True)
class EntrySettings:
    """An entry point. `command` is argv, `workdir` relative to the project ("" for the
    project itself), `resources` and `collecting` the project's with the
    entry's own on top. An entry of another tool's project has its command as `shell`, with parameters in it, and
    `files` says which parameters stand in which file of the project."""

    name: str
    command: tuple[str, ...]
    datasets: tuple[str, ...] = ()
    workdir: str = ""
    network: bool = False
    params: Mapping[str, Param] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    collecting: Collecting = field(default_factory=Collecting)
    guards: tuple[Guard, ...] = ()
    shell: ShellCommand | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageSettings:
    """`base` image, `requirements` file relative to the project, `python` version; "" where not given."""

    base: str = ""
    requirements: str = ""
    python: str = ""


@dataclass(frozen=True)
class CodeSettings:
    """What a code snapshot takes: patterns to leave out, and caps in bytes for one file and for all."""

    ignore: tuple[str, ...] = ()
    max_file: int = 10 * 1024**2
    max_total: int = 200 * 1024**2


@dataclass(frozen=True)
class ProjectSettings:
    """A project; `file` is its `lab.toml` or another tool's, None for a script without one."""

    root: Path
    name: str
    file: Path | None = None
    datasets: Mapping[str, DatasetSettings] = field(default_factory=dict)
    entries: Mapping[str, EntrySettings] = field(default_factory=dict)
    image: ImageSettings = field(default_factory=ImageSettings)
    resources: Resources = field(default_factory=Resources)
    code: CodeSettings = field(default_factory=CodeSettings)
    collecting: Collecting = field(default_factory=Collecting)
    remotes: Mapping[str, RemoteSettings] = field(default_factory=dict)
    retention: Policy = field(default_factory=Policy)
    deploy: DeploySettings = field(default_factory=DeploySettings)

    def entry(self, name: str) -> EntrySettings:
        """Raises NotFoundError with the nearest name."""
        return _find("entry", self.entries, name)

    def dataset(self, name: str) -> DatasetSettings:
        """Raises NotFoundError with the nearest name."""
        return _find("dataset", self.datasets, name)

    def remote(self, name: str) -> RemoteSettings:
        """The remote of that name; a URL is one too, without options. Raises NotFoundError with the nearest name."""
        return RemoteSettings("", name) if is_url(name) else _find("remote", self.remotes, name)


def _find(kind: str, known: Mapping[str, _Named], name: str) -> _Named:
    if name in known:
        return known[name]
    raise NotFoundError(f"no {kind} {clean(repr(name), 80)}", _nearest(name, known, f"{PROJECT_FILE} declares none"))


def _nearest(name: str, known: Iterable[str], none: str) -> str:
    """A hint for a name that is not `known`; `none` where nothing is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}" if names else none


def find_project(start: Path) -> Path | None:
    """The nearest folder with a `lab.toml`, from `start` upwards, else with a project file of another tool; None if
    there is none."""
    folders = (start.absolute(), *start.absolute().parents)
    for names in ((PROJECT_FILE,), FOREIGN_FILES):
        found = next((folder for folder in folders if any((folder / name).is_file() for name in names)), None)
        if found:
            return found
    return None


def is_project(folder: Path) -> bool:
    """Whether `load_project` finds one there."""
    return any((folder / name).is_file() for name in (PROJECT_FILE, *FOREIGN_FILES))


def load_project(folder: Path) -> ProjectSettings:
    """Read `folder/lab.toml`, or an MLproject and a dvc.yaml where there is none. Raises NotFoundError if there is
    nothing of them, SettingsError for all that is wrong with it."""
    root = folder.absolute()
    path = root / PROJECT_FILE
    if not path.exists() and is_project(root):
        return _foreign(root)
    try:
        document = Document(path, SCHEMA)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"no {PROJECT_FILE} in {clean(str(root))}", "make one with: lab init") from error
    data = document.data
    resources = Resources(**data.get("resources", {}))
    datasets = {name: DatasetSettings(name, **table) for name, table in data.get("datasets", {}).items()}
    metrics = data.get("metrics", {})
    entries = {name: _entry(name, table, resources, metrics) for name, table in data.get("entries", {}).items()}
    for entry in entries.values():
        for used in entry.datasets:
            if used not in datasets:
                raise document.error(
                    ("entries", entry.name, "datasets"),
                    f'[entries.{entry.name}] datasets names "{clean(used, 60)}", which is not a dataset of the project',
                    f"the datasets are {', '.join(datasets)}" if datasets else "declare it under [datasets]",
                )
    remotes = {name: RemoteSettings(name, **table) for name, table in data.get("remotes", {}).items()}
    for dataset in datasets.values():
        if dataset.remote and dataset.remote not in remotes and not is_url(dataset.remote):
            raise document.error(
                ("datasets", dataset.name, "remote"),
                f'[datasets.{dataset.name}] remote names "{dataset.remote}", which is not a remote of the project',
                _nearest(dataset.remote, remotes, "declare it under [remotes], or write its URL"),
            )
    return ProjectSettings(
        root=root,
        name=data["project"]["name"],
        file=path,
        datasets=datasets,
        entries=entries,
        image=ImageSettings(**data.get("image", {})),
        resources=resources,
        code=CodeSettings(**data.get("code", {})),
        collecting=collecting(metrics, {}),
        remotes=remotes,
        retention=data.get("retention", Policy()),
        deploy=data.get("deploy", DeploySettings()),
    )


def _foreign(root: Path) -> ProjectSettings:
    """A project of other tools. Where both have an entry of one name, MLflow's counts."""
    from lab.settings import dvc_project, mlproject  # they read YAML, and most projects need none

    found = [one for one in (mlproject.load(root), dvc_project.load(root)) if one is not None]
    told = {name: entry for one in reversed(found) for name, entry in one.entries.items()}
    paths = dict.fromkeys(path for entry in told.values() for path in entry.datasets)
    datasets: dict[str, DatasetSettings] = {}
    for path in paths:
        name = _unique(legal_name(Path(path).stem, "data"), datasets)
        datasets[name] = DatasetSettings(name, path)
    names = {dataset.path: dataset.name for dataset in datasets.values()}
    entries: dict[str, EntrySettings] = {}
    for own, entry in told.items():
        name = _unique(legal_name(own, "main"), entries)
        entries[name] = EntrySettings(
            name,
            ("sh", "-c", entry.command.text),
            datasets=tuple(names[path] for path in entry.datasets),
            workdir=entry.workdir,
            params=entry.params,
            collecting=Collecting(files=entry.metrics),
            shell=entry.command,
            files=entry.files,
        )
    name = next((legal_name(one.name, "") for one in found if one.name), "") or legal_name(root.name, "project")
    image = ImageSettings(
        base=next((one.base for one in found if one.base), ""),
        requirements=next((one.requirements for one in found if one.requirements), ""),
    )
    return ProjectSettings(root, name, found[0].file, datasets=datasets, entries=entries, image=image)


def _unique(name: str, taken: Mapping[str, object]) -> str:
    number = 2
    tried = name
    while tried in taken:
        tried, number = f"{name[:58]}-{number}", number + 1
    return tried


def _entry(name: str, table: dict[str, Any], resources: Resources, metrics: dict[str, Any]) -> EntrySettings:
    own = table.pop("resources", {})
    collected = collecting(metrics, table.pop("metrics", {}))
    guards = named(tuple(table.pop("guards", ())))
    return EntrySettings(name, **table, resources=replace(resources, **own), collecting=collected, guards=guards)


def settings_for_script(folder: Path, script: Path) -> ProjectSettings:
    """A project made of a folder without `lab.toml` and one script in it (relative to the folder, or absolute).

    Raises NotFoundError if there is no such file in the folder.
    """
    root = folder.absolute()
    path = (root / script).absolute()
    if not path.is_file():
        raise NotFoundError(f"no script {clean(str(script))} in {clean(str(root))}", "check the path")
    if not path.resolve().is_relative_to(root.resolve()):
        raise NotFoundError(f"{clean(str(script))} is not inside {clean(str(root))}", "run it from its own folder")
    from lab.settings.arguments import arguments, read_source  # it parses Python, which no other command does

    entry = legal_name(path.stem, "main")
    known = arguments(read_source(path))
    command = ("python", path.resolve().relative_to(root.resolve()).as_posix(), *([known.word] if known.word else []))
    return ProjectSettings(
        root=root,
        name=legal_name(root.name, "project"),
        entries={entry: EntrySettings(entry, command, params=known.params)},
    )


def legal_name(text: str, default: str) -> str:
    """`text` made into a name that `check_name` accepts, `default` where nothing is left of it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:63].rstrip("-") or default
