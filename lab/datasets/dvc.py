"""Data of an existing DVC project: what its `.dvc` files and `dvc.lock` name, read from its cache or working copy.

Both layouts of the cache are known: `files/md5/ab/…` of DVC 3, `ab/…` of DVC 2, whose md5 counts line ends of text
files as LF. The md5 is compared while a file is stored, so a rotten cache never gets in. DVC itself is not needed, its
remotes are not asked, and nothing in the project is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lab.dataclass import dataclass
from lab.datasets.dvc_files import Config, DvcOut, Skipped, Where, find_outs, read_bounded, read_config
from lab.domain.text import clean
from lab.errors import IntegrityError, LabError
from lab.paths import LabHome
from lab.stores.manifests import FileEntry, Manifest, ManifestStore
from lab.stores.objects import Batch, ObjectStore, Stored
from lab.stores.snapshot import Done, Progress

__all__ = ["DvcOut", "Loaded", "Project", "Skipped", "Where", "load", "plan"]

_CHUNK = 1 << 20  # as DVC reads: its old md5 looks at each chunk by itself
_LISTING_MAX = 512 << 20  # bytes of a folder's listing
_FLUSH = 256 << 20  # bytes that are made durable together
_FILE_MD5 = re.compile(r"[0-9a-f]{32}")
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"


@dataclass(frozen=True)
class Project:
    """What a DVC project has. `config.remotes` are where the rest may be: `dvc pull` brings it into the cache."""

    root: Path
    config: Config
    outs: tuple[DvcOut, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class Loaded:
    """An out in the store; or, where files can be read nowhere, their paths in `missing`, and no manifest.

    `origin` is what to remember of where it came from: `{"md5": …}`.
    """

    id: str
    manifest: Manifest | None
    origin: Mapping[str, str]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """A file to be stored: its name in the version, its md5, its places; "" where it is not."""

    name: str
    md5: str
    cached: str
    working: str


def plan(root: Path) -> Project:
    """What the DVC project in the folder `root` has, and from where it can be read. Reads no data, only names.

    Raises NotFoundError if there is no `.dvc` folder, LabError for a broken config.
    """
    config = read_config(root)
    named, skipped = find_outs(root)
    outs = []
    for out in named:
        try:
            outs.append(_located(root, config, out))
        except LabError as error:
            skipped.append(Skipped(out.path, error.message))
    return Project(root, config, tuple(outs), tuple(skipped))


def load(home: LabHome, project: Project, out: DvcOut, progress: Progress | None = None) -> Loaded:
    """Store an out of the project, from the cache, else from the working copy if that has the right md5.

    Raises IntegrityError naming a file of the cache that is not what its name says; nothing is published then.
    """
    origin = {"md5": out.md5}
    sources = _sources(project.root, project.config, out)
    if sources is None:
        return Loaded("", None, origin, (out.path,))
    entries: list[FileEntry] = []
    missing: list[str] = []
    with ObjectStore(home).batch() as batch:
        taker = _Taker(batch, out.legacy, len(sources), out.size or 0, progress)
        for source in sources:
            stored = taker.take(source)
            if stored is None:
                missing.append(out.path if not out.is_dir else f"{out.path}/{source.name}")
            else:
                entries.append(FileEntry(source.name, stored.hash, stored.size, out.executable and not out.is_dir))
    if missing:
        return Loaded("", None, origin, tuple(missing))
    manifest = Manifest.of(entries, single=not out.is_dir)
    return Loaded(ManifestStore(home).write(manifest), manifest, origin)


def _located(root: Path, config: Config, out: DvcOut) -> DvcOut:
    if out.is_dir:
        listing = _cached_listing(config, out)
        if listing is None:
            where = Where.WORKING_COPY if (root / out.path).is_dir() else Where.NOWHERE
            return replace(out, where=where)
        sources = _folder(root, config, out, listing)
    else:
        sources = [_file(root, config, out)]
    cached = sum(bool(source.cached) for source in sources)
    readable = sum(bool(source.cached or source.working) for source in sources)
    if readable < len(sources):
        where = Where.PARTLY if readable else Where.NOWHERE
    else:
        where = Where.CACHE if cached == len(sources) else Where.WORKING_COPY
    return replace(out, where=where, files=len(sources))


def _sources(root: Path, config: Config, out: DvcOut) -> list[_Source] | None:
    """The files of an out; None for a folder whose listing is neither in the cache nor that of the working copy."""
    if not out.is_dir:
        return [_file(root, config, out)]
    listing = _cached_listing(config, out)
    if listing is None:
        listing = _working_listing(root / out.path, out)
    return None if listing is None else _folder(root, config, out, listing)


def _file(root: Path, config: Config, out: DvcOut) -> _Source:
    return _Source(
        out.path.rpartition("/")[2], out.md5, _in_cache(config, out.md5, out.legacy), _regular(f"{root}/{out.path}")
    )


def _folder(root: Path, config: Config, out: DvcOut, listing: Mapping[str, str]) -> list[_Source]:
    return [
        _Source(name, md5, _in_cache(config, md5, out.legacy), _regular(f"{root}/{out.path}/{name}"))
        for name, md5 in listing.items()
    ]


def _in_cache(config: Config, md5: str, legacy: bool) -> str:
    """The path of what the cache has under that md5, in the layout of DVC 3 or 2; "" if nothing."""
    layouts = ("", "/files/md5") if legacy else ("/files/md5", "")
    return next((path for layout in layouts if (path := _regular(f"{config.cache}{layout}/{md5[:2]}/{md5[2:]}"))), "")


def _regular(path: str) -> str:
    with suppress(OSError, ValueError):
        if stat.S_ISREG(os.stat(path).st_mode):
            return path
    return ""


def _cached_listing(config: Config, out: DvcOut) -> dict[str, str] | None:
    """Name → md5 of the files of a folder, from its `.dir` object. Raises IntegrityError for a damaged one."""
    path = _in_cache(config, out.md5, out.legacy)
    if not path:
        return None
    data = read_bounded(Path(path), _LISTING_MAX)
    if hashlib.md5(data, usedforsecurity=False).hexdigest() + ".dir" != out.md5:
        raise _rotten(path)
    try:
        rows = json.loads(data)
        listing = {row["relpath"]: row["md5"] for row in rows}
        good = len(listing) == len(rows) and all(
            isinstance(md5, str) and _FILE_MD5.fullmatch(md5) for md5 in listing.values()
        )
        Manifest.of(FileEntry(name, "0" * 64, 0) for name in listing)  # refuses paths that lead out, and the like
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{clean(path)} is not the listing of a folder") from error
    if not good:
        raise IntegrityError(f"{clean(path)} is not the listing of a folder")
    return listing


def _working_listing(folder: Path, out: DvcOut) -> dict[str, str] | None:
    """The listing of the working copy, if it is the one that DVC knows. Reads all files of the folder."""
    listing = {}
    for root, _folders, files in os.walk(folder):
        for name in files:
            path = f"{root}/{name}"
            md5 = _md5_of(path, out.legacy)
            if md5 is None:
                return None
            listing[os.path.relpath(path, folder)] = md5
    ordered = dict(sorted(listing.items()))
    rows = [{"md5": md5, "relpath": name} for name, md5 in ordered.items()]
    digest = hashlib.md5(json.dumps(rows, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    return ordered if listing and digest + ".dir" == out.md5 else None


def _md5_of(path: str, legacy: bool) -> str | None:
    if not _regular(path):
        return None
    hashes = _Md5(legacy)
    try:
        for chunk in _chunks(path):
            hashes.update(chunk)
    except OSError:
        return None
    return hashes.usual


class _Taker:
    """Stores files while their md5 is compared; contents that came up already are not read again."""

    def __init__(self, batch: Batch, legacy: bool, files: int, size: int, progress: Progress | None) -> None:
        self._batch = batch
        self._legacy = legacy
        self._progress = progress
        self._known: dict[str, Stored] = {}
        self._files_total, self._bytes_total = files, size
        self._files = self._bytes = self._unsafe = 0

    def take(self, source: _Source) -> Stored | None:
        """None if the file is nowhere: not in the cache, and the working copy is another."""
        stored = self._known.get(source.md5)
        if stored is None and source.cached:
            stored = self._put(source.cached, source.md5, lambda: _rotten(source.cached, source.name))
        elif stored is None and source.working:
            with suppress(_OtherError):
                stored = self._put(source.working, source.md5, _OtherError)
        if stored is not None:
            self._known[source.md5] = stored
        self._files += 1
        self._tell()
        return stored

    def _put(self, path: str, md5: str, refusal: Callable[[], Exception]) -> Stored:
        try:
            stored = self._batch.put_stream(self._checked(path, md5, refusal))
        except (FileNotFoundError, PermissionError) as error:
            raise LabError(f"cannot read {clean(path)}: {error.strerror}", "mend its permissions") from error
        self._unsafe += stored.size
        if self._unsafe >= _FLUSH:
            self._batch.flush()
            self._unsafe = 0
        return stored

    def _checked(self, path: str, md5: str, refusal: Callable[[], Exception]) -> Iterator[bytes]:
        hashes = _Md5(self._legacy)
        for chunk in _chunks(path):
            hashes.update(chunk)
            yield chunk
            self._bytes += len(chunk)
            self._tell()
        if not hashes.fits(md5):
            raise refusal()

    def _tell(self) -> None:
        if self._progress:
            total = max(self._bytes_total, self._bytes)
            self._progress(Done(self._files, self._files_total, self._bytes, total))


class _OtherError(Exception):
    """The working copy is not what DVC knows."""


class _Md5:
    """The md5 of a file; for DVC 2 also those that take CRLF of text for LF, judging each chunk or the first one."""

    def __init__(self, legacy: bool) -> None:
        self._legacy = legacy
        self._plain, self._by_chunk, self._by_first = (hashlib.md5(usedforsecurity=False) for _ in range(3))
        self._first_is_text: bool | None = None

    def update(self, chunk: bytes) -> None:
        self._plain.update(chunk)
        if not self._legacy:
            return
        is_text = _is_text(chunk[:512])
        if self._first_is_text is None:
            self._first_is_text = is_text
        unix = chunk.replace(b"\r\n", b"\n")
        self._by_chunk.update(unix if is_text else chunk)
        self._by_first.update(unix if self._first_is_text else chunk)

    @property
    def usual(self) -> str:
        """What DVC itself would say."""
        return (self._by_chunk if self._legacy else self._plain).hexdigest()

    def fits(self, md5: str) -> bool:
        known = (self._plain, self._by_chunk, self._by_first) if self._legacy else (self._plain,)
        return any(each.hexdigest() == md5 for each in known)


def _is_text(block: bytes) -> bool:
    """DVC's own guess."""
    return b"\0" not in block and len(block.translate(None, _TEXT)) <= 0.30 * len(block)


def _chunks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _rotten(path: str, name: str = "") -> IntegrityError:
    what = f"{clean(name, 80)} in DVC's cache" if name else "a folder's listing in DVC's cache"
    return IntegrityError(
        f"{what} is damaged: {clean(path)} is not what its name says",
        "remove that file, then dvc pull it again, or let the working copy be read",
    )
