"""Datasets: named paths whose states are kept for ever."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from lab.catalog import datasets as catalog_datasets
from lab.catalog import lineage as catalog_lineage
from lab.catalog import projects as catalog_projects
from lab.catalog.connection import Catalog
from lab.datasets.narration import narrate
from lab.domain.datasets import Changes, Dataset, DatasetVersion, Verdict, meant, superfluous
from lab.domain.names import check_name
from lab.domain.resources import format_size
from lab.domain.text import clean, count_of
from lab.domain.watched import Watched
from lab.errors import ConflictError, GateRejectedError, IntegrityError, NotFoundError, UsageError
from lab.events import DATASET_ADDED, DATASET_ALIASED, DATASET_NOTED, DATASET_RETIRED, DATASET_TAGGED
from lab.journal import Journal
from lab.paths import LabHome
from lab.settings import ProjectSettings
from lab.stores import locks, status, trees
from lab.stores.checkout import checkout
from lab.stores.manifests import Manifest, ManifestStore
from lab.stores.snapshot import Snapshot, snapshot

Progress = Callable[[str], None]

_LABEL = re.compile(r"v?[0-9]+")

#: Seconds to wait for another process that adds the same dataset.
_PATIENCE = 600.0


class Datasets:
    """The dataset room. `project` tells the current project: its name, and its folder.

    `inspect` looks at every new version once it is published (its expectations), and may tell of what it sees;
    `recheck` holds a version against what is expected now, which may be another thing than when it was made.
    """

    def __init__(
        self,
        home: LabHome,
        journal: Journal,
        catalog: Catalog,
        project: Callable[[], tuple[str, Path]],
        inspect: Callable[[DatasetVersion, Progress | None], None],
        recheck: Callable[[DatasetVersion], None],
    ) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._project = project
        self._inspect = inspect
        self._recheck = recheck

    def add(
        self,
        name: str,
        path: Path | str,
        *,
        message: str = "",
        paranoid: bool = False,
        progress: Progress | None = None,
    ) -> tuple[DatasetVersion, bool]:
        """Store the file or folder at `path` as the next version of `name`.

        A relative `path` is taken from the project's folder. Content that equals the latest version makes no new one:
        the second value is False then. `paranoid` reads every file, whatever its times say. Raises NotFoundError,
        ConflictError or LabError as `snapshot` does; nothing is published unless all of it is on disk.
        """
        project, root = self._project()
        return self._add(project, root, name, path, message=message, paranoid=paranoid, progress=progress)

    def keep_up(self, watched: Watched, *, restless: bool) -> DatasetVersion | None:
        """A new automatic version if the watched path differs from the latest one, else None; old ones retire.

        Raises ConflictError while files are being written, unless `restless` takes them as they are.
        """
        project, name = watched.project, watched.name
        version, new = self._add(project, watched.root, name, watched.path, auto=True, restless=restless)
        if not new:
            return None
        history = self._live(name, project)
        held = set(self.aliases(version).values()) | {item.number for item in history if item.tags or item.note}
        seen = catalog_lineage.seen_manifests(self._catalog)
        held |= {item.number for item in history if item.id in seen}
        for old in superfluous(history, watched.keep, held):
            self.retire(old.ref)
        return version

    def resolve(
        self, settings: ProjectSettings, name: str, version: str, progress: Progress | None = None
    ) -> DatasetVersion:
        """The version that a run of the project is to see; a dataset that was never added is added first."""
        if version:
            return self.get(f"{settings.name}/{name}@{version}")
        known = self._live(name, settings.name)
        if known:
            if progress:
                self._warn_of(known[0], progress)
            return known[0]
        added, _ = self._add(settings.name, settings.root, name, settings.dataset(name).path, progress=progress)
        if progress:
            progress(
                f"dataset {name}: added as {added.label}, {count_of(added.files, 'file')}, {format_size(added.bytes)}"
            )
        return added

    def _warn_of(self, version: DatasetVersion, progress: Progress) -> None:
        """Tell what somebody who is about to use the latest version would want to know."""
        if version.verdict is Verdict.BLOCKED:
            progress(f"dataset {version.dataset}: {version.label} does not meet its expectations")
        place, manifest = self.place(version), self._readable(version)
        if manifest and place.exists() and not status.status(place, self._home, manifest).clean:
            progress(
                f"dataset {version.dataset}: {version.label} is used, and the working copy has changed since; "
                f"'lab data add {version.dataset}' makes a version of it"
            )

    def _add(
        self,
        project: str,
        root: Path,
        name: str,
        path: Path | str,
        *,
        message: str = "",
        auto: bool = False,
        restless: bool = False,
        paranoid: bool = False,
        progress: Progress | None = None,
    ) -> tuple[DatasetVersion, bool]:
        check_name("dataset", name)
        source = root / Path(path).expanduser()
        where = str(source.relative_to(root)) if source.is_relative_to(root) else str(source)
        with self._publishing(project, name):
            known = self.versions(name, project)
            live = [version for version in known if not version.retired]
            taken = snapshot(
                source,
                self._home,
                progress=narrate(progress),
                previous=self._readable(live[0]) if live else None,
                paranoid=paranoid,
                restless=restless,
            )
            if not taken.manifest.files:
                raise UsageError(f"{clean(str(path))} holds no files", "point at a file, or a folder with files in it")
            if progress:
                for left in taken.skipped:
                    progress(f"{left.path} is left out: it {left.reason}")
            if live and live[0].id == taken.id:
                return live[0], False
            facts = {
                "path": where,
                "message": message,
                "auto": auto,
                **self._facts(taken, before=live[0] if live else None),
            }
            version = self._publish(project, name, known, facts)
        self._inspect(version, progress)
        return self._again(version), True

    def adopt(
        self,
        project: str,
        name: str,
        manifest: Manifest,
        *,
        path: str = "",
        message: str = "",
        origin: dict[str, str] | None = None,
        facts: DatasetVersion | None = None,
        number: int = 0,
    ) -> tuple[DatasetVersion, bool]:
        """Make a version of what is in the store already: pulled, or read from another tool's cache.

        It gets `number`, so that both ends mean the same by v2, unless another version has it already.
        Rows and columns are those of `facts` where given: then not all files need to be there.
        """
        check_name("dataset", name)
        with self._publishing(project, name):
            known = self.versions(name, project)
            same = [version for version in known if version.id == manifest.id and not version.retired]
            if same:
                return same[0], False
            taken = Snapshot(manifest, ManifestStore(self._home).write(manifest))
            lone = manifest.entries[0].path if manifest.single else name
            body = {"path": path or lone, "message": message, "origin": origin or {}, **self._facts(taken, facts)}
            free = number > 0 and number not in {version.number for version in known}
            version = self._publish(project, name, known, {**body, "number": number} if free else body)
        if facts is None:
            self._inspect(version, None)
        return self._again(version), True

    @contextmanager
    def _publishing(self, project: str, name: str) -> Iterator[None]:
        """Nobody else adds to the dataset, and gc waits; the index knows all that was added before."""
        with (
            locks.hold(self._home.locks / f"dataset-{project}-{name}.lock", timeout=_PATIENCE),
            locks.share(self._home.store_lock),
        ):
            self._catalog.refresh()
            yield

    def _publish(
        self, project: str, name: str, known: Sequence[DatasetVersion], facts: dict[str, object]
    ) -> DatasetVersion:
        body = {"project": project, "dataset": name, "number": known[0].number + 1 if known else 1, **facts}
        self._journal.append(DATASET_ADDED, f"{project}/{name}", body)
        self._catalog.refresh()
        return next(version for version in self.versions(name, project) if version.number == body["number"])

    def _again(self, version: DatasetVersion) -> DatasetVersion:
        """The same version as the index knows it now."""
        return self.get(version.ref)

    # -- what there is ----------------------------------------------------------------------------

    @property
    def project_name(self) -> str:
        """The project in which the user stands."""
        return self._project()[0]

    @property
    def project_root(self) -> Path:
        return self._project()[1]

    def list(self) -> Sequence[Dataset]:
        """Every dataset of every project."""
        return catalog_datasets.all_datasets(self._catalog)

    def versions(self, name: str, project: str = "") -> Sequence[DatasetVersion]:
        """All versions of a dataset, newest first; empty if there is none of that name."""
        return catalog_datasets.versions(self._catalog, project or self._project()[0], name)

    def get(self, ref: str) -> DatasetVersion:
        """The version that `ref` means: `name`, `name@v2`, `name@alias`, `name@` and the beginning of its hash
        (or of the md5 by which DVC knew it), each also as `project/name`.

        Without a version it is the latest. Raises NotFoundError with what there is.
        """
        path, _, wanted = ref.partition("@")
        project, _, name = path.rpartition("/")
        found = self.versions(name, project)
        if not found and not project:
            elsewhere = [dataset for dataset in self.list() if dataset.name == name]
            if len(elsewhere) == 1:
                found = self.versions(name, elsewhere[0].project)
        live = [version for version in found if not version.retired]
        if not found or not (live or wanted):
            names = ", ".join(dataset.id for dataset in self.list()) or "none yet"
            raise NotFoundError(f"no dataset {clean(path)!r}", f"lab data add NAME PATH; there are: {names}")
        if not wanted:
            return live[0]
        version = meant(found, self.aliases(found[0]), wanted)
        if version is not None:
            return version
        labels = ", ".join(version.label for version in reversed(found))
        raise NotFoundError(f"dataset {clean(path)!r} has no version {clean(wanted)!r}", f"there are: {labels}")

    def by_manifest(self, manifests: Sequence[str]) -> Sequence[DatasetVersion]:
        """All versions, of any dataset, with one of these contents."""
        return catalog_datasets.by_manifest(self._catalog, manifests)

    def files(self, version: DatasetVersion) -> Sequence[tuple[str, int]]:
        """Names and sizes in bytes of all files of a version."""
        return [(entry.path, entry.size) for entry in self._manifest(version).files]

    def others(self, version: DatasetVersion) -> tuple[Mapping[str, str], Sequence[str]]:
        """What a version holds beside files: symbolic links with their targets, and empty folders."""
        manifest = self._manifest(version)
        return manifest.links, manifest.folders

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

    # -- the working copy -------------------------------------------------------------------------

    def place(self, version: DatasetVersion) -> Path:
        """Where the working copy of a version's dataset is."""
        found = next(item for item in self.list() if (item.project, item.name) == (version.project, version.dataset))
        return self._root_of(found.project) / found.path

    def status(self, ref: str, *, paranoid: bool = False) -> tuple[DatasetVersion, Changes]:
        """How the working copy differs from the version (default: the latest). Raises NotFoundError if it is gone."""
        version = self.get(ref)
        return version, status.status(self.place(version), self._home, self._manifest(version), paranoid=paranoid)

    def checkout(
        self, ref: str, *, to: Path | None = None, only: str = "", stash: bool = False, progress: Progress | None = None
    ) -> tuple[DatasetVersion, Path, DatasetVersion | None]:
        """Bring a version, or with `only` one file or folder of it, to the working copy or to the folder `to`.

        Raises ConflictError if changes that are in no version would be lost; with `stash` they become a version first.
        Returns the version, where it is now, and the version that was made of the changes, if any.
        """
        version = self.get(ref)
        manifest = self._manifest(version)
        target = self.place(version) if to is None else to
        if to is not None and manifest.single and to.is_dir():
            target = to / manifest.entries[0].path
        stashed = None
        if to is None and stash and target.exists():
            project = version.project
            made, new = self._add(
                project,
                self._root_of(project),
                version.dataset,
                target,
                message=f"stashed before checkout of {version.label}",
                progress=progress,
            )
            stashed = made if new else None
        # What is thrown away must be in a version; the likeliest comes first.
        known = [item.id for item in self.versions(version.dataset, version.project)]
        done = checkout(self._home, version.id, target, only=only, known=known, progress=narrate(progress))
        return version, done.path, stashed

    def _root_of(self, project: str) -> Path:
        name, root = self._project()
        known = catalog_projects.get(self._catalog, project) if project != name else None
        return Path(known.root) if known else root

    # -- marks ------------------------------------------------------------------------------------

    def tag(self, ref: str, tags: Sequence[str]) -> DatasetVersion:
        """Give a version exactly these tags."""
        for tag in tags:
            check_name("tag", tag)
        return self._mark(DATASET_TAGGED, self.get(ref), list(dict.fromkeys(tags)))

    def note(self, ref: str, text: str) -> DatasetVersion:
        return self._mark(DATASET_NOTED, self.get(ref), text)

    def alias(self, ref: str, alias: str) -> DatasetVersion:
        """Have `alias` mean this version. Raises GateRejectedError for one that its expectations block."""
        check_name("alias", alias)
        version = self.get(ref)
        if _LABEL.fullmatch(alias):
            raise UsageError(f"{alias!r} names a version by number", "choose a word, such as prod or baseline")
        self._recheck(version)
        if self._again(version).verdict is Verdict.BLOCKED:
            raise GateRejectedError(
                f"{version.ref} does not meet its expectations, so no alias may be moved to it",
                f"lab data expect {version.ref} tells which; mend the data, or the expectations in lab.toml",
            )
        self._alias(version, alias, version.number)
        return self._again(version)

    def unalias(self, name: str, alias: str) -> Dataset:
        """Take an alias away. Raises NotFoundError if the dataset has none of that name."""
        version = self.get(f"{name}@{alias}")
        if alias not in self.aliases(version):
            raise NotFoundError(f"dataset {clean(name)!r} has no alias {clean(alias)!r}")
        self._alias(version, alias, None)
        return next(item for item in self.list() if (item.project, item.name) == (version.project, version.dataset))

    def retire(self, ref: str, *, undo: bool = False) -> DatasetVersion:
        """Take a version out of sight; gc may have its bytes then. Raises ConflictError while an alias means it."""
        version = self.get(ref)
        pointing = [alias for alias, number in self.aliases(version).items() if number == version.number]
        if pointing and not undo:
            raise ConflictError(
                f"{version.ref} is what {', '.join(pointing)} means", "move the alias to another version first"
            )
        return self._mark(DATASET_RETIRED, version, not undo)

    def _alias(self, version: DatasetVersion, alias: str, number: int | None) -> None:
        body = {"project": version.project, "dataset": version.dataset, "alias": alias, "number": number}
        self._journal.append(DATASET_ALIASED, f"{version.project}/{version.dataset}", body)
        self._catalog.refresh()

    def _mark(self, event: str, version: DatasetVersion, value: object) -> DatasetVersion:
        body = {"project": version.project, "dataset": version.dataset, "number": version.number, "value": value}
        self._journal.append(event, f"{version.project}/{version.dataset}", body)
        self._catalog.refresh()
        return self._again(version)

    def _live(self, name: str, project: str) -> Sequence[DatasetVersion]:
        return [version for version in self.versions(name, project) if not version.retired]

    def _readable(self, version: DatasetVersion) -> Manifest | None:
        """The manifest, None where it is lost or damaged: what follows a version must not depend on it."""
        try:
            return self._manifest(version)
        except (NotFoundError, IntegrityError):
            return None

    def manifest(self, version: DatasetVersion) -> Manifest:
        """Raises NotFoundError or IntegrityError if the store has lost it."""
        return self._manifest(version)

    def _manifest(self, version: DatasetVersion) -> Manifest:
        return ManifestStore(self._home).read(version.id)

    def aliases(self, version: DatasetVersion) -> Mapping[str, int]:
        """All aliases of the version's dataset, each with the number that it means."""
        for dataset in self.list():
            if dataset.project == version.project and dataset.name == version.dataset:
                return dict(dataset.aliases)
        return {}

    def _facts(
        self, taken: Snapshot, known: DatasetVersion | None = None, before: DatasetVersion | None = None
    ) -> dict[str, object]:
        """What the index knows of a version beside its name; rows and columns are looked up unless they are `known`."""
        if known is None:
            from lab.datasets import facts  # with polars: half a second that no other verb needs

            rows, columns = facts.shape(self._home, taken, before)
        else:
            rows, columns = known.rows, known.columns
        return {
            "id": taken.id,
            "files": len(taken.manifest.files),
            "bytes": taken.manifest.size,
            "rows": rows,
            "columns": [asdict(column) for column in columns],
        }
