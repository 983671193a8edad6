"""Guild's runs: `runs/<32 hex>/.guild/{attrs/*, output, events.out.tfevents.*}`; one YAML value per attribute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from lab.domain.imports import Unread
from lab.domain.runs import Param, RunStatus
from lab.experiments.readers.base import Folder, ForeignRun, Found, Source, Unreadable
from lab.experiments.readers.files import load, tree
from lab.experiments.readers.tfevents import read_events
from lab.experiments.readers.values import flat, number

_ATTRS = ("flags", "started", "stopped", "exit_status", "label", "tags", "comments", "id")
_ATTR_MAX = 64 << 10  # bytes
_OPREF = re.compile(r"\S+\s+\S+\s+\S+\s+\S+\s+(\S+)")


class Guild:
    tool = "guild"

    def find(self, folder: Folder) -> Found:
        own = folder.path / ".guild"
        if ".guild" not in folder.folders or not (own / "attrs").is_dir() or not (own / "opref").is_file():
            return Found()
        files = tuple(path for path in tree(folder.path) if "tfevents" in path.name)
        attrs = tuple(own / "attrs" / name for name in _ATTRS)
        marks = tuple(own / name for name in ("opref", "LOCK", "PENDING", "output"))
        return Found((Source(self.tool, folder.path, (*files, *attrs, *marks), folder.label),), whole=True)

    def read(self, source: Source) -> Iterator[ForeignRun]:
        own = source.path / ".guild"
        problems: list[Unread] = []
        attrs = {name: _attr(source, name, problems) for name in _ATTRS}
        run = read_events(tuple(path for path in source.files if "tfevents" in path.name), source.label)
        code = attrs["exit_status"]
        known = code if isinstance(code, int) else None
        going = (own / "LOCK").is_file() or (own / "PENDING").is_file()
        flags = attrs["flags"]
        params: dict[str, Param] = flat(flags) if isinstance(flags, dict) else {}
        tags = attrs["tags"]
        yield ForeignRun(
            name=str(attrs["label"] or f"{_operation(source)}-{source.path.name[:8]}"),
            uid=source.path.name if re.fullmatch(r"[0-9a-f]{32}", source.path.name) else "",
            group=_operation(source),
            status=_status(known, going),
            exit_code=known,
            params=params,
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            metrics=run.metrics,
            log=own / "output",
            started=_seconds(attrs["started"]) or run.started,
            ended=_seconds(attrs["stopped"]) or run.ended,
            problems=(*problems, *run.problems),
        )


def _status(code: int | None, going: bool) -> RunStatus | None:
    if code is None:
        return RunStatus.RUNNING if going else None
    return RunStatus.FINISHED if code == 0 else RunStatus.STOPPED if code in (-15, 130, 2) else RunStatus.FAILED


def _attr(source: Source, name: str, problems: list[Unread]) -> Any:
    path = source.path / ".guild" / "attrs" / name
    if not path.exists():
        return None
    try:
        return yaml.safe_load(load(path, _ATTR_MAX))
    except (Unreadable, yaml.YAMLError, ValueError, RecursionError) as error:
        problems.append(Unread(str(path), str(error).splitlines()[0]))
        return None


def _operation(source: Source) -> str:
    try:
        found = _OPREF.match(load(source.path / ".guild" / "opref", _ATTR_MAX).decode("utf-8", "replace"))
    except Unreadable:
        return ""
    return found[1] if found else ""


def _seconds(value: object) -> float | None:
    """Guild counts microseconds."""
    time = number(value)
    return time / 1e6 if time is not None and time > 0 else None
