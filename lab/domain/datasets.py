"""Datasets and their versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from datetime import UTC, date, datetime
from enum import StrEnum

from lab.dataclass import dataclass


class Verdict(StrEnum):
    """What the expectations said of a version."""

    NONE = ""  # there are none, or they have not been looked at
    OK = "ok"
    WARNED = "warned"
    BLOCKED = "blocked"  # kept as evidence; no alias may be moved to it


@dataclass(frozen=True)
class Column:
    name: str
    type: str


@dataclass(frozen=True)
class DatasetVersion:
    """An immutable snapshot; `id` is the hash of its manifest, `b3:` and 64 hex digits.

    `rows` and `columns` are known where all its files are tables of one schema, `None` and `()` otherwise. `auto` tells
    that a watched path changed by itself; `origin` where it came from, such as `{"md5": …}` of a DVC project.
    """

    id: str
    dataset: str
    project: str
    number: int
    created: float
    files: int
    bytes: int
    rows: int | None = None
    columns: tuple[Column, ...] = ()
    message: str = ""
    auto: bool = False
    origin: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    note: str = ""
    verdict: Verdict = Verdict.NONE
    retired: bool = False

    @property
    def label(self) -> str:
        return f"v{self.number}"

    @property
    def short(self) -> str:
        """The beginning of the manifest's hash."""
        return self.id.removeprefix("b3:")[:10]

    @property
    def ref(self) -> str:
        """Means this version and no other, wherever it is typed: `project/name@v3`."""
        return f"{self.project}/{self.dataset}@{self.label}"


@dataclass(frozen=True)
class Dataset:
    """A named path in a project with its latest version; `path` is as the user gave it, relative to the project."""

    project: str
    name: str
    path: str
    latest: DatasetVersion
    versions: int
    aliases: Mapping[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.project}/{self.name}"


@dataclass(frozen=True)
class Changes:
    """How a working copy differs from a version: sorted paths relative to its root. `changed` are those of other
    bytes, executable bit, link target or kind."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not (self.added or self.removed or self.changed)


def meant(versions: Sequence[DatasetVersion], aliases: Mapping[str, int], wanted: str) -> DatasetVersion | None:
    """The version that `wanted` means: `v2`, an alias, or the beginning of its hash (or of the md5 by which DVC knew
    it); None where there is none of it."""
    number = aliases.get(wanted)
    for version in versions:
        hashes = (version.id.removeprefix("b3:"), version.origin.get("md5", ""))
        if wanted == version.label or version.number == number or any(one.startswith(wanted) for one in hashes):
            return version
    return None


def superfluous(versions: Sequence[DatasetVersion], keep: int, held: Collection[int]) -> list[DatasetVersion]:
    """Automatic versions that may go: all but the newest `keep`, one for each day (UTC), and those that are `held` by
    their numbers. `versions` are newest first; the newest of all always stays.
    """
    autos = [version for version in versions if version.auto and not version.retired]
    days: set[date] = set()
    going = []
    for place, version in enumerate(autos):
        day = datetime.fromtimestamp(version.created, UTC).date()
        daily = day not in days
        days.add(day)
        if place >= keep and not daily and version.number not in held and version is not versions[0]:
            going.append(version)
    return going
