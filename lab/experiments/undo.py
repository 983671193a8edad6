"""Undo and redo of what users edit: names, notes, tags, stars, archiving.

Nothing is taken back in the journal: undoing is one more edit, which says of which one it is the undoing. So what can
be undone is the same in every process and after every restart, and the history of a run tells all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.catalog import edits as catalog_edits
from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.catalog.edits import EditEvent
from lab.domain.names import check_name
from lab.domain.runs import Edit, Run
from lab.errors import ConflictError, NotFoundError
from lab.events import RUN_ARCHIVED, RUN_NOTED, RUN_RENAMED, RUN_STARRED, RUN_TAGGED
from lab.journal import Journal

#: Key of the edited value in an event's body.
_KEYS = {RUN_RENAMED: "name", RUN_NOTED: "notes", RUN_TAGGED: "tags", RUN_STARRED: "value", RUN_ARCHIVED: "value"}
_AT_FIRST: dict[str, object] = {RUN_NOTED: "", RUN_TAGGED: [], RUN_STARRED: False, RUN_ARCHIVED: False}
#: So many edits are looked at.
_MOST = 1000
UNDO, REDO = "undo", "redo"


@dataclass(frozen=True)
class Undone:
    """What was undone or done again: the run as it is now, and the edit that was made for it."""

    run: Run
    edit: Edit


class Undo:
    """Reads the index, writes edits."""

    def __init__(self, journal: Journal, catalog: Catalog) -> None:
        self._journal = journal
        self._catalog = catalog

    def undo(self) -> Undone:
        """Take back the last edit that is not undone. Raises NotFoundError if there is none, ConflictError where the
        old name is another run's by now."""
        done, _ = stacks(self._edits())
        return self._repeat(done, UNDO, "nothing to undo")

    def redo(self) -> Undone:
        """Do again what was undone last. Raises as `undo` does."""
        _, undone = stacks(self._edits())
        return self._repeat(undone, REDO, "nothing to do again")

    def _edits(self) -> Sequence[EditEvent]:
        return catalog_edits.latest(self._catalog, list(_KEYS), _MOST)

    def _repeat(self, stack: Sequence[EditEvent], way: str, nothing: str) -> Undone:
        for event in reversed(stack):
            run = catalog_runs.get(self._catalog, event.run)
            if run is None:  # purged since: nothing of it can be edited
                continue
            value = self._before(event) if way == UNDO else event.body.get(_KEYS[event.type])
            if event.type == RUN_RENAMED:
                self._check_name(run, str(value))
            self._journal.append(event.type, run.id, {_KEYS[event.type]: value, way: event.event})
            self._catalog.refresh()
            now = catalog_runs.get(self._catalog, run.id) or run
            return Undone(now, catalog_runs.history(self._catalog, run.id)[-1])
        raise NotFoundError(nothing, "lab runs history RUN tells what was edited")

    def _before(self, event: EditEvent) -> object:
        """What was there before the event."""
        body = catalog_edits.before(self._catalog, event)
        if body is not None:
            return body.get(_KEYS[event.type])
        return catalog_edits.born(self._catalog, event.run) if event.type == RUN_RENAMED else _AT_FIRST[event.type]

    def _check_name(self, run: Run, name: str) -> None:
        twins = [other for other in catalog_runs.named(self._catalog, check_name("run", name)) if other != run.id]
        if twins:
            raise ConflictError(f"another run is called {name!r} by now: {twins[0]}", "rename that one first")


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
