"""What two runs left behind, set against each other file by file: text as a diff, the rest by size and hash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from blake3 import blake3

from lab.domain.changes import DiffLine
from lab.domain.files import BYTES, PICTURE, TEXT, TYPED, ArtifactChange, ArtifactChanges
from lab.experiments.artifacts import CONFUSION, PREDICTIONS, Artifact, named
from lab.experiments.changes import LARGEST_FILE, MOST_LINES, unified

PICTURES = (".png", ".jpg", ".jpeg")

#: Beyond so many bytes a file is only told by its size.
_HASHED = 1 << 30
_MOST_FILES = 500
_BEGINNING = 8192


def compare_files(old: Sequence[Artifact], new: Sequence[Artifact]) -> ArtifactChanges:
    """Files by path; at most 500 that differ, and 4,000 lines of diffs in all."""
    before, after = ({one.path: one for one in files} for files in (old, new))
    typed = {*_typed(old), *_typed(new)}
    changed: list[ArtifactChange] = []
    same, lines = 0, MOST_LINES
    for path in sorted({*before, *after}):
        if len(changed) == _MOST_FILES:
            break
        found = _change(path, before.get(path), after.get(path), path in typed)
        if found is None:
            same += 1
            continue
        if found.kind == TEXT and found.in_both and lines:
            found = replace(found, diff=tuple(islice(_diff(before[path], after[path]), lines)))
            lines -= len(found.diff)
        changed.append(found)
    return ArtifactChanges(tuple(changed), same)


def _typed(files: Sequence[Artifact]) -> Iterator[str]:
    """Files that Lab compares by what they mean."""
    yield from named(files, "predictions", PREDICTIONS)
    yield from named(files, "confusion", CONFUSION)


def _change(path: str, old: Artifact | None, new: Artifact | None, typed: bool) -> ArtifactChange | None:
    """None for a file that is the same."""
    before, after = _hash(old), _hash(new)
    if old and new and old.size == new.size and before == after and before:
        return None
    kind = TYPED if typed else PICTURE if path.lower().endswith(PICTURES) else BYTES
    note = ""
    if kind is BYTES and all(_is_text(one) for one in (old, new) if one):
        kind = TEXT
        if any(one.size > LARGEST_FILE for one in (old, new) if one):
            kind, note = BYTES, "too large to show line by line"
    if (old and not before) or (new and not after):
        note = "too large to read, or gone"
    sizes = old.size if old else None, new.size if new else None
    return ArtifactChange(path, kind, *sizes, before, after, note=note)


def _hash(file: Artifact | None) -> str:
    if file is None or file.size > _HASHED:
        return ""
    try:
        return blake3(max_threads=1).update_mmap(file.real).hexdigest()
    except OSError:  # a run that is still going may take its file away
        return ""


def _is_text(file: Artifact) -> bool:
    beginning = _beginning(file.real)
    if beginning is None or b"\0" in beginning:
        return False
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        return error.start >= _BEGINNING - 3  # a character that the cut went through
    return True


def _beginning(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING)
    except OSError:
        return None


def _diff(old: Artifact, new: Artifact) -> Iterator[DiffLine]:
    try:
        before, after = (one.real.read_text("utf-8", "replace").splitlines() for one in (old, new))
    except OSError as error:
        yield DiffLine("note", f"cannot be read: {error.strerror}")
        return
    yield from unified(before, after)
