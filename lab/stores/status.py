"""What has changed in a file or folder since a version of it: by stat, reading only what stat cannot tell."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.domain.datasets import Changes
from lab.errors import NotFoundError
from lab.paths import LabHome
from lab.stores.manifests import Entry, FileEntry, FolderEntry, LinkEntry, Manifest
from lab.stores.scan import File, Tree, root_of, scanner
from lab.stores.sources import FileState, NotAFileError, hash_file
from lab.stores.statcache import StatCache

_CHUNK = 4 << 20


def status(
    path: Path, home: LabHome, manifest: Manifest, paranoid: bool = False, ignore: Iterable[str] = ()
) -> Changes:
    """How the file or folder `path` differs from `manifest`; `ignore` as for `snapshot`.

    A file whose size differs is not read, nor one that looks to stat as it did when it was last read, unless
    `paranoid`. Where nothing is at `path`, everything is removed. A link out of the tree counts as added or changed;
    pipes, sockets and devices do not count. Raises LabError naming what cannot be read.
    """
    began = time.time_ns()
    try:
        root = root_of(path, home)
        single = not root.is_dir()
        tree = scanner(root, home, ignore)()
    except NotFoundError:
        return Changes(removed=tuple(entry.path for entry in manifest.entries))
    folder = root.parent if single else root
    reader = _Reader(folder, StatCache.load(home, root), paranoid)
    if single != manifest.single:
        return _another_kind(manifest, tree)
    found = _compare(manifest, tree, reader, {root.name: path.name} if single else {})
    reader.save(tree, began)
    return found


def _another_kind(manifest: Manifest, tree: Tree) -> Changes:
    """A folder where a lone file was, or the other way round."""
    wanted = {entry.path for entry in manifest.entries}
    there = {*tree.files, *tree.outside, *(entry.path for entry in tree.others)}
    return Changes(tuple(sorted(there - wanted)), tuple(sorted(wanted - there)), tuple(sorted(there & wanted)))


class _Reader:
    """Tells the hash of a file, by the cache or by reading it."""

    def __init__(self, folder: Path, cache: StatCache, paranoid: bool) -> None:
        self._folder = folder
        self._cache = cache
        self._paranoid = paranoid
        self._read: dict[str, tuple[FileState, str]] = {}
        self._buffer = memoryview(bytearray(_CHUNK))

    def hash(self, name: str, state: FileState) -> str:
        """The hash of the file's content, "" if it is changing just now."""
        known = "" if self._paranoid else self._cache.hash(name, state)
        if known:
            return known
        found = hash_file(f"{self._folder}/{name}", self._buffer)
        if found is None:
            return ""
        digest, read = found
        self._read[name] = (read, digest)
        return digest

    def save(self, tree: Tree, began: int) -> None:
        """Let the cache know what was read; a file that differs and was not read keeps what was known of it."""
        if self._read:
            self._cache.save({**self._cache.known(tree.files), **self._read}, began)


def _compare(manifest: Manifest, tree: Tree, reader: _Reader, names: Mapping[str, str]) -> Changes:
    """`names` are those in the manifest, where they differ from those in the tree."""
    wanted: dict[str, Entry] = {entry.path: entry for entry in manifest.entries}
    added: list[str] = []
    changed: list[str] = []
    gone = dict.fromkeys(wanted)
    for name, file in tree.files.items():
        path = names.get(name, name)
        gone.pop(path, None)
        entry = wanted.get(path)
        if entry is None:
            added.append(path)
        elif not isinstance(entry, FileEntry) or _differs(entry, file):
            changed.append(path)
        else:
            try:
                if reader.hash(name, file.state) != entry.hash:
                    changed.append(path)
            except FileNotFoundError:
                gone[path] = None
            except NotAFileError:
                changed.append(path)
    others: list[tuple[str, LinkEntry | FolderEntry | None]] = [(entry.path, entry) for entry in tree.others]
    for path, other in [*others, *((path, None) for path in tree.outside)]:
        gone.pop(path, None)
        if path not in wanted:
            added.append(path)
        elif wanted[path] != other:
            changed.append(path)
    return _tidy(wanted, tree, added, list(gone), changed)


def _differs(entry: FileEntry, file: File) -> bool:
    return entry.size != file.state[1] or entry.executable != file.executable


def _tidy(wanted: Mapping[str, Entry], tree: Tree, added: list[str], removed: list[str], changed: list[str]) -> Changes:
    """Without empty folders that only got their first entry, or lost their last: the entries tell that."""
    empty = {entry.path for entry in tree.others if isinstance(entry, FolderEntry)}
    filled, emptied = _folders(added), _folders(removed)
    return Changes(
        tuple(sorted(path for path in added if not (path in empty and path in emptied))),
        tuple(sorted(path for path in removed if not (isinstance(wanted[path], FolderEntry) and path in filled))),
        tuple(sorted(changed)),
    )


def _folders(paths: Iterable[str]) -> set[str]:
    """Every folder above one of these paths."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found
