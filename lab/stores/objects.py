"""The content-addressed store: read-only files named by the blake3 hash of the content that they stand for.

An object is whole, at `objects/ab/<62 hex digits>`, or in parts, as `objects/ab/<62 hex digits>.parts`: a JSON list of
the whole objects whose concatenation it is. What is asked of the store never depends on which it is. An object gets
its name only after its bytes are durable.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from blake3 import blake3

from lab.domain.text import clean
from lab.errors import IntegrityError
from lab.paths import LabHome
from lab.stores.copies import append, clone
from lab.stores.durable import sync_file, sync_folder, tell_full_disk
from lab.stores.intake import PARTS, Batch, Parts, Stored
from lab.stores.sources import FileState, file_state
from lab.stores.staging import stage, sweep

__all__ = ["Batch", "FileState", "ObjectStore", "Parts", "Stored", "file_state"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"[0-9a-f]{2}")
_CHUNK = 4 << 20
_LONGEST_LIST = 1 << 16  # bytes of a list of parts
_DEEPEST = 8  # lists that lead to lists


class ObjectStore:
    """The objects of one lab home. Safe for many processes and threads; each batch is for one thread."""

    def __init__(self, home: LabHome) -> None:
        self._objects = home.objects
        self._assembled = home.assembled
        self._tmp = home.tmp
        self._swept = False

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Put many files with one flush: they become visible when the block ends, none of them when it raises.

        (A batch of very many files publishes in portions; what an abandoned one has published is whole and harmless.)
        """
        with self._stage() as folder:
            batch = Batch(self, folder)
            yield batch
            batch.flush()

    def put_file(self, path: Path | str, on_bytes: Callable[[int], None] | None = None, base: str = "") -> Stored:
        """`Batch.put_file` for one file; durable and visible on return."""
        with self.batch() as batch:
            return batch.put_file(path, on_bytes, base)

    def put_bytes(self, data: bytes) -> Stored:
        """`Batch.put_bytes` alone; durable and visible on return."""
        with self.batch() as batch:
            return batch.put_bytes(data)

    def put_stream(self, chunks: Iterable[bytes], expected: str = "") -> Stored:
        """`Batch.put_stream` alone; durable and visible on return."""
        with self.batch() as batch:
            return batch.put_stream(chunks, expected)

    def adopt(self, files: Mapping[str, str]) -> None:
        """Rename durable files (hash, with `.parts` for a list → temporary file) to their places, in this order, and
        make the names durable."""
        folders = {name[:2] for name in files}
        made = [name for name in folders if not (self._objects / name).is_dir()]
        for name in made:
            (self._objects / name).mkdir(mode=0o755, exist_ok=True)
        for name, temporary in files.items():
            digest = name.removesuffix(PARTS)
            os.rename(temporary, self._path(digest) + name[len(digest) :])
        for name in folders:
            sync_folder(self._objects / name)
        if made:
            sync_folder(self._objects)

    def path(self, digest: str) -> Path:
        """Where the object is if it is whole, or would be. Raises IntegrityError if `digest` is not 64 lower-case hex
        digits."""
        return Path(self._path(digest))

    def has(self, digest: str) -> bool:
        """Whether the object is there, with all of its parts."""
        return self.size(digest) is not None

    def size(self, digest: str) -> int | None:
        """Bytes of the object, None if it or one of its parts is not there, by stat only."""
        try:
            return os.stat(self._path(digest)).st_size
        except FileNotFoundError:
            if not os.path.exists(self._path(digest) + PARTS):
                return None
        try:
            return sum(size for _, size in self.parts(digest))
        except IntegrityError:
            return None

    def parts(self, digest: str) -> Parts:
        """The whole objects that make it, with their sizes in bytes: itself alone if it is whole.

        Raises IntegrityError if it or one of them is missing or has another size.
        """
        return self._parts(digest, 0)

    def digests(self) -> Iterator[str]:
        """Every object that is there, whole or in parts, sorted."""
        shards = sorted(name for name in _names(self._objects) if _SHARD.fullmatch(name))
        for shard in shards:
            found = {shard + name.removesuffix(PARTS) for name in _names(self._objects / shard)}
            yield from sorted(digest for digest in found if _DIGEST.fullmatch(digest))

    def files(self, digest: str) -> list[Path]:
        """The files of the store that are this object's own: object, list of parts, assembled copy."""
        whole = self._path(digest)
        places = (whole, whole + PARTS, self._assembled_path(digest))
        return [Path(place) for place in places if os.path.lexists(place)]

    def verify(self, digest: str) -> int:
        """Read the object and compare it with its name; returns its size.

        Raises IntegrityError if it or a part of it is missing or its bytes have changed.
        """
        hasher, size = blake3(), 0
        buffer = memoryview(bytearray(_CHUNK))
        for part, _ in self.parts(digest):
            with self._open(part) as file:
                while read := file.readinto(buffer):
                    hasher.update(buffer[:read])
                    size += read
        if hasher.hexdigest() != digest:
            raise _damaged(digest, "its bytes are not what its name says")
        return size

    def whole(self, digest: str) -> Path:
        """A read-only file with the content: the object itself, or a copy assembled of its parts.

        Raises IntegrityError if the object or a part of it is missing, LabError if the disk is full.
        """
        path = self._path(digest)
        if os.path.exists(path):
            return Path(path)
        parts = self.parts(digest)
        size = sum(length for _, length in parts)
        assembled = self._assembled_path(digest)
        with suppress(FileNotFoundError):
            if os.stat(assembled).st_size == size:
                os.utime(assembled)  # gc erases what nobody has used for long
                return Path(assembled)
        os.makedirs(os.path.dirname(assembled), mode=0o755, exist_ok=True)
        with self._stage() as folder:
            temporary = f"{folder}/assembled"
            self._concatenate(parts, temporary, 0o444)
            sync_file(temporary)
            os.rename(temporary, assembled)
        return Path(assembled)

    def link_or_copy(self, digest: str, dest: Path | str, executable: bool = False, writable: bool = False) -> None:
        """Make `dest`, a new file with the object's content.

        A read-only plain file is a hard link where the filesystem allows it (mode 0444); executable (0555) and
        writable files (0644, 0755) are copies, since a link shares mode and bytes with the object.
        Raises IntegrityError if the object is missing, FileExistsError if `dest` exists.
        """
        if not executable and not writable:
            # Another device, too many links, a filesystem or policy without links: a copy serves.
            with suppress(OSError):
                os.link(self._path(digest), dest)
                return
            with suppress(OSError):
                os.link(self.whole(digest), dest)
                return
        mode = (0o755 if executable else 0o644) & (0o777 if writable else 0o555)
        self._concatenate(self.parts(digest), dest, mode)

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        if not self._swept:
            self._objects.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
            sweep(self._tmp)
            self._swept = True
        with stage(self._tmp) as folder:
            yield folder

    def _parts(self, digest: str, depth: int) -> Parts:
        try:
            return ((digest, os.stat(self._path(digest)).st_size),)
        except FileNotFoundError:
            listed = self._list(digest)
        if depth == _DEEPEST:
            raise _damaged(digest, "its parts lead in a circle")
        found: list[tuple[str, int]] = []
        for part, size in listed:
            inner = self._parts(part, depth + 1)
            if sum(length for _, length in inner) != size:
                raise _damaged(part, f"it is not {size} bytes long")
            found += inner
        return tuple(found)

    def _list(self, digest: str) -> Parts:
        try:
            with open(self._path(digest) + PARTS, "rb") as file:
                listed = json.loads(file.read(_LONGEST_LIST))["parts"]
            parts = tuple((str(part), int(size)) for part, size in listed)
        except FileNotFoundError as error:
            raise _missing(digest) from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _damaged(digest, "its list of parts cannot be read") from error
        if not parts:
            raise _damaged(digest, "its list of parts is empty")
        return parts

    def _concatenate(self, parts: Parts, dest: Path | str, mode: int) -> None:
        """A new file `dest` with that mode and the content of these whole objects, or nothing."""
        size = sum(length for _, length in parts)
        with tell_full_disk(clean(str(dest)), size, Path(dest).parent), open(dest, "xb", buffering=0) as out:
            try:
                at = 0
                for part, _ in parts:
                    with self._open(part) as source:
                        alone = len(parts) == 1 and clone(source.fileno(), out.fileno())
                        at += 0 if alone else append(source.fileno(), out.fileno(), at)
                os.fchmod(out.fileno(), mode)
            except BaseException:
                os.unlink(dest)
                raise

    def _open(self, digest: str) -> FileIO:
        """A whole object, for reading."""
        try:
            return open(self._path(digest), "rb", buffering=0)
        except FileNotFoundError as error:
            raise _missing(digest) from error

    def _path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise IntegrityError(f"{clean(repr(digest), 80)} is not the hash of an object")
        return f"{self._objects}/{digest[:2]}/{digest[2:]}"

    def _assembled_path(self, digest: str) -> str:
        return f"{self._assembled}/{digest[:2]}/{digest[2:]}"


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _missing(digest: str) -> IntegrityError:
    return IntegrityError(
        f"object {digest[:12]} is missing from the store",
        "lab data pull brings what is only at a remote; else lab data verify --repair, or add the data again",
    )


def _damaged(digest: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"object {digest[:12]} is damaged: {why}",
        "remove it from the store and add the data again from a good copy",
    )
