"""Snapshots: a file or folder as it was at one moment, put into the store.

Every object is what its name says in any case. That the files belong together is ensured by scanning the tree again
after the last file: what changed meanwhile is taken again, until the snapshot is a state that the tree really had.
(A writer through a memory map may escape until the kernel writes back.)
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.domain.resources import format_size
from lab.domain.text import clean
from lab.errors import ConflictError, LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores.ignore import Ignore, ignore_for
from lab.stores.manifests import Entry, FileEntry, FolderEntry, LinkEntry, Manifest, ManifestStore, check_target
from lab.stores.objects import Batch, FileState, ObjectStore, Stored, file_state

_ROUNDS = 4


@dataclass(frozen=True)
class Limits:
    """Caps in bytes, for snapshots that must stay small (code). What is over them is skipped and listed, and so is
    what would otherwise refuse the snapshot: links out of the tree, files that never hold still."""

    max_file: int
    max_total: int


@dataclass(frozen=True)
class Skipped:
    """Something that is in the tree and not in the snapshot; `reason` is a sentence part."""

    path: str
    size: int
    reason: str


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


@dataclass(frozen=True)
class _File:
    state: FileState
    executable: bool


@dataclass(frozen=True)
class _Tree:
    files: Mapping[str, _File]
    others: tuple[LinkEntry | FolderEntry, ...]
    skipped: tuple[Skipped, ...]


def snapshot(
    path: Path,
    home: LabHome,
    ignore: Iterable[str] = (),
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> Snapshot:
    """Store the file or folder `path` and its manifest, durably.

    `ignore` are patterns beside the default ones and the folder's `.labignore`. The lab home itself is never
    included. Links inside the tree stay links; pipes, sockets and devices are skipped and listed.
    Raises NotFoundError if there is nothing at `path`; LabError naming a file that cannot be read, a link that leaves
    the tree, or a full disk; ConflictError if files keep changing.
    """
    root = Path(os.path.realpath(path))
    if not root.exists():
        raise NotFoundError(f"nothing at {clean(str(path))}", "check the path")
    if root == Path(os.path.realpath(home.root)):
        raise UsageError(f"{clean(str(path))} is the lab home itself", "choose a folder inside a project")
    single = not root.is_dir()
    scan = _lone(root, path.name) if single else _Scan(root, ignore_for(root, ignore), home, limits)
    with ObjectStore(home).batch() as batch:
        tree, stored = _take(batch, root.parent if single else root, scan, progress, limits)
    entries: list[Entry] = [
        FileEntry(path.name if single else name, item.hash, item.size, tree.files[name].executable)
        for name, item in stored.items()
    ]
    manifest = Manifest.of([*entries, *tree.others], single)
    return Snapshot(manifest, ManifestStore(home).write(manifest), tree.skipped)


def _take(
    batch: Batch, root: Path, scan: Callable[[], _Tree], progress: Progress | None, limits: Limits | None
) -> tuple[_Tree, dict[str, Stored]]:
    """Scan, store, and scan again until nothing has changed in between."""
    stored: dict[str, Stored] = {}
    restless: dict[str, Skipped] = {}
    tree = scan()
    report = _Report(tree, progress)
    for _ in range(_ROUNDS):
        for name, file in tree.files.items():
            known = stored.get(name)
            if name in restless or (known is not None and known.state == file.state):
                continue
            try:
                stored[name] = batch.put_file(f"{root}/{name}", report.part)
            except FileNotFoundError:
                stored.pop(name, None)  # the next scan tells whether it is back
            except ConflictError:
                if limits is None:
                    raise
                restless[name] = Skipped(name, file.state[1], "is being written")
            report.file()
        tree = scan()
        stored = {name: item for name, item in stored.items() if name in tree.files and name not in restless}
        moved = [name for name, file in tree.files.items() if name not in restless and _moved(stored.get(name), file)]
        if not moved:
            return _settled(tree, restless), stored
    if limits is None:
        raise ConflictError(
            f"{clean(str(root / moved[0]))} keeps changing", "wait until its writer is done, then try again"
        )
    restless |= {name: Skipped(name, tree.files[name].state[1], "is being written") for name in moved}
    return _settled(tree, restless), {name: item for name, item in stored.items() if name not in restless}


def _moved(stored: Stored | None, file: _File) -> bool:
    return stored is None or stored.state != file.state


def _settled(tree: _Tree, restless: Mapping[str, Skipped]) -> _Tree:
    skipped = sorted((*tree.skipped, *restless.values()), key=lambda item: item.path)
    return _Tree(tree.files, tree.others, tuple(skipped))


class _Report:
    """Counts what was read; a file that is read again counts again, up to the total."""

    def __init__(self, tree: _Tree, progress: Progress | None) -> None:
        self._progress = progress
        self._files = self._bytes = 0
        self._files_total = len(tree.files)
        self._bytes_total = sum(file.state[1] for file in tree.files.values())

    def part(self, size: int) -> None:
        self._bytes = min(self._bytes + size, self._bytes_total)
        if size >= 1 << 20:  # a large file's parts; a small file is told when it is done
            self._tell()

    def file(self) -> None:
        self._files = min(self._files + 1, self._files_total)
        self._tell()

    def _tell(self) -> None:
        if self._progress:
            self._progress(Done(self._files, self._files_total, self._bytes, self._bytes_total))


def _lone(root: Path, name: str) -> Callable[[], _Tree]:
    """A scan of one file, which must be a regular one."""

    def scan() -> _Tree:
        try:
            info = root.stat()
        except FileNotFoundError as error:
            raise NotFoundError(f"nothing at {clean(str(root))} any more", "check the path") from error
        if not stat.S_ISREG(info.st_mode):
            raise UsageError(f"{clean(name)} is neither a file nor a folder", "choose a regular file or a folder")
        return _Tree({root.name: _File(file_state(info), bool(info.st_mode & stat.S_IXUSR))}, (), ())

    return scan


class _Scan:
    """Looks at every entry of a folder, by stat only."""

    def __init__(self, root: Path, ignore: Ignore, home: LabHome, limits: Limits | None) -> None:
        self._root = root
        self._ignore = ignore
        self._limits = limits
        try:
            info = home.root.stat()
            self._home = (info.st_dev, info.st_ino)
        except FileNotFoundError:
            self._home = (-1, -1)

    def __call__(self) -> _Tree:
        files: dict[str, _File] = {}
        others: list[LinkEntry | FolderEntry] = []
        skipped: list[Skipped] = []
        for name, entry, info in self._walk(skipped):
            if entry is None:
                others.append(FolderEntry(name))
            elif stat.S_ISREG(info.st_mode):
                files[name] = _File(file_state(info), bool(info.st_mode & stat.S_IXUSR))
            elif stat.S_ISLNK(info.st_mode):
                self._link(name, entry, others, skipped)
            else:
                skipped.append(Skipped(name, 0, "is a pipe, socket or device"))
        if self._limits is not None:
            files = _within(files, self._limits, skipped)
        ordered = dict(sorted(files.items()))
        return _Tree(ordered, tuple(others), tuple(sorted(skipped, key=lambda item: item.path)))

    def _walk(self, skipped: list[Skipped]) -> Iterator[tuple[str, os.DirEntry[str] | None, os.stat_result]]:
        """All entries that are not folders, and folders that are empty (entry None), with their relative paths."""
        open_folders = [""]
        while open_folders:
            prefix = open_folders.pop()
            folder = f"{self._root}/{prefix}"
            seen = False
            for entry in _listing(folder):
                name = prefix + entry.name
                try:
                    info = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                is_folder = stat.S_ISDIR(info.st_mode)
                if self._ignore.fits(name, is_folder) or (info.st_dev, info.st_ino) == self._home:
                    continue
                seen = True
                if is_folder:
                    open_folders.append(name + "/")
                else:
                    yield name, entry, info
            if prefix and not seen:
                yield prefix[:-1], None, os.stat_result((0,) * 10)

    def _link(
        self, name: str, entry: os.DirEntry[str], others: list[LinkEntry | FolderEntry], skipped: list[Skipped]
    ) -> None:
        try:
            target = os.readlink(entry.path)
        except FileNotFoundError:
            return
        if check_target(name, target):
            others.append(LinkEntry(name, target))
        elif self._limits is not None:
            skipped.append(Skipped(name, 0, "is a link out of the folder"))
        else:
            raise LabError(
                f"{clean(name)} is a link out of the folder, to {clean(target, 200)}",
                "replace the link by what it points to, or name it in .labignore",
            )


def _listing(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []  # gone since its parent was listed
    except OSError as error:
        raise LabError(
            f"cannot read {clean(folder.rstrip('/'))}: {error.strerror}", "mend the folder's permissions, or ignore it"
        ) from error


def _within(files: Mapping[str, _File], limits: Limits, skipped: list[Skipped]) -> dict[str, _File]:
    """The files that the limits admit: small ones first, so that data never crowds out code."""
    kept: dict[str, _File] = {}
    total = 0
    for name, file in sorted(files.items(), key=lambda item: (item[1].state[1], item[0])):
        size = file.state[1]
        if size > limits.max_file:
            skipped.append(Skipped(name, size, f"is larger than {format_size(limits.max_file)}"))
        elif total + size > limits.max_total:
            skipped.append(Skipped(name, size, f"would exceed {format_size(limits.max_total)} in all"))
        else:
            total += size
            kept[name] = file
    return kept
