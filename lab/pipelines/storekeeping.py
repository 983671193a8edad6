"""The store as a whole: what needs its bytes, what may go, what has rotted and who is hit by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lab.catalog import datasets as catalog_datasets
from lab.catalog import lineage
from lab.catalog.connection import Catalog
from lab.dataclass import dataclass
from lab.datasets.narration import Narration
from lab.domain.datasets import DatasetVersion
from lab.domain.resources import format_size
from lab.paths import LabHome
from lab.stores import gc, scrub, trash, usage
from lab.stores.manifests import ManifestStore
from lab.stores.repair import Repair, Source, repair, repair_manifest

Progress = Callable[[str], None]

_SCRUBBED = 128 << 20  # bytes read in one go


@dataclass(frozen=True)
class Hit:
    """Something wrong, and what needs it: `kind name`, such as `run calm-otter-42`; `repair` is None where none was
    tried."""

    finding: scrub.Finding
    owners: tuple[str, ...]
    repair: Repair | None = None

    @property
    def mended(self) -> bool:
        return self.repair is not None and self.repair.sound


@dataclass(frozen=True)
class Verified:
    """What was looked at, `bytes` read, and what is not as it should be."""

    objects: int
    manifests: int
    bytes: int
    hits: tuple[Hit, ...]
    away: int = 0  # objects of versions that were pulled in part: they are still at the remote


class Store:
    """`in_use` gives the manifests whose trees are mounted now; `copies` where a good copy of an object may be found,
    given its digest and the manifests that hold it, and `manifest_copies` where one of a manifest; `images` are
    those that the engine keeps, with their bytes; `restore` brings a batch back from the trash."""

    def __init__(
        self,
        home: LabHome,
        catalog: Catalog,
        in_use: Callable[[], Iterable[str]],
        copies: Callable[[str, Sequence[str]], Iterable[Source]],
        manifest_copies: Callable[[str], Iterable[Source]],
        images: Callable[[], Mapping[str, int]],
        restore: Callable[[str], trash.Restored],
    ) -> None:
        self._home = home
        self._catalog = catalog
        self._in_use = in_use
        self._copies = copies
        self._manifest_copies = manifest_copies
        self._images = images
        self._restore = restore

    # -- what is kept, and for whom ---------------------------------------------------------------

    def owners(self) -> Mapping[str, tuple[str, ...]]:
        """Manifest id → what needs it, as `kind name`."""
        found: dict[str, list[str]] = {}
        for kind, name, manifest in lineage.holders(self._catalog):
            found.setdefault(manifest, []).append(f"{kind} {name}")
        return {manifest: tuple(names) for manifest, names in found.items()}

    def usage(self) -> usage.Usage:
        """Bytes of all that needs some, of the caches and of the trash. Images count where the engine answers."""
        held: dict[str, list[str]] = {}
        for kind, name, manifest in lineage.holders(self._catalog):
            held.setdefault(f"{kind} {name}", []).append(manifest)
        found = usage.usage(self._home, held, self._folders())
        images = {f"image {name}": usage.Share(size, 0) for name, size in self._images().items()}
        return replace(found, owners={**found.owners, **images})

    def _folders(self) -> dict[str, Path]:
        """What is outside the store and belongs to somebody, by its owner."""
        names = lineage.folder_owners(self._catalog)
        found: dict[str, Path] = {}
        for kind, folder in (("run", self._home.runs), ("deployment", self._home.deployments)):
            found |= {f"{kind} {names.get((kind, path.name), path.name)}": path for path in _listing(folder)}
        found |= {f"environment {path.name}": path for path in _listing(self._home.environments)}
        return {**found, "downloaded packages": self._home.build_cache}

    # -- garbage ----------------------------------------------------------------------------------

    def plan(self) -> gc.Plan:
        """What could go and why the rest stays; changes nothing."""
        return gc.plan(self._home, self._live())

    def collect(self, plan: gc.Plan, progress: Progress | None = None) -> gc.Freed:
        """Carry out a plan: caches are erased, all else goes to the trash for 14 days. What has come to be needed
        since the plan was made stays. Raises ConflictError while others keep the store busy."""

        narration = Narration(progress)

        def told(done: int, total: int) -> None:
            narration.say(f"{done:,} of {total:,} files", whole=done >= total)

        freed = gc.collect(self._home, plan, self._live, progress=told)
        trash.empty(self._home)
        return freed

    def batches(self) -> Sequence[trash.Batch]:
        """What is in the trash, the newest first."""
        return trash.batches(self._home)

    def restore(self, batch: str) -> trash.Restored:
        """Bring a batch back from the trash."""
        return self._restore(batch)

    def empty_trash(self) -> int:
        """Erase what has been in the trash for 14 days; returns the bytes."""
        return trash.empty(self._home)

    def _live(self) -> gc.Live:
        self._catalog.refresh()
        roots = {manifest for _, _, manifest in lineage.holders(self._catalog)}
        return gc.Live(frozenset(roots), frozenset(self._in_use()))

    # -- rot --------------------------------------------------------------------------------------

    def verify(
        self,
        versions: Sequence[DatasetVersion] = (),
        *,
        quick: bool = False,
        mend: bool = False,
        progress: Progress | None = None,
    ) -> Verified:
        """Compare what is stored with its names: all of it, or what `versions` hold.

        With `mend` a damaged object goes to the quarantine, and a copy with the right hash, from a working copy or
        a remote, takes its place. Nothing is ever restored from what is damaged.
        """

        narration = Narration(progress)

        def told(done: scrub.Checked) -> None:
            shown = f"{done.objects:,} of {done.objects_total:,} objects, {format_size(done.bytes)}"
            narration.say(shown, whole=done.objects >= done.objects_total)

        report = scrub.verify(self._home, [item.id for item in versions] or None, quick=quick, progress=told)
        owners = self.owners()
        wanted = [item.id for item in versions] or sorted(owners)
        known = {item.id for item in report.findings}
        findings = [*report.findings, *(item for item in self._lost(wanted) if item.id not in known)]
        hits = []
        away = self._away(findings)
        for finding in findings:
            if finding.id in away:
                continue
            names = sorted({name for manifest in finding.manifests for name in owners.get(manifest, ())})
            done = self._repair(finding) if mend else None
            hits.append(Hit(finding, tuple(names), done))
        return Verified(report.objects, report.manifests, report.bytes, tuple(hits), len(away))

    def _lost(self, manifests: Iterable[str]) -> Iterator[scrub.Finding]:
        """Manifests that somebody needs and that are not in the store at all."""
        store = ManifestStore(self._home)
        for name in manifests:
            if not store.has(name):
                yield scrub.Finding(scrub.MANIFEST, name, "is missing from the store", (name,))

    def _away(self, findings: Sequence[scrub.Finding]) -> set[str]:
        """Missing objects that only versions from remotes need: they were never here."""
        missing = [item for item in findings if item.kind == scrub.MISSING]
        wanted = sorted({name for item in missing for name in item.manifests})
        versions = catalog_datasets.by_manifest(self._catalog, wanted)
        pulled = {item.id for item in versions if "remote" in item.origin}
        kept = {item.id for item in versions if "remote" not in item.origin}
        return {item.id for item in missing if item.manifests and set(item.manifests) <= pulled - kept}

    def _repair(self, finding: scrub.Finding) -> Repair:
        if finding.kind == scrub.MANIFEST:
            return repair_manifest(self._home, finding.id, self._manifest_copies(finding.id))
        return repair(self._home, finding.id, self._copies(finding.id, finding.manifests))

    def scrub(self) -> list[str]:
        """Go on comparing the store with its names, a little further; for quiet moments. Returns what to tell.

        Raises ConflictError while another process is at it.
        """
        step = scrub.Scrubber(self._home).step(_SCRUBBED)
        return [
            f"{item.kind} damage in the store: {item.id.removeprefix('b3:')[:12]} {item.detail}; see 'lab data verify'"
            for item in step.findings
        ]

    def known_damage(self) -> Sequence[str]:
        """Hashes of what was found damaged in quiet moments, and has not been found whole since."""
        return scrub.Scrubber(self._home).state().bad


def _listing(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
