"""A real server process on a loopback port, and a plain client for it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import lab
from lab.runtime import sklearn_model

ROOT = Path(lab.__file__).parents[1]


def save(model: Any, folder: Path, example: Any) -> Path:
    folder.mkdir(parents=True)
    sklearn_model.save(model, folder, example=example, framework=None, labels=None)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Connection(http.client.HTTPConnection):
    """Sends the head and the body of a request together; the standard library's sends one after the other."""

    _held = b""

    def send(self, data: Any) -> None:
        self._held += data

    def getresponse(self) -> http.client.HTTPResponse:
        data, self._held = self._held, b""
        super().send(data)
        return super().getresponse()


class Server:
    """`python -m lab.runtime.serving` on `model_dir`; a context manager that leaves no process behind.

    Requests to predict go straight to the program, unless `asgi` is set: what has a query in its path does not.
    """

    asgi = False

    def __init__(self, model_dir: Path, **env: str) -> None:
        self.port = free_port()
        self.headers: dict[str, str] = {}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
        self._env = clean | {
            "PYTHONPATH": str(ROOT),
            "LAB_MODEL_DIR": str(model_dir),
            "LAB_HOST": "127.0.0.1",
            "LAB_PORT": str(self.port),
            "LAB_MODEL_NAME": "iris",
            "LAB_MODEL_VERSION": "v1",
            **env,
        }
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Server:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.runtime.serving"],
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        return Connection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self.ask("GET", path, headers=headers)

    def post(self, value: Any, path: str = "/predict", **headers: str) -> tuple[int, Any]:
        return self.ask("POST", path, value if isinstance(value, bytes) else json.dumps(value).encode(), headers)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """(status, body: parsed where it is JSON)."""
        connection = self.connect()
        try:
            connection.request(method, path + "?" * self.asgi, body, self.headers | (headers or {}))
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(data) if is_json and data else data

    def wait_for(self, path: str = "/readyz", status: int = 200, seconds: float = 60) -> Any:
        """Ask until `path` answers `status`; returns that answer."""
        deadline = time.monotonic() + seconds
        answer: Any = None
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()[0].decode()
            try:
                code, answer = self.get(path)
            except OSError:
                time.sleep(0.01)
                continue
            if code == status:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"{path} never answered {status}; last: {answer}")

    def wait_for_refusal(self, seconds: float = 60) -> str:
        """Wait until the server has decided that it will not serve; returns its reason."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            reason = str(self.wait_for(status=503)["reason"])
            if reason != "loading the model":
                return reason
            time.sleep(0.02)
        raise AssertionError("the server never decided")

    def stop(self, seconds: float = 30) -> tuple[int, str]:
        """SIGTERM; (exit code, what it wrote)."""
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, output.decode()
