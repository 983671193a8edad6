"""The content-addressed store: `objects/ab/<62 hex digits>`, read-only, named by the blake3 hash of its bytes.

A file is hashed while it is copied, so that an object's content always is what its name says, also when somebody
writes to the file meanwhile. An object gets its name only after its bytes are durable.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, LabError
from lab.paths import LabHome
from lab.stores.durable import (
    free_space,
    full_disk,
    sync_file,
    sync_filesystem,
    sync_folder,
    tell_full_disk,
    write_all,
)
from lab.stores.staging import stage, sweep
from lab.stores.writers import writers

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 4 << 20
_MANY = 64  # above so many files one flush of the filesystem is cheaper than one of each
_PENDING = 16_384  # files held back before a batch publishes what it has
_BACKOFF = (0.05, 0.2, 0.8)  # seconds before each further try on a file that moved
_TICK = 20_000_000  # ns: file times advance in ticks of 1 to 10 ms, so a younger file may change unseen

#: What a file looked like to stat: inode, size, mtime and ctime in ns. Equal states mean an untouched file.
FileState = tuple[int, int, int, int]


def file_state(info: os.stat_result) -> FileState:
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


@dataclass(frozen=True)
class Stored:
    """An object: 64 hex digits, size in bytes, and the file's state when it was read (zeros for bytes from memory)."""

    hash: str
    size: int
    state: FileState = (0, 0, 0, 0)


class Batch:
    """Objects that become visible together: see `ObjectStore.batch`. For one thread."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._pending: dict[str, str] = {}
        self._pending_bytes = 0
        self._made = 0
        self._buffer = memoryview(bytearray(_CHUNK))

    def put_file(self, path: Path | str, on_bytes: Callable[[int], None] | None = None) -> Stored:
        """Store the content of the regular file `path` (a symlink is refused); `on_bytes` hears of each part read.

        Raises ConflictError if the file keeps changing while it is read, LabError if it cannot be read or the
        disk is full, FileNotFoundError if it is gone.
        """
        for pause in (*_BACKOFF, None):
            stored = self._try_file(path, on_bytes)
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
                self._keep(digest, len(data), self._write(memoryview(data)))
        return Stored(digest, len(data))

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
            self._store.adopt(self._pending)
        self._pending.clear()
        self._pending_bytes = 0

    def _try_file(self, path: Path | str, on_bytes: Callable[[int], None] | None) -> Stored | None:
        """One pass over the file; None if it changed meanwhile."""
        fd = _open_regular(path)
        try:
            before = _settled(fd)
            digest, size, temporary = self._copy(fd, path, before[1], on_bytes)
            after = file_state(os.fstat(fd))
        finally:
            os.close(fd)
        if after != before or size != before[1]:
            if temporary:
                os.unlink(temporary)
            return None
        if temporary and self._known(digest, size):
            os.unlink(temporary)
        elif temporary:
            self._keep(digest, size, temporary)
        return Stored(digest, size, before)

    def _copy(
        self, fd: int, path: Path | str, expected: int, on_bytes: Callable[[int], None] | None
    ) -> tuple[str, int, str]:
        """Hash the file and write what is new: (digest, size, temporary file or "" for a known small one)."""
        size = self._fill(fd, path)
        hasher = blake3(self._buffer[:size])
        if on_bytes:
            on_bytes(size)
        with tell_full_disk(clean(str(path)), expected, self._folder):
            if size < _CHUNK:
                digest = hasher.hexdigest()
                return digest, size, "" if self._known(digest, size) else self._write(self._buffer[:size])
            if expected > free_space(self._folder):
                raise full_disk(clean(str(path)), expected, self._folder)
            return self._stream(fd, path, hasher, on_bytes)

    def _stream(
        self, fd: int, path: Path | str, hasher: blake3, on_bytes: Callable[[int], None] | None
    ) -> tuple[str, int, str]:
        """Go on after the first full buffer, which is hashed but not yet written."""
        temporary, out = self._temporary()
        try:
            part = total = _CHUNK
            while part:
                write_all(out, self._buffer[:part])
                part = self._fill(fd, path)
                hasher.update(self._buffer[:part])
                total += part
                if on_bytes:
                    on_bytes(part)
        except BaseException:
            os.unlink(temporary)
            raise
        finally:
            os.close(out)
        return hasher.hexdigest(), total, temporary

    def _fill(self, fd: int, path: Path | str) -> int:
        """Read until the buffer is full or the file ends; returns the bytes read."""
        filled = 0
        with _tell_unreadable(path):
            while filled < _CHUNK and (part := os.readv(fd, [self._buffer[filled:]])):
                filled += part
        return filled

    def _temporary(self) -> tuple[str, int]:
        self._made += 1
        path = f"{self._folder}/{self._made}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
        return digest in self._pending or self._store.size(digest) == size

    def _keep(self, digest: str, size: int, temporary: str) -> None:
        self._pending[digest] = temporary
        self._pending_bytes += size
        if len(self._pending) >= _PENDING:
            self.flush()


class ObjectStore:
    """The objects of one lab home. Safe for many processes and threads; each batch is for one thread."""

    def __init__(self, home: LabHome) -> None:
        self._objects = home.objects
        self._tmp = home.tmp
        self._swept = False

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Put many files with one flush: they become visible when the block ends, none of them when it raises.

        (A batch of very many files publishes in portions; what an abandoned one has published is whole and harmless.)
        """
        if not self._swept:
            self._objects.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
            sweep(self._tmp)
            self._swept = True
        with stage(self._tmp) as folder:
            batch = Batch(self, folder)
            yield batch
            batch.flush()

    def put_file(self, path: Path | str) -> Stored:
        """`Batch.put_file` for one file; durable and visible on return."""
        with self.batch() as batch:
            return batch.put_file(path)

    def put_bytes(self, data: bytes) -> Stored:
        """`Batch.put_bytes` alone; durable and visible on return."""
        with self.batch() as batch:
            return batch.put_bytes(data)

    def adopt(self, files: dict[str, str]) -> None:
        """Rename durable files (hash → temporary file) to their places, and make the names durable."""
        folders = {digest[:2] for digest in files}
        made = [name for name in folders if not (self._objects / name).is_dir()]
        for name in made:
            (self._objects / name).mkdir(mode=0o755, exist_ok=True)
        for digest, temporary in files.items():
            os.rename(temporary, self.path(digest))
        for name in folders:
            sync_folder(self._objects / name)
        if made:
            sync_folder(self._objects)

    def path(self, digest: str) -> Path:
        """Where the object is, or would be. Raises IntegrityError if `digest` is not 64 lower-case hex digits."""
        return Path(self._path(digest))

    def has(self, digest: str) -> bool:
        return self.size(digest) is not None

    def size(self, digest: str) -> int | None:
        """Bytes of the object, None if it is not there."""
        try:
            return os.stat(self._path(digest)).st_size
        except FileNotFoundError:
            return None

    def verify(self, digest: str) -> int:
        """Read the object and compare it with its name; returns its size.

        Raises IntegrityError if it is missing or its bytes have changed.
        """
        hasher, size = blake3(), 0
        buffer = memoryview(bytearray(_CHUNK))
        try:
            with open(self._path(digest), "rb", buffering=0) as file:
                while part := file.readinto(buffer):
                    hasher.update(buffer[:part])
                    size += part
        except FileNotFoundError as error:
            raise _missing(digest) from error
        if hasher.hexdigest() != digest:
            raise IntegrityError(
                f"object {digest[:12]} is damaged: its bytes are not what its name says",
                "remove it from the store and add the data again from a good copy",
            )
        return size

    def link_or_copy(self, digest: str, dest: Path | str, executable: bool = False, writable: bool = False) -> None:
        """Make `dest`, a new file with the object's content.

        A read-only plain file is a hard link where the filesystem allows it (mode 0444); executable (0555) and
        writable files (0644, 0755) are copies, since a link shares mode and bytes with the object.
        Raises IntegrityError if the object is missing, FileExistsError if `dest` exists.
        """
        source = self._path(digest)
        try:
            if not executable and not writable:
                # Another device, too many links, a filesystem or policy without links: a copy serves.
                with suppress(OSError):
                    os.link(source, dest)
                    return
            _copy_file(source, dest, (0o755 if executable else 0o644) & (0o777 if writable else 0o555))
        except FileNotFoundError as error:
            if not self.has(digest):
                raise _missing(digest) from error
            raise

    def _path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise IntegrityError(f"{clean(repr(digest), 80)} is not the hash of an object")
        return f"{self._objects}/{digest[:2]}/{digest[2:]}"


def _missing(digest: str) -> IntegrityError:
    return IntegrityError(f"object {digest[:12]} is missing from the store", "add the data again from a good copy")


def _copy_file(source: str, dest: Path | str, mode: int) -> None:
    """A new file `dest` with that mode, or nothing."""
    with open(source, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        with tell_full_disk(clean(str(dest)), size, Path(dest).parent), open(dest, "xb") as out:
            try:
                shutil.copyfileobj(file, out, _CHUNK)
                out.flush()
                os.fchmod(out.fileno(), mode)
            except BaseException:
                os.unlink(dest)
                raise


@contextmanager
def _tell_unreadable(path: Path | str) -> Iterator[None]:
    """Name the file that cannot be read; one that is gone stays FileNotFoundError, for callers that scan again."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LabError(
            f"cannot read {clean(str(path))}: {error.strerror or error}", "mend the file's permissions, or ignore it"
        ) from error


def _open_regular(path: Path | str) -> int:
    # O_NONBLOCK: a pipe put in the file's place must not hang us.
    with _tell_unreadable(path):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise LabError(f"{clean(str(path))} is not a regular file")
    return fd


def _settled(fd: int) -> FileState:
    """The file's state, after waiting out a change so young that the next one might not show in its times."""
    info = os.fstat(fd)
    age = time.time_ns() - info.st_ctime_ns
    if 0 <= age < _TICK:
        time.sleep((_TICK - age) / 1e9)
        info = os.fstat(fd)
    return file_state(info)
