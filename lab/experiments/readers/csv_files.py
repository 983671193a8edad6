"""Tables of metrics that stand in a folder by themselves: Lightning's CSVLogger, Ultralytics, and plain CSV.

All three are rows under a header with a column of steps or epochs; they differ in what lies beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from lab.domain.imports import Unread
from lab.domain.runs import Param
from lab.experiments.readers import tables
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import tree, yaml_object
from lab.experiments.readers.values import flat

_ENDS = (".csv", ".tsv")
_LOOKED_AT = 200  # tables of one folder: where there are more, they are data


class Lightning:
    """`version_N/{metrics.csv,hparams.yaml}` of the CSVLogger."""

    tool = "lightning"

    def find(self, folder: Folder) -> Found:
        if not {"metrics.csv", "hparams.yaml"} <= folder.files:
            return Found()
        files = (folder.path / "metrics.csv", folder.path / "hparams.yaml")
        return Found((Source(self.tool, folder.path, files, folder.label),))

    def read(self, source: Source) -> Iterator[ForeignRun]:
        yield _run(source, source.files[0], source.files[1], tree(source.path / "checkpoints", 10_000))

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        yield _grown(source, source.files[0], source.files[1], at)


class Ultralytics:
    """`runs/<task>/<name>/{results.csv,args.yaml,weights/}` of YOLO trainings."""

    tool = "ultralytics"

    def find(self, folder: Folder) -> Found:
        if not {"results.csv", "args.yaml"} <= folder.files:
            return Found()
        files = (folder.path / "results.csv", folder.path / "args.yaml")
        return Found((Source(self.tool, folder.path, files, folder.label),))

    def read(self, source: Source) -> Iterator[ForeignRun]:
        yield _run(source, source.files[0], source.files[1], tree(source.path / "weights", 10_000))

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        yield _grown(source, source.files[0], source.files[1], at)


class PlainCsv:
    """Any table whose header has a column of steps or epochs that does not fall, and a column of numbers."""

    tool = "csv"

    def find(self, folder: Folder) -> Found:
        known = {"metrics.csv"} if "hparams.yaml" in folder.files else set()
        known |= {"results.csv"} if "args.yaml" in folder.files else set()
        names = sorted(name for name in folder.files - known if name.endswith(_ENDS))
        found = []
        for path in (folder.path / name for name in names[:_LOOKED_AT]):
            columns = tables.header(path)
            if len(columns) > 1 and set(columns) & set(tables.STEPS):
                label = folder.label if folder.alone else f"{folder.label}/{path.stem}"
                found.append(Source(self.tool, path, (path,), label))
        return Found(tuple(found))

    def read(self, source: Source) -> Iterator[ForeignRun]:
        run = _run(source, source.path, None)
        steps = [step for series in run.metrics.values() for step in series.steps[:1]]
        if steps and all(_rises(series.steps) for series in run.metrics.values()):
            yield run

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        yield _grown(source, source.path, None, at)


def _run(source: Source, path: Path, settings: Path | None, artifacts: tuple[Path, ...] = ()) -> ForeignRun:
    return _of(source, path, tables.read(path), settings, artifacts)


def _grown(source: Source, path: Path, settings: Path | None, at: dict[str, Any]) -> tuple[ForeignRun, bool]:
    table, anew = tables.grown(path, at)
    return _of(source, path, table, settings), anew


def _of(
    source: Source, path: Path, table: tables.Table, settings: Path | None, artifacts: tuple[Path, ...] = ()
) -> ForeignRun:
    metrics = Metrics()
    step = next((name for name in tables.STEPS if name in table.header), "")
    tables.take(table, metrics, step)
    problems = list(tables.problems(path, table))
    params: dict[str, Param] = {}
    if settings is not None:
        try:
            params = flat(yaml_object(settings))
        except Unreadable as error:
            problems.append(Unread(str(settings), str(error)))
    started, ended = metrics.span()
    return ForeignRun(
        name=source.label,
        params=params,
        metrics=metrics.series(),
        artifacts=artifacts,
        started=started,
        ended=ended,
        problems=tuple(problems),
    )


def _rises(steps: Sequence[float]) -> bool:
    """Whether steps never fall: a table of data may well have a column called `step`."""
    return all(not later < earlier for earlier, later in pairwise(steps))
