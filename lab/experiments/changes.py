"""What changed from one run to another: parameters, data, code, environment, and the metrics beside them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from lab.catalog import datasets as catalog_datasets
from lab.catalog.reader import Reader
from lab.domain.changes import (
    ADDED,
    CHANGED,
    REMOVED,
    Changes,
    CodeChange,
    DataChange,
    DiffLine,
    ValueChange,
    metric_changes,
)
from lab.domain.datasets import DatasetVersion
from lab.domain.diffs import FileChange
from lab.domain.runs import Param, Run, RunSpec
from lab.errors import IntegrityError, NotFoundError
from lab.paths import LabHome
from lab.stores import runfolder
from lab.stores.manifests import FileEntry, LinkEntry, ManifestStore
from lab.stores.objects import ObjectStore

#: The most that is shown as text.
MOST_FILES, MOST_LINES, LARGEST_FILE, LONGEST_LINE = 100, 4000, 1 << 20, 500
#: Where more line pairs than this would have to be looked at, all old lines are told as gone and all new ones as come.
_MOST_WORK = 4_000_000
_CONTEXT = 3


def changes(home: LabHome, catalog: Reader, run: Run, parent: Run | None) -> Changes:
    """All but the text of the code; see `code_diff`. What the lab has lost is told, never an error."""
    if parent is None:
        return Changes(run, None)
    old, new = _spec(home, parent), _spec(home, run)
    found = Changes(
        run,
        parent,
        params=_values({**parent.params, **_seed(parent)}, {**run.params, **_seed(run)}),
        data=_data(catalog, parent, run),
        code=_code(home, parent, run, old, new),
        environment=_values(_environment(home, parent, old), _environment(home, run, new)),
        packages=_values(*_packages(home, parent, run)),
        metrics=metric_changes(parent, run),
    )
    if found.nothing or found.only_seed:  # one run on either side: what moved between them is chance
        return replace(found, metrics=tuple(replace(one, better=None) for one in found.metrics))
    return found


def _spec(home: LabHome, run: Run) -> RunSpec | None:
    try:
        return runfolder.read_spec(home.run(run.id))
    except (NotFoundError, IntegrityError):  # the index knows the most of it
        return None


def _seed(run: Run) -> dict[str, Param]:
    return {} if "seed" in run.params else {"seed": run.seed}


def _values(old: Mapping[str, Param], new: Mapping[str, Param]) -> tuple[ValueChange, ...]:
    found = []
    for name in dict.fromkeys((*new, *old)):
        if name not in old:
            found.append(ValueChange(name, ADDED, None, new[name]))
        elif name not in new:
            found.append(ValueChange(name, REMOVED, old[name], None))
        elif repr(old[name]) != repr(new[name]):  # NaN is NaN, and 1 is not 1.0
            found.append(ValueChange(name, CHANGED, old[name], new[name]))
    return tuple(found)


def _environment(home: LabHome, run: Run, spec: RunSpec | None) -> dict[str, Param]:
    record, _ = runfolder.read_exit(home.run(run.id))
    facts = {
        "engine": run.engine,
        "image": run.image,
        "digest": spec.environment if spec else "",
        "python": record.python if record else "",
    }
    return {name: value for name, value in facts.items() if value}


def _packages(home: LabHome, parent: Run, run: Run) -> tuple[Mapping[str, Param], Mapping[str, Param]]:
    """Of both runs, or of none: what one does not tell has not changed."""
    old, new = (runfolder.read_exit(home.run(one.id))[0] for one in (parent, run))
    return (old.packages, new.packages) if old and new and old.packages and new.packages else ({}, {})


def _data(catalog: Reader, parent: Run, run: Run) -> tuple[DataChange, ...]:
    names = dict.fromkeys((*run.datasets, *parent.datasets))
    moved = [name for name in names if parent.datasets.get(name) != run.datasets.get(name)]
    found = []
    for name in moved:
        labels = parent.datasets.get(name, ""), run.datasets.get(name, "")
        known = {one.label: one for one in catalog_datasets.versions(catalog, run.project, name)}
        old, new = (known.get(label) for label in labels)
        found.append(DataChange(name, *labels, *_facts("rows", old, new), *_facts("bytes", old, new)))
    return tuple(found)


def _facts(name: str, *versions: DatasetVersion | None) -> tuple[int | None, ...]:
    return tuple(None if one is None else getattr(one, name) for one in versions)


def _code(home: LabHome, parent: Run, run: Run, old: RunSpec | None, new: RunSpec | None) -> CodeChange:
    commits = (old.code.commit if old else "", new.code.commit if new else "")
    partial = any(spec is not None and spec.code.skipped for spec in (old, new))
    if parent.code == run.code:
        return CodeChange(True, commits=commits, partial=partial)
    manifests = ManifestStore(home)
    try:
        before, after = (_files(manifests, one.code) for one in (parent, run))
    except (NotFoundError, IntegrityError) as error:
        return CodeChange(False, commits=commits, partial=partial, note=error.message)
    paths = sorted({*before, *after})
    sizes = {path: FileChange(path, before.get(path, ("", 0))[1], after.get(path, ("", 0))[1]) for path in paths}
    return CodeChange(
        False,
        added=tuple(sizes[path] for path in paths if path not in before),
        removed=tuple(sizes[path] for path in paths if path not in after),
        changed=tuple(
            sizes[path] for path in paths if path in before and path in after and before[path] != after[path]
        ),
        hashes={
            path: (before.get(path, ("", 0))[0], after.get(path, ("", 0))[0])
            for path in paths
            if before.get(path) != after.get(path)
        },
        commits=commits,
        partial=partial,
    )


def _files(manifests: ManifestStore, tree: str) -> dict[str, tuple[str, int]]:
    """Path to (what the content is, bytes) for files and links."""
    found = {}
    for entry in manifests.read(tree).entries:
        if isinstance(entry, FileEntry):
            found[entry.path] = (entry.hash + ("x" if entry.executable else ""), entry.size)
        elif isinstance(entry, LinkEntry):
            found[entry.path] = (f"-> {entry.target}", 0)
    return found


def code_diff(home: LabHome, changed: Changes) -> tuple[DiffLine, ...]:
    """A unified diff of the files that changed, at most MOST_LINES lines of MOST_FILES files."""
    lines = list(islice(_diff(home, changed.code), MOST_LINES + 1))
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [DiffLine("note", f"only the first {MOST_LINES:,} lines are shown")]
    return tuple(lines)


def _diff(home: LabHome, code: CodeChange) -> Iterator[DiffLine]:
    if code.note:
        yield DiffLine("note", code.note)
    objects = ObjectStore(home)
    files = sorted((*code.added, *code.removed, *code.changed), key=lambda one: one.path)
    for file in files[:MOST_FILES]:
        yield DiffLine("file", file.path)
        yield from _file(objects, file, *code.hashes[file.path])
    if len(files) > MOST_FILES:
        yield DiffLine("note", f"and {len(files) - MOST_FILES:,} more files")


def _file(objects: ObjectStore, file: FileChange, old: str, new: str) -> Iterator[DiffLine]:
    if old.startswith("->") or new.startswith("->"):
        yield from (DiffLine(sign, text) for sign, text in (("-", old), ("+", new)) if text)
        return
    if old.rstrip("x") == new.rstrip("x"):
        yield DiffLine("note", "is executable now" if new.endswith("x") else "is not executable any more")
        return
    if max(file.old_size, file.new_size) > LARGEST_FILE:
        yield DiffLine("note", f"too large to show: {file.old_size:,} bytes before, {file.new_size:,} now")
        return
    try:
        before, after = (_text(objects, digest.rstrip("x")) for digest in (old, new))
    except (IntegrityError, OSError):
        yield DiffLine("note", "its content is not in the store any more")
        return
    if before is None or after is None:
        yield DiffLine("note", f"no text: {file.old_size:,} bytes before, {file.new_size:,} now")
        return
    yield from unified(before, after)


def _text(objects: ObjectStore, digest: str) -> list[str] | None:
    """The lines of an object, None for what is no text."""
    if not digest:
        return []
    data = objects.whole(digest).read_bytes()
    return None if b"\0" in data else data.decode("utf-8", "replace").splitlines()


def unified(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffLine]:
    """What differs between two lists of lines, with three lines around it; long lines are cut."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    if (len(old) - start - end) * (len(new) - start - end) > _MOST_WORK:
        yield DiffLine("hunk", f"@@ from line {start + 1}: all of it is another @@")
        yield from (DiffLine("-", text[:LONGEST_LINE]) for text in old[start : len(old) - end])
        yield from (DiffLine("+", text[:LONGEST_LINE]) for text in new[start : len(new) - end])
        return
    # The equal ends are left to the matcher no further than its context needs them.
    skipped = max(0, start - _CONTEXT)
    rest = max(0, end - _CONTEXT)
    first, second = old[skipped : len(old) - rest], new[skipped : len(new) - rest]
    for group in difflib.SequenceMatcher(None, first, second).get_grouped_opcodes(_CONTEXT):
        old_from, new_from = group[0][1] + skipped, group[0][3] + skipped
        old_to, new_to = group[-1][2] + skipped, group[-1][4] + skipped
        yield DiffLine("hunk", f"@@ -{_span(old_from, old_to)} +{_span(new_from, new_to)} @@")
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from (DiffLine(" ", text[:LONGEST_LINE]) for text in first[a:b])
                continue
            yield from (DiffLine("-", text[:LONGEST_LINE]) for text in first[a:b])
            yield from (DiffLine("+", text[:LONGEST_LINE]) for text in second[c:d])


def _span(start: int, stop: int) -> str:
    """Lines as a unified diff counts them: from 1, and from the line before where there are none."""
    return f"{start + (stop > start)},{stop - start}"
