"""Versions that come and go: to remotes and back, to files that others read, from a DVC project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lab.dataclass import dataclass
from lab.datasets import dvc, export
from lab.datasets.narration import Narration, narrate
from lab.datasets.service import Datasets, Progress
from lab.domain.datasets import DatasetVersion
from lab.domain.names import check_name
from lab.errors import ConflictError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.settings import ProjectSettings, legal_name
from lab.stores import locks, marks
from lab.stores.remotes import Remote
from lab.stores.repair import Source
from lab.stores.transfers import Presence, Refs, Transfer

SettingsOf = Callable[[str], ProjectSettings | None]


@dataclass(frozen=True)
class Imported:
    """One out of a DVC project: the version that came of it, or why none did."""

    name: str
    path: str
    version: DatasetVersion | None = None
    new: bool = False
    reason: str = ""


class Sharing:
    """`settings_of` gives a project's settings by its name, None where its folder or lab.toml is gone."""

    def __init__(self, home: LabHome, datasets: Datasets, settings_of: SettingsOf) -> None:
        self._home = home
        self._datasets = datasets
        self._settings_of = settings_of

    # -- remotes ----------------------------------------------------------------------------------

    def push(
        self, ref: str, remote: str = "", progress: Progress | None = None
    ) -> tuple[DatasetVersion, str, Transfer]:
        """Copy a version to a remote: a URL, a folder, or a name from lab.toml (default: the dataset's own).

        What is there already is not sent again, so that a push that was cut off goes on. Returns the version, where
        it went, and what was moved.
        """
        version = self._datasets.get(ref)
        place = self._remote(version.project, version.dataset, remote)
        with locks.share(self._home.store_lock):
            done = place.push(version.id, version, progress=narrate(progress))
        return version, place.url, done

    def pull(
        self, ref: str, remote: str = "", only: Sequence[str] = (), progress: Progress | None = None
    ) -> tuple[DatasetVersion, bool, Transfer, Sequence[str]]:
        """Bring a version from a remote, or of a version that is known here what its store lacks.

        `ref` is `[project/]name[@v2]`; without a version it is the remote's latest. `only` are patterns of files to
        bring; the rest can follow later. Every byte is verified. Returns the version, whether it is new here, what was
        moved, and the files that are still missing.
        """
        path, _, wanted = ref.partition("@")
        project, _, name = path.rpartition("/")
        project = project or self._datasets.project_name
        place = self._remote(project, name, remote)
        there = self._offered(place, project, name, wanted)
        with locks.share(self._home.store_lock):
            pulled = place.pull(there.id, only, progress=narrate(progress))
        known = [item for item in self._datasets.versions(name, project) if item.id == there.id and not item.retired]
        if known:
            return known[0], False, pulled.transfer, pulled.missing
        version, new = self._datasets.adopt(
            project,
            name,
            pulled.manifest,
            path=self._place(project, name),
            message=there.message,
            origin={"remote": place.url, "version": there.label},
            facts=there,
            number=there.number,
        )
        return version, new, pulled.transfer, pulled.missing

    def presence(self, refs: Sequence[str], remote: str = "") -> list[tuple[DatasetVersion, str, Presence]]:
        """How much of each version is here and how much at its remote."""
        found = []
        for ref in refs:
            version = self._datasets.get(ref)
            place = self._remote(version.project, version.dataset, remote)
            (state,) = place.status([version.id])
            found.append((version, place.url, state))
        return found

    def offered(self, remote: str) -> Refs:
        """All versions that a remote names."""
        return self._remote(self._datasets.project_name, "", remote).refs()

    def copies(self, digest: str, manifests: Sequence[str]) -> Iterator[Source]:
        """Where a good copy of an object may be: in working copies of versions that hold it, then at remotes."""
        versions = self._datasets.by_manifest(manifests)
        for version in versions:
            place = self._datasets.place(version)
            for entry in self._datasets.manifest(version).files:
                parts = [part for part, _ in marks.listed(self._home, entry.hash)]
                if digest == entry.hash or digest in parts:
                    path = place if place.is_file() else place / entry.path
                    yield Source(f"the working copy {path}", path, "" if digest == entry.hash else entry.hash)
        for version in versions:
            settings = self._settings_of(version.project)
            if settings is not None and self._declared(settings, version.dataset):
                remote = self._remote(version.project, version.dataset, "")
                yield remote.source(digest)

    def manifest_copies(self, manifest: str) -> Iterator[Source]:
        """Where a good copy of a manifest may be: at the remotes of the versions that it is of."""
        for version in self._datasets.by_manifest([manifest]):
            settings = self._settings_of(version.project)
            if settings is not None and self._declared(settings, version.dataset):
                yield self._remote(version.project, version.dataset, "").manifest_source(manifest)

    def _offered(self, place: Remote, project: str, name: str, wanted: str) -> DatasetVersion:
        refs = [item for item in place.refs().versions if item.dataset == name]
        mine = [item for item in refs if item.project == project] or refs
        if len({item.project for item in mine}) > 1:
            names = ", ".join(sorted({f"{item.project}/{name}" for item in mine}))
            raise UsageError(f"several projects have a dataset {name!r} there", f"name one of: {names}")
        for item in sorted(mine, key=lambda item: -item.number):
            if not wanted or wanted in (item.label, item.short) or item.id.removeprefix("b3:").startswith(wanted):
                return item
        labels = ", ".join(item.label for item in mine)
        raise NotFoundError(
            f"{place.url} has no {name}@{wanted}" if mine else f"{place.url} has no dataset {name!r}",
            f"there are: {labels}" if labels else "lab data remote REMOTE lists what is there",
        )

    def _remote(self, project: str, dataset: str, remote: str) -> Remote:
        settings = self._settings_of(project)
        wanted = remote or (self._declared(settings, dataset) if settings else "")
        if not wanted:
            raise UsageError(
                f"dataset {dataset!r} has no remote", f'set remote = "…" under [datasets.{dataset}], or name one'
            )
        if settings and wanted in settings.remotes:
            declared = settings.remotes[wanted]
            return Remote(self._home, declared.url, declared.options)
        if "://" not in wanted and "/" not in wanted and not Path(wanted).is_dir():
            names = ", ".join(settings.remotes) if settings and settings.remotes else "none"
            raise NotFoundError(f"no remote {wanted!r} in lab.toml", f"there are: {names}; or give a URL or a folder")
        return Remote(self._home, wanted)

    def _place(self, project: str, dataset: str) -> str:
        """Where the dataset is, or is to be: as the lab knows it, else as lab.toml says; "" for neither."""
        known = [item.path for item in self._datasets.list() if (item.project, item.name) == (project, dataset)]
        settings = self._settings_of(project)
        declared = settings.datasets.get(dataset) if settings else None
        return known[0] if known else declared.path if declared else ""

    def _declared(self, settings: ProjectSettings, dataset: str) -> str:
        found = settings.datasets.get(dataset)
        return found.remote if found else ""

    # -- files ------------------------------------------------------------------------------------

    def export(
        self, ref: str, dest: Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> tuple[DatasetVersion, Path]:
        """Write a version to a folder, or by the ending of `dest` to `.tar.zst`, `.tar.gz` or `.parquet`."""
        version = self._datasets.get(ref)
        narration = Narration(progress)
        done = 0

        def on_bytes(size: int) -> None:
            nonlocal done
            done += size
            narration.bytes(done, version.bytes)

        with locks.share(self._home.store_lock):
            return version, export.export(self._home, version.id, dest, overwrite=overwrite, on_bytes=on_bytes)

    # -- DVC --------------------------------------------------------------------------------------

    def import_dvc(self, root: Path, only: Iterable[str] = (), progress: Progress | None = None) -> list[Imported]:
        """Make versions of what a DVC project tracks, from its cache or its working copy; nothing there is changed.

        Doing it again takes what is new. Raises NotFoundError if `root` is no DVC project.
        """
        plan = dvc.plan(root)
        wanted = set(only)
        found = [Imported(item.path, item.path, reason=item.reason) for item in plan.skipped if not wanted]
        taken: set[str] = set()
        for out in plan.outs:
            name = _unused(legal_name(Path(out.path).stem, "data"), taken)
            taken.add(name)
            if not wanted or name in wanted or out.path in wanted:
                found.append(self._import(plan, out, name, progress))
        return found

    def _import(self, plan: dvc.Project, out: dvc.DvcOut, name: str, progress: Progress | None) -> Imported:
        check_name("dataset", name)
        project, root = self._datasets.project_name, self._datasets.project_root
        with locks.share(self._home.store_lock):
            loaded = dvc.load(self._home, plan, out, narrate(progress))
        if loaded.manifest is None:
            missing = f"{len(loaded.missing)} of its files are in no cache and not in the working copy"
            return Imported(name, out.path, reason=f"{missing}; 'dvc pull' brings them")
        source = plan.root / out.path
        place = str(source.relative_to(root)) if source.is_relative_to(root) else str(source)
        try:
            version, new = self._datasets.adopt(
                project, name, loaded.manifest, path=place, message="imported from DVC", origin=dict(loaded.origin)
            )
        except ConflictError as error:
            return Imported(name, out.path, reason=error.message)
        return Imported(name, out.path, version, new)


def _unused(name: str, taken: set[str]) -> str:
    number = 2
    unused = name
    while unused in taken:
        unused = f"{name}-{number}"
        number += 1
    return unused
