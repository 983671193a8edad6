"""Lab homes to measure on."""

from __future__ import annotations

import random
import time
from pathlib import Path

from lab.domain.ids import short_id
from lab.domain.runs import LOCAL
from lab.experiments.process import identity
from lab.journal import Journal
from lab.paths import LabHome


def many_runs(root: Path, runs: int = 10_000, width: int = 10) -> LabHome:
    """A home whose journal tells of `runs` ended runs with `width` params and metrics each."""
    home = LabHome(root).create()
    journal = Journal(home, durable=())  # without waiting for the disk twenty thousand times
    numbers = random.Random(7)
    began = time.time() - 86_400
    for index in range(runs):
        run = short_id()
        params = {f"p{key}": numbers.random() for key in range(width - 1)} | {
            "model": numbers.choice(["mlp", "forest"])
        }
        metrics = {
            f"m{key}": {"last": numbers.random(), "min": 0.0, "max": 1.0, "mean": 0.5, "count": 30, "step": 29.0}
            for key in range(width)
        }
        journal.append(
            "run.created",
            run,
            {
                "name": f"run-{index}",
                "project": "bench",
                "entry": "train",
                "engine": "docker",
                "image": "lab-env:x",
                "code": "b3:0",
                "sweep": "",
                "seed": index % 5,
                "memory": 2**30,
                "launcher": "1:1@x",
                "params": params,
                "datasets": {"digits": {"name": "digits", "version": "v1", "manifest": "b3:0"}},
            },
        )
        journal.append("run.started", run)
        journal.append(
            "run.ended",
            run,
            {
                "ending": "finished",
                "cause": "finished",
                "exit_code": 0,
                "authority": 3,
                "started": began + index / 100,
                "ended": began + index / 100 + 60,
                "metrics": metrics,
            },
        )
    journal.close()
    return home


def datasets(home: LabHome, names: int, versions: int) -> None:
    """So many datasets with so many versions each, as the journal tells of them."""
    journal = Journal(home, durable=())
    for name in range(names):
        for number in range(1, versions + 1):
            journal.append(
                "dataset.added",
                f"bench/data{name}",
                {
                    "project": "bench",
                    "dataset": f"data{name}",
                    "number": number,
                    "id": f"b3:{name}-{number}",
                    "path": f"data/{name}.csv",
                    "files": 1,
                    "bytes": 1000 * number,
                    "rows": 100 * number,
                    "columns": [{"name": "x", "type": "int64"}],
                    "message": f"take {number}",
                },
            )
    journal.close()


def live_runs(home: LabHome, runs: int) -> list[str]:
    """Runs that this process has under way, as far as anybody can tell; their ids."""
    journal = Journal(home, durable=())
    ids = [short_id() for _ in range(runs)]
    for at, run in enumerate(ids):
        told = {
            "name": f"live-{at}",
            "project": "bench",
            "entry": "train",
            "engine": LOCAL,
            "image": "env",
            "code": "b3:0",
            "sweep": "",
            "seed": 1,
            "memory": 0,
            "launcher": identity(),
            "params": {"p0": at},
            "datasets": {},
        }
        journal.append("run.created", run, told)
        journal.append("run.started", run)
        home.run(run).root.mkdir(parents=True)
        home.run(run).events.touch()
    journal.close()
    return ids
