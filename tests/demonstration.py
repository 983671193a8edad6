"""A lab after a whole demonstration, as the fixtures of tests/integration/pipelines give it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.domain.demo import DemoReport, DemoStep
from lab.workspace import Workspace


@dataclass(frozen=True)
class Shown:
    """A lab after a whole demonstration."""

    ws: Workspace
    report: DemoReport
    told: tuple[DemoStep, ...]
