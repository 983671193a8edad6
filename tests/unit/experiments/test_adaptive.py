"""Optuna's pruners, over runs and curves made by hand; whole adaptive sweeps are in the integration tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.domain.axes import parse_space
from lab.domain.runs import History, MetricSummary, Run, RunStatus
from lab.domain.sweeps import Pruner, SweepPlan, make_plan

pytest.importorskip("optuna")

from lab.experiments.adaptive import Study

STEPS = 40


def plan(pruner: Pruner, seeds: tuple[int, ...] = ()) -> SweepPlan:
    space = parse_space(["lr=0.01..1.0:log"])[1]
    return make_plan(space, seeds, method="adaptive", trials=20, metric="val_loss", pruner=pruner)


def curve(value: float, steps: int = STEPS) -> History:
    return History([float(step) for step in range(steps)], [0.0] * steps, [value] * steps)


def over(run: Run, loss: float) -> Run:
    summary = MetricSummary(loss, loss, loss, loss, STEPS, STEPS - 1.0)
    return replace(run, status=RunStatus.FINISHED, metrics={"val_loss": summary})


class Trials:
    """A sweep whose runs do as they are told."""

    def __init__(self, path: Path, what: SweepPlan) -> None:
        self._path, self._plan = path, what
        self.runs: list[Run] = []

    @property
    def study(self) -> Study:
        """As another process would open it."""
        return Study(self._path, self._plan)

    def ask(self) -> list[Run]:
        """The runs of one more point, going."""
        (point,) = self.study.advance(self.runs, len([run for run in self.runs if run.status.active]) + 1)
        fresh = [
            Run(f"r{len(self.runs) + place}", "", "p", "train", RunStatus.RUNNING, params=point, seed=seed)
            for place, seed in enumerate(self._plan.seeds or (0,))
        ]
        self.runs += fresh
        return fresh

    def end(self, run: Run, loss: float) -> None:
        self.runs[self.runs.index(run)] = over(run, loss)


@pytest.mark.parametrize("pruner", [Pruner.HALVING, Pruner.HYPERBAND])
def test_a_run_far_behind_is_hopeless_and_one_ahead_is_not(tmp_path: Path, pruner: Pruner) -> None:
    trials = Trials(tmp_path / "study", plan(pruner))
    for loss in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        trials.end(trials.ask()[0], loss)
    (worse,) = trials.ask()
    (better,) = trials.ask()
    curves = {worse.id: curve(9.0), better.id: curve(0.01)}
    found = trials.study.hopeless(trials.runs, lambda run: curves[run.id])
    assert [run.id for run, _ in found] == [worse.id]
    assert found[0][1] == f"stopped early: val_loss 9 at step {STEPS - 1}, by {pruner.value}"


def test_seeds_of_one_point_are_judged_together_at_the_step_that_all_have_reached(tmp_path: Path) -> None:
    trials = Trials(tmp_path / "study", plan(Pruner.HALVING, (1, 2)))
    for loss in (0.1, 0.2, 0.3, 0.4):
        for run in trials.ask():
            trials.end(run, loss)
    first, second = trials.ask()
    nothing = {first.id: curve(9.0), second.id: History((), (), ())}
    assert trials.study.hopeless(trials.runs, lambda run: nothing[run.id]) == []
    curves = {first.id: curve(8.0), second.id: curve(6.0, 20)}
    found = trials.study.hopeless(trials.runs, lambda run: curves[run.id])
    assert {run.id for run, _ in found} == {first.id, second.id}
    assert found[0][1] == "stopped early: val_loss 7 at step 19, by halving"


def test_a_run_that_was_asked_to_stop_is_not_asked_again(tmp_path: Path) -> None:
    trials = Trials(tmp_path / "study", plan(Pruner.HALVING))
    for loss in (0.1, 0.2, 0.3):
        trials.end(trials.ask()[0], loss)
    (worse,) = trials.ask()
    trials.runs[-1] = replace(worse, stop_requested=True)
    assert trials.study.hopeless(trials.runs, lambda run: curve(9.0)) == []


def test_without_numbers_nothing_is_said(tmp_path: Path) -> None:
    trials = Trials(tmp_path / "study", plan(Pruner.HALVING))
    trials.end(trials.ask()[0], 0.1)
    trials.ask()
    broken = History([0.0, float("inf")], [0.0, 0.0], [float("nan"), 1.0])
    assert trials.study.hopeless(trials.runs, lambda run: broken) == []
