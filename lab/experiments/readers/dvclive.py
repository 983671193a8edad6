"""DVCLive: `plots/metrics/<path>.tsv` with one row a step, `metrics.json` with the last values, `params.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.domain.imports import Unread
from lab.domain.runs import Param
from lab.experiments.readers import tables
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import json_object, tree, yaml_object
from lab.experiments.readers.values import flat, number

_SUMMARY, _PARAMS = "metrics.json", "params.yaml"


class DvcLive:
    tool = "dvclive"

    def find(self, folder: Folder) -> Found:
        plots = folder.path / "plots" / "metrics"
        if "plots" not in folder.folders or plots.is_symlink() or not plots.is_dir():
            return Found()
        curves = tuple(path for path in tree(plots) if path.suffix == ".tsv")
        beside = tuple(folder.path / name for name in (_SUMMARY, _PARAMS) if name in folder.files)
        if not curves and _SUMMARY not in folder.files:
            return Found()
        return Found((Source(self.tool, folder.path, (*curves, *beside), folder.label),), whole=True)

    def read(self, source: Source) -> Iterator[ForeignRun]:
        metrics = Metrics()
        problems: list[Unread] = []
        params: dict[str, Param] = {}
        plots = source.path / "plots" / "metrics"
        summary: dict[str, Any] = {}
        for path in source.files:
            try:
                if path.name == _PARAMS and path.parent == source.path:
                    params = flat(yaml_object(path))
                elif path.name == _SUMMARY and path.parent == source.path:
                    summary = json_object(path)
                else:
                    problems += _curve(path, path.relative_to(plots).with_suffix("").as_posix(), metrics)
            except Unreadable as error:
                problems.append(Unread(str(path), str(error)))
        _results(summary, metrics)
        yield ForeignRun(
            name=source.label,
            params=params,
            metrics=metrics.series(),
            artifacts=(*tree(source.path / "artifacts", 10_000), *tree(source.path / "plots" / "images", 10_000)),
            problems=tuple(problems),
        )


def _curve(path: Path, key: str, metrics: Metrics) -> tuple[Unread, ...]:
    """The column of values is called by the last part of the metric's path."""
    table = tables.read(path)
    name = next((name for name in reversed(table.header) if name not in ("step", "timestamp")), "")
    one = Metrics()
    tables.take(table, one, "step")
    series = one.series().get(name)
    if series is not None:
        metrics.extend(key, series.values, series.steps, series.times)
    return tables.problems(path, table)


def _results(summary: dict[str, Any], metrics: Metrics) -> None:
    """Values that were set as results and have no curve."""
    for key, value in flat(summary).items():
        known = number(value)
        if known is not None and key != "step" and key.replace(".", "/") not in metrics:
            metrics.add(key.replace(".", "/"), known)
