"""Lab homes filled by journal events and run folders, as Lab's own rooms write them."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, RunSpec
from lab.events import (
    DATASET_ADDED,
    DEPLOYMENT_CREATED,
    DEPLOYMENT_STATUS,
    MODEL_ALIASED,
    MODEL_REGISTERED,
    PROJECT_ADDED,
    RUN_CREATED,
    RUN_ENDED,
    RUN_STARTED,
    RUN_TAGGED,
)
from lab.experiments.process import identity
from lab.journal import Journal
from lab.paths import LabHome

#: What a hostile or unlucky name may hold.
HOSTILE = (
    "[/x]",
    "[bold red]x[/]",
    "[@click=app.quit]x[/]",
    "\x1b[2J\x1b]0;owned\x07x",
    "\x9b31mx",
    "a\x00b",
    "שלום\u202eevil",
    "日本語のとても長い名前" * 3,
    "line\nbreak\rand\ttab",
    "👩‍👩‍👧‍👦 e\u0301",
    "x" * 3000,
    "",
    "{curly} %s $HOME `id` 'q\" \\",
)


@dataclass
class Seed:
    """A pen for a lab home. Ids are returned by what makes them; times are relative to `now`."""

    root: Path
    now: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.home = LabHome(self.root).create()
        # Nothing here has to survive a power cut.
        self.journal = Journal(self.home, ())
        self._runs = 0

    def close(self) -> None:
        self.journal.close()

    def project(self, name: str = "digits", root: str = "/nowhere") -> None:
        self.journal.append(PROJECT_ADDED, name, {"root": root})

    def run(
        self,
        name: str,
        *,
        status: str = "finished",
        cause: str = "",
        project: str = "digits",
        entry: str = "train",
        params: dict[str, object] | None = None,
        metrics: dict[str, float] | None = None,
        steps: int = 20,
        tags: tuple[str, ...] = (),
        log: str = "",
        files: bool = True,
    ) -> str:
        """A run and, with `files`, its folder. An active one belongs to this process, so nobody settles it as lost."""
        self._runs += 1
        run_id = f"r{self._runs:07d}"
        params = {"lr": 0.1, "epochs": 30, "model": "mlp"} if params is None else params
        metrics = {"accuracy": 0.9, "loss": 0.3} if metrics is None else metrics
        created = {
            "name": name, "project": project, "entry": entry, "engine": "process", "image": "env", "code": "b3:0",
            "sweep": "", "seed": 1, "memory": 1 << 30, "launcher": identity(), "params": params,
            "datasets": {"digits": {"name": "digits", "version": "v1", "manifest": "b3:1"}},
        }  # fmt: skip
        self.journal.append(RUN_CREATED, run_id, created)
        if status != "created":
            self.journal.append(RUN_STARTED, run_id)
        if files:
            self._folder(run_id, name, project, entry, params, metrics, steps, log)
        if status not in ("created", "running"):
            summaries = {key: _summary(value, steps) for key, value in metrics.items()}
            self.journal.append(RUN_ENDED, run_id, {
                "ending": status, "cause": cause or status, "exit_code": 0 if status == "finished" else 1,
                "authority": 3, "started": self.now - 60, "ended": self.now - 5, "metrics": summaries,
            })  # fmt: skip
        if tags:
            self.journal.append(RUN_TAGGED, run_id, {"tags": list(tags)})
        return run_id

    def _folder(
        self,
        run_id: str,
        name: str,
        project: str,
        entry: str,
        params: dict[str, object],
        metrics: dict[str, float],
        steps: int,
        log: str,
    ) -> None:
        folder = self.home.run(run_id)
        folder.root.mkdir(parents=True)
        lines = [
            json.dumps({"t": self.now - 60 + step, "s": step,
                        "m": {key: _json(value * (1 - math.exp(-step / 5))) for key, value in metrics.items()}})
            for step in range(steps)
        ]  # fmt: skip
        folder.events.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="replace")
        folder.stdout.write_bytes((log or f"starting {name}\n" * 30).encode("utf-8", "replace"))
        spec = RunSpec(
            id=run_id, name=name, project=project, entry=entry, command=("python", "train.py"),
            params=params, seed=1, datasets={}, code=CodeSnapshot("b3:0", 1, 1), engine="process", image="env",
            environment="env", resources=Resources(), network=False, created=self.now,
        )  # type: ignore[arg-type]  # fmt: skip
        folder.spec.write_text(json.dumps(spec.to_json()))

    def dataset(self, name: str, *, versions: int = 1, project: str = "digits", path: str = "data/d.csv") -> None:
        for number in range(1, versions + 1):
            columns = [{"name": "pixel", "type": "int64"}, {"name": name, "type": name}]
            self.journal.append(DATASET_ADDED, f"{project}/{name}", {
                "project": project, "dataset": name, "number": number, "id": f"b3:{number}", "path": path, "files": 1,
                "bytes": 1000 * number, "rows": 100 * number, "columns": columns, "message": f"take {number} {name}",
            })  # fmt: skip

    def model(self, name: str, run: str, *, versions: int = 1, champion: int = 0) -> None:
        for number in range(1, versions + 1):
            self.journal.append(MODEL_REGISTERED, name, {
                "model": name, "number": number, "manifest": f"b3:{number}", "framework": "sklearn", "run": run,
                "project": "digits", "bytes": 12345, "metrics": {"accuracy": 0.8 + number / 100, "loss": 0.2},
                "signature": {"v": 1, "task": "classification", "inputs": [{"name": name, "dtype": "float64"}],
                              "classes": [name, "1"]}, "datasets": {name: "v1"},
            })  # fmt: skip
        if champion:
            self.journal.append(MODEL_ALIASED, name, {"alias": "champion", "number": champion})

    def deployment(self, name: str, model: str, *, status: str = "stopped", cause: str = "", port: int = 1) -> str:
        self._runs += 1
        deployment_id = f"d{self._runs:07d}"
        self.journal.append(DEPLOYMENT_CREATED, deployment_id, {
            "name": name, "model": model, "version": 1, "alias": "champion", "engine": "process", "port": port,
            "image": "env",
        })  # fmt: skip
        body = {"status": status, "cause": cause, "ready": self.now - 10, "ended": None}
        self.journal.append(DEPLOYMENT_STATUS, deployment_id, body)
        return deployment_id


def _summary(value: float, steps: int) -> dict[str, object]:
    values = {"last": value, "min": value / 2, "max": value, "mean": value}
    return {**{key: _json(one) for key, one in values.items()}, "count": steps, "step": steps - 1}


def _json(value: float) -> float | str:
    return value if math.isfinite(value) else "NaN"


def fill(seed: Seed, runs: int = 12) -> list[str]:
    """An ordinary lab: runs of every status, data, a model, a deployment that has ended."""
    seed.project()
    kinds = ("finished", "finished", "finished", "failed", "stopped", "interrupted")
    ids = []
    for index in range(runs):
        status = kinds[index % len(kinds)]
        ids.append(seed.run(
            f"run-{index:05d}", status=status, cause="failed exit 3" if status == "failed" else "",
            params={"lr": round(0.001 * (index + 1), 6), "epochs": 30, "model": "mlp" if index % 2 else "forest"},
            metrics={"accuracy": 0.5 + 0.4 * math.sin(index), "loss": 1 / (index + 1), "val_accuracy": 0.7},
            tags=("best",) if index == 2 else (), files=index < 40,
        ))  # fmt: skip
    seed.dataset("digits", versions=3)
    seed.dataset("holdout")
    seed.model("digits", ids[0], versions=3, champion=2)
    seed.deployment("digits", "digits")
    return ids
