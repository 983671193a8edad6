"""Runs side by side."""

from __future__ import annotations

from dataclasses import dataclass

from lab.domain.runs import Run

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Row:
    """One key with a value per run, in the order of the runs; `None` where a run has none."""

    key: str
    values: tuple[Value, ...]
    differs: bool


@dataclass(frozen=True)
class Comparison:
    """What is the same and what differs between runs; `baseline` is the id that the others are measured against."""

    runs: tuple[Run, ...]
    baseline: str
    params: tuple[Row, ...]
    metrics: tuple[Row, ...]
    datasets: tuple[Row, ...]
    environment: tuple[Row, ...]
    code_same: bool
