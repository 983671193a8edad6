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

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        """One curve after another, since each may be begun anew by itself; results without a curve at the end."""
        plots = source.path / "plots" / "metrics"
        for path in source.files:
            if path.suffix != ".tsv":
                continue
            metrics, key = Metrics(), path.relative_to(plots).with_suffix("").as_posix()
            try:
                table, anew = tables.grown(path, at.setdefault(key, {}))
            except Unreadable:  # no row yet
                continue
            _points(table, key, metrics)
            yield ForeignRun(name=source.label, metrics=metrics.series()), anew
        settings = source.path / _PARAMS
        params = flat(yaml_object(settings)) if settings in source.files else {}
        results = Metrics()
        if last and source.path / _SUMMARY in source.files:
            summary = json_object(source.path / _SUMMARY)
            told = {name: value for name, value in flat(summary).items() if name.replace(".", "/") not in at}
            _results(told, results)
        yield ForeignRun(name=source.label, params=params, metrics=results.series()), False

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
    table = tables.read(path)
    _points(table, key, metrics)
    return tables.problems(path, table)


def _points(table: tables.Table, key: str, metrics: Metrics) -> None:
    """The column of values is called by the last part of the metric's path."""
    name = next((name for name in reversed(table.header) if name not in ("step", "timestamp")), "")
    one = Metrics()
    tables.take(table, one, "step")
    series = one.series().get(name)
    if series is not None:
        metrics.extend(key, series.values, series.steps, series.times)


def _results(summary: dict[str, Any], metrics: Metrics) -> None:
    """Values that were set as results and have no curve."""
    for key, value in flat(summary).items():
        known = number(value)
        if known is not None and key != "step" and key.replace(".", "/") not in metrics:
            metrics.add(key.replace(".", "/"), known)
