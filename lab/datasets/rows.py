"""Rows of two tables of one shape set against each other.

Every row is hashed; what differs is then fetched and compared cell by cell, so that little more than the key and the
hashes is in memory for a table that does not fit. A changed row is missed with a chance of 1 in 2⁶⁴.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace

import numpy as np
import polars as pl

from lab.dataclass import dataclass
from lab.datasets import tables
from lab.datasets.alike import Alike
from lab.datasets.columns import as_text
from lab.datasets.formats import exactly
from lab.datasets.matching import Match, Rows, infer_key, match, match_contents
from lab.domain.diffs import DECLARED, INFERRED, NONE, Cell, ChangedRow, RowsDiff
from lab.domain.text import clean

SAMPLE = 20  # rows of each sort that are shown
_COMPARED = 200_000  # changed rows that are fetched at once

Progress = Callable[[str], None]


@dataclass
class _Comparison:
    """What was found of changed rows so far."""

    counts: dict[str, int]
    changed: int = 0
    sample: list[ChangedRow] = field(default_factory=list)


def compare_rows(both: Alike, key: Sequence[str] = (), progress: Progress | None = None) -> RowsDiff:
    """Rows that were inserted, deleted and changed. Raises NotATableError for what is broken inside."""
    notes: list[str] = []
    names, source = _key(both, key, notes)
    tell = progress or (lambda _: None)
    tell("rows")
    old_hashes = tables.row_hashes(both.old).to_numpy()
    new_hashes = tables.row_hashes(both.new).to_numpy()
    if not names:
        inserted, deleted = match_contents(old_hashes, new_hashes)
        notes.append("Without a key, a row that changed counts as one deleted and one inserted.")
        base = RowsDiff(len(old_hashes), len(new_hashes), notes=tuple(notes))
        return _with_samples(replace(base, inserted=len(inserted), deleted=len(deleted)), both, inserted, deleted)
    pairs = match(tables.collect(both.old.select(exactly(names))), tables.collect(both.new.select(exactly(names))))
    tell("changed rows")
    differs = old_hashes[pairs.old] != new_hashes[pairs.new]
    found = _compare_cells(both, names, pairs.old[differs], pairs.new[differs])
    inserted, deleted = pairs.inserted, pairs.deleted
    if len(pairs.unclear_old) or len(pairs.unclear_new):
        notes.append(_unclear_note(names, pairs))
        fresh, gone = match_contents(old_hashes[pairs.unclear_old], new_hashes[pairs.unclear_new])
        inserted = np.sort(np.concatenate((inserted, pairs.unclear_new[fresh])))
        deleted = np.sort(np.concatenate((deleted, pairs.unclear_old[gone])))
    base = RowsDiff(
        old_rows=len(old_hashes),
        new_rows=len(new_hashes),
        key=names,
        key_source=source,
        inserted=len(inserted),
        deleted=len(deleted),
        changed=found.changed,
        changed_cells=tuple(sorted(((name, count) for name, count in found.counts.items() if count), key=_by_count)),
        changed_sample=tuple(found.sample),
        notes=tuple(notes),
    )
    return _with_samples(base, both, inserted, deleted)


def _by_count(pair: tuple[str, int]) -> int:
    return -pair[1]


def _key(both: Alike, declared: Sequence[str], notes: list[str]) -> tuple[tuple[str, ...], str]:
    """The key's columns and where they come from; none if there is no key."""
    if declared:
        missing = [name for name in declared if name not in both.columns]
        nested = [name for name in declared if name in both.columns and both.columns[name].is_nested()]
        if not missing and not nested:
            retyped = [change.name for change in both.schema.retyped if change.name in declared]
            notes += [
                f"Key {clean(name, 80)!r} has changed its type: it is compared as {both.columns[name]}."
                for name in retyped
            ]
            return tuple(dict.fromkeys(declared)), DECLARED
        notes += [f"Key {clean(name, 80)!r} is not a column of both sides." for name in missing]
        notes += [f"Key {clean(name, 80)!r} holds lists or structures, which cannot be a key." for name in nested]
    found = infer_key(both.old, both.new, both.columns)
    return ((found,), INFERRED) if found else ((), NONE)


def _unclear_note(names: Sequence[str], pairs: Match) -> str:
    shown = ", ".join(clean(name, 80) for name in names)
    return (
        f"{len(pairs.unclear_old):,} old and {len(pairs.unclear_new):,} new rows have no {shown}, or one that several"
        " rows share: they are compared by all that they hold."
    )


def _compare_cells(both: Alike, key: Sequence[str], old: Rows, new: Rows) -> _Comparison:
    """Compare rows known to differ; `old[i]` and `new[i]` are the same one."""
    others = [name for name in both.columns if name not in key]
    found = _Comparison(dict.fromkeys(others, 0))
    order = np.argsort(new, kind="stable")
    old, new = old[order], new[order]
    for at in range(0, len(new), _COMPARED):
        before = take(both.old, old[at : at + _COMPARED], both.held)
        after = take(both.new, new[at : at + _COMPARED], both.held)
        found.changed += len(after)
        marks = {name: before[name].ne_missing(after[name]) for name in others}
        for name, mark in marks.items():
            found.counts[name] += int(mark.sum())
        found.sample += _changed_rows(before, after, key, marks)[: SAMPLE - len(found.sample)]
    return found


def _with_samples(base: RowsDiff, both: Alike, inserted: Rows, deleted: Rows) -> RowsDiff:
    return replace(
        base,
        columns=tuple(both.columns),
        inserted_sample=_shown(take(both.new, inserted[:SAMPLE], both.held)),
        deleted_sample=_shown(take(both.old, deleted[:SAMPLE], both.held)),
    )


def _changed_rows(
    before: pl.DataFrame, after: pl.DataFrame, key: Sequence[str], marks: Mapping[str, pl.Series]
) -> list[ChangedRow]:
    """The first rows with their cells that changed."""
    keys = _shown(after.select(exactly(key)).head(SAMPLE))
    texts = {name: (as_text(before[name].head(SAMPLE)), as_text(after[name].head(SAMPLE))) for name in marks}
    return [
        ChangedRow(own, tuple(Cell(name, old[row], new[row]) for name, (old, new) in texts.items() if marks[name][row]))
        for row, own in enumerate(keys)
    ]


def _shown(frame: pl.DataFrame) -> tuple[tuple[str | None, ...], ...]:
    return tuple(zip(*(as_text(column) for column in frame.get_columns()), strict=True))


def take(frame: pl.LazyFrame, rows: Rows, held: bool) -> pl.DataFrame:
    """The rows of these numbers, in their order; `held` tells that the frame is in memory."""
    if held or not len(rows):
        return tables.collect(frame)[rows] if len(rows) else frame.collect_schema().to_frame()
    number = "row"
    while number in frame.collect_schema():
        number += "_"
    ordered, back = np.unique(rows, return_inverse=True)
    wanted = pl.col(number).is_in(pl.Series(ordered, dtype=pl.UInt64).implode())
    near = frame.with_row_index(number).with_columns(pl.col(number).cast(pl.UInt64)).filter(wanted)
    return tables.collect(near.sort(number).drop(number), streaming=True)[back]
