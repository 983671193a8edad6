"""Who may ask: clients that call this server by its names, from no other site, with a token where one is set."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lab.runtime.serving.errors import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:  # whoever only looks where requests come from need not load what compares secrets
    from lab.runtime.serving.tokens import Tokens

Headers = Mapping[bytes, bytes]


def check_source(headers: Headers, hosts: Collection[str]) -> None:
    """Pages from elsewhere must not reach a loopback server through a browser. Raises RequestError 403, 421."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if _without_port(host) not in hosts:
        raise RequestError(421, "host", "this server does not go by that name; LAB_ALLOWED_HOSTS lists its names")
    origin = headers.get(b"origin")
    if origin is not None:
        _, separator, source = origin.decode("latin-1").lower().partition("://")
        if not separator or _without_port(source) not in hosts:
            raise RequestError(403, "origin", "requests from other sites are refused")


def check_token(headers: Headers, tokens: Tokens) -> None:
    """Raises RequestError 401 without `Authorization: Bearer` and a valid token."""
    scheme, _, secret = headers.get(b"authorization", b"").partition(b" ")
    if not tokens.valid(secret.strip()) or scheme.lower() != b"bearer":
        raise RequestError(401, "token", "send the deployment's token: Authorization: Bearer …")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]
