"""Guards: conditions on a run that goes on, and what to do when one holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.dataclass import dataclass

#: What a guard may do: end the run, tell on Home, or only leave a mark on the run.
DOES = ("stop", "notify", "mark")


@dataclass(frozen=True)
class Guard:
    """`when` is in the language of `guard_language`."""

    name: str
    when: str
    do: str = "notify"


@dataclass(frozen=True)
class Firing:
    """A guard's condition held, for the first time in this run: at `step` (None where no metric had one yet) and at a
    time in seconds since the epoch. `evidence` says what was seen, as a sentence."""

    run: str
    guard: str
    when: str
    do: str
    step: float | None
    at: float
    evidence: str

    @property
    def cause(self) -> str:
        """Why the run was stopped."""
        return f"stopped by guard '{self.guard}': {self.evidence}"


def named(guards: Sequence[Guard]) -> tuple[Guard, ...]:
    """Each with a name of its own: one that has none, or that of one before, is called by its condition."""
    taken: set[str] = set()
    found: list[Guard] = []
    for guard in guards:
        name = guard.name if guard.name and guard.name not in taken else guard.when
        taken.add(name)
        found.append(replace(guard, name=name))
    return tuple(found)
