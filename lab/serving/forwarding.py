"""Lab's own forwarder (lab.runtime.forwarder) as a router: for the process engine, and where HAProxy cannot be had."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lab import paths
from lab.domain.resources import Resources
from lab.engine.base import Job, Mount
from lab.errors import EngineError
from lab.serving.routing import Backend, BackendStats, RouterFolder, ask
from lab.stores.durable import write_atomic

_CONFIG_DIR, _SOCKET_DIR = "/lab/config", "/lab/run"
_FILE = "route.json"


class Forwarder:
    """Runs in the environment of the server that it is started for: any Python does."""

    kind = "forwarder"

    def __init__(self, isolated: bool) -> None:
        self._isolated = isolated

    def job(self, job_id: str, image: str, folder: RouterFolder, port: int, runtime: Path) -> Job:
        return Job(
            id=job_id,
            image=image,
            command=("python3", "-m", "lab.runtime.forwarder"),
            env={
                "LAB_HOST": "0.0.0.0" if self._isolated else "127.0.0.1",
                "LAB_ROUTE_FILE": f"{_CONFIG_DIR}/{_FILE}",
                "LAB_ROUTE_SOCKET": _SOCKET_DIR,
                "PYTHONPATH": paths.RUNTIME_DIR,
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            workdir=_SOCKET_DIR,
            mounts=(
                Mount(folder.config, _CONFIG_DIR),
                Mount(folder.run, _SOCKET_DIR, read_only=False),
                Mount(runtime, paths.RUNTIME_DIR),
            ),
            resources=Resources(memory=512 << 20, pids=32, shm=1 << 20),
            labels={"lab.router": self.kind},
            port=port,
            restart=True,
            link=True,
        )

    def write(self, folder: RouterFolder, backends: Sequence[Backend]) -> None:
        folder.create()
        write_atomic(folder.config / _FILE, _servers(backends).encode())

    def apply(self, folder: RouterFolder, backends: Sequence[Backend]) -> None:
        ask(folder, _servers(backends))

    def stats(self, folder: RouterFolder) -> list[BackendStats]:
        said = ask(folder, "{}")
        try:
            return [BackendStats(**server) for server in json.loads(said)["servers"]]
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError(f"the router says what Lab does not understand: {said[:80]!r}") from error


def _servers(backends: Sequence[Backend]) -> str:
    return json.dumps({"servers": [asdict(backend) for backend in backends]})
