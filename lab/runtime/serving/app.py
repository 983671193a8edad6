"""The server: one raw ASGI program. Routes are a table; a protocol to add is a module with a `routes` function.

The socket listens before the model is loaded: `/livez` answers at once, `/readyz` when the model has proved itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from lab.runtime.serving import access, feedback, mirror, mlflow, native, openinference, pages
from lab.runtime.serving.config import Config
from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import (
    CLOSE,
    Answer,
    DisconnectedError,
    ErrorAnswer,
    Header,
    Headers,
    Receive,
    Request,
    Route,
    Scope,
    Send,
    error_answer,
    reply,
)
from lab.runtime.serving.service import Prediction, Service
from lab.runtime.serving.tokens import Tokens

#: Labels of questions about the server's health, which are no use of it.
HEALTH = frozenset({"/livez", "/readyz", "/metrics", "/ping", "/health"})
HEALTH |= {"/v2/health/live", "/v2/health/ready", "/v2/models/ready"}

PROTOCOLS = (native.routes, openinference.routes, mlflow.routes, feedback.routes, mirror.routes)


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
        self._predicting = {route.path.encode(): route for route in routes if route.read}

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
        methods = self._routes.get(scope["path"], {})
        route = methods.get("GET" if scope["method"] == "HEAD" else scope["method"])
        label = next(iter(methods.values())).name if methods else "other"
        self.service.metrics.in_flight += 1
        try:
            answer = await self._answer(scope, receive, methods, route)
            self._count(label, answer, begin if route is not None and route.read else None)
            await reply(send, answer)
        except DisconnectedError:
            self.service.metrics.count(label, 499)
        finally:
            self._over(label)

    async def _answer(self, scope: Scope, receive: Receive, methods: dict[str, Route], route: Route | None) -> Answer:
        request = Request(dict(scope["headers"]), receive)
        try:
            self._admit(request.headers, methods, route)
            assert route is not None
            if route.read is not None:
                body = await self.service.read(request)
                answer = await self.service.answer(route.read(request.headers, body))
            else:
                assert route.handler is not None
                answer = await route.handler(request)
        except DisconnectedError:
            raise
        except Exception as error:  # such as an answer of the model that JSON has no words for  # noqa: BLE001
            answer = self._refusal(route.error if route else _unrouted_error(scope["path"]), error, methods)
        return self._last(answer)

    # -- requests to predict that came whole, without ASGI

    def predicting(self, path: bytes) -> Route | None:
        """The route that a POST to `path` predicts by."""
        return self._predicting.get(path)

    def predict(self, route: Route, headers: Headers, body: bytes, told: Callable[[Answer], None]) -> None:
        """What becomes of a request through ASGI, with an answer that is told: at once, or later on the loop."""
        begin = time.perf_counter()
        self.service.metrics.in_flight += 1

        def over(answer: Answer) -> None:
            answer = self._last(answer)
            self._count(route.name, answer, begin)
            try:
                told(answer)
            finally:
                self._over(route.name)

        def predicted(outcome: Prediction | RequestError) -> None:
            try:
                if isinstance(outcome, RequestError):
                    raise outcome
                answer = query.tell(outcome)
            except Exception as error:  # such as an answer of the model that JSON has no words for  # noqa: BLE001
                answer = self._refusal(route.error, error)
            over(answer)

        try:
            self._admit(headers, (route.method,), route)
            self.service.check_ready()
            assert route.read is not None
            query = route.read(headers, body)
            self.service.predict(query, predicted)
        except Exception as error:  # a fault of ours must not leave the client without an answer  # noqa: BLE001
            over(self._refusal(route.error, error))

    # -- what both have in common

    def _admit(self, headers: Headers, methods: Collection[str], route: Route | None) -> None:
        """Raises RequestError for whoever may not ask this."""
        access.check_source(headers, self.config.allowed_hosts)
        if not methods:
            raise RequestError(404, "not_found", "no such path; see /")
        if route is None:
            raise RequestError(405, "method", f"this path takes {', '.join(sorted(methods))}")
        if route.guarded and self._tokens:
            access.check_token(headers, self._tokens)

    def _refusal(self, tell: ErrorAnswer, error: Exception, methods: Collection[str] = ()) -> Answer:
        """What `error` is answered with; `methods` are those that the path takes."""
        if not isinstance(error, RequestError):
            self.service.log(f"a request failed: {type(error).__name__}")
            error = RequestError(500, "failed", "the server could not write its answer")
        answer = tell(error)
        return replace(answer, headers=(*answer.headers, *self._headers_of(error.status, methods)))

    def _last(self, answer: Answer) -> Answer:
        """While the server stops, no connection is kept."""
        if not self.service.draining or CLOSE in answer.headers:
            return answer
        return replace(answer, headers=(*answer.headers, CLOSE))

    def _count(self, label: str, answer: Answer, begin: float | None) -> None:
        """`begin`: when a request to predict began."""
        self.service.metrics.count(label, answer.status)
        if begin is not None:
            self.service.metrics.latency.observe(time.perf_counter() - begin)

    def _over(self, label: str) -> None:
        self.service.metrics.in_flight -= 1
        if label not in HEALTH:
            self.service.asked = time.monotonic()

    def _headers_of(self, status: int, methods: Collection[str]) -> tuple[Header, ...]:
        if status == 405:
            return ((b"allow", ", ".join(sorted(methods)).encode()),)
        if status == 401:
            return ((b"www-authenticate", b"Bearer"),)
        if status == 503:
            return ((b"retry-after", str(self.service.retry_after).encode()),)
        return (CLOSE,) if status in (408, 411, 413, 415) else ()


def _unrouted_error(path: str) -> ErrorAnswer:
    """Paths that nobody knows are refused in the protocol that they belong to."""
    return openinference.error_sentence if path.startswith(f"{openinference.PREFIX}/") else error_answer
