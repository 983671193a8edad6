"""What other tracking tools write inside a run, taken into its `collected.jsonl` as it grows.

A look costs a walk through the run's folder, and of each file or database what was added to it. How far it came is
noted in a file of Lab's own, so that any process goes on where the last one was. Formats that their tools write anew as
a whole are read whole, when their size or time has changed, and less often the longer that takes.
"""

from __future__ import annotations

import copy
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lab.domain.collecting import Collecting
from lab.domain.runs import Param, RunSpec
from lab.errors import ConflictError, IntegrityError, NotFoundError
from lab.experiments.collected import Collected
from lab.paths import LabHome
from lab.stores import locks, runfolder

if TYPE_CHECKING:  # the readers wait until there is something to read
    from lab.experiments.readers.base import Reader, Source

_ENTRIES_MAX, _DEPTH_MAX = 50_000, 20
_HASHED_MAX = 64 << 20  # bytes of a file that is compared with the one in the snapshot
_EARLIER = 60.0  # a run of another tool that began so many seconds before ours is not of it
_PAUSE, _RESTRAINT = 1.0, 5.0  # seconds between looks, or so many times as long as the last one took
_REST, _REST_MAX = 10.0, 30.0  # so many times as long as it took to read a source, it is left alone; seconds at most
_WAIT = 10.0  # seconds for another process to end its look

#: Files that a reader may know, by their names.
_KNOWN = re.compile(
    r"tfevents|\.wandb$|\.(db|sqlite3?)$|^(meta\.yaml|trainer_state\.json|run\.json|opref)$"
    r"|^(metrics|results|history|progress|training|training_log|train_log|losses|log)\.(csv|tsv)$|\.tsv$"
)
_TABLES = re.compile(r"(metrics|results|history|progress|training|training_log|train_log|losses|log)\.(csv|tsv)")
_SKIPPED = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages"})


class Collector:
    """Looks at one run. `look` gives the parameters that the tools were told, by name."""

    def __init__(self, home: LabHome, run_id: str) -> None:
        self._home = home
        self._folder = home.run(run_id)
        self._state_file = home.collecting / f"{run_id}.json"
        self._lock = home.locks / f"collect-{run_id}.lock"
        self._spec: RunSpec | None = None
        self._snapshot: Mapping[str, tuple[int, str]] | None = None
        self._not_before = 0.0
        self._rests: dict[str, float] = {}  # until when a source is left alone

    def look(self, *, last: bool = False) -> dict[str, Param]:
        """Take in what is new, unless it was looked at a moment ago; with `last` in any case, and all that there is.

        What cannot be read is passed over. Raises OSError where `collected.jsonl` cannot be written.
        """
        if not last and time.monotonic() < self._not_before:
            return {}
        began = time.monotonic()
        try:
            if not self._collecting().tools or not (self._anything() or (last and self._collecting().files)):
                return {}
            with locks.hold(self._lock, _WAIT if last else 0.0):
                return self._look(last=last)
        except ConflictError:  # another process is at it
            return {}
        finally:
            took = time.monotonic() - began
            self._not_before = time.monotonic() + max(_PAUSE, _RESTRAINT * took)

    def forget(self) -> None:
        """Remove what was noted of a run that has ended."""
        self._state_file.unlink(missing_ok=True)

    def _collecting(self) -> Collecting:
        if self._spec is None:
            try:
                self._spec = runfolder.read_spec(self._folder)
            except (NotFoundError, IntegrityError):
                return Collecting(tools=False)
        return self._spec.collecting

    def _anything(self) -> bool:
        """Whether any file looks as if a reader knew it."""
        waiting = [(str(root), 0) for root in self._roots()]
        seen = 0
        while waiting:
            folder, depth = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        seen += 1
                        if entry.is_dir(follow_symlinks=False):
                            if depth < _DEPTH_MAX and entry.name not in _SKIPPED:
                                waiting.append((entry.path, depth + 1))
                        elif _KNOWN.search(entry.name):
                            return True
            except OSError:
                continue
            if seen > _ENTRIES_MAX:
                return False
        return False

    def _roots(self) -> tuple[Path, Path]:
        return self._folder.records, self._folder.code

    def _look(self, *, last: bool) -> dict[str, Param]:
        state = Collected.load(self._state_file, self._folder.collected)
        for reader, source in self._sources():
            self._take(state, reader, source, last=last)
        for name in self._collecting().files if last else ():
            self._results(state, name)
        state.save(self._state_file)
        return state.params

    def _results(self, state: Collected, name: str) -> None:
        """A document of numbers that the run left: metrics of one value each."""
        from lab.experiments.readers.base import ForeignRun, Metrics, Source, Unreadable
        from lab.experiments.readers.files import json_object, yaml_object
        from lab.experiments.readers.values import flat, number

        path = self._folder.code / name
        try:
            if path.resolve().parent != path.parent.resolve() or not path.exists() or not self._is_new(path):
                return
            told = flat(json_object(path) if path.suffix == ".json" else yaml_object(path))
        except Unreadable:
            return
        metrics = Metrics()
        for key, value in told.items():
            known = number(value)
            if known is not None:
                metrics.add(key, known)
        source = Source("results", path, (path,), name)
        ignore = frozenset(self._collecting().ignore)
        state.take(ForeignRun(path.stem, metrics=metrics.series()), source, whole=True, ignore=ignore)

    def _sources(self) -> Iterator[tuple[Reader, Source]]:
        from lab.experiments.readers.find import sources

        for root in self._roots():
            for reader, source in sources(root, []) if root.is_dir() else ():
                if reader.tool == "csv" and not _TABLES.fullmatch(source.path.name):
                    continue  # a table of data, for all that anybody knows
                if any(self._is_new(path) for path in source.files if path.exists()):
                    yield reader, source

    def _is_new(self, path: Path) -> bool:
        """Whether the run wrote the file: it was not in the snapshot of the code, or not as it is."""
        try:
            name = path.relative_to(self._folder.code).as_posix()
        except ValueError:
            return True
        size, digest = self._snapshot_files().get(name, (-1, ""))
        if size < 0 or path.stat().st_size != size or size > _HASHED_MAX:
            return True
        from blake3 import blake3

        return blake3(path.read_bytes()).hexdigest() != digest

    def _was_there(self, source: Source) -> bool:
        names = (path.relative_to(self._folder.code) for path in source.files if self._folder.code in path.parents)
        return any(name.as_posix() in self._snapshot_files() for name in names)

    def _snapshot_files(self) -> Mapping[str, tuple[int, str]]:
        if self._snapshot is None:
            from lab.stores.manifests import ManifestStore

            tree = self._spec.code.tree if self._spec else ""
            try:
                self._snapshot = {
                    item.path: (item.size, item.hash) for item in ManifestStore(self._home).read(tree).files
                }
            except (NotFoundError, IntegrityError):
                self._snapshot = {}
        return self._snapshot

    def _take(self, state: Collected, reader: Reader, source: Source, *, last: bool) -> None:
        """Take in one source, if any of its files has changed."""
        from lab.experiments.readers.base import Follows, Unreadable
        from lab.experiments.readers.files import signature

        key = f"{reader.tool}:{os.path.relpath(source.path, self._folder.root)}"
        known = state.sources.setdefault(key, {})
        now, began = signature(source.files), time.monotonic()
        if not last and (known.get("signature") == now or began < self._rests.get(key, 0.0)):
            return
        created = self._spec.created if self._spec else 0.0
        earlier = created - _EARLIER if self._was_there(source) else -math.inf
        ignore = frozenset(self._collecting().ignore)
        at = copy.deepcopy(known.get("at", {}))
        try:
            if isinstance(reader, Follows):
                found = list(reader.follow(source, at, last=last))
            else:
                found = [(run, True) for run in reader.read(source)]
        except Unreadable:
            return  # perhaps half written: the next look tells
        finally:
            ended = time.monotonic()
            self._rests[key] = ended + min(_REST_MAX, _REST * (ended - began))
        for run, whole in found:
            if run.started is None or run.started >= earlier:
                state.take(run, source, whole=whole, ignore=ignore)
        known["signature"], known["at"] = now, at


class Collectors:
    """The collectors of the runs that this process looks after."""

    def __init__(self, home: LabHome) -> None:
        self._home = home
        self._of: dict[str, Collector] = {}

    def look(self, run_id: str, *, last: bool = False) -> dict[str, Param]:
        """See `Collector.look`. A full disk is no reason to lose sight of the run: what is missing is taken later."""
        collector = self._of.setdefault(run_id, Collector(self._home, run_id))
        try:
            return collector.look(last=last)
        except OSError:
            return {}
        finally:
            if last:
                self._of.pop(run_id, None)
                collector.forget()
