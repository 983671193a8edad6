"""Datasets and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    name: str
    type: str


@dataclass(frozen=True)
class DatasetVersion:
    """An immutable snapshot; `id` is the hash of its manifest, `b3:` and 64 hex digits.

    `rows` and `columns` are known where all its files are tables of one schema, `None` and `()` otherwise.
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

    @property
    def label(self) -> str:
        return f"v{self.number}"


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
