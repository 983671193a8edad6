"""Archives of results, unpacked where nothing in them can do harm.

Whatever an archive says: only regular files and the folders above them are made, all below one folder, at most so many
bytes and files. Links, devices and names that lead elsewhere are left out and told of.
"""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import IO

from lab.dataclass import dataclass
from lab.domain.imports import Unread
from lab.domain.text import clean
from lab.experiments.readers.base import Unreadable
from lab.experiments.readers.files import opened

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

MOST_BYTES, MOST_FILES, DEEPEST = 20 << 30, 500_000, 40
_RATIO = 1000  # times its own size that an archive may become, from a moderate size on
_MODERATE = 256 << 20
_CHUNK = 1 << 20

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_BROKEN_ZIP = (*_BROKEN, NotImplementedError, RuntimeError)  # an unknown method; a password


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def stem(path: Path) -> str:
    """The name of an archive without what makes it one."""
    return next((path.name[: -len(end)] for end in SUFFIXES if path.name.lower().endswith(end)), path.name)


@dataclass
class _Target:
    """Where files go, and how much may still be written."""

    root: Path
    room: int
    files: int = 0
    unread: list[Unread] = field(default_factory=list)

    def place(self, name: str) -> Path | None:
        """Where a member of that name goes; None, and told of, where its name leads elsewhere."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or not parts or len(parts) > DEEPEST:
            self.unread.append(Unread(clean(name, 200), "its name leads out of the archive, or too deep"))
            return None
        return self.root.joinpath(*parts)

    def write(self, path: Path, source: IO[bytes], changed: float) -> None:
        """A new file; one of a name that was there already is left as it is."""
        self.files += 1
        if self.files > MOST_FILES:
            raise Unreadable(f"more than {MOST_FILES:,} files")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            out = open(path, "xb")  # noqa: SIM115 (closed below; errors of reading are not those of opening)
        except OSError as error:
            self.unread.append(Unread(clean(str(path.relative_to(self.root)), 200), error.strerror or str(error)))
            return
        with out:
            while data := source.read(_CHUNK):
                self.room -= len(data)
                if self.room < 0:
                    raise Unreadable("it would become far larger than any archive of results: not unpacked")
                out.write(data)
        os.utime(path, (changed, changed))


def unpack(archive: Path, folder: Path) -> list[Unread]:
    """Put the regular files of an archive below `folder`, with their times. Returns what was left out.

    Raises Unreadable for what is no archive, broken, or larger than an archive of results is.
    """
    size = archive.stat().st_size
    target = _Target(folder, min(MOST_BYTES, max(_MODERATE, size * _RATIO)))
    with opened(archive) as file:
        zipped = archive.name.lower().endswith(".zip")
        try:
            for name, source, changed in _zip(file, target) if zipped else _tar(file, target):
                path = target.place(name)
                if path is not None:
                    target.write(path, source, min(max(changed, 0.0), time.time()))
        except _BROKEN_ZIP as error:
            raise Unreadable(f"a damaged archive: {clean(str(error), 120) or type(error).__name__}") from error
    return target.unread


def _tar(file: IO[bytes], target: _Target) -> Iterator[tuple[str, IO[bytes], float]]:
    with tarfile.open(fileobj=file, mode="r|*") as tar:
        for member in tar:
            if member.isdir():
                continue
            source = tar.extractfile(member) if member.isreg() else None
            if source is None:
                target.unread.append(Unread(clean(member.name, 200), "no regular file: links and devices stay out"))
            else:
                yield member.name, source, float(member.mtime)


def _zip(file: IO[bytes], target: _Target) -> Iterator[tuple[str, IO[bytes], float]]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if member.is_dir():
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                target.unread.append(Unread(clean(member.filename, 200), "no regular file: links and devices stay out"))
                continue
            with archive.open(member) as source:
                yield member.filename, source, _moment(member.date_time)


def _moment(date: tuple[int, int, int, int, int, int]) -> float:
    """A time of a zip, which is local; 0 where it is none."""
    try:
        return time.mktime((*date, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0
