"""The trash: what gc took out of the store and purged runs, kept for a while under the same names.

    trash/2026-11-02-1f0c9a3e/record.json     {"made": seconds since the epoch, "why": "gc"}
                             /objects/ab/…    as below store/
                             /manifests/ab/…
                             /runs/<id>/…     as below runs/ in the lab home: whole folders, or some files of them

Things come and go by rename, one at a time, so that at any moment each is either in the store or here. A batch that
was interrupted is a smaller batch.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import NotFoundError
from lab.paths import LabHome
from lab.stores import locks, runtrash
from lab.stores.durable import sync_filesystem, write_json
from lab.stores.staging import stage

KEEP = 14 * 86_400.0  # seconds before a batch may be emptied

_ID = re.compile(r"\d{4}-\d\d-\d\d-[0-9a-f]{8}")
_PATIENCE = 60.0  # seconds to wait for publishers
_LATEST = 1e11  # no sensible time is after it


@dataclass(frozen=True)
class Batch:
    """What one sweep took. `made` and `expires` in seconds since the epoch, `bytes` of all its objects and runs;
    `runs` counts those of which all or some is here."""

    id: str
    made: float
    expires: float
    manifests: int
    objects: int
    bytes: int
    runs: int = 0


@dataclass(frozen=True)
class Restored:
    """What came back; `known` were in the store again already, or are there in another state, and stay in the trash.
    `runs` are the ids of those of which all or some came back."""

    objects: int
    manifests: int
    known: int
    runs: tuple[str, ...] = ()


def begin(home: LabHome, now: float, why: str = "gc") -> Path:
    """A new batch, empty, durable."""
    folder = home.trash / f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o700, parents=True)
    write_json(folder / "record.json", {"made": now, "why": why})
    return folder


def put(home: LabHome, batch: Path, path: Path) -> None:
    """Move a file of the store into `batch`. FileNotFoundError if it is gone."""
    target = batch / path.relative_to(home.store)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)


def batches(home: LabHome) -> tuple[Batch, ...]:
    """All batches, the newest first."""
    found = [_look(folder) for folder in _folders(home)]
    return tuple(sorted(found, key=lambda batch: (batch.made, batch.id), reverse=True))


def restore(home: LabHome, batch_id: str, timeout: float = _PATIENCE) -> Restored:
    """Move a batch back into the store: objects before the lists of parts and manifests that name them.

    What the store has again meanwhile is left alone. Raises NotFoundError if there is no such batch, ConflictError if
    publishers keep the store busy for longer than `timeout` seconds.
    """
    folder = home.trash / batch_id
    if not _ID.fullmatch(batch_id) or not folder.is_dir():
        ids = ", ".join(batch.id for batch in batches(home)) or "nothing"
        raise NotFoundError(f"no {clean(repr(batch_id), 60)} in the trash", f"there is: {ids}")
    counts = {"objects": 0, "manifests": 0}
    known = 0
    with locks.hold(home.store_lock, timeout):
        for kind in counts:
            for path in sorted(_files(folder / kind), key=lambda path: path.suffix == ".parts"):
                target = home.store / path.relative_to(folder)
                if target.exists():
                    known += 1
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
                counts[kind] += 1
        runs, left = runtrash.bring_back(home, folder)
        known += left
        sync_filesystem(home.store)
        if not known:
            erase(home, folder)
    return Restored(counts["objects"], counts["manifests"], known, runs)


def empty(home: LabHome, older_than: float = KEEP, now: float | None = None, timeout: float = _PATIENCE) -> int:
    """Delete, for ever, the batches that are older than `older_than` seconds; returns the bytes of their objects."""
    moment = time.time() if now is None else now
    freed = 0
    with locks.hold(home.store_lock, timeout):
        for folder in _folders(home):
            batch = _look(folder)
            if batch.made + older_than <= moment:
                erase(home, folder)
                freed += batch.bytes
    return freed


def erase(home: LabHome, folder: Path) -> None:
    """Delete a batch for ever: it vanishes at once, and what a kill leaves of it is swept with the staging folders."""
    home.tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
    with stage(home.tmp) as place:
        folder.rename(place / "batch")


def _folders(home: LabHome) -> list[Path]:
    try:
        return [folder for folder in home.trash.iterdir() if _ID.fullmatch(folder.name) and folder.is_dir()]
    except FileNotFoundError:
        return []


def _look(folder: Path) -> Batch:
    sizes = [_size(path) for path in _files(folder / "objects")]
    manifests = sum(1 for _ in _files(folder / "manifests"))
    made = _made(folder)
    runs = runtrash.held(folder)
    size = sum(sizes) + runtrash.room(runs).bytes
    return Batch(folder.name, made, made + KEEP, manifests, len(sizes), size, len(runs))


def _made(folder: Path) -> float:
    """When the batch was made; where its record did not get to be written, or is damaged, when it last changed."""
    try:
        made = float(json.loads((folder / "record.json").read_bytes())["made"])
        if 0 < made < _LATEST:
            return made
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return folder.stat().st_mtime


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:  # restored or emptied meanwhile
        return 0


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            yield Path(root, name)
