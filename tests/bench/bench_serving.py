"""The model server with a forest of 100 trees on 20 columns: requests, latency, memory, start.

Where `mlflow` is on the PATH (or `LAB_BENCH_MLFLOW` names it), the same forest behind `mlflow models serve` is asked
the same in the same run: compare by ratios, machines differ. Where `wrk` is installed it asks, since it takes a tenth
of what our own client takes of the processors that both share.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

import lab
from lab.runtime import sklearn_model

ROOT = Path(lab.__file__).parents[1]
TREES, COLUMNS, SECONDS, SLOW_SECONDS, WARM_SECONDS = 100, 20, 3.0, 6.0, 1.0

MLFLOW = """
import pickle, sys
import mlflow.sklearn
mlflow.sklearn.save_model(pickle.load(open(sys.argv[1], "rb")), sys.argv[2], serialization_format="cloudpickle")
"""


#: The last line of what it prints: seconds, requests, failures, p50 and p99 in seconds.
WRK = """
wrk.method, wrk.body, wrk.headers["Content-Type"] = "POST", [==[BODY]==], "application/json"
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(summary.duration / 1e6, summary.requests, failed, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6)
end
"""


@dataclass(frozen=True)
class Measured:
    ready: float
    rss: float
    alone: Mapping[str, float]
    crowd: Mapping[str, float]
    cpu: float  # seconds of the server a request, with the crowd
    way: str = ""


def figures() -> Iterator[tuple[str, float, str, float]]:
    with tempfile.TemporaryDirectory() as name:
        folder, body = _model(Path(name))
        best = _ours(folder, body)
        exact = _ours(folder, body, LAB_EXACT="1")
        for measured, label in ((best, best.way), (exact, f"{exact.way}, exact")):
            yield f"forest, 32 connections, by {label}", measured.crowd["per_second"], "/s", 0
            yield f"forest, 32 connections, p99, by {label}", measured.crowd["p99"] * 1e3, "ms", 25
            yield f"forest, 1 connection, p50, by {label}", measured.alone["p50"] * 1e3, "ms", 1
            yield f"forest, processor time a request, 32, by {label}", measured.cpu * 1e6, "us", 0
            yield f"forest, start to ready, by {label}", measured.ready, "s", 3
        yield f"forest, memory of the server, by {best.way}", best.rss / 2**20, "MB", 140
        yield f"forest, memory of the server, by {exact.way}", exact.rss / 2**20, "MB", 0
        mlflow = os.environ.get("LAB_BENCH_MLFLOW") or shutil.which("mlflow")
        if mlflow:
            theirs = _mlflow(Path(mlflow), Path(name), body)
            yield "mlflow, 32 connections", theirs.crowd["per_second"], "/s", 0
            yield "mlflow, 1 connection, p50", theirs.alone["p50"] * 1e3, "ms", 0
            yield "mlflow, start to ready", theirs.ready, "s", 0
            yield "mlflow, memory of the server", theirs.rss / 2**20, "MB", 0
            yield "forest's time a request of mlflow's, 32", 100 * _rate(theirs) / _rate(best), "%", 1
            yield "forest's processor time of mlflow's, 32", 100 * best.cpu / theirs.cpu, "%", 1
            yield "forest's p50 of mlflow's, 1", 100 * best.alone["p50"] / theirs.alone["p50"], "%", 5


def _rate(measured: Measured) -> float:
    return measured.crowd["per_second"]


def _model(root: Path) -> tuple[Path, bytes]:
    inputs, classes = make_classification(4000, COLUMNS, n_informative=12, n_classes=2, random_state=0)
    model = RandomForestClassifier(TREES, max_depth=12, random_state=0).fit(inputs, classes)
    folder = root / "model"
    folder.mkdir()
    sklearn_model.save(model, folder, example=inputs[:500], framework=None, labels=None)
    with open(root / "forest.pickle", "wb") as file:
        pickle.dump(model, file)
    return folder, json.dumps({"inputs": [inputs[0].tolist()]}).encode()


def _ours(folder: Path, body: bytes, **env: str) -> Measured:
    port = _free_port()
    settings = {"LAB_MODEL_DIR": str(folder), "LAB_HOST": "127.0.0.1", "LAB_PORT": str(port)}
    argv = [sys.executable, "-m", "lab.runtime.serving"]
    with _server(argv, port, "/readyz", settings | {"PYTHONPATH": str(ROOT)} | env) as (ready, process):
        measured = _measure(port, body, ready, process.pid, SECONDS)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/model", timeout=10) as answer:
            way = json.load(answer)["parameters"]["compute"]["way"]
    return Measured(measured.ready, measured.rss, measured.alone, measured.crowd, measured.cpu, way)


def _mlflow(program: Path, root: Path, body: bytes) -> Measured:
    python = program.with_name("python")
    subprocess.run([python, "-c", MLFLOW, root / "forest.pickle", root / "mlflow"], check=True, capture_output=True)
    port = _free_port()
    argv = [str(program), "models", "serve", "-m", str(root / "mlflow"), "--env-manager", "local", "-p", str(port)]
    path = f"{program.parent}:{os.environ['PATH']}"
    with _server(argv, port, "/ping", {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}) as (ready, process):
        return _measure(port, body, ready, process.pid, SLOW_SECONDS)


@contextmanager
def _server(
    argv: list[str], port: int, path: str, env: dict[str, str]
) -> Iterator[tuple[float, subprocess.Popen[bytes]]]:
    """(seconds until `path` answered 200, the process), in a session of its own that ends with the block."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        argv, env=os.environ | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() - begin > 120:
                raise SystemExit(f"{argv[0]} did not start")
            time.sleep(0.01)
        yield time.perf_counter() - begin, process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _measure(port: int, body: bytes, ready: float, pid: int, seconds: float) -> Measured:
    alone = _load(port, body, 1, seconds)
    before = _worked(pid)
    crowd = _load(port, body, 32, seconds)
    cpu = (_worked(pid) - before) / crowd["asked"]
    return Measured(ready, sum(_resident(number) for number in _tree(pid)), alone, crowd, cpu)


def _load(port: int, body: bytes, connections: int, seconds: float) -> dict[str, float]:
    """`per_second`, `p50` and `p99` once it is warm; `asked` counts all requests."""
    if not shutil.which("wrk"):
        return _by_our_client(port, body, connections, seconds)
    warm = _by_wrk(port, body, connections, WARM_SECONDS)
    told = _by_wrk(port, body, connections, seconds)
    return {**told, "asked": warm["requests"] + told["requests"]}


def _by_wrk(port: int, body: bytes, connections: int, seconds: float) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK.replace("BODY", body.decode()))
        script.flush()
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{round(seconds)}s", "--timeout", "30s", "-s", script.name]
        argv += [f"http://127.0.0.1:{port}/invocations"]
        told = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
    took, requests, failed, p50, p99 = (float(word) for word in told.split())
    if failed or not requests:
        raise SystemExit(f"failed: {told}")
    return {"requests": requests, "p50": p50, "p99": p99, "per_second": requests / took}


def _by_our_client(port: int, body: bytes, connections: int, seconds: float) -> dict[str, float]:
    order = {
        "port": port,
        "path": "/invocations",
        "connections": connections,
        "seconds": seconds,
        "body": body.decode(),
    }
    argv = [sys.executable, "-m", "lab.runtime.load_client"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, input=json.dumps(order).encode(), env=env, stdout=subprocess.PIPE, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    if told["failed"] or not told["requests"]:
        raise SystemExit(f"failed: {told}")
    rate = told["requests"] / told["seconds"]
    return {**told, "per_second": rate, "asked": rate * (seconds + min(WARM_SECONDS, seconds / 4))}


def _tree(pid: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for number in found:
        found += children.get(number, [])
    return found


def _worked(pid: int) -> float:
    """Seconds of processors that the process and all below it have taken."""
    ticks = [(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[11:13]) for number in _tree(pid)]
    return sum(int(user) + int(system) for user, system in ticks) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _print() -> None:
    for name, value, unit, target in figures():
        print(f"{name:52} {value:>9.4g} {unit:2}   {f'≤ {target:g} {unit}' if target else ''}", flush=True)


if __name__ == "__main__":
    _print()
