"""A lab with a model of several versions to deploy, without training runs: what a rollout needs and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from lab.events import MODEL_REGISTERED
from lab.runtime import sklearn_model
from lab.stores import locks
from lab.stores.snapshot import snapshot
from lab.workspace import Workspace

FLOWERS, KINDS = load_iris(return_X_y=True)
ROWS = FLOWERS.tolist()


def register(ws: Workspace, folder: Path, name: str = "iris", *, estimator: Any = None, labels: Any = None) -> str:
    """A further version of the model `name`; its reference."""
    model = estimator or LogisticRegression(max_iter=500)
    fitted = model.fit(FLOWERS, KINDS if labels is None else labels)
    number = len(ws.models.versions(name)) + 1
    place = folder / f"{name}-{number}"
    place.mkdir(parents=True)
    sklearn_model.save(fitted, place, example=FLOWERS, framework=None, labels=None)
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
