"""MLflow's file store: `mlruns/<experiment>/<run>/{meta.yaml,params/K,metrics/K,tags/K,artifacts/}`.

A line of a metric is `milliseconds value step`, with the name and digest of a dataset behind it where there is one.
`artifact_uri` is an absolute place that a moved store no longer has: artifacts are looked for where the run is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lab.domain.imports import Unread
from lab.domain.runs import Param, RunStatus
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import rest, text, tree, yaml_object
from lab.experiments.readers.values import PARAMS_MAX, milliseconds, word

#: Of mlflow/entities/run_status.py, by number and by name.
STATUS = {
    1: RunStatus.RUNNING, 2: RunStatus.RUNNING, 3: RunStatus.FINISHED, 4: RunStatus.FAILED, 5: RunStatus.STOPPED,
    "RUNNING": RunStatus.RUNNING, "SCHEDULED": RunStatus.RUNNING, "FINISHED": RunStatus.FINISHED,
    "FAILED": RunStatus.FAILED, "KILLED": RunStatus.STOPPED,
}  # fmt: skip
_VALUE_MAX = 1 << 20  # bytes of one parameter or tag
_PORTION = 16 << 20  # bytes of a metric that are taken at a time


class MlflowFiles:
    tool = "mlflow"

    def find(self, folder: Folder) -> Found:
        if "meta.yaml" not in folder.files or not folder.folders & {"metrics", "params", "tags", "artifacts"}:
            return Found()
        meta = yaml_object(folder.path / "meta.yaml")
        if not (meta.get("run_id") or meta.get("run_uuid")):
            return Found()
        if meta.get("lifecycle_stage") == "deleted":
            return Found(whole=True)
        values = [path for name in ("metrics", "params", "tags") for path in tree(folder.path / name)]
        files = (folder.path / "meta.yaml", *values)
        return Found((Source(self.tool, folder.path, files, folder.label),), whole=True)

    def read(self, source: Source) -> Iterator[ForeignRun]:
        yield _run(source, {})

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        yield _run(source, at), False


def _run(source: Source, at: dict[str, Any]) -> ForeignRun:
    root = source.path
    meta = yaml_object(root / "meta.yaml")
    problems: list[Unread] = []
    tags = _words(root / "tags", problems)
    metrics = _metrics(root / "metrics", problems, at)
    params: dict[str, Param] = {key: word(value) for key, value in _words(root / "params", problems).items()}
    status = meta.get("status")
    started, ended = milliseconds(meta.get("start_time")), milliseconds(meta.get("end_time"))
    return ForeignRun(
        name=str(meta.get("run_name") or tags.get("mlflow.runName") or ""),
        uid=str(meta.get("run_id") or meta.get("run_uuid") or ""),
        group=_experiment(root.parent),
        status=STATUS.get(status) if isinstance(status, int | str) else None,
        params=params,
        tags=tags_of(tags),
        metrics=metrics.series(),
        artifacts=tree(root / "artifacts", 10_000),
        notes=tags.get("mlflow.note.content", ""),
        started=started,
        ended=ended,
        problems=tuple(problems),
    )


def tags_of(tags: dict[str, str]) -> tuple[str, ...]:
    """The user's own tags as `name=value`; MLflow's are left out."""
    return tuple(f"{key}={value}" if value else key for key, value in tags.items() if not key.startswith("mlflow."))


def _experiment(folder: Path) -> str:
    try:
        return str(yaml_object(folder / "meta.yaml").get("name") or "")
    except Unreadable:  # a run without its experiment is still a run
        return ""


def _words(folder: Path, problems: list[Unread]) -> dict[str, str]:
    """Text of each file below `folder` by its path, which is its name."""
    found = {}
    for path in tree(folder, PARAMS_MAX):
        try:
            found[path.relative_to(folder).as_posix()] = text(path, _VALUE_MAX)
        except Unreadable as error:
            problems.append(Unread(str(path), str(error)))
    return found


def _metrics(folder: Path, problems: list[Unread], at: dict[str, Any]) -> Metrics:
    """What came since `at`, by metric the bytes that were read of it; it is moved on."""
    metrics = Metrics()
    for path in tree(folder):
        key = path.relative_to(folder).as_posix()
        bad = 0
        try:
            while whole := (data := rest(path, at.get(key, 0), _PORTION)).rfind(b"\n") + 1:
                bad += _take(data, key, metrics)
                at[key] = at.get(key, 0) + whole
        except Unreadable as error:
            problems.append(Unread(str(path), str(error)))
            continue
        if bad:
            problems.append(Unread(str(path), f"{bad} lines are not 'time value step'"))
    return metrics


def _take(data: bytes, key: str, metrics: Metrics) -> int:
    """Add all lines of one metric; the number of those that are none. An unfinished last line is left for later."""
    data = data[: data.rfind(b"\n") + 1]
    words = data.split()
    lines = data.count(b"\n")
    # All at once where every line has three words; spaces beside line breaks tell.
    if len(words) == 3 * lines and data.count(b" ") == 2 * lines:
        try:
            numbers = np.fromiter(map(float, words), np.float64, len(words))
            metrics.extend(key, numbers[1::3], numbers[2::3], numbers[::3] / 1000)
            return 0
        except ValueError:
            pass
    bad = 0
    for line in data.splitlines():
        parts = line.split()
        if not parts:
            continue
        try:
            time, value, step = float(parts[0]), float(parts[1]), float(parts[2]) if len(parts) > 2 else 0.0
        except (ValueError, IndexError):
            bad += 1
            continue
        metrics.add(key, value, step, time / 1000)
    return bad
