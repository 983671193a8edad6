"""Datasets: named paths whose states are kept for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from lab.catalog import datasets as catalog_datasets
from lab.catalog.connection import Catalog
from lab.domain.datasets import Dataset, DatasetVersion
from lab.domain.names import check_name
from lab.domain.resources import format_size
from lab.domain.text import clean
from lab.errors import NotFoundError, UsageError
from lab.events import DATASET_ADDED
from lab.journal import Journal
from lab.paths import LabHome
from lab.settings import ProjectSettings
from lab.stores import locks, trees
from lab.stores.manifests import Manifest, ManifestStore
from lab.stores.snapshot import Done, Snapshot, snapshot

Progress = Callable[[str], None]

#: Seconds to wait for another process that adds the same dataset.
_PATIENCE = 600.0


class Datasets:
    """The dataset room. `project` tells the current project: its name, and its folder."""

    def __init__(
        self, home: LabHome, journal: Journal, catalog: Catalog, project: Callable[[], tuple[str, Path]]
    ) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._project = project

    def add(
        self, name: str, path: Path | str, *, message: str = "", progress: Progress | None = None
    ) -> tuple[DatasetVersion, bool]:
        """Store the file or folder at `path` as the next version of `name`.

        A relative `path` is taken from the project's folder. Content that equals the latest version makes no new one:
        the second value is False then. Raises NotFoundError, ConflictError or LabError as `snapshot` does; nothing
        is published unless all of it is on disk.
        """
        project, root = self._project()
        return self._add(project, root, name, path, message, progress)

    def resolve(
        self, settings: ProjectSettings, name: str, version: str, progress: Progress | None = None
    ) -> DatasetVersion:
        """The version that a run of the project is to see; a dataset that was never added is added first."""
        if version:
            return self.get(f"{settings.name}/{name}@{version}")
        known = self.versions(name, settings.name)
        if known:
            return known[0]
        added, _ = self._add(settings.name, settings.root, name, settings.dataset(name).path, "", progress)
        if progress:
            progress(f"dataset {name}: added as {added.label}, {added.files} files, {format_size(added.bytes)}")
        return added

    def _add(
        self, project: str, root: Path, name: str, path: Path | str, message: str, progress: Progress | None
    ) -> tuple[DatasetVersion, bool]:
        check_name("dataset", name)
        source = root / Path(path).expanduser()
        with locks.hold(self._home.locks / f"dataset-{project}-{name}.lock", timeout=_PATIENCE):
            taken = snapshot(source, self._home, progress=_narrate(progress))
            if not taken.manifest.files:
                raise UsageError(f"{clean(str(path))} holds no files", "point at a file, or a folder with files in it")
            self._catalog.refresh()
            known = self.versions(name, project)
            if known and known[0].id == taken.id:
                return known[0], False
            number = known[0].number + 1 if known else 1
            self._journal.append(
                DATASET_ADDED,
                f"{project}/{name}",
                {
                    "project": project,
                    "dataset": name,
                    "path": str(source.relative_to(root)) if source.is_relative_to(root) else str(source),
                    "number": number,
                    "message": message,
                    **self._facts(taken),
                },
            )
        self._catalog.refresh()
        return self.versions(name, project)[0], True

    def list(self) -> Sequence[Dataset]:
        """Every dataset of every project."""
        return catalog_datasets.all_datasets(self._catalog)

    def versions(self, name: str, project: str = "") -> Sequence[DatasetVersion]:
        """All versions of a dataset, newest first; empty if there is none of that name."""
        return catalog_datasets.versions(self._catalog, project or self._project()[0], name)

    def get(self, ref: str) -> DatasetVersion:
        """The version that `ref` means: `name`, `name@v2`, `name@alias`, each also as `project/name`.

        Without a version it is the latest. Raises NotFoundError with what there is.
        """
        path, _, wanted = ref.partition("@")
        project, _, name = path.rpartition("/")
        found = self.versions(name, project)
        if not found and not project:
            elsewhere = [dataset for dataset in self.list() if dataset.name == name]
            if len(elsewhere) == 1:
                found = self.versions(name, elsewhere[0].project)
        if not found:
            names = ", ".join(dataset.id for dataset in self.list()) or "none yet"
            raise NotFoundError(f"no dataset {clean(path)!r}", f"lab data add NAME PATH; there are: {names}")
        if not wanted:
            return found[0]
        number = self._aliases(found[0]).get(wanted)
        for version in found:
            if wanted == version.label or version.number == number or version.id.removeprefix("b3:").startswith(wanted):
                return version
        labels = ", ".join(version.label for version in reversed(found))
        raise NotFoundError(f"dataset {clean(path)!r} has no version {clean(wanted)!r}", f"there are: {labels}")

    def files(self, version: DatasetVersion) -> Sequence[tuple[str, int]]:
        """Names and sizes in bytes of all files of a version."""
        return [(entry.path, entry.size) for entry in self._manifest(version).files]

    def mount(self, version: DatasetVersion) -> tuple[Path, Path]:
        """A read-only tree of hard links, and what a script is given inside it: the lone file, or the tree."""
        root = trees.materialise(self._home, version.id)
        return root, trees.entry_path(self._manifest(version), root)

    def preview(self, version: DatasetVersion, limit: int = 50) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        """Column names and the first `limit` rows as text; two empty lists for what is not a table."""
        if not version.columns:
            return [], []
        from lab.datasets import schema  # with polars

        root = trees.materialise(self._home, version.id)
        first = self._manifest(version).files[0]
        return schema.head(first.path, root / first.path, limit)

    def _manifest(self, version: DatasetVersion) -> Manifest:
        return ManifestStore(self._home).read(version.id)

    def _aliases(self, version: DatasetVersion) -> dict[str, int]:
        for dataset in self.list():
            if dataset.project == version.project and dataset.name == version.dataset:
                return dict(dataset.aliases)
        return {}

    def _facts(self, taken: Snapshot) -> dict[str, object]:
        """What the index knows of a version beside its name."""
        from lab.datasets import schema  # with polars: half a second that no other verb needs

        root = trees.materialise(self._home, taken.id)
        table = schema.inspect([(entry.path, root / entry.path) for entry in taken.manifest.files])
        return {
            "id": taken.id,
            "files": len(taken.manifest.files),
            "bytes": taken.manifest.size,
            "rows": table.rows if table else None,
            "columns": [asdict(column) for column in table.columns] if table else [],
        }


def _narrate(progress: Progress | None) -> Callable[[Done], None] | None:
    if progress is None:
        return None
    tell = progress

    def told(done: Done) -> None:
        tell(f"{done.files}/{done.files_total} files, {format_size(done.bytes)} of {format_size(done.bytes_total)}")

    return told
