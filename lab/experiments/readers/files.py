"""Looking at files that anybody may have written: a walk without links, and bounded reads of regular files only."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from lab.domain.imports import Unread
from lab.experiments.readers.base import Folder, Unreadable

TEXT_MAX = 64 << 20  # bytes of a document that is parsed as a whole
TABLE_MAX = 1 << 30  # bytes of a table, or of one file of values
_DEPTH_MAX = 40
_ENTRIES_MAX = 2_000_000
_MERGED_MAX = 20_000
_YAML_MAX = 1 << 20  # bytes: its parser is slow, and slower still in nested brackets
_BRACKETS_MAX = 5_000

#: Folders that hold no results, and often very many files.
_SKIPPED = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".trash", "site-packages"})


def walk(root: Path, unread: list[Unread]) -> Iterator[tuple[Folder, set[str]]]:
    """Every folder from `root` down, with the set of its subfolders yet to be visited: what the caller takes out of
    it is left out. A root that is a file comes as its folder with that file alone. Folders that cannot be listed go
    to `unread`."""
    if not root.is_dir():
        yield Folder(root.parent, root.name, frozenset({root.name}), frozenset(), top=True, alone=True), set()
        return
    waiting = [(root, 0)]
    seen = 0
    while waiting:
        path, depth = waiting.pop()
        try:
            files, folders = _list(path)
        except OSError as error:
            unread.append(Unread(str(path), error.strerror or str(error)))
            continue
        seen += len(files) + len(folders)
        if seen > _ENTRIES_MAX:
            unread.append(Unread(str(root), f"more than {_ENTRIES_MAX:,} files: the rest was not looked at"))
            return
        label = root.name if path == root else path.relative_to(root).as_posix()
        below = set(folders - _SKIPPED)
        yield Folder(path, label, files, folders, top=path == root), below
        if depth < _DEPTH_MAX:
            waiting += [(path / name, depth + 1) for name in sorted(below, reverse=True)]
        elif below:
            unread.append(Unread(str(path), f"more than {_DEPTH_MAX} folders deep: not looked at"))


def tree(folder: Path, limit: int = 100_000) -> tuple[Path, ...]:
    """All regular files below `folder`, sorted, at most `limit`; none if it is not there."""
    found: list[Path] = []
    waiting = [(folder, 0)]
    while waiting and len(found) < limit:
        path, depth = waiting.pop()
        try:
            files, folders = _list(path)
        except OSError:
            continue
        found += [path / name for name in files]
        if depth < _DEPTH_MAX:
            waiting += [(path / name, depth + 1) for name in folders]
    return tuple(sorted(found)[:limit])


def _list(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    files, folders = set(), set()
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                files.add(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                folders.add(entry.name)
    return frozenset(files), frozenset(folders)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading. Raises Unreadable for anything else, and for what may not be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Unreadable("not a regular file")
        try:
            yield file
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from error


def rest(path: Path, begin: int, limit: int) -> bytes:
    """At most `limit` bytes of a file from `begin` on."""
    with opened(path) as file:
        file.seek(begin)
        return file.read(limit)


def signature(files: Sequence[Path]) -> str:
    """Sizes and times of files: another one, and something has changed."""
    hashed = hashlib.blake2b(digest_size=16)
    for path in files:
        try:
            info = os.lstat(path)
            mark = f"{info.st_size} {info.st_mtime_ns} {info.st_ino}"
        except OSError:
            mark = ""
        hashed.update(os.fsencode(f"{path}\0{mark}\0"))
    return hashed.hexdigest()


def load(path: Path, limit: int = TEXT_MAX) -> bytes:
    """All bytes of a file of at most `limit` bytes."""
    with opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unreadable(f"larger than {limit >> 20} MB")
    return data


def text(path: Path, limit: int = TEXT_MAX) -> str:
    """Like `load`, as text; bytes that are not UTF-8 become U+FFFD."""
    return load(path, limit).decode("utf-8", "replace")


def json_object(path: Path) -> dict[str, Any]:
    """A JSON object; NaN and infinities as Python writes them are understood."""
    try:
        value = json.loads(load(path))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


class _Plain(yaml.SafeLoader):
    """YAML in which a tag of another language means nothing: what it marks is read as the plain value that it is."""

    _merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Every merge copies what it names, and each level of them may double it: a few lines could fill the memory."""
        before = len(node.value)
        super().flatten_mapping(node)
        self._merged += max(0, len(node.value) - before)
        if self._merged > _MERGED_MAX:
            raise yaml.YAMLError(f"more than {_MERGED_MAX} merged keys")


def _without_tag(loader: _Plain, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


_Plain.add_multi_constructor("tag:yaml.org,2002:python/", _without_tag)
_Plain.add_multi_constructor("!", _without_tag)


def yaml_object(path: Path) -> dict[str, Any]:
    """A YAML mapping. Nothing in it is ever called or imported."""
    data = load(path, _YAML_MAX)
    if data.count(b"[") + data.count(b"{") > _BRACKETS_MAX:
        raise Unreadable("not YAML of settings: too many brackets")
    try:
        value = yaml.load(data, Loader=_Plain)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise Unreadable(f"not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unreadable("not a YAML mapping")
    return value
