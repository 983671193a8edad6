from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lab.domain.progress import (
    Progress,
    printed_share,
    progress_of,
    remaining_by_pace,
    remaining_by_share,
    total_of,
    typical_of,
)
from lab.domain.runs import MetricSummary, Run, RunStatus

SUMMARY = MetricSummary(0.9, 0.1, 0.95, 0.5, 12, 11.0)
RUN = Run("r1", "n", "p", "train", RunStatus.RUNNING, params={"epochs": 30}, metrics={"loss": SUMMARY})


def test_steps_are_counted_from_nought_or_one() -> None:
    assert progress_of(RUN) == Progress(12.0, 30.0)
    assert progress_of(replace(RUN, metrics={"loss": SUMMARY._replace(step=12.0)})) == Progress(12.0, 30.0)
    many = replace(RUN, metrics={"loss": SUMMARY._replace(count=500)})
    assert progress_of(many) == Progress(11.0, 30.0), "logged several times a step"


def test_a_run_of_epochs_that_logs_each_batch_is_as_far_as_its_epoch() -> None:
    def at(epoch: float, **params: object) -> Progress:
        metrics = {"loss": SUMMARY._replace(step=20.0, count=20), "epoch": SUMMARY._replace(last=epoch)}
        return progress_of(replace(RUN, metrics=metrics, params=params or RUN.params))  # type: ignore[arg-type]

    assert at(1.0) == Progress(1.0, 30.0, "epoch")
    assert at(1.25, num_train_epochs=3) == Progress(1.25, 3.0, "epoch")
    assert at(1.0, max_steps=100) == Progress(20.0, 100.0), "what is told is a number of steps"
    assert at(31.0).by == at(math.nan).by == "", "it is no epoch of these"


def test_what_counts_something_else_tells_nothing() -> None:
    assert progress_of(replace(RUN, metrics={"loss": SUMMARY._replace(step=500.0)})) == Progress(500.0, None)
    assert progress_of(replace(RUN, metrics={"loss": SUMMARY._replace(step=math.inf)})).total == 30.0
    assert progress_of(replace(RUN, params={}), typical=24.0) == Progress(12.0, 24.0)
    for odd in (True, -1, 0, "30", None, math.nan, math.inf):
        assert total_of({"epochs": odd, "max_steps": 7}) == 7.0


@pytest.mark.parametrize(
    ("lines", "share"),
    [
        (["Epoch 3/10"], 0.3),
        (["epoch [3/10], loss: 0.4"], 0.3),
        (["Epoch 2/4 done", "Step 30 of 100"], 0.5),
        (["step: 30/100"], 0.3),
        (["Epoch 3/10", " 50%|█████     | 5/10 [00:01<00:01]"], 0.25),
        ([" 45%|████▌     | 45/100 [00:10<00:12, 4.5it/s]"], 0.45),
        (["100%|██████████| 10/10", "Epoch 4/10"], 0.4),
        (["Epoch 11/10", "saved 3/4 files", "loss 1/2"], None),
        ([], None),
    ],
)
def test_the_output_tells_how_far_it_is(lines: list[str], share: float | None) -> None:
    assert printed_share(lines) == share


def test_earlier_runs_tell_only_where_they_are_alike() -> None:
    assert typical_of([10.0, 12.0, 14.0]) == 12.0
    assert typical_of([10.0, 60.0]) is None
    assert typical_of([]) is None


def test_what_remains() -> None:
    assert remaining_by_pace(Progress(10, 30), (0, 100.0, 9, 109.0), now=110.0) == 19.0
    assert remaining_by_pace(Progress(30, 30), (0, 100.0, 29, 129.0), now=140.0) == 0.0
    assert remaining_by_pace(Progress(10, None), (0, 100.0, 9, 109.0), now=110.0) is None
    assert remaining_by_pace(Progress(10, 30), (9, 100.0, 9, 109.0), now=110.0) is None
    assert remaining_by_share(0.25, 10.0) == 30.0
    assert remaining_by_share(0.001, 10.0) is None
    assert remaining_by_share(None, 10.0) is None
