"""What routes a deployment's requests: one stable loopback address in front of servers that come and go.

There is one router per deployment, not one per lab home: a container's published ports are fixed when it is made, so
adding a deployment to a common router would cut the connections of all others. HAProxy takes some 10 MB.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from lab.dataclass import dataclass
from lab.engine.base import Job
from lab.errors import EngineError

#: Servers that a router has room for: those of two versions beside each other.
SLOTS = 32
#: Asks for one server, by its slot, whatever its weight: how Lab tries a server that has no traffic yet. Answers say
#: in it who gave them, as `s3`: of one that is down, another may answer.
SERVER_HEADER = "X-Lab-Server"

SOCKET = "admin.sock"
_SOCKET_SECONDS = 2.0
_PATH_MAX = 100  # bytes that the path of a unix socket may have everywhere


@dataclass(frozen=True)
class Backend:
    """A server as the router reaches it. `slot` counts from 1; weight 0 means that it gets no requests but those that
    name it, and finishes what it has."""

    slot: int
    host: str
    port: int
    weight: int


@dataclass(frozen=True)
class BackendStats:
    """What a router knows of one server; counts are since the router's start. `failures` are requests that it did not
    answer; those that another server then answered are none of the client's."""

    slot: int
    up: bool
    weight: int
    requests: int
    errors_4xx: int
    errors_5xx: int
    failures: int
    in_flight: int
    queued: int = 0


@dataclass(frozen=True)
class RouterFolder:
    """`deployments/<id>/router/`: what it starts from, and the socket by which it is told of changes."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def run(self) -> Path:
        return self.root / "run"

    def create(self) -> None:
        self.config.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.run.mkdir(mode=0o700, exist_ok=True)


class Router(Protocol):
    """A kind of router. `tests/contract/test_routers.py` holds each one to this."""

    @property
    def kind(self) -> str: ...

    def job(self, job_id: str, image: str, folder: RouterFolder, port: int, runtime: Path) -> Job:
        """The job that runs it, with its address on loopback at `port`."""

    def write(self, folder: RouterFolder, backends: Sequence[Backend]) -> None:
        """What it is to start from the next time."""

    def apply(self, folder: RouterFolder, backends: Sequence[Backend]) -> None:
        """Let it route so from now on, without losing a request; what is not named is forgotten.

        Raises EngineError if it does not answer.
        """

    def stats(self, folder: RouterFolder) -> list[BackendStats]:
        """Its servers by slot. Raises EngineError if it does not answer."""


def ask(folder: RouterFolder, line: str) -> str:
    """What a router says to one line on its socket. Raises EngineError if it does not answer within two seconds."""
    try:
        with _short(folder.run / SOCKET) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(_SOCKET_SECONDS)
            wire.connect(path)
            wire.sendall(line.encode() + b"\n")
            wire.shutdown(socket.SHUT_WR)
            said = b""
            while piece := wire.recv(1 << 16):
                said += piece
    except OSError as error:
        raise EngineError(f"the router does not answer: {error.strerror or error}", "lab deployments ls") from error
    return said.decode("utf-8", "replace")


def listens(folder: RouterFolder) -> bool:
    """Whether a router is there to be told something."""
    try:
        with _short(folder.run / SOCKET) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(_SOCKET_SECONDS)
            wire.connect(path)
    except OSError:
        return False
    return True


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A path that fits into a socket's address."""
    if len(os.fsencode(path)) <= _PATH_MAX:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        link = Path(name) / "s"
        link.symlink_to(path.parent)
        yield str(link / path.name)
