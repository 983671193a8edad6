"""Where jobs run. `connect` finds an engine; each, and what it needs, is loaded only when asked for."""

from __future__ import annotations

from lab.engine.base import Engine
from lab.engine.identity import home_id
from lab.errors import EngineUnavailableError, UsageError
from lab.paths import LabHome

__all__ = ["connect", "home_id"]


def connect(name: str, home: LabHome) -> Engine:
    """The engine called `name`: `docker`, `process`, or `auto` (docker if it answers within two seconds, else process).

    Raises UsageError for any other name. `docker` itself may turn out not to answer later.
    """
    if name == "process":
        return _process(home)
    if name not in ("docker", "auto"):
        raise UsageError(f"there is no engine {name!r}", "use docker, process or auto")
    from lab.engine.docker import DockerEngine

    docker = DockerEngine(home)
    if name == "auto":
        try:
            docker.available(timeout=2.0)
        except EngineUnavailableError:
            docker.close()
            return _process(home)
    return docker


def _process(home: LabHome) -> Engine:
    from lab.engine.process import ProcessEngine

    return ProcessEngine(home)
