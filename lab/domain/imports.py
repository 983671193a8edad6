"""What an import found, took in, and could not read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from lab.dataclass import dataclass


@dataclass(frozen=True)
class ImportRequest:
    """What to import and how: a folder or one file, the project that its runs belong to ("" for the folder's name),
    whether artifacts are copied, and whether to tell only what would be done; `again` takes in also runs that were
    purged from this lab."""

    root: Path
    project: str = ""
    copy: bool = False
    dry: bool = False
    again: bool = False


class Outcome(StrEnum):
    NEW = "new"
    UPDATED = "updated"  # the source has more than before
    UNCHANGED = "unchanged"
    PURGED = "purged"  # it was in this lab, and was taken out of it for good: it stays out


@dataclass(frozen=True)
class Unread:
    """Something that was there and could not be read: a file, or a part of one."""

    path: str
    reason: str


@dataclass(frozen=True)
class Imported:
    """One run of another tool. `source` is the file or folder that it came from, `points` its logged values."""

    id: str
    name: str
    project: str
    tool: str
    source: str
    status: str
    outcome: Outcome
    metrics: int
    points: int


@dataclass(frozen=True)
class ImportReport:
    """What one look at a folder gave. `live` are the ids of those runs whose source may still grow."""

    items: tuple[Imported, ...]
    unread: tuple[Unread, ...]
    live: tuple[str, ...] = ()

    def count(self, outcome: Outcome) -> int:
        return sum(item.outcome is outcome for item in self.items)
