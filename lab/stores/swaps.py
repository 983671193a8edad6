"""Replacing a file or folder of the user's by another one, at once, with a way back from a death at any moment.

The new one is built as `.lab-new-…/new` beside the old one, and both change places in one step of the kernel
(renameat2; where that is missing by two renames). Then what the old folder holds beside the files of a version
(ignored files, pipes) moves over, and the old one is erased. A `.lab-new-…` folder whose process is dead is settled by
`recover`: before the step it is erased, after it the rest is done. Nothing is erased that is not in the store.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

from lab.dataclass import dataclass
from lab.errors import LabError
from lab.paths import LabHome
from lab.stores import locks
from lab.stores.durable import sync_folder, write_atomic
from lab.stores.ignore import Ignore, ignore_for
from lab.stores.manifests import check_target
from lab.stores.objects import ObjectStore
from lab.stores.sources import FileState, file_state
from lab.stores.staging import erase

PREFIX = ".lab-new-"

_LIBC = ctypes.CDLL(None, use_errno=True)
_HERE = -100  # AT_FDCWD
_NO_REPLACE, _EXCHANGE = 1, 2  # flags of renameat2
_UNKNOWN = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})
_CHUNK = 4 << 20


@dataclass(frozen=True)
class Look:
    """What is at a place. `states` are of everything that versions hold, by path below the place ("" for the place
    itself if it is no folder); `kept` are the paths that no version holds: ignored files and folders, the lab home,
    links out of the tree, pipes and such. What is below a kept folder is not looked at."""

    states: dict[str, FileState]
    kept: tuple[str, ...]


def look(place: Path, ignore: Ignore, prefix: str = "", home: LabHome | None = None) -> Look:
    """Look at `place`, which is at `prefix` (ended by `/` unless empty) below the root that `ignore` is for.

    Raises LabError naming a folder that cannot be read.
    """
    states: dict[str, FileState] = {}
    kept: list[str] = []
    own = _inode(home.root) if home else None
    if _ignored(ignore, prefix[:-1], _is_folder(place)):
        return Look({}, ("",))
    if not _is_folder(place):
        return Look({"": file_state(place.lstat())}, ())
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in _listing(place / folder):
            name = folder + entry.name
            try:
                info = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            is_folder = stat.S_ISDIR(info.st_mode)
            if ignore.fits(prefix + name, is_folder) or (is_folder and (info.st_dev, info.st_ino) == own):
                kept.append(name)
            elif is_folder:
                waiting.append(name + "/")
            elif stat.S_ISREG(info.st_mode) or (stat.S_ISLNK(info.st_mode) and _stays(prefix + name, entry.path)):
                states[name] = file_state(info)
            else:
                kept.append(name)
    return Look(states, tuple(sorted(kept)))


def _ignored(ignore: Ignore, path: str, folder: bool) -> bool:
    """Whether `path` or a folder above it is ignored."""
    parts = path.split("/") if path else []
    above = ("/".join(parts[:count]) for count in range(1, len(parts)))
    return bool(parts) and (ignore.fits(path, folder) or any(ignore.fits(name, True) for name in above))


def _stays(name: str, path: str) -> bool:
    try:
        return check_target(name, os.readlink(path))
    except FileNotFoundError:
        return True


def _listing(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LabError(
            f"cannot read {folder}: {error.strerror}", "mend the folder's permissions, or ignore it"
        ) from error


class Workshop:
    """A private folder beside the place where something is to be replaced. See `workshop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.new = folder / "new"
        self._old = folder / "old"
        self._record = folder / "record.json"

    def swap(self, target: Path, root: Path, prefix: str, extra: Sequence[str]) -> Path | None:
        """Put `new` into the place of `target`; returns where the old one is now, None if there was none.

        `root`, `prefix` and `extra` (patterns) say what is ignored of the old one. Raises OSError where the system
        does not allow it, FileExistsError if something has come to be at an empty `target` meanwhile.
        """
        base = self.folder.parent
        record = {
            "inode": _inode(self.new),
            "target": os.path.relpath(target, base),
            "root": os.path.relpath(root, base),
            "prefix": prefix,
            "ignore": list(extra),
        }
        write_atomic(self._record, json.dumps(record).encode())
        if not os.path.lexists(target):
            _rename_new(self.new, target)
            sync_folder(target.parent)
            return None
        if exchange(self.new, target):
            self.new.rename(self._old)
        else:
            target.rename(self._old)
            self.new.rename(target)
        sync_folder(target.parent)
        return self._old

    def unswap(self, target: Path) -> None:
        """Take a `swap` back."""
        if not exchange(self._old, target):
            target.rename(self.new)
            self._old.rename(target)
        sync_folder(target.parent)

    def settle(self, home: LabHome) -> None:
        """Bring what a dead process left here to an end."""
        base = self.folder.parent
        try:
            record = json.loads(self._record.read_bytes())
            made = tuple(record["inode"])
            target, root = _below(base, record["target"]), _below(base, record["root"])
            prefix, extra = str(record["prefix"]), [str(line) for line in record["ignore"]]
        except FileNotFoundError:
            erase(self.folder)  # nothing was replaced yet
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            self._rescue(home, base)
            return
        if _inode(self.new) not in (None, made):  # exchanged, and no more
            self.new.rename(self._old)
        if _inode(self._old) in (None, made):  # nothing was replaced, or that was taken back
            erase(self.folder)
        elif _inode(target) == made:
            ignore = ignore_for(root if prefix else self._old, extra)
            carry(self._old, target, look(self._old, ignore, prefix, home).kept)
            self._discard(home, target)
        elif not os.path.lexists(target):  # between two renames
            self._old.rename(target)
            erase(self.folder)
        else:
            self._discard(home, target)

    def _rescue(self, home: LabHome, base: Path) -> None:
        """Without a record that can be read: whatever the store does not have stays, where its owner sees it."""
        for path in (self.new, self._old):
            if os.path.lexists(path) and not _stored(home, path):
                path.rename(spare_name(base / "data"))
        erase(self.folder)

    def _discard(self, home: LabHome, target: Path) -> None:
        """Erase the old one if all of it is in the store, else put it where its owner sees it."""
        if not _stored(home, self._old):
            self._old.rename(spare_name(target))
        erase(self.folder)


@contextmanager
def workshop(home: LabHome, parent: Path) -> Iterator[Workshop]:
    """A workshop in `parent`, gone afterwards; after an error what was begun is brought to an end as by `recover`."""
    folder, fd = _make(parent)
    shop = Workshop(folder)
    try:
        yield shop
        erase(folder)
    except BaseException:
        shop.settle(home)
        raise
    finally:
        os.close(fd)


def recover(home: LabHome, places: Iterable[Path]) -> int:
    """Bring to an end what dead processes left half done in these folders; returns how much there was."""
    count = 0
    for folder in sorted({folder for place in places for folder in _leftovers(place)}):
        fd = locks.lock_folder(folder, wait=False)
        if fd is None:
            continue
        try:
            Workshop(folder).settle(home)
            count += 1
        finally:
            os.close(fd)
    return count


def _leftovers(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []


def carry(old: Path, new: Path, kept: Iterable[str]) -> None:
    """Move these paths from the folder `old` to `new`. Where something has come to be there meanwhile, folders are
    merged, and a file comes under another name beside it."""
    for name in kept:
        _parents(old, new, name)
        _move(old / name, new / name)


def exchange(first: Path, second: Path) -> bool:
    """Let two paths change places at once; False where the system cannot."""
    return _rename2(first, second, _EXCHANGE)


def spare_name(path: Path) -> Path:
    """A free name beside `path` that says what it is."""
    return path.with_name(f"{path.name}.before-checkout-{os.urandom(4).hex()}")


def _move(source: Path, dest: Path) -> None:
    try:
        _rename_new(source, dest)
        return
    except FileExistsError:
        pass
    if _is_folder(source) and _is_folder(dest):
        for name in os.listdir(source):
            _move(source / name, dest / name)
    else:
        _rename_new(source, spare_name(dest))


def _parents(old: Path, new: Path, name: str) -> None:
    """Make the folders above `name` in `new`, with the modes that they have in `old`."""
    path = ""
    for part in name.split("/")[:-1]:
        path = f"{path}/{part}" if path else part
        if not _is_folder(new / path):
            (new / path).mkdir()
            (new / path).chmod(stat.S_IMODE((old / path).stat().st_mode))


def _rename_new(source: Path, dest: Path) -> None:
    """Rename, raising FileExistsError if there is something at `dest`."""
    if not _rename2(source, dest, _NO_REPLACE):
        if os.path.lexists(dest):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(dest))
        source.rename(dest)


def _rename2(source: Path, dest: Path, flags: int) -> bool:
    if not hasattr(_LIBC, "renameat2"):
        return False
    if _LIBC.renameat2(_HERE, os.fsencode(source), _HERE, os.fsencode(dest), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNKNOWN:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(dest))


def _below(base: Path, path: str) -> Path:
    """`base/path`. Raises ValueError if it is elsewhere: a record may have come with somebody's project."""
    parts = path.split("/")
    real = Path(os.path.realpath((base / path).parent))
    if path.startswith("/") or ".." in parts or not real.is_relative_to(os.path.realpath(base)):
        raise ValueError("a path that leads elsewhere")
    return base / path


def _stored(home: LabHome, path: Path) -> bool:
    """Whether the store has the content of every file at `path` that has no other name."""
    store = ObjectStore(home)
    files = [Path(root, name) for root, _, names in os.walk(path) for name in names] if _is_folder(path) else [path]
    for file in files:
        info = file.lstat()
        if not stat.S_ISREG(info.st_mode):
            if not stat.S_ISLNK(info.st_mode):
                return False
        elif info.st_nlink == 1 and not store.has(_hash(file)):
            return False
    return True


def _hash(path: Path) -> str:
    hasher = blake3()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            hasher.update(part)
    return hasher.hexdigest()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        info = path.lstat()
    except FileNotFoundError:
        return None
    return info.st_dev, info.st_ino


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        folder = parent / f"{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
        folder.mkdir(mode=0o700)
        fd = locks.lock_folder(folder, wait=True)
        if fd is not None:  # else swept between mkdir and lock
            return folder, fd
