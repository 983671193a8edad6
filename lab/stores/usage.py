"""What takes how much room: by owner and by manifest, and by part of the store."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lab.dataclass import dataclass
from lab.errors import LabError
from lab.paths import LabHome
from lab.stores import marks
from lab.stores.marks import Shelf

_BLOCK = 512  # bytes in a unit of st_blocks, whatever the filesystem's own blocks are


@dataclass(frozen=True)
class Share:
    """Bytes of objects: `exclusive` are held by nobody else and would be free without this one."""

    exclusive: int
    shared: int

    @property
    def total(self) -> int:
        return self.exclusive + self.shared


@dataclass(frozen=True)
class Space:
    """A part of the lab home: `apparent` bytes that the files say they have, `on_disk` bytes that they take. A file
    of several names counts where it is seen first: objects, then assembled copies, then the others."""

    files: int = 0
    apparent: int = 0
    on_disk: int = 0


@dataclass(frozen=True)
class Usage:
    """`owners` by label, `manifests` by id (shared or not with any other manifest that an owner names). `unowned` are
    bytes of objects that no owner names; `unreadable` the manifests that could not be counted. `folders` are those of
    owners outside the store."""

    owners: Mapping[str, Share]
    manifests: Mapping[str, Share]
    unowned: int
    unreadable: tuple[str, ...]
    objects: Space
    lists: Space
    assembled: Space
    mounts: Space
    caches: Space
    trash: Space
    quarantine: Space
    staging: Space
    folders: Space

    @property
    def total(self) -> Space:
        """All of these together."""
        parts = (
            *(self.objects, self.lists, self.assembled, self.mounts),
            *(self.caches, self.trash, self.quarantine, self.staging, self.folders),
        )
        return _sum(parts)


def usage(home: LabHome, owners: Mapping[str, Iterable[str]], folders: Mapping[str, Path] | None = None) -> Usage:
    """Count the store, by stat and by reading the manifests of `owners` (label → ids of manifests).

    `folders` (label → folder outside the store) count as exclusive bytes of their owners.
    """
    shelf = marks.shelf(home)
    owned = {label: frozenset(ids) for label, ids in owners.items()}
    held, unreadable = _held(home, shelf, sorted(frozenset().union(*owned.values())))
    by_owner = {label: frozenset().union(*(held[name] for name in ids if name in held)) for label, ids in owned.items()}
    seen: set[tuple[int, int]] = set()
    everything = _sizes(shelf)
    named = frozenset().union(*by_owner.values())
    own = {label: _space(_walk(folder), seen) for label, folder in (folders or {}).items()}
    return Usage(
        owners=_with_folders(_shares(by_owner, everything), own),
        manifests=_shares(held, everything),
        unowned=sum(size for key, size in everything.items() if key not in named),
        unreadable=unreadable,
        objects=_space([*shelf.whole.values(), *shelf.parted.values()], seen),
        lists=_space(_walk(home.manifests), seen),
        assembled=_space(_walk(home.assembled), seen),
        mounts=_space(_walk(home.mounts), seen),
        caches=_space((*_walk(home.stat_cache), *_walk(home.profiles)), seen),
        trash=_space(_walk(home.trash), seen),
        quarantine=_space(_walk(home.quarantine), seen),
        staging=_space(_walk(home.tmp), seen),
        folders=_sum(own.values()),
    )


def _with_folders(shares: Mapping[str, Share], folders: Mapping[str, Space]) -> dict[str, Share]:
    none = Share(0, 0)
    return {
        label: Share(
            shares.get(label, none).exclusive + (folders[label].on_disk if label in folders else 0),
            shares.get(label, none).shared,
        )
        for label in {**shares, **folders}
    }


def _held(home: LabHome, shelf: Shelf, names: Iterable[str]) -> tuple[dict[str, frozenset[str]], tuple[str, ...]]:
    """The files of the store behind each manifest, by keys of `_sizes`, and the manifests that cannot be read."""
    held: dict[str, frozenset[str]] = {}
    unreadable: list[str] = []
    for name in names:
        try:
            digests = marks.named(home, name)
            lists = {_list_key(part) for digest in digests for part in shelf.lists(digest)}
            held[name] = frozenset(key for digest in digests for key in shelf.holders(digest)) | lists
        except (LabError, OSError):
            unreadable.append(name)
    return held, tuple(unreadable)


def _sizes(shelf: Shelf) -> dict[str, int]:
    sizes = {digest: info.st_size for digest, info in shelf.whole.items()}
    return sizes | {_list_key(digest): info.st_size for digest, info in shelf.parted.items()}


def _list_key(digest: str) -> str:
    return f"{digest}.parts"


def _shares(held: Mapping[str, frozenset[str]], sizes: Mapping[str, int]) -> dict[str, Share]:
    counts = Counter(key for keys in held.values() for key in keys)
    shares = {}
    for name, keys in held.items():
        total = sum(sizes.get(key, 0) for key in keys)
        exclusive = sum(sizes.get(key, 0) for key in keys if counts[key] == 1)
        shares[name] = Share(exclusive, total - exclusive)
    return shares


def _sum(parts: Iterable[Space]) -> Space:
    files = apparent = on_disk = 0
    for part in parts:
        files, apparent, on_disk = files + part.files, apparent + part.apparent, on_disk + part.on_disk
    return Space(files, apparent, on_disk)


def _space(infos: Iterable[os.stat_result], seen: set[tuple[int, int]]) -> Space:
    files = apparent = on_disk = 0
    for info in infos:
        inode = (info.st_dev, info.st_ino)
        if inode not in seen:
            seen.add(inode)
            files, apparent, on_disk = files + 1, apparent + info.st_size, on_disk + info.st_blocks * _BLOCK
    return Space(files, apparent, on_disk)


def _walk(folder: Path) -> Iterator[os.stat_result]:
    """Every file below `folder`; what comes and goes meanwhile is counted or not."""
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry.stat(follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            continue
