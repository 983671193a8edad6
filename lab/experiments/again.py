"""Requests for runs that are like earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lab.domain.compare import Comparison
from lab.domain.launch import LaunchRequest
from lab.domain.runs import IMPORTED, OWN, Param, Run, RunSpec
from lab.domain.seeds import key, missing, reseeded
from lab.errors import ConflictError


def request_like(run: Run, spec_of: Callable[[], RunSpec], params: Mapping[str, Param] | None = None) -> LaunchRequest:
    """A request like the one that `run` came from, with `params` changed.

    Raises ConflictError for an imported run, and for one of a notebook: what it takes to run it is not known.
    """
    if run.engine == IMPORTED:
        raise ConflictError(
            f"run {run.name} was imported: its code and environment are not in the lab",
            "start it once with lab run, then it can be run again",
        )
    spec = spec_of()
    if run.engine in OWN and len(spec.command) < 2:
        raise ConflictError(f"run {run.name} is of a notebook: its cells are no script", "run the notebook again")
    return LaunchRequest(
        entry=spec.argv[1] if run.engine in OWN else spec.script or spec.entry,
        params={**spec.params, **(params or {})},
        seed=spec.seed,
        tags=spec.tags,
        data={name: item.version for name, item in spec.datasets.items()},
        engine="" if spec.engine in OWN else spec.engine,
        cpus=spec.resources.cpus or None,
        memory=spec.resources.memory,
        gpus=spec.resources.gpus or None,
        guards=spec.given_guards,
    )


def more_seeds(
    comparison: Comparison,
    more: Mapping[int, int],
    alike: Callable[[Run], Sequence[Run]],
    like: Callable[[str, Mapping[str, Param]], LaunchRequest],
) -> Sequence[LaunchRequest]:
    """Requests for so many `more` seeds of the comparison's groups (by index): like the group's first run, with seeds
    that no run has had which is equal but for its seed; `alike` finds those that may be."""
    groups = []
    for one in comparison.groups:
        others = [run for run in alike(one.runs[0]) if run.id not in one.ids and key(run) == key(one.runs[0])]
        groups.append(replace(one, runs=(*one.runs, *others)))
    return [
        replace(like(groups[index].runs[0].id, reseeded(groups[index], seed)), seed=seed)
        for index, seeds in missing(groups, more).items()
        for seed in seeds
    ]
