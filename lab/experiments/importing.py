"""`lab import`: a folder of other tools' results as runs in the same table, once, again, or as it grows."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lab.catalog import histories, tombstones
from lab.catalog.connection import Catalog
from lab.domain.imports import Imported, ImportReport, ImportRequest, Outcome, Unread
from lab.domain.numbers import jsonable
from lab.domain.runs import ENGINE, Run, RunStatus
from lab.domain.text import clean
from lab.errors import ConflictError, NotFoundError
from lab.events import RUN_ENDED, RUN_PURGED
from lab.experiments.intake import QUIET, STALE, Fate, Intake, fate_of, read_origin, run_id
from lab.experiments.readers import archives
from lab.experiments.readers.base import ForeignRun, Reader, Source, Unreadable
from lab.experiments.readers.files import signature
from lab.experiments.readers.find import sources
from lab.journal import Journal
from lab.paths import LabHome
from lab.settings import legal_name
from lab.stores import locks
from lab.stores.staging import erase

Progress = Callable[[str], None]

_WAIT = 30.0  # seconds for another import to end
_PAUSE = 1.0  # seconds between two looks at live sources
_RESTRAINT = 5.0  # pause so many times as long as the last look took
_VERSION = 2  # of what is remembered of a source


class Importer:
    """Looks at places where other tools keep their runs."""

    def __init__(self, home: LabHome, journal: Journal, catalog: Catalog) -> None:
        self._home = home
        self._catalog = catalog
        self._journal = journal
        self._intake = Intake(home, journal)
        self._not_before: dict[str, float] = {}  # when each live run may be looked at again

    def look(self, request: ImportRequest, progress: Progress) -> ImportReport:
        """Take in what is new below `request.root`.

        Raises NotFoundError if nothing is there, ConflictError while another process imports for long.
        """
        root = request.root.absolute()
        if not root.exists():
            raise NotFoundError(f"there is no {clean(str(root))}", "give a folder with results, or one file")
        with locks.hold(self._home.locks / "import.lock", timeout=_WAIT):
            if archives.is_archive(root):
                report = self._look_into(root, request, progress)
            else:
                report = self._look(replace(request, root=root), progress)
        if not request.dry:
            self._catalog.refresh()
        return report

    def follow(self, request: ImportRequest, progress: Progress, stop: Callable[[], bool]) -> Iterator[ImportReport]:
        """A report whenever something is new, until no source grows any more or `stop()` turns true."""
        while True:
            began = time.monotonic()
            report = self.look(request, progress)
            yield report
            if not report.live:
                return
            until = time.monotonic() + max(_PAUSE, _RESTRAINT * (time.monotonic() - began))
            while time.monotonic() < until:
                if stop():
                    return
                time.sleep(0.05)

    def refresh(self, run: Run) -> bool:
        """Look at the source of one live run again, unless it was looked at a moment ago. True when it has ended."""
        began = time.monotonic()
        if began < self._not_before.get(run.id, 0.0):
            return False
        try:
            return self._refresh(run)
        finally:
            took = time.monotonic() - began
            self._not_before[run.id] = time.monotonic() + _RESTRAINT * took

    def _refresh(self, run: Run) -> bool:
        origin = read_origin(self._home.run(run.id))
        place = Path(str(origin.get("source") or ""))
        try:
            with locks.hold(self._home.locks / "import.lock"):
                ended = self._once_more(run, place, str(origin.get("tool") or "")) if origin else self._gone(run)
        except ConflictError:  # another process is at it
            return False
        self._catalog.refresh()
        return ended

    def _once_more(self, run: Run, place: Path, tool: str) -> bool:
        """Read the source of a live run if it has changed. True when the run has ended."""
        found = list(self._again(place, tool))
        request = ImportRequest(place, run.project)
        items = [item for pair in found for item in self._source(*pair, request, [], fixed=False)]
        mine = [item for item in items if item.id == run.id]
        return mine[0].status != RunStatus.RUNNING if mine else self._gone(run)

    def _again(self, place: Path, tool: str) -> Iterator[tuple[Reader, Source]]:
        if place.exists():
            yield from ((reader, source) for reader, source in sources(place, []) if _same(source, place, tool))

    def _gone(self, run: Run) -> bool:
        """The source of a live run was taken away: what is known of it is all there will be."""
        folder = self._home.run(run.id)
        if folder.events.exists():
            histories.write(folder.events, folder.metrics)
            folder.events.unlink(missing_ok=True)
        metrics = {key: jsonable(item._asdict()) for key, item in histories.summaries(folder.metrics).items()}
        cause = "lost: the files that it was imported from are gone"
        body = {"ending": "lost", "cause": cause, "authority": ENGINE, "started": run.started, "ended": time.time()}
        self._journal.append(RUN_ENDED, run.id, {**body, "metrics": metrics, "revised": True})
        return True

    def _look(self, request: ImportRequest, progress: Progress) -> ImportReport:
        items: list[Imported] = []
        unread: list[Unread] = []
        folder = request.root if request.root.is_dir() else request.root.parent
        wanted = replace(request, project=request.project or legal_name(folder.name, "imported"))
        for reader, source in sources(request.root, unread):
            progress(f"{source.tool}  {source.label}")
            items += self._source(reader, source, wanted, unread, fixed=bool(request.project))
        going = [item for item in items if item.status == RunStatus.RUNNING and item.outcome is not Outcome.PURGED]
        live = tuple(item.id for item in going)
        return ImportReport(tuple(items), tuple(dict.fromkeys(unread)), live)

    def _look_into(self, archive: Path, request: ImportRequest, progress: Progress) -> ImportReport:
        """The same for an archive. It is unpacked for that long, so artifacts are copied. Its runs are told from others
        by the place of the archive: that it is unpacked to the same place makes them the same runs every time."""
        name = hashlib.sha256(os.fsencode(os.path.realpath(archive))).hexdigest()[:16]
        place = self._home.unpacked / name
        folder = place / (legal_name(archives.stem(archive), "archive"))
        erase(place)
        folder.mkdir(mode=0o700, parents=True)
        progress(f"unpacking {archive.name}")
        try:
            left_out = archives.unpack(archive, folder)
            found = self._look(replace(request, root=folder, copy=True), progress)
        except Unreadable as error:
            return ImportReport((), (Unread(str(archive), str(error)),))
        finally:
            erase(place)
        within = [Unread(f"{archive}/{item.path}", item.reason) for item in left_out]
        within += [replace(item, path=item.path.replace(str(folder), str(archive), 1)) for item in found.unread]
        items = tuple(replace(item, source=item.source.replace(str(folder), str(archive), 1)) for item in found.items)
        return ImportReport(items, tuple(dict.fromkeys(within)))

    def _source(
        self, reader: Reader, source: Source, request: ImportRequest, unread: list[Unread], *, fixed: bool
    ) -> list[Imported]:
        """All runs of one source. It is read only if a file of it has changed since the last time, or a run of it may
        have come to its end by silence."""
        now = time.time()
        state, mark = self._remembered(source), signature(source.files)
        gone = {stone.id for stone in tombstones.all_stones(self._catalog)}
        wanted = [request.project if fixed else "", request.copy, request.again]
        if state and state["signature"] == mark and state["wanted"] == wanted and now < state["until"]:
            unread += [Unread(*item) for item in state["unread"]]
            return [
                Imported(**{**item, "outcome": Outcome.PURGED if item["id"] in gone else Outcome.UNCHANGED})
                for item in state["items"]
            ]
        items: list[Imported] = []
        mine: list[Unread] = []
        until = float("inf")
        try:
            for run in reader.read(source):
                fate = fate_of(run, source.tool, _written(source, now), now)
                if fate.status is RunStatus.RUNNING:
                    until = min(until, fate.active + (QUIET if run.status is None else STALE))
                run = _dated(run, source)
                id = run_id(source.tool, run.uid, source.path)
                if id in gone and not request.again:
                    items.append(_left_out(id, run, source, fate, request.project))
                    continue
                if id in gone and not request.dry:
                    self._journal.append(RUN_PURGED, id, {"value": False, "batch": ""})
                take = self._intake.take
                items.append(take(run, source, fate, request.project, copy=request.copy, fixed=fixed, dry=request.dry))
                mine += run.problems
        except Unreadable as error:
            mine.append(Unread(str(source.path), str(error)))
        unread += mine
        if not request.dry:
            self._remember(source, mark, wanted, until, items, mine)
        return items

    def _remembered(self, source: Source) -> dict[str, Any]:
        try:
            state = json.loads(self._state(source).read_bytes())
            return state if state.get("v") == _VERSION else {}
        except (OSError, ValueError, AttributeError):
            return {}

    def _remember(
        self,
        source: Source,
        signature: str,
        wanted: list[Any],
        until: float,
        items: list[Imported],
        unread: list[Unread],
    ) -> None:
        path = self._state(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        state = json.dumps(
            {
                "v": _VERSION,
                "source": str(source.path),
                "signature": signature,
                "wanted": wanted,
                "until": min(until, 1e12),
                "items": [asdict(item) for item in items],
                "unread": [[item.path, item.reason] for item in unread],
            }
        )
        fresh = path.with_suffix(f".{os.getpid()}")  # no flush to disk: without it all is only read again
        fresh.write_text(state, encoding="utf-8")
        fresh.replace(path)

    def _state(self, source: Source) -> Path:
        name = hashlib.sha256(os.fsencode(f"{source.tool}\0{os.path.realpath(source.path)}")).hexdigest()[:32]
        return self._home.imports / f"{name}.json"


def _left_out(id: str, run: ForeignRun, source: Source, fate: Fate, project: str) -> Imported:
    """A run that was purged from the lab."""
    points = sum(len(series.values) for series in run.metrics.values())
    place = str(source.path)
    return Imported(
        id, run.name, project, source.tool, place, fate.status.value, Outcome.PURGED, len(run.metrics), points
    )


def _dated(run: ForeignRun, source: Source) -> ForeignRun:
    """`run` with a beginning also where its tool keeps none: its first file's; and without an end where it has none."""
    ended = None if run.status is RunStatus.RUNNING else run.ended
    started = run.started
    if started is None:
        started = min((info.st_mtime for info in map(_stat, source.files) if info), default=None)
    return replace(run, started=started, ended=ended)


def _same(source: Source, place: Path, tool: str) -> bool:
    return source.tool == tool and source.path == place


def _written(source: Source, now: float) -> float:
    """When a file of a source was last written."""
    times = [info.st_mtime for info in map(_stat, source.files) if info]
    return max(times, default=now)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None
