"""Where a run's metrics come from, and which of them count.

Three files of a run's folder hold some: what the script logged itself, what other tools wrote, what was found in the
output; see `lab.domain.collecting.counted`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lab.catalog import histories
from lab.domain.collecting import Collecting, counted
from lab.domain.runs import MetricSummary, Param
from lab.paths import RunFolder
from lab.stores import runfolder
from lab.stores.runfolder import EventTail


def settle(folder: RunFolder) -> dict[str, MetricSummary]:
    """Take in what is left, then write the whole history of a run that has ended. Raises LabError when it cannot be
    written."""
    collecting, params = runfolder.collecting_of(folder)
    if collecting.stdout:
        _finish_stdout(folder, collecting, params)
    found = [runfolder.summarise(path) for path in runfolder.files(folder)]
    kept = counted(found, collecting)
    used = [(path, names) for path, names in zip(runfolder.files(folder), kept, strict=True) if names]
    if not used:
        if folder.events.exists():
            histories.write(folder.events, folder.metrics)
        return {}
    if len(used) == 1 and len(used[0][1]) == len(found[runfolder.files(folder).index(used[0][0])]):
        histories.write(used[0][0], folder.metrics)
    else:
        _write_merged(folder, used)
    return {name: one[name] for one, names in zip(found, kept, strict=True) for name in one if name in names}


def _finish_stdout(folder: RunFolder, collecting: Collecting, params: Mapping[str, Param]) -> None:
    """What the run's entry point did not come to read: it was killed, or another engine's."""
    # Here and not above: most runs were read to their end by their entry point.
    from lab.runtime.printed import Patterns
    from lab.runtime.stdout_metrics import StdoutMetrics

    try:
        patterns = Patterns(collecting.patterns, collecting.ignore, params)
    except re.error:  # of a spec that somebody has edited
        return
    follower = StdoutMetrics(str(folder.root), patterns)
    try:
        follower.poll(last=True)
    except OSError:  # a full disk, or what the run put in the file's place: what was found before is kept
        return
    finally:
        follower.close()


def _write_merged(folder: RunFolder, used: Sequence[tuple[Path, frozenset[str]]]) -> None:
    whole = folder.root / ".merged.jsonl"
    try:
        with open(whole, "w", encoding="utf-8") as file:
            for path, names in used:
                file.writelines(_lines(path, names))
        histories.write(whole, folder.metrics)
    finally:
        whole.unlink(missing_ok=True)


def _lines(path: Path, names: frozenset[str]) -> Iterator[str]:
    """The lines of a file of metrics with what counts of them."""
    tail = EventTail(path)
    while events := tail.poll():
        for event in events:
            metrics = event.get("m")
            if isinstance(metrics, dict):
                kept = {name: value for name, value in metrics.items() if name in names}
                if kept:
                    told = {key: event[key] for key in ("t", "s") if key in event}
                    yield json.dumps({**told, "m": kept}, separators=(",", ":")) + "\n"
