"""Serving and rolling out: what the router adds, how fast servers come and come back, what polling costs."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration" / "serving"))

from rolling_out import ROWS, Load, register, worker_pid
from support import remove_jobs, share_environments
from watched_app import WatchedApp

from lab.domain.deployments import Deployment
from lab.domain.rollouts import Budget, RolloutPlan
from lab.errors import EngineUnavailableError
from lab.paths import LabHome
from lab.serving.state import Release
from lab.workspace import Workspace

Figure = tuple[str, float, str, float]
_REQUESTS = 3000
_UNDER_LOAD = 50_000
_POLLED = 5
_WATCHED = 3  # of those, by the app
_BODY = json.dumps({"data": ROWS[:1]})
#: No gate is to decide here: a busy machine makes any version slow.
_PLAN = RolloutPlan(budget=Budget(p99=60.0, p95_ratio=1e6))


def figures() -> Iterator[Figure]:
    for engine in ("process", "docker"):
        yield from _figures(engine)


def _figures(engine: str) -> Iterator[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="lab-bench-"))
    home = share_environments(LabHome(folder / "home"))
    try:
        with Workspace(home.root, folder, engine=engine) as ws:
            try:
                ws.engine().available()
            except EngineUnavailableError:
                return
            try:
                register(ws, folder)
                register(ws, folder)
                for name, value, unit, goal in _measured(ws, engine):
                    yield f"{engine}: {name}", value, unit, goal
            finally:
                remove_jobs(ws.engine(), home)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(ws: Workspace, engine: str) -> Iterator[Figure]:
    deployments = ws.deployments
    one = deployments.deploy("iris:v1", name="bench", plan=_PLAN, token=False)
    yield "router adds, p50 of single rows", _added(ws, one, engine), "ms", 0.2
    deployments.deploy("iris:v1", name="bench", plan=_PLAN)
    yield "server beside the old one, start to ready", _step(ws, "start") + _step(ws, "ready"), "s", 1.2
    with Load(one, clients=4) as load:
        load.more(1000)
        deployments.deploy("iris:v2", name="bench", plan=_PLAN)
        load.more(1000)
        begun = time.perf_counter()
        deployments.rollback("bench")
        back = time.perf_counter() - begun
        while load.count < _UNDER_LOAD:
            load.more(2000, 300)
            deployments.rollback("bench")
    yield f"blue-green under load, failed of {load.count:,}", len(load.bad), "", 0
    yield "rollback", back, "s", 1.0
    yield "one server killed, until it answers", _killed(ws, one), "s", 2.0
    deployments.scale("bench", 2)
    with Load(one, clients=4) as load:
        load.more(500)
        _kill(ws, one)
        load.more(5000)
    yield f"one of two killed, failed of {load.count:,}", len(load.bad), "", 0
    deployments.stop("bench")
    names = [f"bench-{number}" for number in range(_POLLED)]
    for name in names:
        deployments.deploy("iris:v1", name=name, plan=_PLAN)
    yield f"polling {_POLLED} deployments a second", _polling(ws), "% core", 1.0
    for name in names[_WATCHED:]:
        deployments.stop(name)
    for key, screen in (("5", "Deployments"), ("1", "Home"), ("3", "Runs")):
        yield f"the app with {_WATCHED} deployments, on {screen}", _watching(ws, key), "% core", 2.0
    for name in names[:_WATCHED]:
        deployments.stop(name)


def _watching(ws: Workspace, key: str) -> float:
    """What the app takes on the screen that `key` opens."""
    with WatchedApp(ws.home.root) as app:
        app.until("eployment")
        app.press(key)
        app.quiet(1.0)
        time.sleep(3.0)  # what is loaded in the background is
        return app.cpu(20)


def _live(ws: Workspace, one: Deployment) -> Release:
    state = ws.deployments._parts.load(one.id)
    assert state is not None
    assert state.live is not None
    return state.live


def _step(ws: Workspace, name: str) -> float:
    steps = ws.deployments.history("bench")[0].steps
    return next(step.seconds for step in steps if step.step == name)


def _added(ws: Workspace, one: Deployment, engine: str) -> float:
    """Milliseconds that the way over the router takes longer than the server's own address, asked in turns."""
    server = _live(ws, one).servers[0]
    host, port = server.host, server.port
    if engine == "docker":  # a bridge's addresses can be reached from a Linux host
        api = ws.engine()._clients.quick  # type: ignore[attr-defined]
        details = api.inspect_container(ws.engine()._container(server.id))  # type: ignore[attr-defined]
        host = next(iter(details["NetworkSettings"]["Networks"].values()))["IPAddress"]
    ways = [http.client.HTTPConnection(host, port), http.client.HTTPConnection("127.0.0.1", one.port)]
    took: list[list[float]] = [[], []]
    for _ in range(_REQUESTS):
        for way, times in zip(ways, took, strict=True):
            begun = time.perf_counter()
            way.request("POST", "/predict", _BODY, {"Host": "localhost"})
            way.getresponse().read()
            times.append(time.perf_counter() - begun)
    return (statistics.median(took[1]) - statistics.median(took[0])) * 1000


def _kill(ws: Workspace, one: Deployment) -> None:
    """SIGKILL for the process of its first server that has the model in it."""
    os.kill(worker_pid(ws, _live(ws, one).servers[0].id), signal.SIGKILL)


def _killed(ws: Workspace, one: Deployment) -> float:
    """Seconds from the kill until a prediction comes again, asked anew every ten milliseconds."""
    _kill(ws, one)
    begun = time.perf_counter()
    time.sleep(0.05)  # the last answers of what is dying do not count
    while time.perf_counter() - begun < 60:
        connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
        try:
            connection.request("POST", "/predict", _BODY)
            if connection.getresponse().status == 200:
                break
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.01)
    return time.perf_counter() - begun


def _polling(ws: Workspace) -> float:
    """Percent of a core that ten seconds of looks at everybody, one a second, cost this process."""
    ws.deployments.watch()
    begun, wall = time.process_time(), time.monotonic()
    for _ in range(10):
        ws.deployments.watch()
        time.sleep(1.0)
    return (time.process_time() - begun) / (time.monotonic() - wall) * 100


if __name__ == "__main__":
    for name, value, unit, goal in figures():
        print(f"{name:60} {value:>9.4g} {unit:7} ≤ {goal:g}", flush=True)
