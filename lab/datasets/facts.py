"""Rows and columns of a new version: read from its files, or only from what came to those of the version before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lab.datasets import schema
from lab.domain.datasets import Column, DatasetVersion
from lab.errors import IntegrityError, NotFoundError
from lab.paths import LabHome
from lab.stores import trees
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Snapshot


def shape(home: LabHome, taken: Snapshot, before: DatasetVersion | None) -> tuple[int | None, Sequence[Column]]:
    """Rows and columns; None and nothing for what is no table."""
    table = _grown(home, taken, before) if before else None
    if table is None:
        root = trees.materialise(home, taken.id)
        table = schema.inspect([(entry.path, root / entry.path) for entry in taken.manifest.files])
    return (table.rows, table.columns) if table else (None, ())


def _grown(home: LabHome, taken: Snapshot, before: DatasetVersion) -> schema.Table | None:
    """Those of a lone file that is stored as its old content and a tail: only the tail is read."""
    if not taken.manifest.single or before.rows is None:
        return None
    objects = ObjectStore(home)
    (entry,) = taken.manifest.files
    try:
        old = objects.parts(ManifestStore(home).read(before.id).files[0].hash)
    except (NotFoundError, IntegrityError):  # the version before has been lost
        return None
    new = objects.parts(entry.hash)
    if new[:-1] != old:
        return None
    table = schema.Table(before.rows, before.columns)
    whole_lines = _ends_a_line(objects.path(old[-1][0]))
    return schema.grown(table, entry.path, objects.path(new[-1][0]), whole_lines=whole_lines)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
