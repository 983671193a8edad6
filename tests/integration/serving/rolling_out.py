"""A lab with a model of several versions to deploy, without training runs: what a rollout needs and no more."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from lab.domain.deployments import Deployment
from lab.events import MODEL_REGISTERED
from lab.runtime import sklearn_model
from lab.stores import locks
from lab.stores.snapshot import snapshot
from lab.workspace import Workspace

FLOWERS, KINDS = load_iris(return_X_y=True)
ROWS = FLOWERS.tolist()


def register(
    ws: Workspace,
    folder: Path,
    name: str = "iris",
    *,
    estimator: Any = None,
    labels: Any = None,
    pii: Mapping[str, str] = sklearn_model.NO_PII,
) -> str:
    """A further version of the model `name`; its reference."""
    model = LogisticRegression(max_iter=500) if estimator is None else estimator
    fitted = model.fit(FLOWERS, KINDS if labels is None else labels)
    number = len(ws.models.versions(name)) + 1
    place = folder / f"{name}-{number}"
    place.mkdir(parents=True)
    sklearn_model.save(fitted, place, example=FLOWERS, framework=None, labels=None, pii=pii)
    with locks.share(ws.home.store_lock):
        taken = snapshot(place, ws.home)
        signature = json.loads((place / "signature.json").read_text())
        body = {
            "model": name, "number": number, "manifest": taken.id, "framework": "sklearn", "run": "", "project": "p",
            "bytes": taken.manifest.size, "signature": signature, "metrics": {}, "datasets": {},
        }  # fmt: skip
        ws._journal.append(MODEL_REGISTERED, f"{name}:v{number}", body)
    ws.refresh()
    return f"{name}:v{number}"


def capture(ws: Workspace, deployment_id: str, rows: list[list[float]], labels: list[int], version: str) -> None:
    """Captured traffic as the server that serves now would have written it."""
    state = ws.deployments._parts.load(deployment_id)
    assert state is not None
    assert state.live is not None
    folder = ws.home.deployment(deployment_id).release(state.live.number).run(0) / "capture"
    folder.mkdir(exist_ok=True)
    lines = [
        {"id": str(number), "at": 1.8e9 + number, "version": version, "data": [row],
         "predictions": [label]}
        for number, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]  # fmt: skip
    (folder / "0001.jsonl").write_text("garbage\n" + "".join(json.dumps(line) + "\n" for line in lines))


def captured(ws: Workspace, deployment_id: str) -> list[list[dict[str, Any]]]:
    """What each server of the first release has kept of requests."""
    runs = sorted(ws.home.deployment(deployment_id).root.glob("releases/1/run-*"))
    files = [sorted((run / "capture").glob("*.jsonl")) for run in runs]
    return [[json.loads(line) for path in paths for line in path.read_text().splitlines()] for paths in files]


def worker_pid(ws: Workspace, job_id: str) -> int:
    """The process of a server that has the model in it: what its keeper started; 0 while there is none."""
    engine: Any = ws.engine()
    if engine.name == "docker":
        init = engine._clients.slow.inspect_container(engine._container(job_id))["State"]["Pid"]
        keeper = _child(init)
    else:
        keeper = int(json.loads((ws.home.jobs / job_id / "child.json").read_text())["pid"])
    return _child(keeper)


def _child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


#: Between two requests of a client, seconds: hundreds a second are load enough, and others have tests to run.
PAUSE = 0.005


class Load:
    """Clients that predict over and over; `bad` are the answers that are not as they should be."""

    def __init__(self, deployment: Deployment, clients: int = 2, token: str = "") -> None:
        self._port = deployment.port
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.bad: list[object] = []
        self.versions: Counter[str] = Counter()
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    @property
    def count(self) -> int:
        return sum(self.versions.values())

    def more(self, count: int, seconds: float = 60) -> None:
        before, deadline = self.count, time.monotonic() + seconds
        while self.count < before + count:
            assert time.monotonic() < deadline, f"not {count} requests within {seconds} s"
            time.sleep(0.01)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        body = json.dumps({"data": ROWS[:1]})
        while not self._done.wait(PAUSE):
            try:
                connection.request("POST", "/predict", body, self._headers)
                answer = connection.getresponse()
                said = answer.read()
                if answer.status == 200:
                    self.versions[json.loads(said)["model_version"]] += 1
                else:
                    self.bad.append((answer.status, said[:100]))
            except (OSError, http.client.HTTPException) as error:
                self.bad.append(error)
                connection.close()
        connection.close()
