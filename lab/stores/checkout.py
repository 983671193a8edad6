"""Bringing a version, or a file of it, to where people work: writable copies, all of it or nothing.

What is there and differs from every version known is never overwritten. The new state is built beside the old one, with
hard links to those of the user's own files that stay as they are (so that a switch costs what differs, and the files
that do not keep their inode, times and mode), and takes its place in one step: see `swaps`. Nothing is ever linked to
an object of the store. Every byte that is copied is compared with the hash that it must have.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from blake3 import blake3

from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores import locks, swaps
from lab.stores.copies import clone, end_sparse, write_sparse
from lab.stores.durable import sync_file, sync_filesystem, tell_full_disk
from lab.stores.ignore import Ignore, ignore_for
from lab.stores.manifests import Entry, FileEntry, FolderEntry, LinkEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Done, Progress
from lab.stores.sources import FileState
from lab.stores.status import status
from lab.stores.swaps import Look

_CHUNK = 4 << 20
_MANY = 64  # above so many files one flush of the filesystem is cheaper than one of each
_PATIENCE = 60.0  # seconds to wait for a sweep of the store
_NAMED = 3  # files that a refusal names


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


def checkout(
    home: LabHome,
    manifest_id: str,
    dest: Path,
    *,
    only: str = "",
    known: Iterable[str] = (),
    ignore: Sequence[str] = (),
    progress: Progress | None = None,
) -> CheckedOut:
    """Make `dest` the version `manifest_id`: the folder, or the file where a lone file was stored.

    With `only` just that file or folder of the version is brought, to `dest/only`. `known` are the versions whose
    states may be overwritten, the likeliest first; files that are missing at `dest` hinder nothing. Files that are
    ignored (by default, by `.labignore`, by `ignore`) stay. Raises ConflictError where something would be lost, naming
    it; NotFoundError if the version has no `only`; IntegrityError for a manifest or object that is missing or damaged;
    LabError if the place cannot be written or the disk is full. Then everything is as it was.
    """
    manifest = ManifestStore(home).read(manifest_id)
    task = _task(home, manifest, Path(os.path.realpath(dest)), only, ignore)
    with _tell_denied(task.target):
        swaps.recover(home, (task.root.parent, task.root))
        before = task.look()
        stays = _compare(task, manifest, known)
        if stays is None:
            return CheckedOut(task.target, len(task.files), 0, 0, 0, False)
        _refuse_in_the_way(task, before)
        with locks.share(home.store_lock, _PATIENCE):
            return _Build(task, stays, before, progress).run()


@dataclass(frozen=True)
class _Task:
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


def _task(home: LabHome, manifest: Manifest, root: Path, only: str, ignore: Sequence[str]) -> _Task:
    own = Path(os.path.realpath(home.root))
    if root.is_relative_to(own):
        raise UsageError(f"{clean(str(root))} is inside the lab home", "choose a folder of a project")
    only = only.strip("/")
    if manifest.single:
        if only not in ("", manifest.entries[0].path):
            raise _no_part(only)
        entries: tuple[Entry, ...] = (replace(manifest.entries[0], path=""),)
        only = ""
    else:
        entries = _below(manifest, only)
        _refuse_detour(root, only)
    return _Task(home, root, f"{only}/" if only else "", entries, tuple(ignore), ignore_for(root, ignore))


def _below(manifest: Manifest, only: str) -> tuple[Entry, ...]:
    """The entries at `only` and below it, with their paths from there."""
    if not only:
        return manifest.entries
    found = [entry for entry in manifest.entries if entry.path == only or entry.path.startswith(f"{only}/")]
    if not found:
        raise _no_part(only)
    moved = (replace(entry, path=entry.path[len(only) + 1 :]) for entry in found)
    return tuple(entry for entry in moved if entry.path or not isinstance(entry, FolderEntry))


def _no_part(only: str) -> NotFoundError:
    return NotFoundError(f"the version has no {clean(repr(only), 200)}", "see what it has: lab data show")


def _refuse_detour(root: Path, only: str) -> None:
    """The folders above a part must be folders: through a link it would come to be elsewhere."""
    place = root
    for name in ("", *only.split("/")[:-1]):
        place /= name
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()) and only:
            raise ConflictError(f"{clean(str(place))} is in the way: it is no folder", "move it away, then try again")


def _compare(task: _Task, manifest: Manifest, known: Iterable[str]) -> set[str] | None:
    """The entries that are there already, by path below the target; None if there is nothing to do.

    Raises ConflictError for what is there and not as in `manifest` or any of `known`.
    """
    if not os.path.lexists(task.target):
        return set()
    changes = status(task.root, task.home, _renamed(manifest, task.root), ignore=task.extra)
    differs = {path for path in (*changes.added, *changes.removed, *changes.changed) if _within(path, task)}
    if not differs:
        return None
    lost = {path for path in differs.difference(changes.removed) if not _is_folder(task.root / path)}
    for name in known:
        if not lost:
            break
        other = _read(task.home, name)
        if other is not None:
            changes = status(task.root, task.home, _renamed(other, task.root), ignore=task.extra)
            lost &= {*changes.added, *changes.changed}
    if lost:
        raise _unsaved(task, sorted(lost))
    if manifest.single:
        return set()
    cut = len(task.prefix)
    return {entry.path for entry in task.entries}.difference(path[cut:] for path in differs)


def _within(path: str, task: _Task) -> bool:
    return path.startswith(task.prefix) or path == task.prefix[:-1]


def _renamed(manifest: Manifest, root: Path) -> Manifest:
    """A lone file's manifest under the name that the file has here."""
    if not manifest.single:
        return manifest
    return Manifest.of([replace(manifest.entries[0], path=root.name)], single=True)


def _read(home: LabHome, name: str) -> Manifest | None:
    try:
        return ManifestStore(home).read(name)
    except (NotFoundError, IntegrityError):  # then it cannot say that anything is known
        return None


def _unsaved(task: _Task, paths: Sequence[str]) -> ConflictError:
    named = ", ".join(clean(path, 100) for path in paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ConflictError(
        f"{clean(str(task.target))} holds what is in no version: {named}{more}",
        "add --stash to keep it as a version first, or --to FOLDER to leave it alone",
    )


def _refuse_in_the_way(task: _Task, before: Look) -> None:
    """What is ignored must find its place in the new state, and be movable."""
    wanted = {entry.path for entry in task.entries if not isinstance(entry, FolderEntry)}
    folders = {path[:at] for path in wanted for at in range(len(path)) if path[at] == "/"}
    for name in before.kept:
        above = {"", *(name[:at] for at in range(len(name)) if name[at] == "/")}
        if name in wanted or name in folders or above & wanted or not name:
            raise ConflictError(
                f"{clean(str(task.target / name))} is ignored, so in no version, and this one has something there",
                "move it away, then try again",
            )
        reason = _unmovable(task, task.target / name)
        if reason:
            raise ConflictError(
                f"{clean(str(task.target / name))} {reason}, so the folder around it cannot be replaced",
                "use --to FOLDER, or bring single files",
            )


def _unmovable(task: _Task, path: Path) -> str:
    info, around = path.lstat(), path.parent.stat()
    if not stat.S_ISDIR(info.st_mode):
        return ""
    if Path(os.path.realpath(task.home.root)).is_relative_to(path):
        return "holds the lab home"
    if info.st_dev != around.st_dev:
        return "is another filesystem"
    return "" if os.access(path, os.W_OK | os.X_OK) else "must not be written"


class _Build:
    """Makes the new state and lets it take its place."""

    def __init__(self, task: _Task, stays: set[str], before: Look, progress: Progress | None) -> None:
        self._task = task
        self._objects = ObjectStore(task.home)
        self._stays = stays
        self._before = before
        self._progress = progress
        self._linked: set[str] = set()
        self._made: set[str] = set()
        self._copied: list[Path] = []
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
            was_folder = old is not None and _is_folder(old)
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
        if moved or (after.kept and not _is_folder(task.target)):
            shop.unswap(task.target)
            path = task.target / (moved or after.kept)[0]
            raise ConflictError(
                f"{clean(str(path))} was written meanwhile", "wait until its writer is done, then try again"
            )
        swaps.carry(old, task.target, after.kept)
        return after.kept

    def _build(self, new: Path) -> None:
        lone = [entry for entry in self._task.entries if not entry.path]
        if not lone:
            self._folder(new, "")
        for entry in self._task.entries:
            parent = entry.path if isinstance(entry, FolderEntry) else entry.path.rpartition("/")[0]
            if not lone and parent not in self._made:
                self._folder(new, parent)
            path = new / entry.path
            if isinstance(entry, LinkEntry):
                path.symlink_to(entry.target)
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
        if _is_folder(there):
            (new / path).chmod(stat.S_IMODE(there.stat().st_mode) | stat.S_IRWXU)
        self._made.add(path)

    def _link(self, path: str, new: Path) -> bool:
        """Keep the user's own file; False where the filesystem or a policy does not allow another name."""
        try:
            os.link(self._task.target / path, new, follow_symlinks=False)
        except OSError:
            return False
        self._linked.add(path)
        return True

    def _copy(self, entry: FileEntry, new: Path) -> None:
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


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


@contextmanager
def _tell_denied(target: Path) -> Iterator[None]:
    """Name the place that cannot be written."""
    try:
        yield
    except FileExistsError as error:
        raise ConflictError(f"{clean(str(target))} came to be meanwhile", "look at it, then try again") from error
    except OSError as error:
        raise LabError(
            f"cannot replace {clean(str(target))}: {error.strerror or error}",
            "mend its permissions, or use --to FOLDER",
        ) from error
