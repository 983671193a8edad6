"""A wish for a run, before anything is resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from lab.dataclass import dataclass
from lab.domain.guards import Guard
from lab.domain.runs import Param


@dataclass(frozen=True)
class LaunchRequest:
    """What to launch. `entry` is an entry's name in lab.toml or the path of a script.

    `params` override the entry's defaults; `data` maps a dataset to a version (`v2`, an alias). `seed` None leaves
    it to the parameter `seed`, else 0. Resources that are None are as lab.toml says; sizes in bytes.
    """

    entry: str
    params: Mapping[str, Param] = field(default_factory=dict)
    seed: int | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    sweep: str = ""
    engine: str = ""
    cpus: float | None = None
    memory: int | None = None
    gpus: int | None = None
    guards: tuple[Guard, ...] = ()  # besides those of the entry
