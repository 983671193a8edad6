"""What of a run's metrics is collected without the script's help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.dataclass import dataclass


@dataclass(frozen=True)
class Collecting:
    """`stdout`: what the script prints. `tools`: what other tracking tools write in the run. `patterns` are regular
    expressions in place of the built-in ones (see `lab.runtime.printed`), `ignore` are names never to take, `files` are
    documents of numbers that the run leaves beside its code, by their paths there."""

    stdout: bool = True
    tools: bool = True
    patterns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Collecting:
        """From the dataclass as a JSON object; unknown keys of later versions are ignored."""
        lists = {name: tuple(data.get(name, ())) for name in ("patterns", "ignore", "files")}
        return cls(bool(data.get("stdout", True)), bool(data.get("tools", True)), **lists)


def counted(names: Sequence[Iterable[str]], collecting: Collecting) -> tuple[frozenset[str], ...]:
    """Which names count, of those that the script logged itself, those of other tools, and those that it printed.

    A name counts where it comes first, so that none is doubled. What was printed counts only for a run that logs
    nothing itself, unless the project has patterns of its own: whoever uses `track` has said what its metrics are.
    """
    own, tools, printed = (frozenset(one) for one in names)
    if own and not collecting.patterns:
        printed = frozenset()
    return own, tools - own, printed - tools - own
