"""Taking bytes into the store: files that others may be writing to meanwhile, bytes from memory, streams.

A file is hashed while it is copied (or its clone is, where the filesystem can clone), so that an object's content
always is what its name says. A file that grew is stored as the object it begins with and one more for its tail.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError
from lab.stores.copies import clone, end_sparse, write_sparse
from lab.stores.durable import (
    free_space,
    full_disk,
    start_writeback,
    sync_file,
    sync_filesystem,
    tell_full_disk,
    write_all,
)
from lab.stores.sources import FileState, Source
from lab.stores.writers import writers

#: Ends the name of an object that is stored in parts.
PARTS = ".parts"

_CHUNK = 4 << 20
_WRITEBACK = 32 << 20  # bytes written before the disk is set to work
_MANY = 64  # above so many files one flush of the filesystem is cheaper than one of each
_PENDING = 16_384  # files held back before a batch publishes what it has
_BACKOFF = (0.05, 0.2, 0.8)  # seconds before each further try on a file that moved
_GROWS_FROM = 8 << 20  # bytes: smaller files are stored anew when they grow
_MOST_PARTS = 32

#: The whole objects (64 hex digits, size in bytes) that make one object, in order.
Parts = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Stored:
    """An object: 64 hex digits, size in bytes, and the file's state when it was read (zeros for other bytes)."""

    hash: str
    size: int
    state: FileState = (0, 0, 0, 0)


class Shelf(Protocol):
    """What a batch asks of the store that it fills."""

    def size(self, digest: str) -> int | None: ...

    def parts(self, digest: str) -> Parts: ...

    def adopt(self, files: Mapping[str, str]) -> None: ...


@dataclass
class _Read:
    """One pass over a source. `made` are the files to publish: name in the store → temporary file."""

    digest: str
    size: int
    made: dict[str, str] = field(default_factory=dict)
    cloned: FileState | None = None  # of the source, right after it was cloned

    def drop(self) -> None:
        for temporary in self.made.values():
            os.unlink(temporary)


class Batch:
    """Objects that become visible together: see `ObjectStore.batch`. For one thread."""

    def __init__(self, shelf: Shelf, folder: Path) -> None:
        self._shelf = shelf
        self._folder = folder
        self._pending: dict[str, str] = {}
        self._pending_bytes = 0
        self._made = 0
        self._buffer = memoryview(bytearray(_CHUNK))

    def put_file(
        self, path: Path | str, on_bytes: Callable[[int], None] | None = None, base: str = "", *, restless: bool = False
    ) -> Stored:
        """Store the content of the regular file `path` (a symlink is refused); `on_bytes` hears of each part read.

        `base` may name an object that the file is thought to equal or to begin with: if it does, nothing or only the
        rest is written. With `restless` a file that changes while it is read is taken as it was read, up to the size
        that it had. Raises ConflictError if the file keeps changing while it is read, LabError if it cannot be
        read or the disk is full (NotAFileError for a folder, pipe or link), FileNotFoundError if it is gone.
        """
        for pause in (*_BACKOFF, None):
            stored = self._try_file(path, on_bytes, base, restless)
            if stored is not None:
                return stored
            if pause is not None:
                time.sleep(pause)
        raise ConflictError(
            f"{clean(str(path))} is being written{writers(path)}", "wait until its writer is done, then try again"
        )

    def put_bytes(self, data: bytes) -> Stored:
        """Store `data`. Raises LabError if the disk is full."""
        digest = blake3(data).hexdigest()
        if not self._known(digest, len(data)):
            with tell_full_disk("data", len(data), self._folder):
                self._keep({digest: self._write(memoryview(data))}, len(data))
        return Stored(digest, len(data))

    def put_stream(self, chunks: Iterable[bytes], expected: str = "") -> Stored:
        """Store bytes that come from elsewhere, whatever their number, hashed while they are written.

        Raises IntegrityError if `expected` is given and is not their hash, LabError if the disk is full, and what
        `chunks` raises; nothing is kept then.
        """
        temporary, out = self._temporary()
        hasher, size = blake3(), 0
        try:
            for chunk in chunks:
                hasher.update(chunk)
                size += len(chunk)
                with tell_full_disk("data", size, self._folder):
                    write_sparse(out, chunk)
            end_sparse(out)
            digest = hasher.hexdigest()
            if expected and digest != expected:
                raise IntegrityError(
                    f"{size} bytes came for object {clean(expected, 12)}, and they are not what its name says",
                    "their source is damaged: get the data from another copy",
                )
        except BaseException:
            os.unlink(temporary)
            raise
        finally:
            os.close(out)
        if made := self._new(digest, size, temporary):
            self._keep(made, size)
        return Stored(digest, size)

    def flush(self) -> None:
        """Make all that was put so far durable, then visible."""
        if not self._pending:
            return
        with tell_full_disk(f"{len(self._pending)} files", self._pending_bytes, self._folder):
            if len(self._pending) > _MANY:
                sync_filesystem(self._folder)
            else:
                for temporary in self._pending.values():
                    sync_file(temporary)
            self._shelf.adopt(self._pending)
        self._pending.clear()
        self._pending_bytes = 0

    def _try_file(
        self, path: Path | str, on_bytes: Callable[[int], None] | None, base: str, restless: bool
    ) -> Stored | None:
        """One pass over the file; None if it changed meanwhile."""
        source = Source(path, on_bytes)
        try:
            before = source.settled()
            read = self._by_base(source, base, before[1]) if base else None
            if read is None:
                source.rewind()
                read = self._copy(source)
            after = read.cloned or source.state()
        finally:
            source.close()
        if (after != before and not restless) or read.size != before[1]:
            read.drop()
            return None
        if read.made:
            self._keep(read.made, read.size)
        return Stored(read.digest, read.size, before)

    def _by_base(self, source: Source, base: str, size: int) -> _Read | None:
        """The file as `base` and a tail, or as `base` alone; None if it does not begin like that."""
        base, parts = self._beginning(base, size)
        if not parts:
            return None
        hasher = blake3()
        left = sum(length for _, length in parts)
        while left and (part := source.fill(self._buffer[: min(left, _CHUNK)])):
            hasher.update(self._buffer[:part])
            left -= part
        if left or hasher.hexdigest() != base:
            return None
        tail = blake3()
        first = source.fill(self._buffer)
        if not first:
            return _Read(base, source.read)
        with tell_full_disk(source.name, source.allocated, self._folder):
            temporary = self._stream(source, first, hasher, tail)
            digest = hasher.hexdigest()
            if self._known(digest, source.read):
                os.unlink(temporary)
                return _Read(digest, source.read)
            read = _Read(digest, source.read, {tail.hexdigest(): temporary})
            try:
                self._join(read, parts, tail.hexdigest())
            except BaseException:
                read.drop()
                raise
        return read

    def _beginning(self, base: str, size: int) -> tuple[str, Parts]:
        """What a file of `size` bytes may begin with; no parts where looking for it is not worth it."""
        known = self._shelf.size(base)
        if known is None or known < _CHUNK or known > size:
            return base, ()
        parts = self._shelf.parts(base)
        if known == size:
            return base, parts
        if len(parts) >= _MOST_PARTS:  # its many small tails become one, if its beginning is most of it
            (base, known), parts = parts[0], parts[:1]
            if known * 2 < size:
                return base, ()
        return base, parts if known >= _GROWS_FROM else ()

    def _join(self, read: _Read, parts: Parts, tail: str) -> None:
        """Add the list of parts to what is published, after the tail itself."""
        length = read.size - sum(size for _, size in parts)
        last: Sequence[tuple[str, int]] = ((tail, length),)
        if self._known(tail, length):
            os.unlink(read.made.pop(tail))
            last = last if tail in self._pending else self._shelf.parts(tail)
        listed = json.dumps({"parts": [*parts, *last]}, separators=(",", ":")).encode()
        read.made[read.digest + PARTS] = self._write(memoryview(listed))

    def _copy(self, source: Source) -> _Read:
        """Hash the file and write what is new."""
        size = source.fill(self._buffer)
        with tell_full_disk(source.name, source.allocated, self._folder):
            if size < _CHUNK:
                digest = blake3(self._buffer[:size]).hexdigest()
                made = {} if self._known(digest, size) else {digest: self._write(self._buffer[:size])}
                return _Read(digest, size, made)
            cloned = self._clone(source)
            if cloned is not None:
                return cloned
            if source.allocated > free_space(self._folder):
                raise full_disk(source.name, source.allocated, self._folder)
            hasher = blake3()
            temporary = self._stream(source, size, hasher)
            return _Read(hasher.hexdigest(), source.read, self._new(hasher.hexdigest(), source.read, temporary))

    def _clone(self, source: Source) -> _Read | None:
        """The file as it is at this moment, at no cost: it may change while its clone is hashed."""
        temporary, out = self._temporary()
        try:
            if not clone(source.fd, out):
                os.unlink(temporary)
                return None
            state = source.state()
            hasher, size = blake3(), 0
            while part := os.preadv(out, [self._buffer], size):
                hasher.update(self._buffer[:part])
                size += part
                source.tell(part)
        except BaseException:
            os.unlink(temporary)
            raise
        finally:
            os.close(out)
        return _Read(hasher.hexdigest(), size, self._new(hasher.hexdigest(), size, temporary), state)

    def _new(self, digest: str, size: int, temporary: str) -> dict[str, str]:
        """What is to be published of a temporary file: nothing, and it is gone, if its content is known."""
        if self._known(digest, size):
            os.unlink(temporary)
            return {}
        return {digest: temporary}

    def _stream(self, source: Source, first: int, *hashers: blake3) -> str:
        """Hash and write the `first` bytes of the buffer and all that follow; returns the temporary file."""
        temporary, out = self._temporary()
        write = write_sparse if source.sparse else write_all
        part, written, started = first, 0, 0
        try:
            while part:
                for hasher in hashers:
                    hasher.update(self._buffer[:part])
                write(out, self._buffer[:part])
                written += part
                if written - started >= _WRITEBACK:
                    start_writeback(out, started, written - started)
                    started = written
                part = source.fill(self._buffer)
            if source.sparse:
                end_sparse(out)
        except BaseException:
            os.unlink(temporary)
            raise
        finally:
            os.close(out)
        return temporary

    def _temporary(self) -> tuple[str, int]:
        self._made += 1
        path = f"{self._folder}/{self._made}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.fchmod(fd, 0o444)
        return path, fd

    def _write(self, data: memoryview) -> str:
        path, fd = self._temporary()
        try:
            write_all(fd, data)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(fd)
        return path

    def _known(self, digest: str, size: int) -> bool:
        pending = digest in self._pending or digest + PARTS in self._pending
        return pending or self._shelf.size(digest) == size

    def _keep(self, made: Mapping[str, str], size: int) -> None:
        self._pending |= made
        self._pending_bytes += size
        if len(self._pending) >= _PENDING:
            self.flush()
