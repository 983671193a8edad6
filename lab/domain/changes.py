"""What changed from one run to another. Names, paths and values are as they were: clean them to show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field

from lab.dataclass import dataclass
from lab.domain.diffs import FileChange
from lab.domain.directions import Direction, direction
from lab.domain.runs import Param, Run
from lab.domain.seeds import is_seed

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True)
class ValueChange:
    """A value by name: `kind` is added, removed or changed."""

    name: str
    kind: str
    old: Param = None
    new: Param = None


@dataclass(frozen=True)
class DataChange:
    """A dataset's version on either side ("" for none); rows and bytes where the versions are known here."""

    name: str
    old: str
    new: str
    old_rows: int | None = None
    new_rows: int | None = None
    old_bytes: int | None = None
    new_bytes: int | None = None


@dataclass(frozen=True)
class CodeChange:
    """Files by path; `hashes` maps each to its objects (old, new), "" where there is none.

    `commits` are git's on either side, "" where unknown. `note` says why nothing is known of the files, if so;
    `partial` that files over the caps are in neither tree.
    """

    same: bool
    added: tuple[FileChange, ...] = ()
    removed: tuple[FileChange, ...] = ()
    changed: tuple[FileChange, ...] = ()
    hashes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    commits: tuple[str, str] = ("", "")
    partial: bool = False
    note: str = ""


@dataclass(frozen=True)
class MetricChange:
    """A metric's last value on either side (None for none); `better` None where that cannot be told: its direction is
    not known, or nothing but chance lies between the runs."""

    name: str
    old: float | None
    new: float | None
    direction: Direction
    better: bool | None = None


@dataclass(frozen=True)
class Changes:
    """What changed in `run` since `parent`; without one everything is empty.

    `environment` holds engine, image, digest and Python, `packages` the distributions that were installed in either.
    """

    run: Run
    parent: Run | None
    params: tuple[ValueChange, ...] = ()
    data: tuple[DataChange, ...] = ()
    code: CodeChange = CodeChange(True)
    environment: tuple[ValueChange, ...] = ()
    packages: tuple[ValueChange, ...] = ()
    metrics: tuple[MetricChange, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether all that went into the runs is the same."""
        return not self.params and self._same_but_params

    @property
    def only_seed(self) -> bool:
        """Whether nothing else than the seed changed."""
        return self._same_but_params and bool(self.params) and all(is_seed(one.name) for one in self.params)

    @property
    def _same_but_params(self) -> bool:
        return self.code.same and not (self.data or self.environment or self.packages)


@dataclass(frozen=True)
class DiffLine:
    """A line of a text diff; `kind` is `file`, `hunk`, `+`, `-`, ` ` or `note`. The text is not cleaned."""

    kind: str
    text: str


def metric_changes(parent: Run, run: Run) -> tuple[MetricChange, ...]:
    """Last values beside each other, those of the new run first."""
    found = []
    for name in dict.fromkeys((*run.metrics, *parent.metrics)):
        old, new = (one.metrics[name].last if name in one.metrics else None for one in (parent, run))
        way = direction(name)
        better = None
        if old is not None and new is not None and old != new and math.isfinite(old) and math.isfinite(new):
            better = None if way is Direction.UNKNOWN else (new > old) is (way is Direction.HIGHER)
        found.append(MetricChange(name, old, new, way, better))
    return tuple(found)
