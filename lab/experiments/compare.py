"""Runs side by side: what differs, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.domain.compare import Comparison, Row, Value
from lab.domain.directions import Direction
from lab.domain.runs import Run
from lab.domain.seeds import group
from lab.domain.verdicts import judge


def compare(runs: Sequence[Run], baseline: str, better: Mapping[str, Direction] | None = None) -> Comparison:
    """All params, metrics (last values), datasets and environment facts of `runs`, each marked if it differs; their
    seed groups, and a verdict on each metric against the baseline's group.

    `better` says of metrics whether higher or lower is better, where the name does not or is wrong.
    """
    groups = group(list({run.id: run for run in runs}.values()))
    base = next((at for at, one in enumerate(groups) if baseline in one.ids), 0)
    metrics = sorted({name for run in runs for name in run.metrics})
    return Comparison(
        runs=tuple(runs),
        baseline=baseline,
        params=_rows(runs, lambda run: run.params),
        metrics=_rows(runs, lambda run: {name: summary.last for name, summary in run.metrics.items()}),
        datasets=_rows(runs, lambda run: run.datasets),
        environment=_rows(runs, _environment),
        code_same=len({run.code for run in runs}) == 1,
        groups=groups,
        verdicts=judge(groups, base, metrics, better),
    )


def _environment(run: Run) -> dict[str, Value]:
    return {"engine": run.engine, "image": run.image, "seed": run.seed, "entry": run.entry, "code": run.code}


def _rows(runs: Sequence[Run], values_of: Callable[[Run], Mapping[str, Any]]) -> tuple[Row, ...]:
    columns = [values_of(run) for run in runs]
    keys = sorted({key for column in columns for key in column})
    return tuple(_row(key, tuple(column.get(key) for column in columns)) for key in keys)


def _row(key: str, values: tuple[Value, ...]) -> Row:
    # By repr: a NaN differs from no other NaN, and 1 is not the same parameter as 1.0 or True.
    return Row(key, values, len({repr(value) for value in values}) > 1)
