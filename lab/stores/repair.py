"""Taking damaged objects out of the store, and bringing their content back from a copy that proves to be it.

A damaged file is moved to the quarantine and never deleted. A source only counts when its bytes hash to the object's
name: an object is never restored from itself, nor from anything that only looks alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from blake3 import blake3

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import IntegrityError, LabError, NotFoundError
from lab.paths import LabHome
from lab.stores import locks, marks
from lab.stores.durable import sync_folder
from lab.stores.manifests import FileEntry, Manifest, ManifestStore, manifest_id
from lab.stores.marks import Shelf
from lab.stores.objects import ObjectStore
from lab.stores.staging import stage
from lab.stores.trees import remove_tree

_CHUNK = 4 << 20
_PATIENCE = 60.0  # seconds to wait for a sweep of the store


@dataclass(frozen=True)
class Source:
    """Where the content of an object may be found: a file, or a function that fetches it piece by piece. `holds` is
    the hash of what it should hold where that is not the object itself, but one that the object is a part of."""

    where: str
    data: Path | Callable[[], Iterable[bytes]]
    holds: str = ""


@dataclass(frozen=True)
class Tried:
    """A source that did not serve; `why` is a sentence."""

    where: str
    why: str


@dataclass(frozen=True)
class Repair:
    """How it went. `sound` tells whether the object is whole now, `source` where its bytes came from ("" if it needed
    none), `set_aside` what went to the quarantine."""

    digest: str
    sound: bool
    source: str = ""
    set_aside: tuple[Path, ...] = ()
    tried: tuple[Tried, ...] = ()


def quarantine(home: LabHome, digest: str) -> tuple[Path, ...]:
    """Move an object's own files out of the store, whether or not they are damaged; returns where they are now.

    The trees that show it are removed: they share its bytes, and are made anew where it is mended. Raises
    NotFoundError if there is no such object.
    """
    with locks.share(home.store_lock, _PATIENCE):
        files = ObjectStore(home).files(digest)
        if not files:
            raise NotFoundError(f"no object {digest[:12]} in the store")
        moved = tuple(_set_aside(home, path, digest) for path in files)
        for tree, _ in _trees(home, {digest}):
            remove_tree(home, tree)
    return moved


def repair(home: LabHome, digest: str, sources: Iterable[Source]) -> Repair:
    """Make the object whole: what is damaged goes to the quarantine, then the first source that proves good is taken.

    An object in parts gets back the parts that are damaged; copies that the store itself assembled are tried before
    `sources`. The trees that show it are mended in place, or removed where no source served.
    """
    with locks.share(home.store_lock, _PATIENCE):
        shelf = marks.shelf(home)
        around = {name for name in shelf.parted if digest in {part for part, _ in marks.listed(home, name)}}
        stale = {name for name in (digest, *around) if _drop_assembled(home, shelf, name)}
        if _sound(home, digest):
            _mend_trees(home, stale)
            return Repair(digest, True)
        done = _Mending(home, shelf, tuple(around)).run(digest, tuple(sources))
        _mend_trees(home, {digest, *stale})
    return done


def quarantine_manifest(home: LabHome, name: str) -> Path:
    """Move a manifest out of the store; returns where it is now. Raises NotFoundError if there is none."""
    path = ManifestStore(home).path(name)
    if not path.exists():
        raise NotFoundError(f"no manifest {name[:15]} in the store")
    return _set_aside(home, path, name.removeprefix("b3:"))


def repair_manifest(home: LabHome, name: str, sources: Iterable[Source]) -> Repair:
    """`repair` for a manifest; a source is taken when its bytes have that id."""
    store = ManifestStore(home)
    try:
        store.read(name)
        return Repair(name, True)
    except NotFoundError:
        aside: tuple[Path, ...] = ()
    except IntegrityError:
        aside = (quarantine_manifest(home, name),)
    tried: list[Tried] = []
    for source in sources:
        try:
            data = b"".join(_pieces(source))
            if manifest_id(data) != name:
                raise IntegrityError("its bytes are not what the name says")
            store.write(Manifest.decode(data))
            return Repair(name, True, source.where, aside, tuple(tried))
        except (LabError, OSError) as error:
            tried.append(Tried(source.where, str(error)))
    return Repair(name, False, "", aside, tuple(tried))


class _Mending:
    """One repair: what was tried, what was set aside."""

    def __init__(self, home: LabHome, shelf: Shelf, around: Sequence[str]) -> None:
        self._home = home
        self._shelf = shelf
        self._around = around
        self._objects = ObjectStore(home)
        self._aside: list[Path] = []
        self._tried: list[Tried] = []
        self._used: list[str] = []

    def run(self, digest: str, sources: Sequence[Source]) -> Repair:
        sound = self._parts(digest, sources) or self._content(digest, sources)
        return Repair(
            digest,
            sound,
            ", ".join(dict.fromkeys(self._used)),
            tuple(self._aside),
            () if sound else tuple(dict.fromkeys(self._tried)),
        )

    def _parts(self, digest: str, sources: Sequence[Source]) -> bool:
        """Bring back the damaged parts of an object in parts, from sources that hold all of it."""
        if digest in self._shelf.whole or digest not in self._shelf.parted:
            return False
        whole = (
            *self._assembled(digest),
            *(replace(source, holds=source.holds or digest) for source in sources),
        )
        for part, _ in marks.listed(self._home, digest):
            if not _sound(self._home, part):
                self._content(part, whole)
        if _sound(self._home, digest):
            return True
        # So it is the list that is wrong, or no source served: then the content as a whole is the last resort.
        self._put_aside(marks.file_of(self._home, digest, parted=True), digest)
        return False

    def _content(self, digest: str, sources: Sequence[Source]) -> bool:
        """Bring back a whole object."""
        self._put_aside(marks.file_of(self._home, digest), digest)
        copies = (copy for name in self._around for copy in self._assembled(name))
        for source in (*copies, *sources):
            try:
                self._objects.put_stream(self._cut(source, digest), digest)
            except (LabError, OSError) as error:
                self._tried.append(Tried(source.where, str(error)))
            else:
                self._used.append(source.where)
                return True
        return False

    def _assembled(self, digest: str) -> Iterator[Source]:
        """The copy that the store made of an object in parts."""
        for path in self._objects.files(digest):
            if path.is_relative_to(self._home.assembled):
                yield Source(f"the assembled copy of {digest[:12]}", path, digest)

    def _cut(self, source: Source, digest: str) -> Iterable[bytes]:
        """What the source should have of the object."""
        if source.holds in ("", digest):
            return _pieces(source)
        start = 0
        for part, size in marks.listed(self._home, source.holds):
            if part == digest:
                return _pieces(source, start, size)
            start += size
        raise IntegrityError(f"it does not hold object {digest[:12]}")

    def _put_aside(self, path: Path, digest: str) -> None:
        with suppress(FileNotFoundError):
            self._aside.append(_set_aside(self._home, path, digest))


def _pieces(source: Source, start: int = 0, size: int | None = None) -> Iterator[bytes]:
    """The bytes of a source from `start`, `size` of them or all."""
    if isinstance(source.data, Path):
        yield from _from_file(source.data, start, size)
        return
    skip, left = start, size
    for chunk in source.data():
        piece = chunk[skip:]
        skip -= len(chunk) - len(piece)
        piece = piece if left is None else piece[:left]
        left = left if left is None else left - len(piece)
        if piece:
            yield piece
        if left == 0:
            return


def _from_file(path: Path, start: int, size: int | None) -> Iterator[bytes]:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe must not hang us
    with open(fd, "rb", buffering=0) as file:
        if not path.is_file():
            raise LabError(f"{clean(str(path))} is not a regular file")
        file.seek(start)
        while size is None or size > 0:
            chunk = file.read(_CHUNK if size is None else min(size, _CHUNK))
            if not chunk:
                return
            size = size if size is None else size - len(chunk)
            yield chunk


def _sound(home: LabHome, digest: str) -> bool:
    try:
        ObjectStore(home).verify(digest)
    except (IntegrityError, OSError):
        return False
    return True


def _drop_assembled(home: LabHome, shelf: Shelf, digest: str) -> bool:
    """Remove a damaged assembled copy, which is but a cache; tells whether there was one."""
    if digest in shelf.whole:
        return False
    for path in ObjectStore(home).files(digest):
        if path.is_relative_to(home.assembled):
            try:
                if path.stat().st_size == sum(size for _, size in marks.listed(home, digest)) and _is(path, digest):
                    return False
            except OSError:  # unreadable is as good as damaged
                pass
            path.unlink(missing_ok=True)
            return True
    return False


def _is(path: Path, digest: str) -> bool:
    hasher = blake3()
    for chunk in _from_file(path, 0, None):
        hasher.update(chunk)
    return bool(hasher.hexdigest() == digest)


def _set_aside(home: LabHome, path: Path, name: str) -> Path:
    """Move a file of the store to the quarantine. FileNotFoundError if it is gone."""
    home.quarantine.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = home.quarantine / f"{name}{path.suffix}-{os.urandom(4).hex()}"
    path.rename(target)
    sync_folder(home.quarantine)
    sync_folder(path.parent)
    return target


def _mend_trees(home: LabHome, digests: set[str]) -> None:
    """Let trees show the objects as they are now, each file replaced at once; where that fails the tree goes."""
    objects = ObjectStore(home)
    for tree, entries in _trees(home, digests):
        try:
            with stage(home.tmp) as folder:
                for number, entry in enumerate(entries):
                    fresh = folder / f"{number}"
                    objects.link_or_copy(entry.hash, fresh, entry.executable)
                    os.replace(fresh, tree / entry.path)
        except (LabError, OSError):
            remove_tree(home, tree)


def _trees(home: LabHome, digests: set[str]) -> Iterator[tuple[Path, list[FileEntry]]]:
    """The trees that show one of these objects, or something that it is a part of, with their files that do. (A tree
    whose manifest cannot be read is given to nobody any more.)"""
    shelf = marks.shelf(home)
    try:
        trees = sorted(home.mounts.iterdir())
    except FileNotFoundError:
        return
    for tree in trees if digests else ():
        try:
            files = ManifestStore(home).read(f"b3:{tree.name}").files
        except (NotFoundError, IntegrityError):
            continue
        shown = [entry for entry in files if digests.intersection((entry.hash, *_made_of(home, shelf, entry.hash)))]
        if shown:
            yield tree, shown


def _made_of(home: LabHome, shelf: Shelf, digest: str) -> Iterator[str]:
    for name in shelf.lists(digest):
        for part, _ in marks.listed(home, name):
            yield part
