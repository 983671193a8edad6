"""Twenty runs side by side, with verdicts: found in the index of 10,000, grouped, judged."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from homes import many_runs

from lab.cli.verdict_shapes import comparison_shape
from lab.domain.query import RunQuery
from lab.domain.relations import metric_axis, param_axes, ties
from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.experiments.compare import compare
from lab.ui.render.parallel import parallel
from lab.workspace import Workspace

Figure = tuple[str, float, str, float]


def figures() -> list[Figure]:
    seeds = [_run(lr, seed) for lr in (0.1, 0.2) for seed in range(10)]
    judged = _median(lambda: compare(seeds, seeds[0].id))
    with tempfile.TemporaryDirectory() as folder:
        home = many_runs(Path(folder, "home"))
        with Workspace(home.root, Path(folder), engine="process") as ws:
            ids = [run.id for run in ws.runs.list(RunQuery(limit=20)).items]
            whole = _median(lambda: comparison_shape(ws.runs.compare(ids), time.time()))
            changed = _median(lambda: ws.runs.changes(ids[0]))
            many = ws.runs.list(RunQuery(limit=500)).items
        _predictions(home.run(ids[0]).artifacts, 0.9)
        _predictions(home.run(ids[1]).artifacts, 0.92)
        with Workspace(home.root, Path(folder), engine="process") as ws:
            flips = _median(lambda: ws.comparing.samples(ids[1], ids[0]), 5)
    return [
        ("compare 20 runs of a lab of 10,000", whole * 1000, "ms", 150),
        ("judge 2 groups of 10 seeds on 10 metrics", judged * 1000, "ms", 50),
        ("what changed in a run of 10,000", changed * 1000, "ms", 50),
        ("flips, classes, calibration of 2 × 100,000 samples", flips * 1000, "ms", 0),
        ("500 runs over 10 parallel axes, a frame", _median(lambda: _lines(many)) * 1000, "ms", 50),
    ]


def _predictions(folder: Path, accuracy: float) -> None:
    """100,000 samples of ten classes, as a script writes them."""
    dice = random.Random(accuracy)
    lines = ["row,label,prediction,score"]
    for row in range(100_000):
        label = row % 10
        found = label if dice.random() < accuracy else dice.randrange(10)
        lines.append(f"{row},{label},{found},{dice.random():.4f}")
    folder.mkdir(parents=True)
    (folder / "predictions.csv").write_text("\n".join(lines))


def _lines(runs: Sequence[Run]) -> None:
    metric = metric_axis(runs, "m0")
    parallel([*(tie.axis for tie in ties(param_axes(runs), metric)), metric], 160, 40, 7, False)


def _run(lr: float, seed: int) -> Run:
    values = {f"accuracy{at}": 0.9 + lr / 10 + ((seed * 7 + at) % 10) / 100 for at in range(10)}
    metrics = {name: MetricSummary(value, value, value, value, 1) for name, value in values.items()}
    return Run(f"{lr}-{seed}", f"{lr}-{seed}", "p", "train", RunStatus.FINISHED, params={"lr": lr}, seed=seed,
               metrics=metrics)  # fmt: skip


def _median(work: Callable[[], object], times: int = 9) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    for figure in figures():
        print(figure)
