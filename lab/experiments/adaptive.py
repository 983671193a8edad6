"""Adaptive sweeps: Optuna is asked for the next point and told what came of it; the runs are Lab's own.

The study is a file in the lab home. What Optuna has been asked and not told stands in it with its point, and a point
is found again among the sweep's runs by its parameters: so a kill between asking and recording loses nothing, and asks
nothing twice. Whoever uses a study holds the sweep's lock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lab.domain.axes import MOST, Choices, Span, grid
from lab.domain.directions import Direction
from lab.domain.runs import History, MetricSummary, Param, Run, RunStatus
from lab.domain.sweeps import ADAPTIVE_EXTRA, Pruner, SweepPlan
from lab.errors import UsageError

Point = dict[str, Param]

_AGAIN = 20  # times that Optuna may name a point that was tried already, before one is chosen for it


def require() -> None:
    """Raises UsageError, with the command that mends it, where Optuna is not installed."""
    if find_spec("optuna") is None:
        raise UsageError("adaptive sweeps need Optuna, which is not installed", ADAPTIVE_EXTRA)


class Study:
    """The study of one sweep, for as long as its lock is held."""

    def __init__(self, path: Path, plan: SweepPlan) -> None:
        require()
        optuna = import_module("optuna")
        storages = import_module("optuna.storages.journal")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._optuna = optuna
        self._plan = plan
        backend = storages.JournalFileBackend(str(path), lock_obj=_HeldAlready())
        self._study = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name="sweep",
            load_if_exists=True,
            direction="maximize" if plan.goal is Direction.HIGHER else "minimize",
            # Points that run count as bad meanwhile, so that those beside them are not all alike.
            sampler=optuna.samplers.TPESampler(
                seed=None, constant_liar=True, n_startup_trials=min(10, plan.trials // 2)
            ),
            pruner=self._pruner(),
        )

    def _pruner(self) -> Any:
        """Optuna's, where the plan asks for one; the median is Lab's own, for it judges sweeps of every kind."""
        pruners = self._optuna.pruners
        if self._plan.pruner is Pruner.HALVING:
            return pruners.SuccessiveHalvingPruner()
        return pruners.HyperbandPruner() if self._plan.pruner is Pruner.HYPERBAND else pruners.NopPruner()

    def advance(self, runs: Sequence[Run], wanted: int) -> list[Point]:
        """Tell what `runs` of the sweep came to, then ask until `wanted` runs are going or all trials were asked for.

        Returns the points that have no run yet.
        """
        by_point: dict[str, list[Run]] = {}
        for run in runs:
            by_point.setdefault(self._key(run.params), []).append(run)
        self._tell(by_point)
        going = sum(run.status.active for run in runs)
        # What was asked for and not recorded: a kill came between.
        fresh: list[Point] = [dict(trial.params) for trial in self._open() if self._key(trial.params) not in by_point]
        tried = set(by_point) | {self._key(point) for point in fresh}
        seeds = max(1, len(self._plan.seeds))
        while going + len(fresh) * seeds < wanted and len(tried) < self._plan.trials:
            point = self._ask(tried)
            if point is None:
                break
            tried.add(self._key(point))
            fresh.append(point)
        return fresh

    def hopeless(self, runs: Sequence[Run], history: Callable[[Run], History]) -> list[tuple[Run, str]]:
        """Which of the runs that go on Optuna's pruner would end, each with the reason. Runs of one point that differ
        in their seed are judged together, by the mean of what they had at the last step that all of them reached."""
        going: dict[str, list[Run]] = {}
        for run in runs:
            if run.status is RunStatus.RUNNING and not run.stop_requested:
                going.setdefault(self._key(run.params), []).append(run)
        found: list[tuple[Run, str]] = []
        for trial in self._open():
            mates = going.get(self._key(trial.params), [])
            reached = _together([history(run) for run in mates])
            if reached is None:
                continue
            step, value = reached
            live = self._live(trial)
            if trial.last_step is None or step > trial.last_step:
                live.report(value, step)
            if live.should_prune():
                reason = f"stopped early: {self._plan.metric} {value:.4g} at step {step}, by {self._plan.pruner.value}"
                found += [(run, reason) for run in mates]
        return found

    def _live(self, trial: Any) -> Any:
        """A trial that is open, to be reported on."""
        return self._optuna.trial.Trial(self._study, trial._trial_id)

    def _open(self) -> Any:
        """Trials that were asked for and not told."""
        return self._study.get_trials(deepcopy=False, states=(self._optuna.trial.TrialState.RUNNING,))

    def _tell(self, by_point: Mapping[str, Sequence[Run]]) -> None:
        """A trial is over when all its runs are; its value is the mean of their last ones."""
        states = self._optuna.trial.TrialState
        for trial in self._open():
            runs = by_point.get(self._key(trial.params), ())
            if not runs or any(run.status.active for run in runs) or len(runs) < len(self._plan.seeds):
                continue
            values = [(run, run.metrics[self._plan.metric]) for run in runs if self._plan.metric in run.metrics]
            finished = [one.last for run, one in values if run.status is RunStatus.FINISHED and math.isfinite(one.last)]
            stopped = [one for run, one in values if run.status is RunStatus.STOPPED and math.isfinite(one.last)]
            if finished:
                self._report(trial, [one for _, one in values])
                self._study.tell(trial.number, sum(finished) / len(finished))
            elif stopped:  # hopeless: how far it came tells the sampler that it is no good
                self._report(trial, stopped)
                self._study.tell(trial.number, state=states.PRUNED)
            else:
                self._study.tell(trial.number, state=states.FAIL)

    def _report(self, trial: Any, ended: Sequence[MetricSummary]) -> None:
        """How far a trial came, and with what: those that come after it are measured by that."""
        finite = [one for one in ended if math.isfinite(one.last) and math.isfinite(one.step)]
        step = max((int(one.step) for one in finite), default=-1)
        if step >= 0 and (trial.last_step is None or step > trial.last_step):
            live = self._live(trial)
            live.report(sum(one.last for one in finite) / len(finite), step)
            live.should_prune()  # it is over; this notes which rungs it has reached

    def _ask(self, tried: set[str]) -> Point | None:
        """A point that was not tried; None where there is none."""
        distributions = self._distributions()
        for _ in range(_AGAIN):
            trial = self._study.ask(distributions)
            if self._key(trial.params) not in tried:
                return dict(trial.params)
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        left = self._untried(tried)
        if left is None:
            return None
        self._study.enqueue_trial(left)
        return dict(self._study.ask(distributions).params)

    def _untried(self, tried: set[str]) -> Point | None:
        space = self._plan.space
        sizes = [len(axis.values) if isinstance(axis, Choices) or axis.countable else MOST for axis in space.values()]
        if math.prod(sizes) > MOST:
            return None
        return next((point for point in grid(space) if self._key(point) not in tried), None)

    def _distributions(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        kinds = self._optuna.distributions
        for name, axis in self._plan.space.items():
            if isinstance(axis, Choices):
                made[name] = kinds.CategoricalDistribution(axis.values)
            elif axis.whole:
                made[name] = kinds.IntDistribution(
                    int(axis.low), _last(axis), log=axis.log, step=1 if axis.log else int(axis.step or 1)
                )
            else:
                made[name] = kinds.FloatDistribution(axis.low, axis.high, log=axis.log, step=axis.step or None)
        return made

    def _key(self, params: Mapping[str, Param]) -> str:
        return repr([params.get(name) for name in self._plan.space])


class _HeldAlready:
    """Optuna's lock of its file: the sweep's own lock is held by whoever has the study."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        """Nothing to give back."""


def _together(histories: Sequence[History]) -> tuple[int, float] | None:
    """The last whole step that all of them have reached, and the mean of their values there; None before that."""
    last = [_finite(history) for history in histories]
    if not last or not all(last):
        return None
    step = min(max(values) for values in last)
    at = [values[max(each for each in values if each <= step)] for values in last if min(values) <= step]
    return step, sum(at) / len(at)


def _finite(history: History) -> dict[int, float]:
    """Whole step to the last finite value there."""
    return {
        int(step): value
        for step, value in zip(history.steps, history.values, strict=True)
        if step >= 0 and math.isfinite(step) and math.isfinite(value)
    }


def _last(axis: Span) -> int:
    """The greatest value that the steps reach: Optuna wants its upper end to be one of them."""
    values = range(int(axis.low), int(axis.high) + 1, int(axis.step or 1))
    return values[-1]
