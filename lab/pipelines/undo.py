"""Undo and redo of what users edit: names, notes, tags, stars, archiving, removed dataset versions, aliases.

Nothing is taken back in the journal: undoing is one more edit, which says of which one it is the undoing. So what can
be undone is the same in every process and after every restart, and the history of an object tells all of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from lab.catalog import datasets as catalog_datasets
from lab.catalog import edits as catalog_edits
from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.catalog.edits import EditEvent
from lab.dataclass import dataclass
from lab.domain.datasets import DatasetVersion, Verdict
from lab.domain.edits import DATASET, MODEL, RUN, Undone
from lab.domain.names import check_name
from lab.domain.runs import Edit, Param
from lab.domain.text import clean
from lab.errors import ConflictError, GateRejectedError, NotFoundError
from lab.events import (
    DATASET_ALIASED,
    DATASET_NOTED,
    DATASET_RETIRED,
    DATASET_TAGGED,
    MODEL_ALIASED,
    RUN_ARCHIVED,
    RUN_NOTED,
    RUN_RENAMED,
    RUN_STARRED,
    RUN_TAGGED,
)
from lab.journal import Journal


@dataclass(frozen=True)
class _Kind:
    """A kind of edit. `key` is where the event's body holds the value, `first` what was there before any edit, `scope`
    what of the body says, beside the subject, which thing was edited."""

    noun: str
    what: str
    key: str
    first: object = None
    scope: tuple[str, ...] = ()


_KINDS = {
    RUN_RENAMED: _Kind(RUN, "name", "name"),
    RUN_NOTED: _Kind(RUN, "notes", "notes", ""),
    RUN_TAGGED: _Kind(RUN, "tags", "tags", []),
    RUN_STARRED: _Kind(RUN, "starred", "value", False),
    RUN_ARCHIVED: _Kind(RUN, "archived", "value", False),
    DATASET_TAGGED: _Kind(DATASET, "tags", "value", [], ("number",)),
    DATASET_NOTED: _Kind(DATASET, "note", "value", "", ("number",)),
    DATASET_RETIRED: _Kind(DATASET, "removed", "value", False, ("number",)),
    DATASET_ALIASED: _Kind(DATASET, "alias", "number", None, ("alias",)),
    MODEL_ALIASED: _Kind(MODEL, "alias", "number", None, ("alias",)),
}
#: So many edits are looked at.
_MOST = 1000
UNDO, REDO = "undo", "redo"
EVERY = (RUN, DATASET, MODEL)


class Undo:
    """Reads the index, writes edits. `nouns` everywhere: only edits of these are looked at."""

    def __init__(self, journal: Journal, catalog: Catalog) -> None:
        self._journal = journal
        self._catalog = catalog

    def undo(self, nouns: Sequence[str] = EVERY) -> Undone:
        """Take back the last edit that is not undone.

        Raises NotFoundError if there is none; ConflictError where the old name is another run's by now, or an alias
        would mean a removed version; GateRejectedError where it would mean one that its expectations block."""
        return self._repeat(UNDO, nouns)

    def redo(self, nouns: Sequence[str] = EVERY) -> Undone:
        """Do again what was undone last. Raises as `undo` does."""
        return self._repeat(REDO, nouns)

    def next(self, *, redo: bool = False, nouns: Sequence[str] = EVERY) -> Undone:
        """What `undo` (or `redo`) would do now. Raises NotFoundError if nothing."""
        way = REDO if redo else UNDO
        event, value = self._chosen(way, nouns)
        return self._told(event, way, value)

    def _repeat(self, way: str, nouns: Sequence[str]) -> Undone:
        event, value = self._chosen(way, nouns)
        kind = _KINDS[event.type]
        self._check(event, value)
        told = self._told(event, way, value)
        body = {key: one for key, one in event.body.items() if key not in (UNDO, REDO)}
        self._journal.append(event.type, event.subject, {**body, kind.key: value, way: event.event})
        self._catalog.refresh()
        return told

    def _chosen(self, way: str, nouns: Sequence[str]) -> tuple[EditEvent, object]:
        """The edit to take back or do again, and the value that this sets."""
        types = [type for type, kind in _KINDS.items() if kind.noun in nouns]
        done, undone = stacks(catalog_edits.latest(self._catalog, types, _MOST))
        for event in reversed(done if way == UNDO else undone):
            if _KINDS[event.type].noun == RUN and catalog_runs.get(self._catalog, event.subject) is None:
                continue  # purged since: nothing of it can be edited
            return event, self._before(event) if way == UNDO else event.body.get(_KINDS[event.type].key)
        nothing = "nothing to undo" if way == UNDO else "nothing to do again"
        raise NotFoundError(nothing, "names, notes, tags, stars, archiving, removing and aliases can be undone")

    def _before(self, event: EditEvent) -> object:
        """What was there before the event."""
        kind = _KINDS[event.type]
        body = catalog_edits.before(self._catalog, event, kind.scope)
        if body is not None:
            return body.get(kind.key)
        return catalog_edits.born(self._catalog, event.subject) if event.type == RUN_RENAMED else kind.first

    def _told(self, event: EditEvent, way: str, value: object) -> Undone:
        kind = _KINDS[event.type]
        was = event.body.get(kind.key) if way == UNDO else self._before(event)
        what = f"alias {event.body.get('alias')}" if kind.what == "alias" else kind.what
        edit = Edit(time.time(), what, _shown(kind, was), _shown(kind, value))
        if kind.noun == RUN:
            run = catalog_runs.get(self._catalog, event.subject)
            name = str(value) if event.type == RUN_RENAMED else run.name if run else event.subject
            return Undone(RUN, event.subject, name, edit)
        if "number" in kind.scope:
            return Undone(DATASET, event.subject, f"{event.body.get('dataset')}@v{event.body.get('number')}", edit)
        return Undone(kind.noun, event.subject, event.subject.rpartition("/")[2], edit)

    # What stands in the way

    def _check(self, event: EditEvent, value: object) -> None:
        if event.type == RUN_RENAMED:
            self._check_name(event.subject, str(value))
        elif event.type == DATASET_RETIRED and value:
            self._check_unpointed(event)
        elif event.type == DATASET_ALIASED and value is not None:
            self._check_target(event, value)

    def _check_name(self, run: str, name: str) -> None:
        twins = [other for other in catalog_runs.named(self._catalog, check_name("run", name)) if other != run]
        if twins:
            raise ConflictError(f"another run is called {name!r} by now: {twins[0]}", "rename that one first")

    def _check_unpointed(self, event: EditEvent) -> None:
        for one in catalog_datasets.all_datasets(self._catalog):
            if one.id == event.subject:
                pointing = [alias for alias, number in one.aliases.items() if number == event.body.get("number")]
                if pointing:
                    raise ConflictError(
                        f"{one.name}@v{event.body.get('number')} is what {', '.join(pointing)} means",
                        "move the alias to another version first",
                    )

    def _check_target(self, event: EditEvent, number: object) -> None:
        version = self._version(str(event.body.get("project")), str(event.body.get("dataset")), number)
        if version is None or version.retired:
            raise ConflictError(
                f"{clean(str(event.body.get('dataset')))}@v{number} is removed, so no alias can mean it again",
                "bring it back first: lab data rm NAME@vN --undo",
            )
        if version.verdict is Verdict.BLOCKED:
            raise GateRejectedError(
                f"{version.ref} does not meet its expectations, so no alias may be moved to it",
                f"lab data expect {version.ref} tells which; mend the data, or the expectations in lab.toml",
            )

    def _version(self, project: str, dataset: str, number: object) -> DatasetVersion | None:
        versions = catalog_datasets.versions(self._catalog, project, dataset)
        return next((one for one in versions if one.number == number), None)


def _shown(kind: _Kind, value: object) -> Param | tuple[str, ...]:
    """A value as people read it: an alias means `v3`, tags are words."""
    if isinstance(value, list):
        return tuple(str(one) for one in value)
    if kind.what == "alias":
        return None if value is None else f"v{value}"
    return value if isinstance(value, str | bool | int | float) else None


def stacks(edits: Sequence[EditEvent]) -> tuple[list[EditEvent], list[EditEvent]]:
    """What can be undone and what can be done again, the next one last; `edits` in the order of the journal."""
    done: list[EditEvent] = []
    undone: list[EditEvent] = []
    for event in edits:
        if UNDO in event.body:
            _move(str(event.body[UNDO]), done, undone)
        elif REDO in event.body:
            _move(str(event.body[REDO]), undone, done)
        else:
            done.append(event)
            undone.clear()
    return done, undone


def _move(event: str, source: list[EditEvent], target: list[EditEvent]) -> None:
    """Of two processes that undo at once, one finds it moved already."""
    for at, one in enumerate(source):
        if one.event == event:
            target.append(source.pop(at))
            return
