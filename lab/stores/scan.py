"""Looking at every entry of a file or folder, by stat only."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import NamedTuple

from lab.dataclass import dataclass
from lab.domain.resources import format_size
from lab.domain.text import clean
from lab.errors import LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores.ignore import Ignore, ignore_for
from lab.stores.manifests import FolderEntry, LinkEntry, check_target
from lab.stores.sources import FileState, file_state


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


class File(NamedTuple):
    state: FileState
    executable: bool


@dataclass(frozen=True)
class Tree:
    """What is there. `files` are sorted by name; `outside` are links out of the tree, with their targets."""

    files: Mapping[str, File]
    others: tuple[LinkEntry | FolderEntry, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    outside: Mapping[str, str] = field(default_factory=dict)


#: Looks again at each call. Raises LabError naming a folder that cannot be read, NotFoundError if all is gone.
Scan = Callable[[], Tree]


def root_of(path: Path, home: LabHome) -> Path:
    """The real path of what is to be scanned: `path` itself may be a link.

    Raises NotFoundError if nothing is there, UsageError for the lab home.
    """
    root = Path(os.path.realpath(path))
    if not root.exists():
        raise NotFoundError(f"nothing at {clean(str(path))}", "check the path")
    if root == Path(os.path.realpath(home.root)):
        raise UsageError(f"{clean(str(path))} is the lab home itself", "choose a folder inside a project")
    return root


def scanner(root: Path, home: LabHome, ignore: Iterable[str] = ()) -> Scan:
    """A scan of the file or folder `root`, a real path, without the lab home and what is ignored: the default
    patterns, those of the folder's `.labignore`, and `ignore`."""
    return _Folder(root, ignore_for(root, ignore), home) if root.is_dir() else _lone(root)


def within(tree: Tree, limits: Limits) -> Tree:
    """The part of it that the limits admit: small files first, so that data never crowds out code."""
    kept: dict[str, File] = {}
    skipped = [Skipped(name, 0, "is a link out of the folder") for name in tree.outside]
    total = 0
    for name, file in sorted(tree.files.items(), key=lambda item: (item[1].state[1], item[0])):
        size = file.state[1]
        if size > limits.max_file:
            skipped.append(Skipped(name, size, f"is larger than {format_size(limits.max_file)}"))
        elif total + size > limits.max_total:
            skipped.append(Skipped(name, size, f"would exceed {format_size(limits.max_total)} in all"))
        else:
            total += size
            kept[name] = file
    return replace(
        tree,
        files={name: file for name, file in tree.files.items() if name in kept},
        skipped=tuple(sorted((*tree.skipped, *skipped), key=lambda item: item.path)),
        outside={},
    )


def _lone(root: Path) -> Scan:
    """A scan of one file, which must be a regular one."""

    def scan() -> Tree:
        try:
            info = root.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"nothing at {clean(str(root))} any more", "check the path") from error
        if not stat.S_ISREG(info.st_mode):
            raise UsageError(f"{clean(str(root))} is neither a file nor a folder", "choose a regular file or a folder")
        return Tree({root.name: File(file_state(info), bool(info.st_mode & stat.S_IXUSR))})

    return scan


class _Folder:
    """A scan of a folder."""

    def __init__(self, root: Path, ignore: Ignore, home: LabHome) -> None:
        self._root = root
        self._ignore = ignore
        try:
            info = home.root.stat()
            self._home = (info.st_dev, info.st_ino)
        except FileNotFoundError:
            self._home = (-1, -1)

    def __call__(self) -> Tree:
        files: dict[str, File] = {}
        others: list[LinkEntry | FolderEntry] = []
        skipped: list[Skipped] = []
        outside: dict[str, str] = {}
        open_folders = [""]
        while open_folders:
            prefix = open_folders.pop()
            entries = _listing(f"{self._root}/{prefix}")
            if entries is None and not prefix:
                raise NotFoundError(f"nothing at {clean(str(self._root))} any more", "check the path")
            seen = False
            for entry in entries or ():
                name = prefix + entry.name
                info = _look(entry)
                if info is None:
                    continue
                mode = info.st_mode
                if stat.S_ISDIR(mode):
                    if not self._leaves_out_folder(name, info):
                        seen = True
                        open_folders.append(name + "/")
                    continue
                if self._ignore.fits(name, False):
                    continue
                seen = True
                if stat.S_ISREG(mode):
                    files[name] = File(file_state(info), bool(mode & stat.S_IXUSR))
                elif stat.S_ISLNK(mode):
                    _link(name, entry.path, others, outside)
                else:
                    skipped.append(Skipped(name, 0, "is a pipe, socket or device"))
            if prefix and not seen and entries is not None:
                others.append(FolderEntry(prefix[:-1]))
        skipped.sort(key=lambda item: item.path)
        return Tree(dict(sorted(files.items())), tuple(others), tuple(skipped), outside)

    def _leaves_out_folder(self, name: str, info: os.stat_result) -> bool:
        return (info.st_dev, info.st_ino) == self._home or self._ignore.fits(name, True)


def _link(name: str, path: str, others: list[LinkEntry | FolderEntry], outside: dict[str, str]) -> None:
    try:
        target = os.readlink(path)
    except OSError:  # gone, or no link any more
        return
    if check_target(name, target):
        others.append(LinkEntry(name, target))
    else:
        outside[name] = target


def _look(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None for what is gone since its folder was listed."""
    try:
        return entry.stat(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(entry.path, error) from error


def _listing(folder: str) -> list[os.DirEntry[str]] | None:
    """None for a folder that is gone, or something else, since its parent was listed."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(folder.rstrip("/"), error) from error


def _unreadable(path: str, error: OSError) -> LabError:
    return LabError(f"cannot read {clean(path)}: {error.strerror}", "mend the folder's permissions, or ignore it")
