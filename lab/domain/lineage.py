"""What came of what: dataset versions, the runs that saw them, the models of those runs, the deployments of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.domain.datasets import DatasetVersion
from lab.domain.deployments import Deployment
from lab.domain.models import ModelVersion
from lab.domain.runs import Run


@dataclass(frozen=True)
class Lineage:
    """All that has to do with one content: `versions` hold it, and each further kind follows from the one before.

    `data` is what is asked about, in words; `unknown` are names of dataset versions that a run saw and that are not in
    this lab any more.
    """

    data: str
    versions: Sequence[DatasetVersion]
    runs: Sequence[Run]
    models: Sequence[ModelVersion]
    deployments: Sequence[Deployment]
    unknown: Sequence[str] = ()
