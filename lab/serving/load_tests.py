"""Load tests: a client in a process of its own asks a deployment at its address; what came of it is kept beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.domain.deployments import Deployment
from lab.domain.load_tests import LoadTest
from lab.errors import LabError

_KEPT = 100
_LATE_SECONDS = 60.0  # beyond the test's own time
_CLIENT = "lab.runtime.load_client"


def run(deployment: Deployment, payload: Mapping[str, Any], token: str, connections: int, seconds: float) -> LoadTest:
    """Ask `deployment` for `seconds` over so many connections. Raises LabError if the client does not end well."""
    order = {
        "port": deployment.port,
        "path": "/predict",
        "connections": connections,
        "seconds": seconds,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "body": json.dumps(payload),
    }
    argv = [sys.executable, "-m", _CLIENT]
    try:
        done = subprocess.run(
            argv, input=json.dumps(order), capture_output=True, text=True, timeout=seconds + _LATE_SECONDS, check=True
        )
        told = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LabError(
            f"the load test did not come to an end ({type(error).__name__})", "try fewer connections"
        ) from error
    answered = told["requests"] - told["failed"]
    return LoadTest(
        at=time.time(),
        model=deployment.model,
        version=deployment.version,
        replicas=deployment.replicas,
        connections=connections,
        per_second=answered / told["seconds"],
        **told,
    )


def keep(path: Path, test: LoadTest) -> None:
    """Append to what is kept. Raises LabError when the disk does not take it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(test)) + "\n")
    except OSError as error:
        raise LabError(f"the result cannot be kept: {error.strerror}", "free some disk space") from error


def kept(path: Path) -> Sequence[LoadTest]:
    """The last tests, newest first; lines that are none are passed over."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[-_KEPT:]
    except FileNotFoundError:
        return ()
    return [test for line in reversed(lines) if (test := _read(line)) is not None]


def _read(line: str) -> LoadTest | None:
    try:
        return LoadTest(**json.loads(line))
    except (ValueError, TypeError):
        return None
