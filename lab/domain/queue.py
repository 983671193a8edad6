"""Which waiting runs may start, and why the others wait. Pure functions.

Runs start in their order. One that does not fit keeps its room: those behind it start only where there is enough left
beside what it needs, so that a large run is not passed for ever by small ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field

from lab.dataclass import dataclass
from lab.domain.resources import format_size
from lab.domain.runs import Run

#: What the peak memory of earlier runs is multiplied with: the next one may need a little more.
MARGIN = 1.2
_MEMORY = {False: "memory", True: "memory, going by earlier runs"}
_NAMED = 2  # holders that a reason names


@dataclass(frozen=True)
class Demand:
    """What a run needs: `cpus` in cores, `memory` in bytes, `gpus` a count, -1 for all. `learned` tells that the memory
    is not the limit that was asked for but what earlier runs of the same entry have used."""

    cpus: float
    memory: int
    gpus: int = 0
    learned: bool = False


@dataclass(frozen=True)
class Machine:
    """What there is for runs: cores, bytes of memory, GPUs, free bytes of disk and how many of them stay free."""

    cores: float
    memory: int
    gpus: int
    disk: int
    disk_floor: int


@dataclass(frozen=True)
class Load:
    """A run that has its share of the machine; `first` if it does not run yet, but is before others in the queue.
    `serves` tells that it is a deployment, which is no run."""

    name: str
    demand: Demand
    sweep: str = ""
    first: bool = False
    serves: bool = False


@dataclass(frozen=True)
class Ticket:
    """A run that waits."""

    id: str
    name: str
    demand: Demand
    sweep: str = ""
    held: bool = False


@dataclass(frozen=True)
class Waiting:
    """A run in the queue: `position` from 1, `reason` why it waits ("" when it is about to start)."""

    run: Run
    position: int
    reason: str
    held: bool


@dataclass(frozen=True)
class Rules:
    """What the user said: whether the queue stands, which sweeps stand, and how many runs go at a time (0 for as many
    as have room): of all, and of a sweep."""

    paused: bool = False
    held_sweeps: Collection[str] = ()
    jobs: Mapping[str, int] = field(default_factory=dict)
    most: int = 0


def line_up(tickets: Sequence[Ticket], loads: Sequence[Load], machine: Machine, rules: Rules) -> dict[str, str]:
    """Id → why the run waits, "" for each that may start now; `tickets` in the order of the queue."""
    taken = _Taken(loads, machine)
    going = Counter(load.sweep for load in loads if not load.serves)
    reasons: dict[str, str] = {}
    for ticket in tickets:
        reason = _standing(ticket, rules) or _limited(ticket, rules, going)
        if reason:  # not for want of room: nothing is kept for it
            reasons[ticket.id] = reason
            continue
        reason = taken.obstacle(ticket.demand)
        reasons[ticket.id] = reason
        taken.add(Load(ticket.name, ticket.demand, ticket.sweep, first=bool(reason)))
        if not reason:
            going[ticket.sweep] += 1
    return reasons


def _standing(ticket: Ticket, rules: Rules) -> str:
    if rules.paused:
        return "the queue is paused"
    if ticket.held:
        return "paused by you"
    if ticket.sweep in rules.held_sweeps:
        return f"sweep {ticket.sweep} is paused"
    return ""


def _limited(ticket: Ticket, rules: Rules, going: Counter[str]) -> str:
    """`going` counts runs by sweep; those of none stand under an empty name."""
    of_sweep = rules.jobs.get(ticket.sweep, 0)
    if of_sweep and going[ticket.sweep] >= of_sweep:
        return f"sweep {ticket.sweep} has {of_sweep} of {of_sweep} at a time"
    if rules.most and going.total() >= rules.most:
        return f"{rules.most} of {rules.most} runs go at a time (lab queue jobs)"
    return ""


def obstacle(demand: Demand, loads: Sequence[Load], machine: Machine) -> str:
    """Why a run cannot start beside `loads`, "" if it can: `waits for 2 of 4 cores: calm-otter-42 uses 3`.

    One that needs more than the machine has of something waits until all of that is free.
    """
    return _Taken(loads, machine).obstacle(demand)


class _Taken:
    """What is taken of a machine; one more costs the same however many there are."""

    def __init__(self, loads: Sequence[Load], machine: Machine) -> None:
        self._machine = machine
        self._cores = _Share(machine.cores, lambda value: f"{value:g}")
        self._memory = _Share(machine.memory, format_size)
        self._gpus = _Share(machine.gpus, lambda value: f"{value:.0f}")
        for load in sorted(loads, key=lambda load: -load.demand.cpus):
            self.add(load)

    def add(self, load: Load) -> None:
        self._cores.add(load, load.demand.cpus)
        self._memory.add(load, load.demand.memory)
        self._gpus.add(load, self._count(load.demand))

    def _count(self, demand: Demand) -> int:
        return self._machine.gpus if demand.gpus < 0 else demand.gpus

    def obstacle(self, demand: Demand) -> str:
        free, floor = self._machine.disk, self._machine.disk_floor
        if free < floor:
            return f"waits for disk: {format_size(free)} are free, {format_size(floor)} are kept free (lab gc)"
        return (
            self._cores.short(demand.cpus, "cores")
            or self._memory.short(demand.memory, _MEMORY[demand.learned])
            or self._gpus.short(self._count(demand), "GPUs")
        )


class _Share:
    """One thing that runs share, and the first of those who have some of it."""

    def __init__(self, there: float, text: Callable[[float], str]) -> None:
        self._there = there
        self._text = text
        self._used = 0.0
        self._serving = 0.0
        self._named: list[str] = []
        self._others = 0
        self._others_use = 0.0

    def add(self, load: Load, need: float) -> None:
        if not need:
            return
        self._used += need
        self._serving += need if load.serves else 0.0
        if len(self._named) < _NAMED:
            verb = "is before it and needs" if load.first else "uses"
            self._named.append(f"{load.name} {verb} {self._text(need)}")
        else:
            self._others += 1
            self._others_use += need

    def short(self, need: float, what: str) -> str:
        # All of it is all that there is to wait for; what serves may do so for ever.
        wanted = min(need, max(0.0, self._there - self._serving))
        if not wanted or self._used + wanted <= self._there + 1e-9:
            return ""
        holders = [*self._named]
        if self._others:
            holders.append(f"{self._others} more need {self._text(self._others_use)}")
        return f"waits for {self._text(wanted)} of {self._text(self._there)} {what}: {', '.join(holders)}"


def between(places: Sequence[float], index: int) -> float:
    """A place that puts a run at `index` (from 0, at most the length) among others that stand at `places`, which are
    sorted. Places are seconds since the epoch: that of a run that was never moved is when it was asked for."""
    if not places:
        return 0.0
    if index <= 0:
        return places[0] - 1.0
    if index >= len(places):
        return places[-1] + 1.0
    return (places[index - 1] + places[index]) / 2
