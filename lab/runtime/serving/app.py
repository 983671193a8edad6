"""The server: one raw ASGI program. Routes are a table; a protocol to add is a row in it.

The socket listens before the model is loaded: `/livez` answers at once, `/readyz` when the model has proved itself.
"""

from __future__ import annotations

import asyncio
import hmac
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any

import orjson

from lab.runtime.serving.batching import Batcher, QueueFullError
from lab.runtime.serving.config import Config
from lab.runtime.serving.errors import LoadError, RequestError
from lab.runtime.serving.http import (
    CLOSE,
    Answer,
    DisconnectedError,
    Receive,
    Scope,
    Send,
    error_answer,
    json_answer,
    read_body,
    reply,
)
from lab.runtime.serving.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from lab.runtime.serving.model import Output, ServedModel

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
MAX_ID = 128
_RETRY = (b"retry-after", b"1")
_MAX_LOGGED = 100

Headers = Mapping[bytes, bytes]
Handler = Callable[[Headers, Receive], Awaitable[Answer]]


class App:
    """ASGI application for one model. `ready_reason` is "" when it may be asked to predict."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.ready_reason = "loading the model"
        self._draining = False
        self._model: ServedModel | None = None
        self._batcher: Batcher | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._logged = 0
        self._token = b"bearer " + config.token.encode()
        self._routes: dict[str, tuple[str, Handler, bool]] = {
            "/": ("GET", self._about, False),
            "/livez": ("GET", self._livez, False),
            "/readyz": ("GET", self._readyz, False),
            "/metrics": ("GET", self._metrics_page, True),
            "/predict": ("POST", self._predict, True),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    def drain(self) -> None:
        """Stop taking predictions; those under way go on."""
        self._draining = True
        self.ready_reason = "draining: the server is stopping"

    @property
    def idle(self) -> bool:
        return self.metrics.in_flight == 0

    # --- start

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        loading = asyncio.get_running_loop().run_in_executor(self._executor, self._load)
        loading.add_done_callback(self._loaded)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _load(self) -> ServedModel:
        module = import_module("lab.runtime.serving.model")
        model: ServedModel = module.load(self.config.model_dir, self.config.sha256)
        return model

    def _loaded(self, loading: asyncio.Future[ServedModel]) -> None:
        error = loading.exception()
        if error is not None:
            known = isinstance(error, LoadError)
            reason = str(error) if known else f"the model cannot be loaded ({type(error).__name__}: {error})"
            self._log(f"not ready: {reason}")
            if not self._draining:
                self.ready_reason = reason
            return
        model = loading.result()
        self._batcher = Batcher(
            model.predict, self._executor, max_waiting=self.config.max_waiting, started=self._batch_started
        )
        self._model = model
        way = "in place" if model.cost.inline(1) else "on one thread, in natural batches"
        self._log(f"ready: {self.config.name} {self.config.version}, predicting {way}")
        if not self._draining:
            self.ready_reason = ""

    def _batch_started(self, rows: int, waits: list[float]) -> None:
        self.metrics.batches.observe(rows)
        for wait in waits:
            self.metrics.queue.observe(wait)

    def _log(self, text: str) -> None:
        if self._logged < _MAX_LOGGED:
            self._logged += 1
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    # --- requests

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.perf_counter()
        path = scope["path"]
        name = path if path in self._routes else "other"
        self.metrics.in_flight += 1
        try:
            answer = await self._answer(scope, receive)
            self.metrics.count(name, answer.status)
            if name == "/predict":
                self.metrics.latency.observe(time.perf_counter() - begin)
            await reply(send, answer)
        except DisconnectedError:
            self.metrics.count(name, 499)
        finally:
            self.metrics.in_flight -= 1

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers: Headers = dict(scope["headers"])
        try:
            self._check_source(headers)
            route = self._routes.get(scope["path"])
            if route is None:
                raise RequestError(404, "not_found", "no such path; see /")
            method, handler, guarded = route
            if scope["method"] != method and (scope["method"], method) != ("HEAD", "GET"):
                error = RequestError(405, "method", f"this path takes {method}")
                return error_answer(error, (b"allow", method.encode()))
            if guarded and self.config.token:
                self._check_token(headers)
            return await handler(headers, receive)
        except RequestError as error:
            return error_answer(error, *self._headers_of(error.status))

    def _headers_of(self, status: int) -> tuple[tuple[bytes, bytes], ...]:
        if status == 401:
            return ((b"www-authenticate", b"Bearer"),)
        if status == 503:
            return (_RETRY, CLOSE) if self._draining else (_RETRY,)
        return (CLOSE,) if status in (408, 411, 413) else ()

    def _check_source(self, headers: Headers) -> None:
        """Pages from elsewhere must not reach a loopback server through a browser."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if _without_port(host) not in HOSTS:
            raise RequestError(421, "host", "this server answers to 127.0.0.1 and localhost only")
        origin = headers.get(b"origin")
        if origin is not None:
            _, separator, source = origin.decode("latin-1").lower().partition("://")
            if not separator or _without_port(source) not in HOSTS:
                raise RequestError(403, "origin", "requests from other sites are refused")

    def _check_token(self, headers: Headers) -> None:
        given = headers.get(b"authorization", b"")
        scheme, _, secret = given.partition(b" ")
        if not hmac.compare_digest(scheme.lower() + b" " + secret.strip(), self._token):
            raise RequestError(401, "token", "send the deployment's token: Authorization: Bearer …")

    # --- routes

    async def _about(self, _headers: Headers, _receive: Receive) -> Answer:
        about: dict[str, Any] = {
            "server": "lab",
            "model": self.config.name,
            "model_version": self.config.version,
            "ready": not self.ready_reason,
            "paths": {path: method for path, (method, _, _) in self._routes.items()},
        }
        if self._model is not None:
            signature = self._model.signature
            about |= {
                "framework": signature.framework,
                "task": signature.task,
                "inputs": [{"name": column.name, "dtype": column.dtype} for column in signature.columns],
                "outputs": list(signature.outputs),
                "classes": list(signature.classes),
                "labels": list(signature.labels),
            }
        return json_answer(200, about)

    async def _livez(self, _headers: Headers, _receive: Receive) -> Answer:
        return json_answer(200, {"live": True})

    async def _readyz(self, _headers: Headers, _receive: Receive) -> Answer:
        if self.ready_reason:
            return json_answer(503, {"ready": False, "reason": self.ready_reason})
        return json_answer(200, {"ready": True})

    async def _metrics_page(self, _headers: Headers, _receive: Receive) -> Answer:
        waiting = self._batcher.waiting if self._batcher else 0
        signature = self._model.signature if self._model else None
        model = {
            "model": self.config.name,
            "version": self.config.version,
            "framework": signature.framework if signature else "",
            "sha256": self.config.sha256 or (signature.sha256 if signature else ""),
        }
        page = self.metrics.render(ready=not self.ready_reason, waiting=waiting, model=model)
        return Answer(200, page, ((b"content-type", CONTENT_TYPE),))

    async def _predict(self, headers: Headers, receive: Receive) -> Answer:
        refusal = self.ready_reason  # a request that came before a stop is answered, however long its body takes
        body = await read_body(headers, receive, self.config.max_body, self.config.body_timeout)
        model = self._model
        if model is None or refusal:
            raise RequestError(503, "not_ready", refusal)
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            message = f"the body is not JSON: {error.msg.split(':')[0]} at character {error.pos}"
            raise RequestError(400, "json", message) from error
        rows = model.signature.rows(request, self.config.max_rows)
        output = await self._output(model, rows)
        self.metrics.rows += len(rows)
        answer: dict[str, Any] = {"predictions": _plain(output.predictions)}
        if output.probabilities is not None:
            answer["probabilities"] = output.probabilities
        answer |= {
            "model": self.config.name,
            "model_version": self.config.version,
            "id": _request_id(request.get("id")),
        }
        return json_answer(200, answer)

    async def _output(self, model: ServedModel, rows: list[list[Any]]) -> Output:
        """Predict in place or on the batch thread. Raises RequestError 422, 500, 503, 504."""
        batcher = self._batcher
        try:
            if batcher is None or model.cost.inline(len(rows)):
                self._batch_started(len(rows), [0.0])
                return model.predict(rows)
            answer = batcher.submit(rows)
            async with asyncio.timeout(self.config.timeout):
                return await answer
        except QueueFullError:
            raise RequestError(503, "busy", "too many requests are waiting for the model") from None
        except TimeoutError:
            raise RequestError(504, "timeout", f"the model took longer than {self.config.timeout:g} s") from None
        except Exception as error:  # the model's own code may raise anything
            kind = type(error).__name__
            self._log(f"a prediction failed: {kind}")
            if isinstance(error, ValueError):
                raise RequestError(422, "refused", f"the model does not take these rows ({kind})") from error
            raise RequestError(500, "failed", f"the model failed on these rows ({kind})") from error


def _plain(array: Any) -> Any:
    """What orjson writes: numbers as they are, anything else as Python's own values."""
    return array if array.dtype.kind in "fiub" and array.flags.c_contiguous else array.tolist()


def _request_id(given: Any) -> str:
    return given if isinstance(given, str) and 0 < len(given) <= MAX_ID else uuid.uuid4().hex


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]
