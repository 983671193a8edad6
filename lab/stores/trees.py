"""Trees on disk made from manifests: read-only hard link trees for mounts, plain copies for people."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError
from lab.paths import LabHome
from lab.stores.durable import tell_full_disk
from lab.stores.manifests import Entry, FileEntry, FolderEntry, LinkEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.staging import stage

_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR})


def mount_path(home: LabHome, manifest_id: str) -> Path:
    """Where `materialise` puts the tree of a manifest when no other place is given."""
    return home.mounts / manifest_id.removeprefix("b3:")


def materialise(home: LabHome, manifest_id: str, dest: Path | None = None, read_only: bool = True) -> Path:
    """Make the manifest's tree at `dest` (default: `mount_path`) and return that folder.

    Read-only trees are hard links to the objects (files 0444, folders 0755, so that another uid can read them); with
    `read_only=False` they are copies that may be edited. The tree appears whole or not at all, also with
    several processes at it. One that is already there is kept; a damaged one under `home.mounts` is made anew.
    Raises NotFoundError or IntegrityError for a manifest or object that is missing or damaged, ConflictError if `dest`
    holds something else.
    """
    manifest = ManifestStore(home).read(manifest_id)
    target = dest or mount_path(home, manifest_id)
    if os.path.lexists(target) and not _is_empty(target):
        if _holds(target, manifest):
            os.utime(target)  # gc erases what nobody has used for long
            return target
        if dest is not None:
            raise _occupied(dest)
        remove_tree(home, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with stage(_nearby(home, target)) as folder:
        tree = folder / "tree"
        _build(ObjectStore(home), manifest, tree, read_only)
        try:
            tree.rename(target)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            if not _holds(target, manifest):  # else another process was quicker
                raise _occupied(target) from error
    return target


def digest(tree: Path) -> str:
    """The id of the manifest that the folder `tree` has now, by reading all of it; it is not stored.

    Raises IntegrityError for what no manifest holds: pipes, sockets, links out of the tree.
    """
    entries: list[Entry] = []
    for root, folders, files in _walk(tree):
        inside = os.path.relpath(root, tree)
        prefix = "" if inside == "." else f"{inside}/"
        if prefix and not folders and not files:
            entries.append(FolderEntry(inside))
        entries += [_entry(tree, prefix + name) for name in files]
    return Manifest.of(entries).id


def _entry(tree: Path, path: str) -> Entry:
    place = tree / path
    info = place.lstat()
    if stat.S_ISLNK(info.st_mode):
        return LinkEntry(path, os.readlink(place))
    if not stat.S_ISREG(info.st_mode):
        raise IntegrityError(f"{clean(path)} is no file, folder or link")
    hashed = blake3()
    hashed.update_mmap(place)
    return FileEntry(path, hashed.hexdigest(), info.st_size, bool(info.st_mode & 0o100))


def remove_tree(home: LabHome, tree: Path) -> None:
    """Remove a materialised tree; it vanishes at once and is erased after. Harmless when there is none."""
    if not os.path.lexists(tree):
        return
    with stage(_nearby(home, tree)) as folder, suppress(FileNotFoundError):
        tree.rename(folder / "tree")


def entry_path(manifest: Manifest, root: Path) -> Path:
    """What a script is told: the file itself where a lone file was stored, else the folder `root`."""
    return root / manifest.entries[0].path if manifest.single else root


def _nearby(home: LabHome, target: Path) -> Path:
    """A folder on the filesystem of `target` for building: the store's own if possible, since that one is swept."""
    home.tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home.tmp if home.tmp.stat().st_dev == target.parent.stat().st_dev else target.parent


def _build(objects: ObjectStore, manifest: Manifest, tree: Path, read_only: bool) -> None:
    """The manifest's checks make every path stay below `tree`, where nothing is but what is made here."""
    with tell_full_disk("a copy of the data" if not read_only else "a tree of links", manifest.size, tree.parent):
        made = {""}
        _folder(tree, made, "")
        for entry in manifest.entries:
            parent = entry.path if isinstance(entry, FolderEntry) else entry.path.rpartition("/")[0]
            if parent not in made:
                _folder(tree, made, parent)
            path = f"{tree}/{entry.path}"
            if isinstance(entry, FileEntry):
                objects.link_or_copy(entry.hash, path, entry.executable, writable=not read_only)
            elif isinstance(entry, LinkEntry):
                os.symlink(entry.target, path)


def _folder(tree: Path, made: set[str], path: str) -> None:
    """Make `path` below `tree` with its parents; the mode is set by hand since the umask would narrow it."""
    parent = path.rpartition("/")[0]
    if path and parent not in made:
        _folder(tree, made, parent)
    folder = tree / path
    folder.mkdir()
    folder.chmod(0o755)
    made.add(path)


def _holds(tree: Path, manifest: Manifest) -> bool:
    """Whether every entry is there with its size, and nothing else; contents are not read."""
    expected = len(manifest.entries)
    found = sum(len(files) + (not folders and not files) for _, folders, files in _walk(tree))
    return found == expected + (not expected) and all(_fits(tree, entry) for entry in manifest.entries)


def _walk(tree: Path) -> list[tuple[str, list[str], list[str]]]:
    """`os.walk` that counts links to folders among the files, as manifests do."""
    rows = []
    for root, folders, files in os.walk(tree):
        links = [name for name in folders if os.path.islink(f"{root}/{name}")]
        rows.append((root, [name for name in folders if name not in links], files + links))
    return rows


def _fits(tree: Path, entry: Entry) -> bool:
    path = f"{tree}/{entry.path}"
    try:
        info = os.lstat(path)
        if isinstance(entry, FileEntry):
            return info.st_size == entry.size and stat.S_ISREG(info.st_mode)
        if isinstance(entry, LinkEntry):
            return stat.S_ISLNK(info.st_mode) and os.readlink(path) == entry.target
        return stat.S_ISDIR(info.st_mode)
    except OSError:  # not there, or reached through something that is no folder
        return False


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and next(os.scandir(path), None) is None


def _occupied(path: Path) -> ConflictError:
    return ConflictError(
        f"{clean(str(path))} is there already and holds something else", "choose another folder, or move it away"
    )
