"""What a sweep is judged by that names no metric, and how its row tells that."""

from __future__ import annotations

from lab.catalog.sweeps import _telling
from lab.domain.directions import Direction
from lab.domain.sweeps import Sweep, SweepState
from lab.ui.render.queue import SWEEP_COLUMNS, sweep_row


def test_held_out_rows_tell_more_than_those_of_training() -> None:
    assert _telling({"loss": 1, "val_loss": 1, "epoch": 1}) == ("val_loss", Direction.LOWER)
    assert _telling({"epoch": 1, "loss": 1, "val_accuracy": 1}) == ("val_accuracy", Direction.HIGHER)
    assert _telling({"epoch": 1, "loss": 1}) == ("loss", Direction.LOWER)
    assert _telling({"epoch": 1}) == ("", Direction.UNKNOWN)


def test_a_row_names_the_metric_and_the_run_that_has_the_best() -> None:
    sweep = Sweep(
        id="s", name="sharp-owl", project="p", entry="train", created=0.0, plan=None, state=SweepState.FINISHED,
        runs=2, done=2, total=2, queued=0, running=0, finished=2, failed=0, metric="val_loss", best=0.25,
        best_run="mild-lark",
    )  # fmt: skip
    row = dict(zip((column.id for column in SWEEP_COLUMNS), sweep_row(sweep, 9.0).cells, strict=True))
    assert (row["best"].text, row["best_run"].text) == ("val_loss 0.2500", "mild-lark")
