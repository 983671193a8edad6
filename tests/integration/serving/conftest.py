"""Models as runs save them, and servers on them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving_client import Server, save
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any, Path]]:
    """name → (model, its inputs, the folder that a run saved)."""
    root = tmp_path_factory.mktemp("models")
    flowers, kinds = load_iris(return_X_y=True)
    patients, progress = load_diabetes(return_X_y=True)
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(flowers, kinds)
    forest = RandomForestClassifier(30, random_state=0, n_jobs=2).fit(flowers, kinds)
    ridge = Ridge().fit(patients, progress)
    return {
        name: (model, inputs, save(model, root / name, inputs))
        for name, model, inputs in (
            ("linear", linear, flowers),
            ("forest", forest, flowers),
            ("ridge", ridge, patients),
        )
    }


@pytest.fixture(scope="module")
def _running(models: dict[str, tuple[Any, Any, Path]]) -> Iterator[Server]:
    with Server(models["linear"][2]) as running:
        running.wait_for()
        yield running


@pytest.fixture(params=["straight", "asgi"])
def server(request: pytest.FixtureRequest, _running: Server) -> Server:
    """A ready server on the linear model, shared by tests that do not stop it, asked in both ways."""
    _running.asgi = request.param == "asgi"
    return _running


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; skipped where nobody may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"cannot mount a small file system here: {done.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)
