"""Manifests: what files a dataset version, a code snapshot or a model holds, named by the hash of their content.

Format 1 is UTF-8 JSON lines. The header `{"format":1,"n_files":2,"bytes":7}` (with `"file":1` where a lone file was
stored rather than a folder) is followed by one line for each entry, sorted by the bytes of its path:

    {"p":"a/b.csv","h":"<64 hex>","s":5}        a file; "m":1 if it is executable
    {"p":"latest","l":"a/b.csv"}                a symbolic link
    {"p":"empty","d":1}                         an empty folder

A path or target that is not UTF-8 stands as base64 under "pb" or "lb". Nothing in it tells when or for whom it was
made, so that the same content always has the same id.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from blake3 import blake3

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import IntegrityError, NotFoundError
from lab.paths import LabHome
from lab.stores.durable import sync_file, sync_folder, tell_full_disk
from lab.stores.staging import stage

FORMAT = 1

_ID = re.compile(r"b3:[0-9a-f]{64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNSAFE = re.compile(r"\0|(?:\A|/)\.{0,2}(?:/|\Z)")  # a path with a component that is empty, . or ..


@dataclass(frozen=True)
class FileEntry:
    """A file; `path` has `/` separators and may hold surrogate escapes, `hash` names the object, `size` in bytes."""

    path: str
    hash: str
    size: int
    executable: bool = False


@dataclass(frozen=True)
class LinkEntry:
    """A symbolic link that stays inside the tree; `target` is relative to the link's folder."""

    path: str
    target: str


@dataclass(frozen=True)
class FolderEntry:
    """An empty folder."""

    path: str


Entry = FileEntry | LinkEntry | FolderEntry


@dataclass(frozen=True)
class Manifest:
    """The entries of a tree, sorted; `single` for a lone file. Make one with `of`, which checks them."""

    entries: tuple[Entry, ...]
    single: bool = False

    @classmethod
    def of(cls, entries: Iterable[Entry], single: bool = False) -> Manifest:
        """Raises IntegrityError for paths that are unsafe, occur twice, or lead through a file or link."""
        ordered = tuple(sorted(entries, key=lambda entry: os.fsencode(entry.path)))
        _check(ordered)
        if single and not (len(ordered) == 1 and isinstance(ordered[0], FileEntry) and "/" not in ordered[0].path):
            raise IntegrityError("a manifest of a lone file must hold exactly that file")
        return cls(ordered, single)

    @property
    def files(self) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, FileEntry))

    @property
    def links(self) -> dict[str, str]:
        """The symbolic links, with their targets."""
        return {entry.path: entry.target for entry in self.entries if isinstance(entry, LinkEntry)}

    @property
    def folders(self) -> tuple[str, ...]:
        """The empty folders."""
        return tuple(entry.path for entry in self.entries if isinstance(entry, FolderEntry))

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files)

    def encode(self) -> bytes:
        """The canonical bytes."""
        files = self.files
        header: dict[str, Any] = {"format": FORMAT, "n_files": len(files), "bytes": sum(file.size for file in files)}
        if self.single:
            header["file"] = 1
        lines = [_dump(header), *(_line(entry) for entry in self.entries)]
        return ("\n".join(lines) + "\n").encode()

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Inverse of `encode`. Raises IntegrityError for what is no manifest, or no safe one."""
        try:
            # All lines at once, as one list: that takes half the time. A line break inside a string is an error still.
            header, *lines = json.loads("[" + data.decode().removesuffix("\n").replace("\n", "\n,") + "]")
            if header["format"] != FORMAT:
                raise ValueError(f"format {header['format']!r} is not known")
            return cls.of((_from_json(line) for line in lines), header.get("file") == 1)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"not a manifest: {clean(str(error), 120)}") from error

    @property
    def id(self) -> str:
        return manifest_id(self.encode())


def manifest_id(data: bytes) -> str:
    """The id of a manifest's canonical bytes: `b3:` and 64 hex digits."""
    return "b3:" + blake3(data).hexdigest()


def check_target(path: str, target: str) -> bool:
    """Whether a link at `path` to `target` stays inside the tree, whatever other links of the tree it leads through.

    So `..` may only stand first (the folders above a link are real folders, so these steps are exact).
    """
    parts = target.split("/")
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    inside = ups <= path.count("/") and not any(part == ".." for part in parts[ups:])
    return inside and target != "" and not target.startswith("/") and "\0" not in target


class ManifestStore:
    """The manifests of one lab home: `manifests/ab/<62 hex digits>.jsonl`."""

    def __init__(self, home: LabHome) -> None:
        self._manifests = home.manifests
        self._tmp = home.tmp

    def write(self, manifest: Manifest) -> str:
        """Keep `manifest`, durably; returns its id. One that is known is not written again."""
        data = manifest.encode()
        name = manifest_id(data)
        path = self.path(name)
        if path.exists() and path.stat().st_size == len(data):
            return name
        with tell_full_disk("a manifest", len(data), self._manifests.parent):
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
            with stage(self._tmp) as folder:
                temporary = folder / "manifest"
                temporary.write_bytes(data)
                temporary.chmod(0o444)
                sync_file(temporary)
                temporary.rename(path)
        sync_folder(path.parent)
        sync_folder(self._manifests)
        return name

    def read(self, name: str) -> Manifest:
        """Raises NotFoundError if there is none of that id, IntegrityError if it is damaged."""
        try:
            data = self.path(name).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(
                f"no manifest {name[:15]} in the store",
                "lab gc --trash tells what can be brought back; else add the data again",
            ) from error
        if manifest_id(data) != name:
            raise IntegrityError(
                f"manifest {name[:15]} is damaged: its bytes are not what its name says",
                "remove it from the store and add the data again from a good copy",
            )
        return Manifest.decode(data)

    def has(self, name: str) -> bool:
        return self.path(name).exists()

    def path(self, name: str) -> Path:
        """Where the manifest is, or would be. Raises IntegrityError if `name` is not an id."""
        if not _ID.fullmatch(name):
            raise IntegrityError(f"{clean(repr(name), 80)} is not the id of a manifest")
        return self._manifests / name[3:5] / f"{name[5:]}.jsonl"


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _text(key: str, text: str) -> dict[str, str]:
    try:
        text.encode()
        return {key: text}
    except UnicodeEncodeError:
        return {key + "b": base64.b64encode(os.fsencode(text)).decode()}


def _line(entry: Entry) -> str:
    """One line of the canonical bytes; the many plain files take a shorter way to the same."""
    if isinstance(entry, FileEntry) and not entry.executable and entry.path.isascii():
        return f'{{"p":{_dump(entry.path)},"h":"{entry.hash}","s":{entry.size}}}'
    return _dump(_to_json(entry))


def _read_text(key: str, line: dict[str, Any]) -> str:
    text = line[key] if key in line else os.fsdecode(base64.b64decode(line[key + "b"], validate=True))
    if not isinstance(text, str):
        raise TypeError("a path is not a string")
    if not text.isascii():
        os.fsencode(text)  # raises ValueError for what no file name can hold
    return text


def _to_json(entry: Entry) -> dict[str, Any]:
    line: dict[str, Any] = _text("p", entry.path)
    match entry:
        case FileEntry():
            line |= {"h": entry.hash, "s": entry.size}
            if entry.executable:
                line["m"] = 1
        case LinkEntry():
            line |= _text("l", entry.target)
        case FolderEntry():
            line["d"] = 1
    return line


def _from_json(line: dict[str, Any]) -> Entry:
    path = _read_text("p", line)
    if "h" in line:
        if type(line["s"]) is not int or line["s"] < 0 or not _DIGEST.fullmatch(line["h"]):
            raise ValueError("a file without a proper hash and size")
        return FileEntry(path, line["h"], line["s"], line.get("m") == 1)
    if "l" in line or "lb" in line:
        return LinkEntry(path, _read_text("l", line))
    return FolderEntry(path)


def _check(entries: Sequence[Entry]) -> None:
    taken = {entry.path for entry in entries}
    if len(taken) != len(entries):
        raise IntegrityError("a manifest holds a path twice")
    folders: set[str] = set()
    for entry in entries:
        _check_path(entry.path)
        if isinstance(entry, LinkEntry) and not check_target(entry.path, entry.target):
            raise IntegrityError(f"a manifest holds a link out of its tree: {clean(repr(entry.path), 80)}")
        folder = entry.path.rpartition("/")[0]
        while folder and folder not in folders:
            if folder in taken:
                raise IntegrityError(f"a manifest leads through a file: {clean(repr(entry.path), 80)}")
            folders.add(folder)
            folder = folder.rpartition("/")[0]


def _check_path(path: str) -> None:
    if _UNSAFE.search(path):
        raise IntegrityError(f"a manifest holds an unsafe path: {clean(repr(path), 80)}")
