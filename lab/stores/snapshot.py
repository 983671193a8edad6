"""Snapshots: a file or folder as it was at one moment, put into the store.

Every object is what its name says in any case. That the files belong together is ensured by scanning the tree again
after the last file: what changed meanwhile is taken again, until the snapshot is a state that the tree really had.
(A writer through a memory map may escape until the kernel writes back.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import ConflictError, LabError
from lab.paths import LabHome
from lab.stores.intake import Batch, Stored
from lab.stores.manifests import Entry, FileEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.scan import File, Limits, Scan, Skipped, Tree, root_of, scanner, within
from lab.stores.sources import NotAFileError
from lab.stores.statcache import StatCache

__all__ = ["Done", "Limits", "Progress", "Skipped", "Snapshot", "snapshot"]

_ROUNDS = 4


@dataclass(frozen=True)
class Snapshot:
    """What was stored. `id` names the manifest, which is in the store."""

    manifest: Manifest
    id: str
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Done:
    """How far a snapshot has come; totals are of the first scan."""

    files: int
    files_total: int
    bytes: int
    bytes_total: int


#: Hears of progress, often. What it raises ends the snapshot and leaves nothing behind.
Progress = Callable[[Done], None]


def snapshot(
    path: Path,
    home: LabHome,
    ignore: Iterable[str] = (),
    progress: Progress | None = None,
    limits: Limits | None = None,
    previous: Manifest | None = None,
    paranoid: bool = False,
    restless: bool = False,
) -> Snapshot:
    """Store the file or folder `path` and its manifest, durably.

    `ignore` are patterns beside the default ones and the folder's `.labignore`. The lab home itself is never
    included. Links inside the tree stay links; pipes, sockets and devices are skipped and listed.
    A file that looks to stat as it did when it was last read is not read again, unless `paranoid`. A large file that
    begins with what it was in the manifest `previous` costs only the room of its tail. With `restless` files that are
    being written are taken as they are read: each is then what it was at some moment, but perhaps not all at the same.
    Raises NotFoundError if there is nothing at `path`; LabError naming a file that cannot be read, a link that leaves
    the tree, or a full disk; ConflictError if files keep changing.
    """
    began = time.time_ns()
    root = root_of(path, home)
    single = not root.is_dir()
    objects = ObjectStore(home)
    cache = StatCache.load(home, root)
    scan = _admitted(scanner(root, home, ignore), limits)
    with objects.batch() as batch:
        source = _Source(
            root.parent if single else root, batch, objects, cache, _hashes(previous, root), paranoid, restless
        )
        tree, stored = _take(source, scan, progress, limits)
    entries: list[Entry] = [
        FileEntry(path.name if single else name, item.hash, item.size, tree.files[name].executable)
        for name, item in stored.items()
    ]
    manifest = Manifest.of([*entries, *tree.others], single)
    taken = Snapshot(manifest, ManifestStore(home).write(manifest), tree.skipped)
    cache.save({name: (item.state, item.hash) for name, item in stored.items()}, began)
    return taken


def _hashes(manifest: Manifest | None, root: Path) -> Mapping[str, str]:
    """What files were, by their names in the tree (that of a lone file is the name which its links lead to)."""
    if manifest is None:
        return {}
    return {root.name if manifest.single else entry.path: entry.hash for entry in manifest.files}


def _admitted(scan: Scan, limits: Limits | None) -> Scan:
    """The scan, cut to the limits; without limits, links out of the tree refuse it."""

    def admitted() -> Tree:
        tree = scan()
        if limits is not None:
            return within(tree, limits)
        for name, target in tree.outside.items():
            raise LabError(
                f"{clean(name)} is a link out of the folder, to {clean(target, 200)}",
                "replace the link by what it points to, or name it in .labignore",
            )
        return tree

    return admitted


@dataclass(frozen=True)
class _Source:
    """Where files come from, and what is known of them."""

    root: Path
    batch: Batch
    objects: ObjectStore
    cache: StatCache
    previous: Mapping[str, str]
    paranoid: bool
    restless: bool

    def known(self, name: str, file: File) -> Stored | None:
        """The object of a file that need not be read; None if it must be."""
        digest = "" if self.paranoid else self.cache.hash(name, file.state)
        if not digest or self.objects.size(digest) != file.state[1]:
            return None
        return Stored(digest, file.state[1], file.state)

    def read(self, name: str, on_bytes: Callable[[int], None]) -> Stored:
        base = self.previous.get(name) or self.cache.last(name)
        return self.batch.put_file(f"{self.root}/{name}", on_bytes, base, restless=self.restless)


def _take(
    source: _Source, scan: Scan, progress: Progress | None, limits: Limits | None
) -> tuple[Tree, dict[str, Stored]]:
    """Scan, store, and scan again until nothing has changed in between."""
    stored: dict[str, Stored] = {}
    restless: dict[str, Skipped] = {}
    tree = scan()
    report = _Report(tree, progress)
    for _ in range(_ROUNDS):
        for name, file in tree.files.items():
            if name in restless or not _moved(stored.get(name), file):
                continue
            known = source.known(name, file)
            try:
                stored[name] = known or source.read(name, report.part)
            except (FileNotFoundError, NotAFileError):
                stored.pop(name, None)  # the next scan tells what is there now
            except ConflictError:
                if limits is None:
                    raise
                restless[name] = Skipped(name, file.state[1], "is being written")
            report.file(known.size if known else 0)
        tree = scan()
        stored = {name: item for name, item in stored.items() if name in tree.files and name not in restless}
        moved = [name for name, file in tree.files.items() if name not in restless and _moved(stored.get(name), file)]
        if not moved or (source.restless and not any(name not in stored for name in moved)):
            return _settled(tree, restless), stored
    if limits is None:
        raise ConflictError(
            f"{clean(str(source.root / moved[0]))} keeps changing", "wait until its writer is done, then try again"
        )
    restless |= {name: Skipped(name, tree.files[name].state[1], "is being written") for name in moved}
    return _settled(tree, restless), {name: item for name, item in stored.items() if name not in restless}


def _moved(stored: Stored | None, file: File) -> bool:
    return stored is None or stored.state != file.state


def _settled(tree: Tree, restless: Mapping[str, Skipped]) -> Tree:
    skipped = sorted((*tree.skipped, *restless.values()), key=lambda item: item.path)
    return replace(tree, skipped=tuple(skipped))


class _Report:
    """Counts what was read; a file that is read again counts again, up to the total."""

    def __init__(self, tree: Tree, progress: Progress | None) -> None:
        self._progress = progress
        self._files = self._bytes = 0
        self._files_total = len(tree.files)
        self._bytes_total = sum(file.state[1] for file in tree.files.values())

    def part(self, size: int) -> None:
        self._bytes = min(self._bytes + size, self._bytes_total)
        if size >= 1 << 20:  # a large file's parts; a small file is told when it is done
            self._tell()

    def file(self, known: int) -> None:
        """A file is done, `known` of its bytes without being read."""
        self._bytes = min(self._bytes + known, self._bytes_total)
        self._files = min(self._files + 1, self._files_total)
        self._tell()

    def _tell(self) -> None:
        if self._progress:
            self._progress(Done(self._files, self._files_total, self._bytes, self._bytes_total))
