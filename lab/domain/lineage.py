"""What came of what: dataset versions, the runs that saw them, the models of those runs, the deployments of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from lab.dataclass import dataclass
from lab.domain.datasets import DatasetVersion
from lab.domain.deployments import Deployment
from lab.domain.models import ModelVersion
from lab.domain.runs import Run


@dataclass(frozen=True)
class TreeFile:
    """A file of a dataset version or of a code tree: `digest` is the hash of its content, `size` in bytes."""

    path: str
    digest: str
    size: int


@dataclass(frozen=True)
class CodeTree:
    """The code of a run: `tree` is the id of its manifest, `commit` what git had checked out, "" where it knows none,
    and `dirty` whether the tree differs from that. `partial` tells that files were left out for their size."""

    tree: str
    run: str
    files: int
    bytes: int
    commit: str = ""
    dirty: bool = False
    partial: bool = False


@dataclass(frozen=True)
class Lineage:
    """All that has to do with one content: `versions` hold it, and each further kind follows from the one before.

    `data` is what is asked about, in words; `unknown` are names of dataset versions that a run saw and that are not in
    this lab any more. Where it was asked what a run, model or deployment saw, `code` are the trees of its runs, and
    `files` the first files of each manifest by its id. `purged` are the ids of runs of which only this is left.
    """

    data: str
    versions: Sequence[DatasetVersion]
    runs: Sequence[Run]
    models: Sequence[ModelVersion]
    deployments: Sequence[Deployment]
    unknown: Sequence[str] = ()
    code: Sequence[CodeTree] = ()
    files: Mapping[str, Sequence[TreeFile]] = field(default_factory=dict)
    purged: frozenset[str] = frozenset()
