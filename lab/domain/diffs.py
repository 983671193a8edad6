"""What lies between two versions of a dataset: files, columns, rows, distributions.

Paths, names and values are as in the files: clean them to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.domain.datasets import Column
from lab.domain.numbers import jsonable
from lab.domain.profiles import ImagesProfile

#: How a key was come by.
DECLARED, INFERRED, NONE = "declared", "inferred", "none"

#: What a column's distribution was measured on.
VALUES, CATEGORIES, LENGTHS, NOTHING = "values", "categories", "lengths", "nothing"


@dataclass(frozen=True)
class SideFile:
    """A file of a version: `path` in it, `hash` and `size` in bytes of its content, and where that really is."""

    path: str
    hash: str
    size: int
    real: Path
    executable: bool = False


@dataclass(frozen=True)
class Side:
    """One of two versions; `label` is how sentences call it, such as `v3`.

    `links` are symbolic links with their targets, `folders` those that are empty.
    """

    label: str
    files: Sequence[SideFile]
    links: Mapping[str, str] = field(default_factory=dict)
    folders: Sequence[str] = ()


@dataclass(frozen=True)
class FileChange:
    """A file with its size on either side, in bytes; `was` is its path on the old side, where that is another."""

    path: str
    old_size: int = 0
    new_size: int = 0
    was: str = ""


@dataclass(frozen=True)
class EntryChange:
    """What is not told by bytes of files: a link, an empty folder, or whether a file is executable.

    `old` and `new` say what is there on either side, in a few words; `""` where nothing is.
    """

    path: str
    old: str = ""
    new: str = ""

    @property
    def sign(self) -> str:
        """`+`, `-` or `~`."""
        return "~" if self.old and self.new else "+" if self.new else "-"

    @property
    def told(self) -> str:
        """What is there, or was, or both."""
        return " → ".join(filter(None, (self.old, self.new)))


@dataclass(frozen=True)
class FilesDiff:
    """`entries` are changes of other things than the content of files."""

    added: tuple[FileChange, ...] = ()
    removed: tuple[FileChange, ...] = ()
    changed: tuple[FileChange, ...] = ()
    renamed: tuple[FileChange, ...] = ()
    unchanged: int = 0
    entries: tuple[EntryChange, ...] = ()

    @property
    def same_files(self) -> bool:
        """Whether both sides hold the same files under the same paths."""
        return not (self.added or self.removed or self.changed or self.renamed)


@dataclass(frozen=True)
class Retyped:
    name: str
    old: str
    new: str


@dataclass(frozen=True)
class SchemaDiff:
    """`renamed` are pairs of a dropped and an added column (old name, new name) with nearly the same values."""

    added: tuple[Column, ...] = ()
    dropped: tuple[Column, ...] = ()
    retyped: tuple[Retyped, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    reordered: bool = False

    @property
    def same(self) -> bool:
        return not (self.added or self.dropped or self.retyped or self.renamed or self.reordered)


@dataclass(frozen=True)
class Cell:
    """A value that changed, as text; None for null."""

    column: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class ChangedRow:
    """The key's values, and the cells that changed."""

    key: tuple[str | None, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class RowsDiff:
    """Rows of the files that are not the same on both sides.

    `old_rows` and `new_rows` count all rows. `changed_cells` are (column, rows in which it changed), most first.
    Samples of inserted and deleted rows hold the cells of `columns`, in that order. `notes` are sentences.
    """

    old_rows: int
    new_rows: int
    key: tuple[str, ...] = ()
    key_source: str = NONE
    inserted: int = 0
    deleted: int = 0
    changed: int = 0
    changed_cells: tuple[tuple[str, int], ...] = ()
    columns: tuple[str, ...] = ()
    inserted_sample: tuple[tuple[str | None, ...], ...] = ()
    deleted_sample: tuple[tuple[str | None, ...], ...] = ()
    changed_sample: tuple[ChangedRow, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnDrift:
    """How far a column has moved. `psi`, `ks` and `js` (Jensen-Shannon) are None where they make no sense.

    `measured` tells on what: numbers and times by their values, text of few values by categories, other text by its
    lengths. `unseen` are categories that the old side has not, with their rows; `gone` the other way round.
    """

    name: str
    measured: str
    psi: float | None = None
    ks: float | None = None
    js: float | None = None
    old_nulls: float = 0.0
    new_nulls: float = 0.0
    old_mean: float | None = None
    new_mean: float | None = None
    unseen: tuple[tuple[str, int], ...] = ()
    unseen_count: int = 0
    gone: tuple[tuple[str, int], ...] = ()
    gone_count: int = 0

    @property
    def null_delta(self) -> float:
        """Change of the share of nulls, -1 to 1."""
        return self.new_nulls - self.old_nulls


@dataclass(frozen=True)
class ImagesDiff:
    old: ImagesProfile
    new: ImagesProfile


@dataclass(frozen=True)
class DatasetDiff:
    """`drifts` are worst first, measured on `sampled` rows of each side at most; 0 means on all rows."""

    old: str
    new: str
    files: FilesDiff
    schema: SchemaDiff | None = None
    rows: RowsDiff | None = None
    drifts: tuple[ColumnDrift, ...] = ()
    sampled: int = 0
    images: ImagesDiff | None = None
    notes: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether both sides hold the same: files, links, empty folders, and what may be executed."""
        return self.files.same_files and not self.files.entries

    def to_json(self) -> dict[str, Any]:
        """For `json.dumps`; NaN and infinities are strings."""
        return {"identical": self.identical, **jsonable(asdict(self))}
