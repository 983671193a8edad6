"""What transfers between this store and a remote tell: results, progress, how much is where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from blake3 import blake3

from lab.dataclass import dataclass
from lab.domain.datasets import DatasetVersion
from lab.errors import LabError
from lab.stores.manifests import Manifest
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Done, Progress

_BATCH_FILES, _BATCH_BYTES = 256, 128 << 20  # moved together; a larger file alone

#: Asked between two steps of a transfer; True ends it.
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Transfer:
    """What a transfer did: files (distinct contents) and bytes that it moved, and files that were there already."""

    files: int
    bytes: int
    skipped: int


@dataclass(frozen=True)
class Pulled:
    """A pulled version; `missing` are paths whose content is still not in this store (after a partial pull)."""

    id: str
    manifest: Manifest
    transfer: Transfer
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Presence:
    """How much of a manifest is in this store (`here`) and in the remote (`there`), in distinct contents.

    `push_bytes` and `pull_bytes` are what a transfer either way would move; 0 when it has nothing to move, or cannot.
    """

    id: str
    files: int
    bytes: int
    here: int
    there: int
    manifest_here: bool
    manifest_there: bool
    push_bytes: int
    pull_bytes: int

    @property
    def state(self) -> str:
        """`both`, `here` or `there`: where it is complete; `partly`: nowhere; `missing`: not even its manifest."""
        here = self.manifest_here and self.here == self.files
        there = self.manifest_there and self.there == self.files
        if here and there:
            return "both"
        if here or there:
            return "here" if here else "there"
        return "partly" if self.manifest_here or self.manifest_there else "missing"


@dataclass(frozen=True)
class Refs:
    """The versions that a remote names, sorted, and the names of what claims to be one and is not."""

    versions: tuple[DatasetVersion, ...]
    damaged: tuple[str, ...]


class Report:
    """Tells how far a transfer is, and ends it when asked to."""

    def __init__(self, sizes: Mapping[str, int], progress: Progress | None, stop: Stop | None) -> None:
        self._progress = progress
        self._stop = stop
        self._files = self._bytes = self._moving = 0
        self._files_total = len(sizes)
        self._bytes_total = sum(sizes.values())

    def check(self) -> None:
        if self._stop is not None and self._stop():
            raise LabError("stopped before the end", "the same command goes on from there")

    def part(self, size: int) -> None:
        """`size` bytes more of what is not done yet."""
        self.check()
        self._moving += size
        self._tell()

    def parts(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            self.part(len(chunk))

    def done(self, sizes: Mapping[str, int]) -> None:
        self._files += len(sizes)
        self._bytes += sum(sizes.values())
        self._moving = 0
        self._tell()

    def _tell(self) -> None:
        if self._progress:
            moved = min(self._bytes + self._moving, self._bytes_total)
            self._progress(Done(self._files, self._files_total, moved, self._bytes_total))


def batches(sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Contents (digest → size) in portions that are moved together."""
    batch: dict[str, int] = {}
    total = 0
    for digest, size in sizes.items():
        if batch and (len(batch) >= _BATCH_FILES or total + size > _BATCH_BYTES):
            yield batch
            batch, total = {}, 0
        batch[digest] = size
        total += size
    if batch:
        yield batch


def intact(objects: ObjectStore, digest: str) -> Path:
    """A read-only file with the content of an object, proved just now. Raises IntegrityError for a damaged one."""
    objects.verify(digest)
    path = objects.whole(digest)
    if path == objects.path(digest):
        return path
    hasher = blake3()
    hasher.update_mmap(path)
    if hasher.hexdigest() != digest:  # a copy assembled earlier has rotted; the parts are good
        path.unlink()
        path = objects.whole(digest)
    return path
