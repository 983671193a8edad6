"""Talking to a deployment's server over loopback: small, bounded, and with errors in Lab's words."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.text import clean
from lab.errors import EngineError, LabError, UsageError
from lab.paths import LabHome
from lab.runtime.serving.metrics import BRIEF
from lab.serving import tokens
from lab.serving.routing import SERVER_HEADER

#: What a server that is ready calls itself while its model is not in memory.
ASLEEP = DeploymentStatus.ASLEEP.value

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_MAX_ANSWER = 64 << 20  # bytes
_NAMED = 8  # columns in a message


class Client:
    """Asks deployments of one lab home, and brings their tokens."""

    def __init__(self, home: LabHome) -> None:
        self._home = home

    def request(
        self,
        deployment: Deployment,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        timeout: float = 30.0,
        slot: int = 0,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> tuple[int, bytes]:
        """Status and body of one answer; `slot` names one server behind the router, 0 leaves it to the router.

        Raises EngineError if there is none within `timeout` seconds.
        """
        connection = http.client.HTTPConnection("127.0.0.1", deployment.port, timeout=timeout)
        try:
            sent = {"Content-Type": "application/json", **headers} if body is not None else dict(headers)
            if token := tokens.read(self._home.deployment(deployment.id)):
                sent["Authorization"] = f"Bearer {token}"
            if slot:
                sent[SERVER_HEADER] = str(slot)
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            if slot and answer.headers.get(SERVER_HEADER, "") != f"s{slot}":
                raise EngineError(f"server {slot} of deployment {deployment.name} is not up", "lab deployments ls")
            return answer.status, answer.read(_MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(
                f"deployment {deployment.name} does not answer at {deployment.url}: {clean(str(error), 120)}",
                f"lab deployments logs {deployment.name}",
            ) from error
        finally:
            connection.close()

    def get(
        self, deployment: Deployment, path: str, slot: int = 0, headers: Mapping[str, str] = _NO_HEADERS
    ) -> tuple[int, bytes]:
        """One quick look. Raises EngineError if the server does not answer within two seconds."""
        return self.request(deployment, "GET", path, timeout=2.0, slot=slot, headers=headers)

    def look(self, deployment: Deployment, path: str, slot: int = 0) -> tuple[int, bytes]:
        """As `get`; of counters only the server's own, where it knows to leave out the others."""
        return self.get(deployment, path, slot, {BRIEF: "1"})

    def predict(self, deployment: Deployment, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The server's answer to `payload`. Raises UsageError with its reason when it refuses the input."""
        status, body = self.request(deployment, "POST", "/predict", json.dumps(payload, allow_nan=False).encode())
        answer = _object(body)
        if status == 200:
            return answer
        reason = _reason(answer, body)
        if 400 <= status < 500:
            raise UsageError(
                f"deployment {deployment.name} refused the input: {reason}",
                f"lab deployments show {deployment.name} tells its columns",
            )
        raise LabError(f"deployment {deployment.name} answered {status}: {reason}", "try again; look at its logs")

    def ready(self, deployment: Deployment, *, timeout: float = 1.0, slot: int = 0) -> tuple[bool, str]:
        """Whether the server says that it is ready, and else why not; of one that is, `asleep` where it is that."""
        try:
            status, body = self.request(deployment, "GET", "/readyz", timeout=timeout, slot=slot)
        except EngineError as error:
            return False, error.message
        said = _object(body)
        if status == 200:
            return True, ASLEEP if said.get("state") == ASLEEP else ""
        return False, clean(str(said.get("reason", "")), 200) or f"/readyz answers {status}"


def _reason(answer: Mapping[str, Any], body: bytes) -> str:
    """What a refusal says: its message with the columns that it names, else the beginning of whatever it is."""
    error = answer.get("error")
    if not isinstance(error, dict) or "message" not in error:
        return clean(body[:200].decode("utf-8", "replace"), 400)
    columns = error.get("columns")
    if not isinstance(columns, list) or not columns:
        return clean(str(error["message"]), 400)
    names = ", ".join(str(column) for column in columns[:_NAMED])
    more = f" and {len(columns) - _NAMED} more" if len(columns) > _NAMED else ""
    return clean(f"{error['message']}: {names}{more}", 400)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
