"""Runs of a process that Lab did not start: a notebook's kernel or a script, which asks for one by `track.run`.

The process is the job. Its run is recorded like any other; it has ended when its `exit.json` is there, and is lost when
the process is gone without one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from pathlib import Path

from lab.dataclass import dataclass
from lab.domain.commands import literal
from lab.domain.resources import Resources
from lab.domain.runs import LOCAL, CodeSnapshot, DataInput, Param, RunSpec
from lab.domain.text import clean
from lab.errors import LabError
from lab.events import RUN_STARTED
from lab.experiments import code
from lab.experiments.launch import DataSource, Launcher, variable
from lab.journal import Journal
from lab.paths import LabHome, RunFolder
from lab.settings import ProjectSettings, legal_name
from lab.stores import locks
from lab.stores.manifests import FileEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore

#: Modules beside a script that are kept with it where no lab.toml says what the project is.
_MODULES_MAX, _MODULE_BYTES_MAX = 200, 1 << 20


@dataclass(frozen=True)
class Wish:
    """What a process says of itself. `engine` is NOTEBOOK or LOCAL; `script` the absolute path of what it executes,
    "" where there is none; `source` the text of a notebook's cells and `notebook` its name, where known; `data` the
    versions that it wants to see by dataset, "" for the latest."""

    name: str = ""
    params: Mapping[str, Param] = field(default_factory=dict)
    project: str = ""
    tags: tuple[str, ...] = ()
    engine: str = LOCAL
    script: str = ""
    notebook: str = ""
    source: str = ""
    argv: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Begun:
    """A run that has begun: `folder` is its folder, `env` what its process must have in its environment, `troubles` are
    sentences about what it wished for and has not."""

    id: str
    name: str
    folder: str
    env: Mapping[str, str]
    troubles: tuple[str, ...] = ()


class OwnRuns:
    """Begins runs of this process. `place` gives the project that it stands in, its settings None without lab.toml."""

    def __init__(
        self,
        home: LabHome,
        journal: Journal,
        launcher: Callable[[], Launcher],
        data: DataSource,
        place: Callable[[], tuple[str, Path]],
        settings: Callable[[], ProjectSettings | None],
    ) -> None:
        self._home = home
        self._journal = journal
        self._launcher = launcher
        self._data = data
        self._place = place
        self._settings = settings

    def begin(self, wish: Wish) -> Begun:
        """Record a run of this process, with its code as it is now; it is running when this returns.

        With a lab.toml the code is the project's tree, else the script and the modules beside it that are loaded; of a
        notebook it is the cells that were executed too. A name that no run may have is made into one.
        Raises LabError where the lab home cannot be written, SettingsError for a wrong lab.toml.
        """
        settings = self._settings()
        project = legal_name(wish.project, "project") if wish.project else self._place()[0]
        with locks.share(self._home.store_lock):
            taken, command, entry = self._code(wish, settings)
            inputs, places, troubles = self._inputs(wish, settings, project)
            seed = wish.params.get("seed", 0)
            draft = RunSpec(
                id="",
                name=legal_name(wish.name, "run") if wish.name else "",
                project=project,
                entry=entry,
                command=command,
                params=dict(wish.params),
                seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else 0,
                datasets=inputs,
                code=taken,
                engine=wish.engine,
                image="",
                environment="",
                resources=Resources(memory=0, pids=0, shm=0),
                network=True,
                created=0.0,
                tags=wish.tags,
            )
            spec = self._launcher().record(draft)
        self._journal.append(RUN_STARTED, spec.id)
        folder = self._home.run(spec.id)
        return Begun(spec.id, spec.name, str(folder.root), _environment(spec, folder) | places, troubles)

    def _inputs(
        self, wish: Wish, settings: ProjectSettings | None, project: str
    ) -> tuple[dict[str, DataInput], dict[str, str], tuple[str, ...]]:
        """The datasets that the process sees, where it finds them, by variable, and what there is none of."""
        if settings is None or settings.name != project:
            settings = ProjectSettings(self._place()[1], project)
        inputs, places, troubles = {}, {}, []
        for name, wanted in wish.data.items():
            try:
                version = self._data.resolve(settings, name, wanted, lambda _line: None)
                target = self._data.mount(version)[1]
            except LabError as error:
                troubles.append(f"dataset {clean(name, 60)} is not recorded: {error.message}")
                continue
            known = settings.datasets.get(name)
            inputs[name] = DataInput(name, version.label, version.id, known.path if known else "")
            places[f"LAB_DATA_{variable(name)}"] = str(target)
        return inputs, places, tuple(troubles)

    def _code(self, wish: Wish, settings: ProjectSettings | None) -> tuple[CodeSnapshot, tuple[str, ...], str]:
        """The code, the command that executes it ("" for a notebook), and the entry's name."""
        script = Path(wish.script).resolve() if wish.script else None
        root = settings.root.resolve() if settings else script.parent if script else Path.cwd()
        inside = script is not None and script.is_relative_to(root)
        relative = script.relative_to(root).as_posix() if script and inside else script.name if script else ""
        files: dict[str, Path | bytes] = {}
        if script and not (settings and inside):
            files[relative] = script
        if settings is None:
            files |= _modules(root)
        if wish.source:
            files["notebook.py"] = wish.source.encode("utf-8", "replace")
        taken = self._tree(settings, files)
        command = literal(("python", relative, *wish.argv)) if relative else ()
        declared = settings.entries.values() if settings and relative else ()
        known = (entry.name for entry in declared if relative in entry.command)
        stem = Path(wish.notebook or relative or "notebook").stem
        return taken, command, next(known, legal_name(stem, wish.engine))

    def _tree(self, settings: ProjectSettings | None, files: Mapping[str, Path | bytes]) -> CodeSnapshot:
        """The project's tree, if there is a project, and in it these files."""
        taken = CodeSnapshot("", 0, 0)
        if settings is not None:
            taken = code.take(settings, self._home, [item.path for item in settings.datasets.values()])
            if not files:
                return taken
        manifests = ManifestStore(self._home)
        old = manifests.read(taken.tree).entries if taken.tree else ()
        with ObjectStore(self._home).batch() as batch:
            stored = {
                path: batch.put_bytes(item) if isinstance(item, bytes) else batch.put_file(item)
                for path, item in files.items()
            }
        fresh = [FileEntry(path, item.hash, item.size) for path, item in stored.items()]
        tree = Manifest.of([*(entry for entry in old if entry.path not in stored), *fresh])
        return _replaced(taken, manifests.write(tree), tree)


def _replaced(taken: CodeSnapshot, id: str, tree: Manifest) -> CodeSnapshot:
    return replace(taken, tree=id, files=len(tree.files), size=tree.size)


def _modules(root: Path) -> dict[str, Path | bytes]:
    """Files of loaded modules that lie below `root`, by their paths in it; none of what is installed there."""
    found: dict[str, Path | bytes] = {}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or not path.endswith(".py") or len(found) >= _MODULES_MAX:
            continue
        real = Path(path).resolve()
        if not real.is_relative_to(root) or not real.is_file() or real.stat().st_size > _MODULE_BYTES_MAX:
            continue
        inside = real.relative_to(root)
        if "site-packages" not in inside.parts and not real.is_relative_to(Path(sys.prefix).resolve()):
            found[inside.as_posix()] = real
    return found


def _environment(spec: RunSpec, folder: RunFolder) -> dict[str, str]:
    return {
        "LAB_RUN_DIR": str(folder.root),
        "LAB_RUN_ID": spec.id,
        "LAB_PARAMS": str(folder.params),
        "LAB_MODEL_DIR": str(folder.model),
        "LAB_SEED": str(spec.seed),
    }
