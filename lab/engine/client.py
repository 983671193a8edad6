"""The Docker SDK, tamed: clients with time limits, and every foreign exception told as one of Lab's."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions

from lab.errors import EngineError, EngineUnavailableError
from lab.runtime import jobguard

QUICK_SECONDS = 10
SLOW_SECONDS = 120

_START_HINT = "start Docker, or work with --engine process"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise what the SDK and its HTTP libraries raise as EngineError or EngineUnavailableError about `what`."""
    try:
        yield
    except docker.errors.APIError as error:
        raise EngineError(f"{what}: {explanation(error)}") from error
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        ConnectionError,
    ) as error:
        raise EngineUnavailableError(f"{what}: Docker does not answer ({_reason(error)})", _START_HINT) from error


def explanation(error: docker.errors.APIError) -> str:
    """What the engine itself said."""
    return str(error.explanation or error).strip()


def _reason(error: Exception) -> str:
    text = str(error)
    inner = re.search(r"(No such file or directory|Connection refused|Permission denied|timed out)", text)
    return inner[1].lower() if inner else text.splitlines()[0][:200] if text else type(error).__name__


def connect(timeout: float) -> Any:
    """A low-level API client by DOCKER_HOST or the docker command's context, giving up on calls after `timeout` s."""
    return docker.DockerClient.from_env(timeout=timeout).api


class Clients:
    """A quick client for questions and a patient one for work, each made at first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[int, Any] = {}

    def _get(self, timeout: int) -> Any:
        with self._lock:
            if timeout not in self._made:
                self._made[timeout] = connect(timeout)
            return self._made[timeout]

    @property
    def quick(self) -> Any:
        return self._get(QUICK_SECONDS)

    @property
    def slow(self) -> Any:
        return self._get(SLOW_SECONDS)

    def close(self) -> None:
        with self._lock:
            for api in self._made.values():
                api.close()
            self._made.clear()


def engine_identity(api: Any) -> str:
    """Something that changes when the engine restarts.

    The default bridge network gets a new id at every start of the daemon. An engine without one is known
    by the process that listens on its socket, where that can be seen; else this is "".
    """
    try:
        return str(api.inspect_network("bridge")["Id"])
    except docker.errors.NotFound:
        return _listener(api)


def _listener(api: Any) -> str:
    adapter = getattr(api, "_custom_adapter", None)
    path = getattr(adapter, "socket_path", "")
    if not path or not hasattr(socket, "SO_PEERCRED"):
        return ""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(path)
        pid = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return f"{pid}:{jobguard.process_start(pid)}" if pid else ""


def is_local(api: Any) -> bool:
    """Whether the engine is on this machine, so that this machine's boot is the engine's."""
    return str(api.base_url) == "http+docker://localhost"


def epoch(text: str) -> float | None:
    """Seconds since the epoch of an engine's timestamp (nanoseconds, UTC); None for its zero, year 1."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()


def remove_container(api: Any, container: str) -> None:
    """Remove `container`, running or not; harmless when there is none or another process is at it."""
    deadline = time.monotonic() + 30
    while True:
        try:
            api.remove_container(container, force=True, v=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.status_code != 409 or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(0.05)
