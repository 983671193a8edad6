"""The new state of a checkout: built beside the old one, then put in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from blake3 import blake3

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError
from lab.paths import LabHome
from lab.stores import swaps
from lab.stores.copies import clone, end_sparse, write_sparse
from lab.stores.durable import sync_file, sync_filesystem, tell_full_disk
from lab.stores.ignore import Ignore
from lab.stores.manifests import Entry, FileEntry, FolderEntry, LinkEntry
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Done, Progress
from lab.stores.sources import FileState
from lab.stores.swaps import Look

_CHUNK = 4 << 20
_MANY = 64  # above so many files one flush of the filesystem is cheaper than one of each


@dataclass(frozen=True)
class CheckedOut:
    """What was done. `path` is what was brought; of its `files`, `copied` (`bytes` of them) came from the store and
    the others were there already. `kept` counts ignored files and folders that were carried over, `replaced` tells
    whether a folder gave way to a new one of the same name, in which a shell may still stand."""

    path: Path
    files: int
    copied: int
    bytes: int
    kept: int
    replaced: bool


@dataclass(frozen=True)
class Task:
    """What is to be brought where. `entries` have paths below `target`, "" for `target` itself; `prefix` is the path of
    the target below `root`, the place of the whole version, ended by `/` unless empty."""

    home: LabHome
    root: Path
    prefix: str
    entries: tuple[Entry, ...]
    extra: tuple[str, ...]
    ignore: Ignore

    @property
    def target(self) -> Path:
        return self.root / self.prefix

    @property
    def files(self) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, FileEntry))

    def look(self) -> Look:
        """What is at the target; nothing if nothing is."""
        if not os.path.lexists(self.target):
            return Look({}, ())
        return swaps.look(self.target, self.ignore, self.prefix, self.home)


class Build:
    """Makes the new state and lets it take its place."""

    def __init__(self, task: Task, stays: set[str], before: Look, progress: Progress | None) -> None:
        self._task = task
        self._place = str(task.target)
        self._objects = ObjectStore(task.home)
        self._stays = stays
        self._before = before
        self._progress = progress
        self._linked: set[str] = set()
        self._made: set[str] = set()
        self._copied: list[str] = []
        self._bytes = self._seen = self._done = 0
        self._total = sum(entry.size for entry in task.files if entry.path not in stays)
        self._buffer = memoryview(bytearray(_CHUNK))

    def run(self) -> CheckedOut:
        task = self._task
        base = self._base()
        base.mkdir(parents=True, exist_ok=True)
        with (
            tell_full_disk(clean(str(task.target)), self._total, base),
            swaps.workshop(task.home, base) as shop,
        ):
            self._build(shop.new)
            self._sync(shop.folder)
            task.target.parent.mkdir(parents=True, exist_ok=True)
            old = shop.swap(task.target, task.root, task.prefix, task.extra)
            was_folder = old is not None and is_folder(old)
            kept = self._settle(shop, old) if old is not None else ()
        return CheckedOut(task.target, len(task.files), len(self._copied), self._bytes, len(kept), was_folder)

    def _base(self) -> Path:
        """Where to build: beside the whole version, or in it where only a part is to be replaced and nothing can be
        made beside it."""
        root = self._task.root
        beside = root.parent
        if not self._task.prefix or not root.is_dir():
            return beside
        fits = os.access(beside, os.W_OK | os.X_OK) and beside.stat().st_dev == root.stat().st_dev
        return beside if fits else root

    def _settle(self, shop: swaps.Workshop, old: Path) -> tuple[str, ...]:
        task = self._task
        after = swaps.look(old, task.ignore, task.prefix, task.home)
        moved = [
            path
            for path, state in after.states.items()
            if path not in self._linked and not _same(self._before.states.get(path), state, moved=not path)
        ]
        if moved or (after.kept and not is_folder(task.target)):
            shop.unswap(task.target)
            path = task.target / (moved or after.kept)[0]
            raise ConflictError(
                f"{clean(str(path))} was written meanwhile", "wait until its writer is done, then try again"
            )
        swaps.carry(old, task.target, after.kept)
        return after.kept

    def _build(self, new: Path) -> None:
        lone = any(not entry.path for entry in self._task.entries)
        if not lone:
            self._folder(new, "")
        for entry in self._task.entries:
            parent = entry.path if isinstance(entry, FolderEntry) else entry.path.rpartition("/")[0]
            if not lone and parent not in self._made:
                self._folder(new, parent)
            path = f"{new}/{entry.path}" if entry.path else str(new)
            if isinstance(entry, LinkEntry):
                os.symlink(entry.target, path)
            elif isinstance(entry, FileEntry):
                if not (entry.path in self._stays and self._link(entry.path, path)):
                    self._copy(entry, path)
                self._done += 1
                self._tell()

    def _folder(self, new: Path, path: str) -> None:
        parent = path.rpartition("/")[0]
        if path and parent not in self._made:
            self._folder(new, parent)
        (new / path).mkdir()
        there = self._task.target / path
        if is_folder(there):
            (new / path).chmod(stat.S_IMODE(there.stat().st_mode) | stat.S_IRWXU)
        self._made.add(path)

    def _link(self, path: str, new: str) -> bool:
        """Keep the user's own file; False where the filesystem or a policy does not allow another name."""
        try:
            os.link(f"{self._place}/{path}", new, follow_symlinks=False)
        except OSError:
            return False
        self._linked.add(path)
        return True

    def _copy(self, entry: FileEntry, new: str) -> None:
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o777 if entry.executable else 0o666)
        try:
            if self._fill(entry.hash, fd) != entry.hash:
                raise IntegrityError(
                    f"object {entry.hash[:12]} is damaged: its bytes are not what its name says",
                    "lab data verify --repair",
                )
            mode = self._mode(entry)
            if mode is not None:
                os.fchmod(fd, mode)
        finally:
            os.close(fd)
        self._copied.append(new)
        self._bytes += entry.size

    def _fill(self, digest: str, fd: int) -> str:
        """Write the object's content into the empty file `fd`; returns the hash of what was written."""
        hasher = blake3()
        parts = self._objects.parts(digest)
        for part, _ in parts:
            with open(self._objects.path(part), "rb", buffering=0) as source:
                shared = len(parts) == 1 and clone(source.fileno(), fd)
                with open(fd if shared else source.fileno(), "rb", buffering=0, closefd=False) as read:
                    while count := read.readinto(self._buffer):
                        hasher.update(self._buffer[:count])
                        if not shared:
                            write_sparse(fd, self._buffer[:count])
                        self._seen += count
                        if count == _CHUNK:
                            self._tell()
        if not shared:
            end_sparse(fd)
        return str(hasher.hexdigest())

    def _mode(self, entry: FileEntry) -> int | None:
        """The permissions of the file that is there now, executable or not as the version has it."""
        try:
            info = (self._task.target / entry.path).lstat()
        except OSError:
            return None
        if not stat.S_ISREG(info.st_mode):
            return None
        mode = stat.S_IMODE(info.st_mode) & 0o666 | stat.S_IRUSR | stat.S_IWUSR
        return mode | (mode & 0o444) >> 2 if entry.executable else mode

    def _sync(self, folder: Path) -> None:
        if len(self._copied) + len(self._made) > _MANY:
            sync_filesystem(folder)
            return
        for path in self._copied:
            sync_file(path)

    def _tell(self) -> None:
        if self._progress:
            self._progress(Done(self._done, len(self._task.files), self._seen, self._total))


def _same(before: FileState | None, after: FileState, moved: bool) -> bool:
    """Whether nobody wrote in between; a file that was itself moved has a new ctime by that."""
    return before is not None and (before[:3] == after[:3] if moved else before == after)


def is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
