"""Watching: a path that changes gets a new version by itself.

Events from the system are hints only (under load most of them are lost, and nobody says so): one marks a path as
dirty and nothing more. A look at the tree, once it is quiet, decides; a path that is never quiet is looked at all the
same after a while, and every path now and then, events or not.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.domain.watched import Watched
from lab.errors import ConflictError, LabError
from lab.stores import locks

#: Seconds: without a change before a look; at most, for a path that never rests; between looks without any event;
#: the same where the system tells of no events.
QUIET, LONGEST, SAFETY, POLLING = 2.0, 60.0, 60.0, 5.0
_TICK = 0.25
_REREAD = 5.0  # between two looks at which paths are to be watched

# Reading a file is no change of it: our own looks would wake us for ever.
_CHANGES = frozenset({"created", "deleted", "modified", "moved", "closed"})


@dataclass
class Pulse:
    """When one path is to be looked at. All times are seconds of one clock."""

    looked: float = float("-inf")
    first: float | None = None  # of the changes since the last look
    latest: float = float("-inf")
    hears: bool = True  # whether events come at all
    retry: float = float("inf")

    def change(self, now: float) -> None:
        self.first = now if self.first is None else self.first
        self.latest = now

    def due(self, now: float) -> bool:
        if now >= self.retry:
            return True
        if self.first is not None and (now - self.latest >= QUIET or now - self.first >= LONGEST):
            return True
        return now - self.looked >= (SAFETY if self.hears else POLLING)

    def look(self, now: float) -> None:
        """Looked: what changes from here on counts anew."""
        self.looked, self.first, self.retry = now, None, float("inf")


@dataclass
class _Root:
    watched: Watched
    pulse: Pulse = field(default_factory=Pulse)
    handle: ObservedWatch | None = None
    identity: tuple[int, int] | None = None  # device and inode that the handle is on
    waiting: float | None = None  # since when looks have found files being written


class _Mark(FileSystemEventHandler):
    """Marks one root as dirty, whatever has happened."""

    def __init__(self, changed: Callable[[], None], only: str) -> None:
        self._changed = changed
        self._only = only  # the file that is watched, where it is not the folder

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in _CHANGES:
            return
        if self._only and self._only not in (os.fsdecode(event.src_path), os.fsdecode(event.dest_path)):
            return
        self._changed()


class DatasetWatch:
    """The service that watches. One process does so at a time; the others wait until it is gone.

    `wanted` tells what to watch. `look` takes a new version if there is a difference; it raises ConflictError for files
    that are being written, unless it is told to take what there is (its second argument): a writer that never rests
    still gets a version now and then. `say` hears what a user must know.
    """

    name = "datasets"

    def __init__(
        self,
        wanted: Callable[[], Sequence[Watched]],
        look: Callable[[Watched, bool], object],
        say: Callable[[str], None],
        lock: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wanted = wanted
        self._look = look
        self._say = say
        self._lock = lock
        self._clock = clock
        self._roots: dict[tuple[str, str], _Root] = {}
        self._observer: BaseObserver | None = None

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop`, once no other process does."""
        while not stop.wait(_TICK):
            with suppress(ConflictError), locks.hold(self._lock):
                self._watch(stop)

    def _watch(self, stop: threading.Event) -> None:
        reread = float("-inf")
        try:
            while not stop.wait(_TICK):
                now = self._clock()
                if now - reread >= _REREAD:
                    self._follow(self._wanted())
                    reread = now
                for root in self._roots.values():
                    self._tend(root, now)
        finally:
            self._follow(())
            if self._observer is not None:
                self._observer.stop()
                self._observer.join()
                self._observer = None

    def _follow(self, wanted: Sequence[Watched]) -> None:
        """Begin with what is new among the wanted, end with what is no longer."""
        new = {(item.project, item.name): item for item in wanted}
        for key in [key for key, root in self._roots.items() if new.get(key) != root.watched]:
            self._unhook(self._roots.pop(key))
        for key, item in new.items():
            self._roots.setdefault(key, _Root(item))

    def _tend(self, root: _Root, now: float) -> None:
        self._hook(root)
        if not root.pulse.due(now):
            return
        restless = min(root.pulse.first or now, root.waiting or now)
        root.pulse.look(now)
        where = f"dataset {root.watched.name}"
        if not root.watched.path.exists():
            self._say(f"{where}: {clean(str(root.watched.path))} is gone; its versions stay, and it is watched for")
            return
        try:
            self._look(root.watched, now - restless >= LONGEST)
            root.waiting = None
        except ConflictError:
            # Somebody writes just now: not yet a state worth keeping.
            root.waiting = restless
            root.pulse.retry = now + QUIET
        except LabError as error:
            self._say(f"{where} could not be taken: {error.message}")

    # -- hints from the system ------------------------------------------------------------------

    def _hook(self, root: _Root) -> None:
        """Have the system tell of changes below the path; again when another folder has taken its place."""
        identity = _identity(root.watched.path)
        if identity == root.identity:
            return
        self._unhook(root)
        root.identity = identity
        root.pulse.change(self._clock())
        if identity is None:
            return
        single = root.watched.path.is_file()
        folder = root.watched.path.parent if single else root.watched.path
        mark = _Mark(lambda: root.pulse.change(self._clock()), str(root.watched.path) if single else "")
        try:
            root.handle = self._observe().schedule(mark, str(folder), recursive=not single)
            root.pulse.hears = True
        except OSError as error:
            root.pulse.hears = False
            if error.errno in (errno.ENOSPC, errno.EMFILE):
                self._say(
                    "the system watches no more folders for this user (fs.inotify limits): "
                    f"dataset {root.watched.name} is looked at every {POLLING:.0f} s instead"
                )

    def _unhook(self, root: _Root) -> None:
        if root.handle is not None and self._observer is not None:
            with suppress(KeyError, OSError):  # the folder may be gone, and its watch with it
                self._observer.unschedule(root.handle)
        root.handle = root.identity = None

    def _observe(self) -> BaseObserver:
        if self._observer is None:
            self._observer = Observer()
            self._observer.start()
        return self._observer


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file or folder is there; for a file that of its folder, since editors replace files."""
    try:
        info = os.stat(path.parent if path.is_file() else path)
    except OSError:
        return None
    return info.st_dev, info.st_ino
