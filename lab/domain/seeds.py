"""Seeds: which runs are the same but for the luck of the draw, and which seeds are next."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from lab.dataclass import dataclass
from lab.domain.runs import Param, Run, RunStatus

Seed = tuple[int, ...]

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_SEED_NAMES = frozenset(("random_state", "randomstate", "seed_everything", "rng"))
_LONGEST_LABEL = 32
#: What tells a group from the others is shown by at most so many parameters.
_MOST_SHOWN = 3
_LARGE = 1 << 31


def is_seed(name: str) -> bool:
    """Whether a parameter of that name only seeds: `seed`, `random_seed`, `model.seed`, `random_state`."""
    words = [word.lower() for word in _WORD.findall(name[:200])]
    return bool(words) and (words[-1] == "seed" or "_".join(words[-2:]) in _SEED_NAMES or words[-1] in _SEED_NAMES)


def seed_of(run: Run) -> Seed:
    """The seed of a run: its whole-numbered seed parameters by name and the seed that Lab gave it, each value once."""
    return tuple(dict.fromkeys((*_given(run).values(), run.seed)))


def _given(run: Run) -> dict[str, int]:
    """The whole-numbered seed parameters."""
    return {
        name: value
        for name, value in sorted(run.params.items())
        if is_seed(name) and isinstance(value, int) and not isinstance(value, bool)
    }


@dataclass(frozen=True)
class SeedGroup:
    """Runs that are equal in everything but the seed, in the order given. `label` tells it from the other groups."""

    runs: tuple[Run, ...]
    label: str

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(run.id for run in self.runs)

    @property
    def seeds(self) -> tuple[Seed, ...]:
        return tuple(dict.fromkeys(seed_of(run) for run in self.runs))

    @property
    def unfinished(self) -> int:
        """Runs whose numbers are not final or will never be: they have no say in a verdict."""
        return sum(run.status is not RunStatus.FINISHED for run in self.runs)


def group(runs: Sequence[Run]) -> tuple[SeedGroup, ...]:
    """`runs` by project, entry, code, image, data and all parameters that are no seeds; in order of appearance."""
    found: dict[object, list[Run]] = {}
    for run in runs:
        found.setdefault(key(run), []).append(run)
    members = list(found.values())
    labels = _labels(members)
    return tuple(SeedGroup(tuple(items), label) for items, label in zip(members, labels, strict=True))


def key(run: Run) -> object:
    """Equal for runs that are equal in everything but the seed."""
    # By repr: NaN is equal to NaN here, and 1 is not 1.0 or True.
    params = tuple(sorted((name, repr(value)) for name, value in run.params.items() if not is_seed(name)))
    return run.project, run.entry, run.code, run.image, tuple(sorted(run.datasets.items())), params


def _labels(members: Sequence[Sequence[Run]]) -> list[str]:
    """What the parameters tell, where each group has several runs or they tell all apart; else the run's name."""
    names = [runs[0].name + (f" +{len(runs) - 1}" if len(runs) > 1 else "") for runs in members]
    if all(len(runs) == 1 for runs in members):
        return names
    heads = [runs[0] for runs in members]
    names_of = [name for name in dict.fromkeys(name for run in heads for name in run.params) if not is_seed(name)]
    differing = [name for name in names_of if len({repr(run.params.get(name)) for run in heads}) > 1]
    told = [" ".join(f"{name}={_short(run.params.get(name))}" for name in differing) for run in heads]
    fit = all(len(text) <= _LONGEST_LABEL for text in told) and 0 < len(differing) <= _MOST_SHOWN
    return told if fit and len(set(told)) == len(told) else names


def _short(value: Param) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def missing(groups: Sequence[SeedGroup], more: Mapping[int, int]) -> dict[int, list[int]]:
    """Seeds to launch for each group (by index), so many `more` of them.

    Those that the other groups have come first, since equal seeds can be compared in pairs; then new ones.
    """
    used = {seed for one in groups for seed in one.seeds}
    taken = {number for seed in used for number in seed}
    fresh = _unused(taken, max(more.values(), default=0))
    wanted: dict[int, list[int]] = {}
    for index, count in more.items():
        own = set(groups[index].seeds)
        known = [number for number in sorted(taken) if _as_if(groups[index], number) in used - own]
        wanted[index] = [*known, *fresh][:count]
    return wanted


def _as_if(group: SeedGroup, seed: int) -> Seed:
    """The seed that a run launched by `reseeded` will have."""
    return seed_of(replace(group.runs[0], params=reseeded(group, seed), seed=seed))


def _unused(taken: Collection[int], count: int) -> list[int]:
    """The whole numbers after the largest one that is taken, or from 0 where that is a very large one."""
    start = max(0, max(taken, default=-1) + 1)
    numbers = itertools.count(start if start < _LARGE else 0)
    return list(islice((number for number in numbers if number not in taken), count))


def reseeded(group: SeedGroup, seed: int) -> dict[str, Param]:
    """The parameters of one more run of the group: `seed` where its runs have different seeds.

    A seed parameter that is the same in all of them while another seed varies is a choice, and stays.
    """
    first = group.runs[0]
    names = list(_given(first))
    varying = [name for name in names if len({repr(run.params.get(name)) for run in group.runs}) > 1]
    if not varying and len({run.seed for run in group.runs}) == 1:
        varying = names
    return {**first.params, **dict.fromkeys(varying, seed)}
