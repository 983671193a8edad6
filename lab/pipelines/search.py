"""One box over everything: what the index knows at once, then code, differences and logs as they are read.

A search is a walk that its caller takes step by step: whoever asks for no further step has ended it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lab.catalog import search as index
from lab.catalog.connection import Catalog
from lab.catalog.search import RANKS, Tree
from lab.dataclass import dataclass
from lab.domain.search import INDEXED, Hit, Place, SearchRequest, Step, excerpt
from lab.errors import IntegrityError, NotFoundError
from lab.paths import LabHome
from lab.pipelines.grepping import Backwards, Match, Pattern, is_text, line_number, opened, pattern
from lab.stores import marks
from lab.stores.manifests import FileEntry, ManifestStore
from lab.stores.objects import ObjectStore

#: Seconds between two steps that tell nothing but how far it is.
_BEAT = 0.1
_PER_FILE = 3  # lines of one file of code that are told
_PER_LOG = 1  # of a run's log the last one: there are many runs, and their logs repeat themselves
_LARGEST = 4 << 20  # bytes of a file of code that is read

#: Why there may be more.
BY_LIMIT, BY_TIME = "limit", "time"


@dataclass
class _Walk:
    """How far a search is in one place, and when it has to end."""

    place: Place
    limit: int
    deadline: float
    total: int = 0
    files: int = 0
    bytes: int = 0
    hits: int = 0
    cut: str = ""

    def __post_init__(self) -> None:
        self._began = self._told = time.monotonic()
        self._new: list[Hit] = []

    @property
    def over(self) -> bool:
        """Whether there is no room or time for more."""
        if self.hits >= self.limit:
            self.cut = BY_LIMIT
        elif time.monotonic() >= self.deadline:
            self.cut = BY_TIME
        return bool(self.cut)

    def add(self, hit: Hit) -> None:
        if self.hits < self.limit:
            self.hits += 1
            self._new.append(hit)

    def news(self) -> Iterator[Step]:
        """A step, if there are hits, or it is time to give a sign of life."""
        if self._new or time.monotonic() - self._told >= _BEAT:
            yield self.step()

    def step(self, *, done: bool = False) -> Step:
        hits, self._new, self._told = tuple(self._new), [], time.monotonic()
        seconds = time.monotonic() - self._began
        return Step(self.place, hits, self.files, self.total, self.bytes, seconds, done, self.cut)


class Search:
    def __init__(self, home: LabHome, catalog: Catalog) -> None:
        self._home = home
        self._catalog = catalog
        self._objects = ObjectStore(home)
        self._manifests = ManifestStore(home)

    def look(self, request: SearchRequest) -> Iterator[Step]:
        """Search the places one after the other; the last step of each is `done`.

        Raises UsageError for what is no regular expression.
        """
        deadline = time.monotonic() + request.seconds
        index.check(self._catalog, request.needle)
        wanted = pattern(request.needle)
        self._catalog.refresh()
        for place in request.places:
            if place in INDEXED:
                began = time.monotonic()
                hits = index.indexed(self._catalog, request.needle, place, request.limit)
                cut = BY_LIMIT if len(hits) >= request.limit else ""
                yield Step(place, tuple(hits), seconds=time.monotonic() - began, done=True, cut=cut)
                continue
            walk = _Walk(place, request.limit, deadline)
            found = {Place.CODE: self._code, Place.DIFFS: self._diffs, Place.LOGS: self._logs}[place]
            for _ in found(walk, wanted):
                yield from walk.news()
            yield walk.step(done=True)

    def file(self, digest: str) -> Path:
        """A read-only file with the content of a hit in code. Raises IntegrityError if the store has lost it."""
        return self._objects.whole(digest)

    # Each of these gives a sign after every piece of work.

    def _logs(self, walk: _Walk, wanted: Pattern) -> Iterator[None]:
        """What runs have printed, those of the newest runs first, in each the last lines first."""
        runs = index.runs(self._catalog)
        walk.total = len(runs)
        for id, name, at in runs:
            if walk.over:
                return
            yield from self._log(walk, wanted, id, name, at)
            walk.files += 1
            yield

    def _log(self, walk: _Walk, wanted: Pattern, id: str, name: str, at: float) -> Iterator[None]:
        path = self._home.run(id).stdout
        try:
            with opened(path) as fd:
                looker = Backwards(fd, wanted, _PER_LOG)
                more, told = True, 0
                while more and not walk.over:
                    before = looker.bytes
                    more = looker.step()
                    walk.bytes += looker.bytes - before
                    for match in looker.matches[told:]:
                        line = line_number(fd, match.offset, lambda: time.monotonic() >= walk.deadline)
                        where = f"{path.name}:{line}" if line else path.name
                        walk.add(_hit(Place.LOGS, id, name, at, where, match, line=line))
                    told = len(looker.matches)
                    yield
        except OSError:  # no output, or nothing that is a file: there is nothing to find in it
            return

    def _code(self, walk: _Walk, wanted: Pattern) -> Iterator[None]:
        """Every file of code that any run had, each content once."""
        trees = index.trees(self._catalog)
        walk.total = len(trees)
        sharing = self._sharing(trees)
        seen: set[str] = set()
        for tree in trees:
            for file in self._files(tree.code):
                if walk.over:
                    return
                if file.hash in seen:
                    continue
                seen.add(file.hash)
                data = self._text(file)
                walk.bytes += len(data)
                for match in wanted.first(data, _PER_FILE):
                    line = data.count(b"\n", 0, match.offset) + 1
                    hit = _hit(Place.CODE, tree.id, tree.name, tree.moment, f"{file.path}:{line}", match, line=line)
                    walk.add(replace(hit, runs=sharing[file.hash], digest=file.hash))
                yield
            walk.files += 1

    def _sharing(self, trees: Sequence[Tree]) -> Counter[str]:
        """How many runs have each content among their code."""
        counts: Counter[str] = Counter()
        for tree in trees:
            try:
                for digest in marks.named(self._home, tree.code):
                    counts[digest] += tree.runs
            except (NotFoundError, IntegrityError):  # `lab data verify` tells of it
                continue
        return counts

    def _diffs(self, walk: _Walk, wanted: Pattern) -> Iterator[None]:
        """Lines of code that came or went from one run of an entry to its next."""
        steps = index.steps(self._catalog)
        walk.total = len(steps)
        known: dict[tuple[str, str], list[tuple[str, Match]]] = {}
        for tree in steps:
            old = {file.path: file for file in self._files(tree.old)}
            new = {file.path: file for file in self._files(tree.code)}
            for path in sorted(old.keys() | new.keys()):
                if walk.over:
                    return
                before, after = old.get(path), new.get(path)
                pair = (before.hash if before else "", after.hash if after else "")
                if pair[0] == pair[1]:
                    continue
                if pair not in known:
                    texts = [self._text(file) if file else b"" for file in (before, after)]
                    walk.bytes += sum(map(len, texts))
                    known[pair] = _changed(texts[0], texts[1], wanted)
                for sign, match in known[pair]:
                    hit = _hit(Place.DIFFS, tree.id, tree.name, tree.moment, f"{sign} {path}", match)
                    walk.add(replace(hit, runs=tree.runs))
                yield
            walk.files += 1

    def _files(self, tree: str) -> Sequence[FileEntry]:
        try:
            return self._manifests.read(tree).files
        except (NotFoundError, IntegrityError):
            return ()

    def _text(self, file: FileEntry) -> bytes:
        """The bytes of a file of code; nothing of what is no text, too large, or lost."""
        if file.size > _LARGEST:
            return b""
        try:
            data = b"".join(self._objects.path(part).read_bytes() for part, _ in self._objects.parts(file.hash))
        except (IntegrityError, OSError):
            return b""
        return data if is_text(data) else b""


def _changed(old: bytes, new: bytes, wanted: Pattern) -> list[tuple[str, Match]]:
    """Lines that fit and are more often in one of two texts than in the other: `+` has come, `-` has gone."""
    found = []
    for sign, text, other in (("+", new, old), ("-", old, new)):
        if not wanted.first(text, 1):
            continue
        lines = Counter(text.split(b"\n"))
        lines.subtract(Counter(other.split(b"\n")))
        changed = b"\n".join(line for line, count in lines.items() if count > 0)
        found += [(sign, match) for match in wanted.first(changed, _PER_FILE)]
    return found


def _hit(place: Place, id: str, name: str, at: float, where: str, match: Match, *, line: int = 0) -> Hit:
    shown = excerpt(match.line, match.start, match.end)
    text = match.line[match.start : match.end]
    return Hit(place, "run", id, name, where, shown, text, at, RANKS[place], line)
