"""Sacred's FileStorageObserver: `<base>/<id>/{run.json,config.json,metrics.json,cout.txt}`, artifacts beside."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from lab.domain.imports import Unread
from lab.domain.runs import RunStatus
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import json_object
from lab.experiments.readers.values import flat, number, when

_STATUS = {
    "COMPLETED": RunStatus.FINISHED,
    "RUNNING": RunStatus.RUNNING,
    "QUEUED": RunStatus.RUNNING,
    "FAILED": RunStatus.FAILED,
    "TIMEOUT": RunStatus.FAILED,
    "INTERRUPTED": RunStatus.STOPPED,  # by Ctrl-C
}
_OWN = ("run.json", "config.json", "metrics.json", "cout.txt", "info.json")


class Sacred:
    tool = "sacred"

    def find(self, folder: Folder) -> Found:
        if not {"run.json", "config.json"} <= folder.files:
            return Found()
        files = tuple(folder.path / name for name in _OWN if name in folder.files)
        return Found((Source(self.tool, folder.path, files, folder.label),), whole=True)

    def read(self, source: Source) -> Iterator[ForeignRun]:
        root = source.path
        run = json_object(root / "run.json")
        problems: list[Unread] = []
        config, logged = (_beside(source, name, problems) for name in ("config.json", "metrics.json"))
        experiment = run.get("experiment")
        named = str(experiment.get("name") or "") if isinstance(experiment, dict) else ""
        metrics = _metrics(logged)
        result = number(_plain(run.get("result")))
        if result is not None and "result" not in metrics:
            metrics.add("result", result)
        yield ForeignRun(
            name=f"{named or root.parent.name}-{root.name}",
            group=named,
            status=_STATUS.get(str(run.get("status"))),
            params=flat(config),
            metrics=metrics.series(),
            artifacts=tuple(root / name for name in _names(run.get("artifacts")) if (root / name).is_file()),
            log=root / "cout.txt",
            started=when(run.get("start_time")),
            ended=when(run.get("stop_time")) or when(run.get("heartbeat")),
            problems=tuple(problems),
        )


def _beside(source: Source, name: str, problems: list[Unread]) -> dict[str, Any]:
    path = source.path / name
    if path not in source.files:
        return {}
    try:
        return json_object(path)
    except Unreadable as error:
        problems.append(Unread(str(path), str(error)))
        return {}


def _metrics(logged: dict[str, Any]) -> Metrics:
    metrics = Metrics()
    for key, series in logged.items():
        if not isinstance(series, dict) or not isinstance(series.get("values"), list):
            continue
        columns = [series[name] if isinstance(series.get(name), list) else [] for name in ("steps", "timestamps")]
        for value, step, time in zip_longest(series["values"], *columns):
            known, at, clock = number(_plain(value)), number(step), when(time)
            if known is not None:
                metrics.add(key, known, math.nan if at is None else at, math.nan if clock is None else clock)
    return metrics


def _plain(value: object) -> object:
    """The number in what jsonpickle makes of a numpy scalar; anything else as it is."""
    return value.get("value") if isinstance(value, dict) else value


def _names(artifacts: object) -> list[str]:
    """Artifacts are files of the run's own folder; a path that leads elsewhere is none."""
    found = artifacts if isinstance(artifacts, list) else []
    names = [item.get("name") if isinstance(item, dict) else item for item in found]
    return [name for name in names if isinstance(name, str) and "/" not in name and name not in ("", ".", "..")]
