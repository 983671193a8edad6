"""Before a run is run again from its capture: is all of it there, to the last byte?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.domain.datasets import DatasetVersion
from lab.domain.reproduction import Lack, Preflight, Swap
from lab.domain.runs import IMPORTED, OWN, DataInput, Run, RunSpec
from lab.engine.base import Engine, Environment, FindsImages
from lab.errors import ConflictError, EngineError, EngineUnavailableError, IntegrityError, LabError, NotFoundError
from lab.experiments.environments import environment
from lab.paths import LabHome
from lab.settings import PROJECT_FILE, ProjectSettings, load_project
from lab.stores import runfolder, trees
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.staging import stage

_SHOWN = 5  # files that a message names


class Preflights:
    """Looks at what a reproduction takes. `dataset` finds a version by its reference, `engine_of` connects an engine
    ("" for the default one)."""

    def __init__(
        self, home: LabHome, dataset: Callable[[str], DatasetVersion], engine_of: Callable[[str], Engine]
    ) -> None:
        self._home = home
        self._dataset = dataset
        self._engine_of = engine_of

    def look(self, run: Run, swap: Swap) -> Preflight:
        """All that is missing, at once; what is swapped need not be there. Reads every byte of the code."""
        swapped = swap.factor
        if run.engine == IMPORTED:
            lack = Lack(
                "code",
                f"run {run.name} was imported: its code and environment are not in the lab",
                "start it once with lab run, then it can be reproduced",
            )
            return Preflight(run, None, (lack,))
        if run.status.active:
            raise ConflictError(f"run {run.name} is still {run.status.value}", f"lab runs wait {run.name}")
        try:
            spec = runfolder.read_spec(self._home.run(run.id))
        except (NotFoundError, IntegrityError) as error:
            return Preflight(run, None, (Lack("code", error.message, "nothing tells what was asked for"),))
        missing: list[Lack] = []
        notes: list[str] = []
        if not spec.command:
            missing.append(Lack("command", "it ran in a notebook: its cells are kept, but no command", "run it there"))
        if swapped != "code":
            missing += self._code(spec)
            if spec.code.partial:
                notes.append(f"the code is partial: {_several(list(spec.code.skipped))} left out for their size")
        kept = [
            item
            for item in spec.datasets.values()
            if swapped != "data" or (swap.versions and item.name not in swap.versions)
        ]
        missing += [lack for item in kept for lack in self._data(spec, item)]
        rebuild, lacks = self._environment(spec, swapped, whole=not any(lack.what == "code" for lack in missing))
        return Preflight(run, spec, (*missing, *lacks), rebuild, tuple(notes))

    def environment(self, spec: RunSpec) -> Environment:
        """What must be installed for the run, from the dependency files in its captured code.

        Raises IntegrityError or NotFoundError where the code is not whole, SettingsError for a wrong lab.toml in it.
        """
        self._home.tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
        with stage(self._home.tmp) as folder:
            tree = trees.materialise(self._home, spec.code.tree, folder / "code", read_only=False)
            return environment(_settings(tree, spec.project))

    def _code(self, spec: RunSpec) -> list[Lack]:
        hint = "lab data verify --repair brings back what another copy still has"
        try:
            manifest = ManifestStore(self._home).read(spec.code.tree)
        except (NotFoundError, IntegrityError) as error:
            return [Lack("code", f"the list of the code's files: {error.message}", hint)]
        objects = ObjectStore(self._home)
        gone, damaged = [], []
        for file in manifest.files:
            if not objects.has(file.hash):
                gone.append(file.path)
                continue
            try:
                objects.verify(file.hash)
            except IntegrityError:
                damaged.append(file.path)
        found = []
        if gone:
            found.append(Lack("code", f"not in the store any more: {_several(gone)}", hint))
        if damaged:
            found.append(Lack("code", f"damaged in the store: {_several(damaged)}", hint))
        return found

    def _data(self, spec: RunSpec, item: DataInput) -> list[Lack]:
        ref = f"{item.name}@{item.version}"
        hint = f"lab data pull {ref}, or lab data verify --repair"
        try:
            version = self._dataset(f"{spec.project}/{ref}")
            if version.id != item.manifest:
                return [Lack("data", f"{ref} is not what it was: another content has that number now")]
            manifest = ManifestStore(self._home).read(item.manifest)
        except (NotFoundError, IntegrityError) as error:
            return [Lack("data", f"{ref}: {error.message}", hint)]
        objects = ObjectStore(self._home)
        gone = [file.path for file in manifest.files if objects.size(file.hash) != file.size]
        return [Lack("data", f"{ref}: not in the store: {_several(gone)}", hint)] if gone else []

    def _environment(self, spec: RunSpec, swapped: str, *, whole: bool) -> tuple[bool, list[Lack]]:
        """Whether the environment must be made again, and what is missing for that."""
        try:
            engine = self._engine_of("" if spec.engine in OWN else spec.engine)
            engine.available()
        except (EngineUnavailableError, EngineError) as error:
            return False, [Lack("engine", error.message, error.hint)]
        if swapped == "env" or (spec.image and isinstance(engine, FindsImages) and engine.has_image(spec.image)):
            return False, []
        gone = f"the environment {spec.image} is gone" if spec.image else "it had no environment of its own"
        if not whole:
            return True, [Lack("image", f"{gone}, and the dependency files may be among the code that is missing")]
        try:
            self.environment(spec)
        except LabError as error:
            return True, [Lack("image", f"{gone}, and cannot be made again: {error.message}", error.hint)]
        return True, []


def _settings(tree: Path, project: str) -> ProjectSettings:
    return load_project(tree) if (tree / PROJECT_FILE).is_file() else ProjectSettings(tree, project)


def _several(paths: list[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
