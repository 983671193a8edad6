"""A dataset version as something that other tools take: a folder, an archive, one Parquet file.

Contents are compared with their hashes on the way out, and nothing appears at the destination before it is whole.
Archives are deterministic: the same version gives the same bytes (with the same versions of the compressors).
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl
import zstandard
from blake3 import blake3

from lab.datasets import tables
from lab.datasets.formats import BROKEN
from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, LabError, UsageError
from lab.paths import LabHome
from lab.stores import trees
from lab.stores.durable import free_space, full_disk, sync_file, sync_filesystem, sync_folder, tell_full_disk
from lab.stores.manifests import FileEntry, FolderEntry, LinkEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.staging import stage, sweep
from lab.stores.transfers import intact

_BUFFER = 1 << 20
_ZSTD_LEVEL = 3
_GZIP_LEVEL = 6

#: Endings of archives that can be written.
ARCHIVES = (".tar.zst", ".tar.gz", ".tgz")

#: Hears of bytes that were written out, often. What it raises ends the export and leaves nothing behind.
OnBytes = Callable[[int], None]


def export(
    home: LabHome, manifest_id: str, dest: Path, *, overwrite: bool = False, on_bytes: OnBytes | None = None
) -> Path:
    """Write a version to `dest`, whose ending chooses: `.tar.zst`, `.tar.gz`, `.tgz`, `.parquet`; else a folder.

    Raises ConflictError if there is something at `dest` and `overwrite` is not given, IntegrityError for a damaged
    or missing object, LabError for a full disk; for Parquet NotATableError if the files are not tables of one schema.
    """
    name = dest.name.lower()
    if name.endswith(ARCHIVES):
        return to_archive(home, manifest_id, dest, overwrite=overwrite, on_bytes=on_bytes)
    if name.endswith(".parquet"):
        return to_parquet(home, manifest_id, dest, overwrite=overwrite)
    return to_folder(home, manifest_id, dest, overwrite=overwrite, on_bytes=on_bytes)


def to_folder(
    home: LabHome, manifest_id: str, dest: Path, *, overwrite: bool = False, on_bytes: OnBytes | None = None
) -> Path:
    """Copies that may be edited. An empty folder at `dest` is filled; see `export` for the rest."""
    manifest = ManifestStore(home).read(manifest_id)
    objects = ObjectStore(home)
    with _landing(home, dest, overwrite, "folder") as landing:
        for file in manifest.files:
            objects.verify(file.hash)
            if on_bytes:
                on_bytes(file.size)
        trees.materialise(home, manifest_id, landing, read_only=False)
        sync_filesystem(landing)
    return dest


def to_archive(
    home: LabHome, manifest_id: str, dest: Path, *, overwrite: bool = False, on_bytes: OnBytes | None = None
) -> Path:
    """A tar, compressed as the ending of `dest` says: sorted, times 0, owner 0, modes 0644 and 0755.

    Names that are not UTF-8 keep their bytes (PAX `hdrcharset=BINARY`). See `export` for the rest.
    """
    manifest = ManifestStore(home).read(manifest_id)
    with _landing(home, dest, overwrite, "file") as landing, tell_full_disk("an archive", manifest.size, dest.parent):
        with open(landing, "xb") as raw, _compressor(raw, dest.name.lower()) as out:
            _write_tar(ObjectStore(home), manifest, out, on_bytes)
        sync_file(landing)
    return dest


def to_parquet(home: LabHome, manifest_id: str, dest: Path, *, overwrite: bool = False) -> Path:
    """All tables of the version, one after the other, as one Parquet file (zstd, with statistics), streamed.

    Raises NotATableError if the files are not tables of one schema. See `export` for the rest.
    """
    manifest = ManifestStore(home).read(manifest_id)
    objects = ObjectStore(home)
    frame = tables.scan([(file.path, intact(objects, file.hash)) for file in manifest.files])
    with _landing(home, dest, overwrite, "file") as landing:
        with tell_full_disk("a Parquet file", manifest.size, dest.parent):
            _sink(frame, landing, dest)
        sync_file(landing)
    return dest


def _sink(frame: pl.LazyFrame, landing: Path, dest: Path) -> None:
    try:
        frame.sink_parquet(landing, compression="zstd", statistics="full", maintain_order=True)
    except BROKEN as error:
        if free_space(landing.parent) < _BUFFER:  # polars does not always say so
            raise full_disk("a Parquet file", landing.stat().st_size + _BUFFER, landing.parent) from error
        reason = clean(str(error).partition("\n")[0], 200)
        raise LabError(f"cannot write {clean(str(dest))}: {reason}", "look at the profile of the version") from error


@contextmanager
def _landing(home: LabHome, dest: Path, overwrite: bool, kind: str) -> Iterator[Path]:
    """A path beside `dest` that takes its place when the block ends well; else nothing has happened."""
    real = dest.absolute()
    if real.is_relative_to(home.root.absolute()):
        raise UsageError(f"{clean(str(dest))} is inside the lab home", "choose another place")
    if not real.parent.is_dir():
        raise UsageError(f"there is no folder {clean(str(dest.parent))}", "make it first")
    _check_free(real, overwrite, kind)
    try:
        sweep(real.parent)
        with stage(real.parent) as folder:
            yield folder / "new"
            _check_free(real, overwrite, kind)
            _swap(folder / "new", real, folder / "old")
            sync_folder(real.parent)
    except PermissionError as error:
        raise LabError(f"cannot write {clean(str(dest))}: {error.strerror}", "choose another place") from error


def _check_free(dest: Path, overwrite: bool, kind: str) -> None:
    """What is there may be replaced only when that is asked for, and only by its like."""
    if not os.path.lexists(dest):
        return
    is_folder = dest.is_dir() and not dest.is_symlink()
    if kind == "folder" and is_folder and next(os.scandir(dest), None) is None:
        return
    if is_folder != (kind == "folder"):
        raise ConflictError(f"{clean(str(dest))} is there and no {kind}", "choose another name, or move it away")
    if not overwrite:
        raise ConflictError(f"{clean(str(dest))} is there already", "choose another name, or add --overwrite")


def _swap(new: Path, dest: Path, aside: Path) -> None:
    """Put `new` at `dest`; a folder that is there goes aside first, and back if that fails."""
    if not dest.is_dir() or dest.is_symlink():
        os.rename(new, dest)
        return
    os.rename(dest, aside)
    try:
        os.rename(new, dest)
    except OSError:
        os.rename(aside, dest)
        raise


@contextmanager
def _compressor(raw: IO[bytes], name: str) -> Iterator[Any]:
    if name.endswith(".tar.zst"):
        compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
        with compressor.stream_writer(raw, closefd=False) as out:
            yield out
    else:
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as out:
            yield out


def _write_tar(objects: ObjectStore, manifest: Manifest, out: Any, on_bytes: OnBytes | None) -> None:
    with tarfile.open(
        fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape", bufsize=_BUFFER
    ) as tar:
        for entry in manifest.entries:
            info = tarfile.TarInfo(entry.path)
            match entry:
                case FileEntry():
                    info.size = entry.size
                    info.mode = 0o755 if entry.executable else 0o644
                    _add_file(tar, info, objects, entry, on_bytes)
                case LinkEntry():
                    info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
                    tar.addfile(info)
                case FolderEntry():
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(info)


def _add_file(
    tar: tarfile.TarFile, info: tarfile.TarInfo, objects: ObjectStore, file: FileEntry, on_bytes: OnBytes | None
) -> None:
    with _Content(objects, file, on_bytes) as content, io.BufferedReader(content, _BUFFER) as reader:
        try:
            tar.addfile(info, reader)
        except OSError as error:
            if content.ended:  # shorter than it should be
                raise _damaged(file) from error
            raise
        if reader.read(1) or content.digest != file.hash:
            raise _damaged(file)


class _Content(io.RawIOBase):
    """The content of a file for reading, part by part, hashed on the way."""

    def __init__(self, objects: ObjectStore, file: FileEntry, on_bytes: OnBytes | None) -> None:
        super().__init__()
        self._on_bytes = on_bytes
        self._hasher = blake3()
        self._parts = [objects.path(digest) for digest, _ in objects.parts(file.hash)]
        self._fd = -1

    @property
    def digest(self) -> str:
        """Of what was read so far."""
        return self._hasher.hexdigest()

    @property
    def ended(self) -> bool:
        return self._fd < 0 and not self._parts

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.ended:
            if self._fd < 0:
                self._fd = os.open(self._parts.pop(0), os.O_RDONLY)
            size = os.readv(self._fd, [buffer])
            if size:
                self._hasher.update(memoryview(buffer)[:size])
                if self._on_bytes:
                    self._on_bytes(size)
                return size
            self._close_part()
        return 0

    def close(self) -> None:
        self._close_part()
        super().close()

    def _close_part(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _damaged(file: FileEntry) -> IntegrityError:
    return IntegrityError(
        f"{clean(file.path, 80)} cannot be exported: object {file.hash[:12]} is damaged",
        "lab data verify tells what else is, and --repair what can be mended",
    )
