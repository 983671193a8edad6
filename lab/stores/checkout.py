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
from dataclasses import replace
from pathlib import Path

from blake3 import blake3

from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores import locks, swaps
from lab.stores.ignore import ignore_for
from lab.stores.manifests import Entry, FolderEntry, Manifest, ManifestStore
from lab.stores.newstate import Build, CheckedOut, Task, is_folder
from lab.stores.snapshot import Progress
from lab.stores.status import status
from lab.stores.swaps import Look

_PATIENCE = 60.0  # seconds to wait for another checkout, or a sweep of the store
_NAMED = 3  # files that a refusal names


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
    root = Path(os.path.realpath(dest))
    with _tell_denied(root), locks.hold(_lock(home, root), _PATIENCE):
        swaps.recover(home, (root.parent, root))
        task = _task(home, manifest, root, only, ignore)
        before = task.look()
        stays = _compare(task, before, manifest, known)
        if stays is None:
            return CheckedOut(task.target, len(task.files), 0, 0, 0, False)
        _refuse_in_the_way(task, before)
        with locks.share(home.store_lock, _PATIENCE):
            return Build(task, stays, before, progress).run()


def _lock(home: LabHome, root: Path) -> Path:
    """One checkout at a time for each place."""
    return home.locks / f"checkout-{blake3(os.fsencode(root)).hexdigest()[:16]}.lock"


def _task(home: LabHome, manifest: Manifest, root: Path, only: str, ignore: Sequence[str]) -> Task:
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
    return Task(home, root, f"{only}/" if only else "", entries, tuple(ignore), ignore_for(root, ignore))


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
    return NotFoundError(f"the version has no {clean(repr(only), 200)}", "see what it has: lab data show REF --json")


def _refuse_detour(root: Path, only: str) -> None:
    """The folders above a part must be folders: through a link it would come to be elsewhere."""
    place = root
    for name in ("", *only.split("/")[:-1]):
        place /= name
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()) and only:
            raise ConflictError(f"{clean(str(place))} is in the way: it is no folder", "move it away, then try again")


def _compare(task: Task, before: Look, manifest: Manifest, known: Iterable[str]) -> set[str] | None:
    """The entries that are there already, by path below the target; None if there is nothing to do.

    Raises ConflictError for what is there and not as in `manifest` or any of `known`.
    """
    if not os.path.lexists(task.target):
        return set()
    wanted = _renamed(manifest, task.root)
    changes = status(task.root, task.home, wanted, ignore=task.extra)
    differs = {path for path in (*changes.added, *changes.removed, *changes.changed) if _within(path, task)}
    if is_folder(task.root):
        # Nothing but what was compared may be replaced, however the patterns have changed in between.
        seen = {task.prefix + path if path else task.prefix[:-1] for path in before.states}
        unseen = seen.difference(differs, (entry.path for entry in wanted.entries))
        if unseen:
            raise _unsaved(task, sorted(unseen))
    if not differs:
        return None
    lost = {path for path in differs.difference(changes.removed) if not is_folder(task.root / path)}
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


def _within(path: str, task: Task) -> bool:
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


def _unsaved(task: Task, paths: Sequence[str]) -> ConflictError:
    named = ", ".join(clean(path, 100) for path in paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ConflictError(
        f"{clean(str(task.target))} holds what is in no version: {named}{more}",
        "add --stash to keep it as a version first, or --to FOLDER to leave it alone",
    )


def _refuse_in_the_way(task: Task, before: Look) -> None:
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


def _unmovable(task: Task, path: Path) -> str:
    info, around = path.lstat(), path.parent.stat()
    if not stat.S_ISDIR(info.st_mode):
        return ""
    if Path(os.path.realpath(task.home.root)).is_relative_to(path):
        return "holds the lab home"
    if info.st_dev != around.st_dev:
        return "is another filesystem"
    return "" if os.access(path, os.W_OK | os.X_OK) else "must not be written"


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
