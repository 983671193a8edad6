"""`lab doctor`: everything that must be right, looked at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from lab.catalog.connection import Catalog
from lab.domain.checks import Check
from lab.domain.resources import format_size
from lab.engine.base import Engine
from lab.errors import EngineUnavailableError
from lab.journal import segments, verify
from lab.paths import LabHome
from lab.pipelines.storekeeping import Store
from lab.stores.durable import free_space

#: Free bytes of disk below which something will soon fail.
_LEAST_FREE = 1 << 30


def examine(home: LabHome, catalog: Catalog, store: Store, engine_of: Callable[[], Engine]) -> list[Check]:
    """Home, journal, index, store, engine, disk and git, in this order."""
    damage = [str(item) for segment in segments(home) for item in verify(home, segment.name)]
    damage += [text for text in map(str, catalog.damage()) if text not in damage]
    free = free_space(home.root)
    rotten = store.known_damage()
    git = shutil.which("git")
    return [
        Check("lab home", True, str(home.root)),
        Check("journal", not damage, "; ".join(damage[:5]) or "whole", "what could be read is kept; nothing to do"),
        Check("index", not catalog.notices, "; ".join(catalog.notices) or "whole", "it mends itself"),
        Check("store", not rotten, f"{len(rotten)} damaged" if rotten else "whole", "lab data verify --repair"),
        _engine(engine_of),
        Check("disk", free > _LEAST_FREE, f"{format_size(free)} free", "free some space"),
        Check("git", git is not None, git or "not found", "runs then record no commit"),
    ]


def _engine(engine_of: Callable[[], Engine]) -> Check:
    try:
        info = engine_of().available()
    except EngineUnavailableError as error:
        return Check("engine", False, error.message, error.hint)
    isolation = "containers" if info.isolated else "plain processes: isolation is off"
    return Check("engine", True, f"{info.name} {info.version}, {isolation}", info.detail)
