"""What changed between two versions of a dataset: files, columns, rows, distributions; or pictures.

Files that are the same on both sides are not read to find rows that changed. Tables that together are estimated at
more than two gigabytes in memory are read in pieces.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from lab.datasets import images, tables
from lab.datasets.alike import Alike, align
from lab.datasets.distributions import SAMPLE_ROWS, drifts
from lab.datasets.formats import ARROW, PARQUET, SUFFIXES, NotATableError, column, kind
from lab.datasets.rows import compare_rows
from lab.domain.diffs import DatasetDiff, EntryChange, FileChange, FilesDiff, ImagesDiff, RowsDiff, Side, SideFile
from lab.domain.profiles import ImagesProfile
from lab.domain.text import clean

#: Told what is being done, in a few words.
Progress = Callable[[str], None]

_HELD_BYTES = 2 << 30  # estimated size of both tables up to which they are held in memory
_GROWTH = 4  # bytes in memory for a byte of a compressed file, of text less


def compare(old: Side, new: Side, key: Sequence[str] = (), progress: Progress | None = None) -> DatasetDiff:
    """Everything that changed from `old` to `new`; `key` names the columns that tell rows apart, else one is inferred.

    What cannot be compared is left out, and a note says why. Raises OSError for files that cannot be read at all.
    """
    files = replace(compare_files(old.files, new.files), entries=compare_entries(old, new))
    base = DatasetDiff(old.label, new.label, files)
    if files.same_files:
        return base
    if _pictures(old) and _pictures(new):
        if progress:
            progress("images")
        return replace(base, images=ImagesDiff(_images(old), _images(new)))
    if not any(kind(file.path) in SUFFIXES for file in (*old.files, *new.files)):
        return base
    try:
        return _compare_tables(base, old, new, key, progress)
    except NotATableError as reason:
        return replace(base, notes=(*base.notes, f"Not compared as tables: {reason}."))


def compare_files(old: Sequence[SideFile], new: Sequence[SideFile]) -> FilesDiff:
    """Files by path; a removed and an added one of the same content are one that was renamed."""
    before, after = ({file.path: file for file in files} for files in (old, new))
    gone: dict[str, list[SideFile]] = defaultdict(list)
    for path in sorted(before.keys() - after.keys(), reverse=True):
        gone[before[path].hash].append(before[path])
    added: list[FileChange] = []
    renamed: list[FileChange] = []
    for path in sorted(after.keys() - before.keys()):
        file = after[path]
        if gone[file.hash]:
            renamed.append(FileChange(path, file.size, file.size, was=gone[file.hash].pop().path))
        else:
            added.append(FileChange(path, 0, file.size))
    left = sorted((file for files in gone.values() for file in files), key=lambda file: file.path)
    common = sorted(before.keys() & after.keys())
    changed = [path for path in common if before[path].hash != after[path].hash]
    return FilesDiff(
        added=tuple(added),
        removed=tuple(FileChange(file.path, file.size, 0) for file in left),
        changed=tuple(FileChange(path, before[path].size, after[path].size) for path in changed),
        renamed=tuple(renamed),
        unchanged=len(common) - len(changed),
    )


def compare_entries(old: Side, new: Side) -> tuple[EntryChange, ...]:
    """Links, empty folders and executable files that are not the same on both sides, by path.

    An empty folder that got its first entry, or lost its last, is no change of its own, nor is a file that one side
    has not: that is told already.
    """
    before, after = _entries(old), _entries(new)
    full = [_folders(before), _folders(after)]
    differing = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    found = [EntryChange(path, before.get(path, ""), after.get(path, "")) for path in differing]
    return tuple(one for one in found if not _told_already(one, full))


_FOLDER, _FILE, _EXECUTABLE = "an empty folder", "a file", "an executable file"


def _entries(side: Side) -> dict[str, str]:
    """What stands under each path, in a few words."""
    told = {file.path: _EXECUTABLE if file.executable else _FILE for file in side.files}
    told |= dict.fromkeys(side.folders, _FOLDER)
    return told | {path: f"a link to {target}" for path, target in side.links.items()}


def _told_already(change: EntryChange, full: Sequence[set[str]]) -> bool:
    if change.old and change.new:
        return False
    there, folders = (change.old, full[1]) if change.old else (change.new, full[0])
    return there in (_FILE, _EXECUTABLE) or (there == _FOLDER and change.path in folders)


def _folders(paths: Iterable[str]) -> set[str]:
    """Every folder above one of these paths."""
    found: set[str] = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in found:
            found.add(path)
    return found


def _compare_tables(
    base: DatasetDiff, old: Side, new: Side, key: Sequence[str], progress: Progress | None
) -> DatasetDiff:
    whole, notes = _aligned(old, new, old.files, new.files)
    if _size(old.files) + _size(new.files) <= _HELD_BYTES:
        whole = whole.hold()
    base = replace(base, schema=whole.schema, notes=tuple(notes))
    mine, theirs = _differing(old.files, new.files)
    rows = _rows(old, new, whole, (mine, theirs), key, progress)
    if rows is None:
        return replace(base, notes=(*notes, "The sides share no columns that can be compared."))
    found, sampled = drifts(whole, (rows.old_rows, rows.new_rows), rows.key, progress)
    if sampled:
        notes.append(f"Distributions are of {SAMPLE_ROWS:,} sampled rows where a side has more than a million.")
    if not rows.old_rows or not rows.new_rows:
        empty = old if not rows.old_rows else new
        notes.append(f"{clean(empty.label)} has no rows, so there are no distributions to compare.")
    return replace(base, rows=rows, drifts=found, sampled=sampled, notes=tuple(notes))


def _aligned(
    old: Side, new: Side, old_files: Sequence[SideFile], new_files: Sequence[SideFile]
) -> tuple[Alike, list[str]]:
    """Both sides' files as tables of one shape, with notes on either."""
    opened, notes = [], []
    for side, files in ((old, old_files), (new, new_files)):
        try:
            found = tables.read(_named(files))
        except NotATableError as reason:
            raise NotATableError(f"{clean(side.label)} is not a table: {reason}") from reason
        opened.append(found.frame)
        notes += [f"{clean(side.label)}: {note}" for note in found.notes]
    both = align(*opened)
    return both, [*notes, *both.notes]


def _rows(
    old: Side,
    new: Side,
    whole: Alike,
    differing: tuple[Sequence[SideFile], Sequence[SideFile]],
    key: Sequence[str],
    progress: Progress | None,
) -> RowsDiff | None:
    """The rows of files that differ; the others are only counted. None if there is no column to compare."""
    if not whole.columns:
        return None
    mine, theirs = differing
    skipped = len(old.files) - len(mine)
    if not skipped:
        return compare_rows(whole, key, progress)
    totals = [int(tables.collect(frame.select(pl.len())).item()) for frame in (whole.old, whole.new)]
    if not mine or not theirs:
        part = _one_sided(whole, mine, theirs)
    else:
        part, _ = _aligned(old, new, mine, theirs)
    found = compare_rows(part, key, progress)
    return replace(found, old_rows=totals[0], new_rows=totals[1])


def _one_sided(whole: Alike, mine: Sequence[SideFile], theirs: Sequence[SideFile]) -> Alike:
    """Files that only one side has, set against no rows."""
    present = tables.read(_named(mine or theirs)).frame
    present = present.select([column(name).cast(dtype) for name, dtype in whole.columns.items()])
    nothing = whole.columns.to_frame().lazy()
    return replace(whole, old=present if mine else nothing, new=nothing if mine else present, held=False)


def _differing(old: Sequence[SideFile], new: Sequence[SideFile]) -> tuple[list[SideFile], list[SideFile]]:
    """Files of either side without those whose content, under whatever path, the other side has too."""
    return _without(old, new), _without(new, old)


def _without(files: Sequence[SideFile], others: Sequence[SideFile]) -> list[SideFile]:
    there = Counter(file.hash for file in others)
    left = []
    for file in files:
        there[file.hash] -= 1
        if there[file.hash] < 0:
            left.append(file)
    return left


def _size(files: Sequence[SideFile]) -> int:
    """Bytes that tables take in memory, roughly."""
    return sum(file.size * (_GROWTH if kind(file.path) in (*PARQUET, *ARROW) else 2) for file in files)


def _pictures(side: Side) -> bool:
    pictures = sum(images.is_image(file.path) for file in side.files)
    return pictures > 0 and pictures * 2 >= len(side.files)


def _images(side: Side) -> ImagesProfile:
    files = [file for file in side.files if images.is_image(file.path)]
    return images.images_profile(_named(files), [file.size for file in files])


def _named(files: Sequence[SideFile]) -> list[tuple[str, Path]]:
    return [(file.path, file.real) for file in files]
