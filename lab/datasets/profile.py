"""The profile of a dataset: what its tables, images or files hold, computed once per content.

Memory: a table's columns are read in groups of about a gigabyte, each whole, and one column at a time is copied to be
sorted; a sample of rows is kept beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from lab.dataclass import dataclass
from lab.datasets import images, pii, relations, tables
from lab.datasets.columns import column_profile
from lab.datasets.formats import ARROW, PARQUET, SUFFIXES, exactly, kind
from lab.domain.profiles import (
    MASKED,
    ColumnProfile,
    FileGroup,
    Histogram,
    Profile,
    TableProfile,
)
from lab.domain.text import clean

#: Rows that correlations, leakage and personal data are judged by.
SAMPLE_ROWS = 100_000

_GROUP_BYTES = 1 << 30  # memory for the columns that are read together
_TEXT_GROWTH = 2  # bytes in memory for a byte of a text file
_WIDTH, _TEXT_WIDTH = 8, 40  # bytes of a value in memory
_SUFFIXES_MAX = 50

#: Told what is being done, in a few words.
Progress = Callable[[str], None]


def compute(files: Sequence[tuple[str, Path]], label: str = "", progress: Progress | None = None) -> Profile:
    """The profile of files given as (name, where the content is); `label` is the column that is to be predicted.

    Files that are no tables of one schema are profiled as images if at least half of them are by name, else by their
    suffixes; a note says why. Raises OSError for files that cannot be read at all.
    """
    sizes = [path.stat().st_size for _, path in files]
    base = Profile(len(files), sum(sizes), _groups([name for name, _ in files], sizes))
    pictures = [at for at, (name, _) in enumerate(files) if images.is_image(name)]
    if pictures and len(pictures) * 2 >= len(files):
        return _of_images(base, [files[at] for at in pictures], [sizes[at] for at in pictures], progress)
    if not any(kind(name) in SUFFIXES for name, _ in files):
        return base
    try:
        opened = tables.read(files)
        table, notes = _Table(opened.frame, files, sum(sizes), progress).profile(label)
    except tables.NotATableError as reason:
        return replace(base, notes=(f"Not profiled as a table: {reason}.",))
    return replace(base, table=table, notes=(*opened.notes, *notes))


def _groups(names: Sequence[str], sizes: Sequence[int]) -> tuple[FileGroup, ...]:
    """Files by suffix, those with the most bytes first."""
    counts: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for name, size in zip(names, sizes, strict=True):
        counts[kind(name)] += 1
        held[kind(name)] += size
    found = [FileGroup(suffix, count, held[suffix]) for suffix, count in counts.items()]
    return tuple(sorted(found, key=lambda group: (-group.bytes, group.name))[:_SUFFIXES_MAX])


def _of_images(
    base: Profile, files: Sequence[tuple[str, Path]], sizes: Sequence[int], progress: Progress | None
) -> Profile:
    if progress:
        progress(f"{len(files):,} images")
    found = images.images_profile(files, sizes)
    notes = []
    if len(files) > images.OPENED_MAX:
        notes.append(
            f"Formats, dimensions and broken files are of every {-(-len(files) // images.OPENED_MAX)}th image."
        )
    return replace(base, images=found, notes=tuple(notes))


@dataclass
class _Table:
    """One table on the way to its profile."""

    frame: pl.LazyFrame
    files: Sequence[tuple[str, Path]]
    bytes: int
    progress: Progress | None

    def profile(self, label: str) -> tuple[TableProfile, list[str]]:
        self._schema = self.frame.collect_schema()
        columns: list[ColumnProfile] = []
        samples: list[pl.DataFrame] = []
        rows = duplicates = 0
        groups = list(self._column_groups())
        for names in groups:
            self._tell(f"{len(columns):,} of {len(self._schema):,} columns")
            part = tables.collect(self.frame.select(exactly(names)))
            rows = len(part)
            columns += [column_profile(part[name]) for name in names]
            samples.append(_sampled(part))
            if len(groups) == 1 and not _has_key(columns, rows):
                duplicates = _duplicate_rows(part.lazy())
        if len(groups) > 1 and not _has_key(columns, rows):
            self._tell("duplicate rows")
            duplicates = _duplicate_rows(self.frame)
        self._tell("relations")
        sample = pl.concat(samples, how="horizontal")
        found = TableProfile(
            rows=rows,
            duplicate_rows=duplicates,
            sampled=len(sample),
            columns=tuple(_private(column, sample[column.name]) for column in self._doubles(columns)),
            correlations=relations.correlations(sample),
            label=label if label in self._schema else "",
            leakage=relations.leakage(sample, label),
        )
        notes = [f"There is no column {clean(label, 80)!r} to be the label."] if label and not found.label else []
        if len(sample) < rows:
            notes.append(f"Correlations, leakage and personal data are judged by {len(sample):,} of {rows:,} rows.")
        return found, notes

    def _tell(self, step: str) -> None:
        if self.progress:
            self.progress(step)

    def _column_groups(self) -> Iterator[list[str]]:
        """Names of columns that fit into memory together."""
        names = self._schema.names()
        weights = [_WIDTH if dtype.is_numeric() else _TEXT_WIDTH for dtype in self._schema.values()]
        if all(kind(name) in (*PARQUET, *ARROW) for name, _ in self.files):
            total = sum(weights) * int(tables.collect(self.frame.select(pl.len())).item())
        else:
            total = self.bytes * _TEXT_GROWTH
        share = max(1, _GROUP_BYTES * sum(weights) // max(1, total))
        group: list[str] = []
        held = 0
        for name, weight in zip(names, weights, strict=True):
            if group and held + weight > share:
                yield group
                group, held = [], 0
            group.append(name)
            held += weight
        yield group

    def _doubles(self, columns: Sequence[ColumnProfile]) -> Iterator[ColumnProfile]:
        """The columns, each with the name of the first one before it that holds the same values in every row."""
        seen: dict[ColumnProfile, list[str]] = {}
        for column in columns:
            like = replace(column, name="")
            earlier = seen.setdefault(like, [])
            same = "" if column.constant or column.distinct < 0 else self._same(column.name, earlier)
            if not same:
                earlier.append(column.name)
            yield replace(column, duplicate_of=same)

    def _same(self, name: str, earlier: Sequence[str]) -> str:
        if not earlier:
            return ""
        mine, *others = exactly([name, *earlier])
        asked = [mine.eq_missing(other).all().alias(str(at)) for at, other in enumerate(others)]
        row = tables.collect(self.frame.select(asked), streaming=True).row(0)
        return next((other for other, same in zip(earlier, row, strict=True) if same), "")


def _has_key(columns: Sequence[ColumnProfile], rows: int) -> bool:
    """Whether one column alone keeps all rows apart."""
    return any(column.distinct == rows and not column.nulls for column in columns)


def _duplicate_rows(frame: pl.LazyFrame) -> int:
    """Rows that are equal to an earlier one, by a 64-bit hash of each (of a million rows, one in 10⁷ tables errs)."""
    hashed = tables.row_hashes(frame)
    return len(hashed) - hashed.n_unique()


def _sampled(part: pl.DataFrame) -> pl.DataFrame:
    """The same rows of every group of columns."""
    if len(part) <= SAMPLE_ROWS:
        return part
    chosen = np.random.default_rng(0).choice(len(part), SAMPLE_ROWS, replace=False)
    return part[np.sort(chosen)]


def _private(column: ColumnProfile, sample: pl.Series) -> ColumnProfile:
    """The column, without values where it looks personal."""
    found = pii.find(sample)
    if not found:
        return column
    return replace(
        column,
        pii=found,
        top=tuple((MASKED, count) for _, count in column.top),
        first=MASKED if column.first else "",
        last=MASKED if column.last else "",
        minimum=None,
        maximum=None,
        mean=None,
        sd=None,
        quantiles=(),
        histogram=Histogram(),
    )
