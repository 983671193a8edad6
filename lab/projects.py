"""Projects: the folders that Lab works in, and where the user stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lab.catalog import projects as catalog_projects
from lab.catalog.connection import Catalog
from lab.domain.gates import gate_literal, gate_of
from lab.domain.projects import Project
from lab.domain.rollouts import Budget
from lab.domain.text import clean
from lab.domain.watched import Watched
from lab.errors import ConflictError, LabError, NotFoundError
from lab.events import PROJECT_ADDED
from lab.journal import Journal
from lab.settings import (
    PROJECT_FILE,
    ProjectSettings,
    find_project,
    is_project,
    legal_name,
    load_project,
    render_template,
    settings_for_script,
)
from lab.settings.editing import edit_file
from lab.stores.durable import write_atomic


class Projects:
    """Folders that Lab works in."""

    def __init__(self, folder: Path, journal: Journal, catalog: Catalog) -> None:
        self._folder = folder
        self._journal = journal
        self._catalog = catalog

    @property
    def folder(self) -> Path:
        """Where the user stands."""
        return self._folder

    def enter(self, folder: Path) -> None:
        """Stand in another folder."""
        self._folder = folder.absolute()

    @property
    def current(self) -> ProjectSettings | None:
        """The project that the user stands in, read afresh; None outside any. Raises SettingsError."""
        root = find_project(self._folder)
        return load_project(root) if root else None

    @property
    def file(self) -> Path | None:
        """The `lab.toml` that holds here, whatever is in it; None where there is none."""
        root = find_project(self._folder)
        return root / PROJECT_FILE if root and (root / PROJECT_FILE).exists() else None

    @property
    def name(self) -> str:
        """What the project here is called; looking does not make the lab remember it."""
        current = self.current
        return current.name if current else legal_name(self._folder.name, "project")

    def place(self) -> tuple[str, Path]:
        """Name and folder of the current project; a folder without lab.toml counts under its own name."""
        settings = self.current or ProjectSettings(self._folder, legal_name(self._folder.name, "project"))
        self.remember(settings)
        return settings.name, settings.root

    def settings_for(self, entry: str) -> ProjectSettings:
        """The settings that have `entry`: an entry's name in the current project, or the path of a script."""
        settings = self.current
        if settings is not None and entry in settings.entries:
            self.remember(settings)
            return settings
        script = self._folder / entry
        if not script.is_file():
            if settings is not None:
                settings.entry(entry)  # tells the nearest name
            raise NotFoundError(f"no {PROJECT_FILE} here and no script {clean(entry)!r}", "lab init, or name a script")
        alone = settings_for_script(settings.root if settings else script.parent, script)
        (found,) = alone.entries.values()
        if settings is None:
            settings = alone
        else:  # a script of a project runs with the project's data and resources
            found = replace(
                found,
                datasets=tuple(settings.datasets),
                resources=settings.resources,
                collecting=settings.collecting,
            )
        self.remember(settings)
        return replace(settings, entries={**settings.entries, entry: found})

    def settings_of(self, name: str) -> ProjectSettings | None:
        """The settings of the project of that name, wherever it is; None if its folder or lab.toml is gone.

        Raises SettingsError for a lab.toml that is wrong.
        """
        current = self.current
        if current is not None and current.name == name:
            return current
        known = catalog_projects.get(self._catalog, name)
        root = Path(known.root) if known else None
        return load_project(root) if root and is_project(root) else None

    def init(self, folder: Path | None = None) -> Path:
        """Write a commented lab.toml. Raises ConflictError if there is one."""
        target = (folder or self._folder).absolute()
        path = target / PROJECT_FILE
        if path.exists():
            raise ConflictError(f"{clean(str(path))} is there already", "edit it, or remove it first")
        target.mkdir(parents=True, exist_ok=True)
        write_atomic(path, render_template(target).encode())
        self.remember(load_project(target))
        return path

    def budget(self) -> Budget:
        """What new model versions must keep to here. Raises SettingsError."""
        current = self.current
        return current.deploy.plan.budget if current else Budget()

    def set_gates(self, values: Mapping[str, float]) -> Path:
        """Write bounds of gates, by name, into `[deploy.budget]`. Raises NotFoundError without a lab.toml,
        SettingsError where it is written so that only its author can change it."""
        root = find_project(self._folder)
        path = root / PROJECT_FILE if root else None
        if path is None or not path.is_file():
            raise NotFoundError("no lab.toml here, which is where gates are written", "lab init writes one")
        edit_file(path, "deploy.budget", {name: gate_literal(gate_of(name), value) for name, value in values.items()})
        return path

    def list(self) -> Sequence[Project]:
        return catalog_projects.all_projects(self._catalog)

    def watched(self, warn: Callable[[str], None]) -> Sequence[Watched]:
        """The watched datasets of every project whose lab.toml can be read; `warn` hears of the others."""
        found: list[Watched] = []
        for project in self.list():
            try:
                settings = self.settings_of(project.name)
            except LabError as error:
                warn(error.message)
                continue
            found += _watched(settings) if settings else []
        return found

    def remember(self, settings: ProjectSettings) -> None:
        """Let the lab know the project and where it is."""
        known = catalog_projects.get(self._catalog, settings.name)
        if known is None or known.root != str(settings.root):
            self._journal.append(PROJECT_ADDED, settings.name, {"root": str(settings.root)})
            self._catalog.refresh()


def _watched(settings: ProjectSettings) -> list[Watched]:
    return [
        Watched(settings.name, settings.root, item.name, settings.root / item.path, item.keep)
        for item in settings.datasets.values()
        if item.watch
    ]
