"""The server: one raw ASGI program. Routes are a table; a protocol to add is a module with a `routes` function.

The socket listens before the model is loaded: `/livez` answers at once, `/readyz` when the model has proved itself.
"""

from __future__ import annotations

import time
from dataclasses import replace

from lab.runtime.serving import access, feedback, mlflow, native, openinference, pages
from lab.runtime.serving.config import Config
from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import (
    CLOSE,
    Answer,
    DisconnectedError,
    ErrorAnswer,
    Header,
    Receive,
    Request,
    Route,
    Scope,
    Send,
    error_answer,
    reply,
)
from lab.runtime.serving.service import Service
from lab.runtime.serving.tokens import Tokens

#: Labels of questions about the server's health, which are no use of it.
HEALTH = frozenset({"/livez", "/readyz", "/metrics", "/ping", "/health"})
HEALTH |= {"/v2/health/live", "/v2/health/ready", "/v2/models/ready"}

PROTOCOLS = (native.routes, openinference.routes, mlflow.routes, feedback.routes)


class App:
    """ASGI application for one model. Raises ConfigError if the token file gives no token.

    One that is `late` does not say that it has started before the model may be asked, or cannot be.
    """

    def __init__(self, config: Config, late: bool = False) -> None:
        self.config = config
        self._late = late
        self.service = Service(config)
        self._tokens = Tokens(config.token_file) if config.token_file else None
        routes = [route for protocol in PROTOCOLS for route in protocol(self.service)]
        routes += pages.routes(self.service, tuple(routes))
        self._routes: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._routes.setdefault(route.path, {})[route.method] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    def drain(self) -> None:
        """Stop taking predictions; those under way go on."""
        self.service.drain()

    @property
    def idle(self) -> bool:
        return self.service.metrics.in_flight == 0

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.service.start()
        if self._late:
            await self.service.loaded.wait()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.service.capture.settle()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.perf_counter()
        metrics = self.service.metrics
        methods = self._routes.get(scope["path"], {})
        route = methods.get("GET" if scope["method"] == "HEAD" else scope["method"])
        label = next(iter(methods.values())).label or scope["path"] if methods else "other"
        metrics.in_flight += 1
        try:
            answer = await self._answer(scope, receive, methods, route)
            metrics.count(label, answer.status)
            if route is not None and route.predicts:
                metrics.latency.observe(time.perf_counter() - begin)
            await reply(send, answer)
        except DisconnectedError:
            metrics.count(label, 499)
        finally:
            metrics.in_flight -= 1
            if label not in HEALTH:
                self.service.asked = time.monotonic()

    async def _answer(self, scope: Scope, receive: Receive, methods: dict[str, Route], route: Route | None) -> Answer:
        request = Request(dict(scope["headers"]), receive)
        tell = route.error if route else _unrouted_error(scope["path"])
        extra: tuple[Header, ...] = ()
        try:
            access.check_source(request.headers, self.config.allowed_hosts)
            if route is None:
                if not methods:
                    raise RequestError(404, "not_found", "no such path; see /")
                extra = ((b"allow", ", ".join(sorted(methods)).encode()),)
                raise RequestError(405, "method", f"this path takes {', '.join(sorted(methods))}")
            if route.guarded and self._tokens:
                access.check_token(request.headers, self._tokens)
            answer = await route.handler(request)
        except RequestError as error:
            answer = tell(error)
            extra += self._headers_of(error.status)
        except DisconnectedError:
            raise
        except Exception as error:  # such as an answer of the model that JSON has no words for  # noqa: BLE001
            self.service.log(f"a request failed: {type(error).__name__}")
            answer = tell(RequestError(500, "failed", "the server could not write its answer"))
        if self.service.draining and CLOSE not in extra:
            extra = (*extra, CLOSE)
        return replace(answer, headers=(*answer.headers, *extra)) if extra else answer

    def _headers_of(self, status: int) -> tuple[Header, ...]:
        if status == 401:
            return ((b"www-authenticate", b"Bearer"),)
        if status == 503:
            return ((b"retry-after", str(self.service.retry_after).encode()),)
        return (CLOSE,) if status in (408, 411, 413, 415) else ()


def _unrouted_error(path: str) -> ErrorAnswer:
    """Paths that nobody knows are refused in the protocol that they belong to."""
    return openinference.error_sentence if path.startswith(f"{openinference.PREFIX}/") else error_answer
