"""What launching a run costs beyond starting the same container through the bare SDK."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import docker

from lab.domain.launch import LaunchRequest
from lab.errors import EngineUnavailableError
from lab.workspace import Workspace

Figure = tuple[str, float, str, float]

_PAIRS = 9
_TOML = '[project]\nname = "bench"\n[entries.train]\ncommand = "python3 train.py"\n[resources]\nmemory = "256m"\n'


def figures() -> list[Figure]:
    """Median of paired differences, in one run; nothing where no Docker engine answers."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "bench")
        project.mkdir()
        (project / "lab.toml").write_text(_TOML)
        (project / "train.py").write_text("pass\n")
        ws = Workspace(Path(folder, "home"), project, engine="docker")
        try:
            ws.engine().available()
        except EngineUnavailableError as error:
            print(f"no Docker engine, launch is not measured: {error.message}")
            return []
        try:
            return _measure(ws)
        finally:
            ws.close()


def _measure(ws: Workspace) -> list[Figure]:
    client = docker.from_env()
    request = LaunchRequest("train")
    warm = ws.runs.wait(ws.runs.launch(request).id, timeout=60)
    bare, ours, extra = [], [], []
    for _ in range(_PAIRS):
        began = time.perf_counter()
        container = client.containers.run(
            warm.image, ["python3", "-c", "pass"], detach=True, network_mode="none", labels={"lab.bench": "1"}
        )
        bare.append(time.perf_counter() - began)
        container.wait()
        container.remove()
        began = time.perf_counter()
        run = ws.runs.launch(request)
        ours.append(time.perf_counter() - began)
        ws.runs.wait(run.id, timeout=60)
        extra.append(ours[-1] - bare[-1])
    client.close()
    return [
        ("containers.run of the bare SDK", statistics.median(bare) * 1000, "ms", 0),
        ("lab launch of the same image", statistics.median(ours) * 1000, "ms", 0),
        ("launch overhead over the bare SDK", statistics.median(extra) * 1000, "ms", 60),
    ]


if __name__ == "__main__":
    for figure in figures():
        print(figure)
