"""The registry's nouns: models, versions, aliases, and what a version promises about input and output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from lab.dataclass import dataclass

CHAMPION = "champion"


@dataclass(frozen=True)
class ModelVersion:
    """Immutable files with their provenance; `manifest` names the files in the store.

    `signature` is `signature.json` as the run wrote it: inputs (name, dtype), task, classes.
    """

    model: str
    number: int
    manifest: str
    framework: str
    run: str
    project: str
    created: float
    bytes: int
    signature: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.model}:{self.label}"

    @property
    def label(self) -> str:
        return f"v{self.number}"


@dataclass(frozen=True)
class Model:
    """A name in the registry; `aliases` maps such as `champion` to a version number."""

    name: str
    latest: ModelVersion
    versions: int
    aliases: Mapping[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.name
