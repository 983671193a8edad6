"""One run of another tool becomes a run of this lab: its folder, its history, and the journal's word on it.

A source that has grown is told again by events that revise the earlier ones. The folder's `origin.json` is written
last, so that a kill in between only repeats work.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.catalog import histories
from lab.dataclass import dataclass
from lab.domain.imports import Imported, Outcome
from lab.domain.names import run_name
from lab.domain.numbers import encode_float, jsonable
from lab.domain.runs import ENGINE, IMPORTED, MetricSummary, Param, RunStatus
from lab.domain.text import clean
from lab.events import RUN_CREATED, RUN_ENDED, RUN_NOTED, RUN_STARTED, RUN_TAGGED
from lab.experiments.readers.base import ForeignRun, Series, Source, Unreadable
from lab.experiments.readers.files import opened
from lab.journal import Journal
from lab.paths import LabHome, RunFolder
from lab.stores.durable import write_json

_NAME_MAX, _KEY_MAX, _TAG_MAX, _NOTES_MAX = 120, 300, 120, 20_000
_TAGS_MAX = 50
_LOG_MAX = 1 << 30  # bytes of what a run printed that are kept
_ALPHABET = "abcdefghjkmnpqrstvwxyz0123456789"

#: Seconds without a write after which a source that says `running` is not believed, and after which one that never
#: says anything has ended.
STALE, QUIET = 600.0, 60.0


@dataclass(frozen=True)
class Fate:
    """How a run stands. `active` is when something was last heard of it, seconds since the epoch."""

    status: RunStatus
    cause: str
    active: float


def fate_of(run: ForeignRun, tool: str, written: float, now: float) -> Fate:
    """What to believe of a run whose files were last written at `written`.

    A copied folder looks freshly written, so of its files and what they tell the earlier time counts.
    """
    last = max((time for time in (_last(run), run.started) if time is not None), default=written)
    active = min(written, last)
    if run.status is None:
        if now - active < QUIET:
            return Fate(RunStatus.RUNNING, "", active)
        return Fate(RunStatus.FINISHED, f"imported: {tool} does not say how it ended", active)
    if run.status is not RunStatus.RUNNING:
        code = f" exit {run.exit_code}" if run.exit_code else ""
        return Fate(run.status, f"{run.status.value}{code}, says {tool}", active)
    if now - active < STALE:
        return Fate(RunStatus.RUNNING, "", active)
    told = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(active))
    return Fate(RunStatus.LOST, f"lost: {tool} says running, but has written nothing since {told}", active)


def _last(run: ForeignRun) -> float | None:
    times = [series.times[-1] for series in run.metrics.values() if len(series.times)]
    known = [time for time in times if math.isfinite(time)]
    return max(known) if known else None


def run_id(tool: str, uid: str, place: Path) -> str:
    """The same for the same run whenever it is imported: by its own id where it has one, else by where it is."""
    name = f"{tool}\0{uid or os.path.realpath(place)}"
    number = int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], "big")
    letters = [_ALPHABET[number % 22]]
    number //= 22
    for _ in range(9):
        letters.append(_ALPHABET[number % 32])
        number //= 32
    return "".join(letters)


class Intake:
    """Writes imported runs into the lab home."""

    def __init__(self, home: LabHome, journal: Journal) -> None:
        self._home = home
        self._journal = journal

    def take(
        self, run: ForeignRun, source: Source, fate: Fate, project: str, *, copy: bool, fixed: bool, dry: bool
    ) -> Imported:
        """Take one run in, or find that nothing about it is new. With `fixed` the project is changed to `project` also
        where it has one already; with `dry` nothing is written."""
        id = run_id(source.tool, run.uid, source.path)
        folder = self._home.run(id)
        metrics = _cleaned(run.metrics)
        params = {clean(str(key), _KEY_MAX): value for key, value in run.params.items()}
        origin = read_origin(folder)
        digest = _digest(run, metrics, params, fate)
        place = project if fixed or not origin else str(origin.get("project") or project)
        name = str(origin.get("name") or "") or clean(run.name or source.label, _NAME_MAX) or run_name(id)
        outcome = Outcome.NEW if not origin else Outcome.UPDATED
        if origin and origin.get("digest") == digest and origin.get("project") == place:
            outcome = Outcome.UNCHANGED
        if not dry and (outcome is not Outcome.UNCHANGED or (copy and not origin.get("copied"))):
            folder.root.mkdir(mode=0o755, parents=True, exist_ok=True)
            if copy:
                _copy_artifacts(run.artifacts, source.path, folder.artifacts)
            if outcome is not Outcome.UNCHANGED:
                _keep_log(run.log, folder.stdout)
                self._tell(run, source, fate, folder, name, place, metrics, params, fresh=not origin)
            write_json(
                folder.origin,
                {
                    "tool": source.tool,
                    "source": str(source.path),
                    "label": source.label,
                    "uid": run.uid,
                    "name": name,
                    "project": place,
                    "status": fate.status.value,
                    "active": fate.active,
                    "digest": digest,
                    "copied": copy or bool(origin.get("copied")),
                    "artifacts": [str(path) for path in run.artifacts],
                    "unread": [[item.path, item.reason] for item in run.problems],
                },
            )
        points = sum(len(series.values) for series in metrics.values())
        return Imported(
            id, name, place, source.tool, str(source.path), fate.status.value, outcome, len(metrics), points
        )

    def _tell(
        self,
        run: ForeignRun,
        source: Source,
        fate: Fate,
        folder: RunFolder,
        name: str,
        project: str,
        metrics: Mapping[str, Series],
        params: Mapping[str, Param],
        *,
        fresh: bool,
    ) -> None:
        """Write the history, then the events."""
        id = folder.root.name
        goes_on = fate.status is RunStatus.RUNNING
        summaries: dict[str, MetricSummary] = {} if goes_on else _settle(metrics, folder)
        if goes_on:
            _append(metrics, folder)
        seed = params.get("seed", 0)
        started = run.started if run.started is not None else fate.active
        body = {
            "name": name,
            "project": project,
            "entry": clean(run.group, _NAME_MAX) or source.tool,
            "engine": IMPORTED,
            "seed": seed if isinstance(seed, int) and 0 <= seed < 1 << 63 else 0,
            "params": jsonable(params),
            "datasets": {},
            "at": _moment(started),
            "revised": True,
        }
        self._journal.append(RUN_CREATED, id, body)
        if fresh:
            given = (clean(tag, _TAG_MAX) for tag in run.tags[:_TAGS_MAX])
            self._journal.append(RUN_TAGGED, id, {"tags": list(dict.fromkeys([IMPORTED, source.tool, *given]))})
            if run.notes:
                self._journal.append(RUN_NOTED, id, {"notes": run.notes[:_NOTES_MAX]})
            self._journal.append(RUN_STARTED, id, {"at": _moment(started)})
        if goes_on and fresh:
            return
        ended = run.ended if run.ended is not None else fate.active
        self._journal.append(
            RUN_ENDED,
            id,
            {
                "ending": fate.status.value,
                "cause": fate.cause,
                "exit_code": run.exit_code,
                "authority": ENGINE,
                "started": _moment(started),
                "ended": None if goes_on else _moment(max(ended, started)),
                "metrics": {key: jsonable(summary._asdict()) for key, summary in summaries.items()},
                "revised": True,
            },
        )


def read_origin(folder: RunFolder) -> dict[str, Any]:
    """What the import wrote of a run; {} for one that was not imported, or whose import was cut short."""
    try:
        value = json.loads(folder.origin.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _moment(value: float) -> float:
    """A time that the journal takes."""
    return min(max(value, 0.0), 253_402_300_799.0) if math.isfinite(value) else 0.0


def _cleaned(metrics: Mapping[str, Series]) -> dict[str, Series]:
    return {clean(key, _KEY_MAX) or "unnamed": series for key, series in metrics.items() if len(series.values)}


def _digest(run: ForeignRun, metrics: Mapping[str, Series], params: Mapping[str, Param], fate: Fate) -> str:
    told = [fate.status.value, run.exit_code, jsonable(params), run.notes, run.started, run.ended, len(run.artifacts)]
    told.append(run.log.stat().st_size if run.log is not None and run.log.is_file() else None)
    hashed = hashlib.blake2b(json.dumps(jsonable(told), default=str).encode("utf-8", "replace"), digest_size=16)
    for key in sorted(metrics):
        hashed.update(f"\0{key}\0".encode("utf-8", "replace"))
        for column in (metrics[key].steps, metrics[key].times, metrics[key].values):
            hashed.update(column.tobytes() if isinstance(column, array) else array("d", column).tobytes())
    return hashed.hexdigest()


def _settle(metrics: Mapping[str, Series], folder: RunFolder) -> dict[str, MetricSummary]:
    """Write the history of a run that has ended, whole, and sum it up."""
    whole = folder.root / "import.jsonl"
    try:
        with open(whole, "w", encoding="utf-8") as file:
            for key, series in metrics.items():
                file.writelines(_lines(key, series, 0))
        histories.write(whole, folder.metrics)
    finally:
        whole.unlink(missing_ok=True)
    folder.events.unlink(missing_ok=True)
    return {key: _summary(series) for key, series in metrics.items()}


def _summary(series: Series) -> MetricSummary:
    values = np.asarray(series.values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    last, step = float(values[-1]), float(series.steps[-1])
    step = step if math.isfinite(step) else float(len(values) - 1)
    if not len(finite):
        return MetricSummary(last, math.nan, math.nan, math.nan, len(values), step)
    low, high = float(finite.min()), float(finite.max())
    with np.errstate(over="ignore"):
        mean = min(max(float(finite.mean()), low), high)
    return MetricSummary(last, low, high, mean, len(values), step)


def _append(metrics: Mapping[str, Series], folder: RunFolder) -> None:
    """Add to the live history what it does not have yet: its readers go on from where they are."""
    folder.metrics.unlink(missing_ok=True)
    known = histories.summaries(folder.events)
    with open(folder.events, "a", encoding="utf-8") as file:
        for key, series in metrics.items():
            file.writelines(_lines(key, series, known[key].count if key in known else 0))


def _lines(key: str, series: Series, begin: int) -> Iterator[str]:
    """The values of one metric from the one at `begin` on, as lines of `events.jsonl`."""
    name = json.dumps(key)
    columns: Sequence[Sequence[float]] = (series.steps, series.times, series.values)
    for step, moment, value in zip(*(column[begin:] for column in columns), strict=True):
        number = repr(float(value)) if math.isfinite(value) else f'"{encode_float(value)}"'
        at = f'"s":{float(step)!r},' if math.isfinite(step) else ""
        clock = f'"t":{float(moment)!r},' if math.isfinite(moment) else ""
        yield f'{{{clock}{at}"m":{{{name}:{number}}}}}\n'


def _keep_log(log: Path | None, stdout: Path) -> None:
    """Copy what is new of a run's output; one that can no longer be read is left as it was."""
    if log is None or not log.is_file():
        return
    have = stdout.stat().st_size if stdout.exists() else 0
    try:
        with opened(log) as source, open(stdout, "ab") as target:
            if os.fstat(source.fileno()).st_size < have:
                target.truncate(0)
                have = 0
            source.seek(have)
            while have < _LOG_MAX and (data := source.read(1 << 20)):
                target.write(data)
                have += len(data)
    except Unreadable:
        return


def _copy_artifacts(artifacts: Sequence[Path], place: Path, folder: Path) -> None:
    """Copy files, by their place in the source, into `folder`. One that cannot be read is left out."""
    root = place if place.is_dir() else place.parent
    for path in artifacts:
        inside = path.relative_to(root) if root in path.parents else Path(path.name)
        target = folder / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with opened(path) as source, open(target, "wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
        except Unreadable:
            target.unlink(missing_ok=True)
