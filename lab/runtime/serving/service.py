"""The model behind all protocols: loaded once, asked one way, counted and captured alike whoever asks."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.runtime.serving.batching import Batcher, QueueFullError, Turn
from lab.runtime.serving.capture import Capture
from lab.runtime.serving.config import Config
from lab.runtime.serving.errors import LoadError, RequestError
from lab.runtime.serving.http import Answer, Request, Room, read_body
from lab.runtime.serving.metrics import Metrics
from lab.runtime.serving.mirror import Mirror
from lab.runtime.serving.signature import Row

if TYPE_CHECKING:
    from lab.runtime.serving.compute import Output
    from lab.runtime.serving.model import ServedModel
    from lab.runtime.serving.rows import Finding, RowReader

MAX_ID = 128
_ID_BYTES, _IDS_TOGETHER = 16, 256
_MAX_LOGGED = 200
#: Of all bodies together while they arrive.
_BODIES_BYTES = 128 * 1024 * 1024
#: The longest that a full batch may take, so that those behind it are not held up.
_BATCH_SECONDS = 0.05
_MIN_BATCH, _MAX_BATCH = 32, 4096


class Prediction(NamedTuple):
    """What a protocol makes its answer of. `findings`: what is unlike training and is to be told."""

    id: str
    output: Output
    findings: tuple[Finding, ...] = ()


class Query(NamedTuple):
    """What a protocol has read: rows in the order of the model's columns, the client's own id if it gave one, and how
    the answer is put, which raises RequestError for what it cannot put so."""

    rows: list[Row]
    id: object
    tell: Callable[[Prediction], Answer]


class Service:
    """One model and everything around it. `ready_reason` is "" when it may be asked to predict.

    `loaded` is set when loading has come to an end, well or not; `on_ready` is called before anybody else can find out
    that it went well. `asked` is when somebody last wanted anything but to know how the server is (monotonic).
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.model: ServedModel | None = None
        self.ready_reason = "loading the model"
        self.draining = False
        self.loaded = asyncio.Event()
        self.on_ready: Callable[[], None] = lambda: None
        self.asked = time.monotonic()
        self.capture = Capture(config.capture, config.run_dir, self.log)
        self.mirror = Mirror()
        self._batcher: Batcher | None = None
        self._turn: Turn | None = None
        self._ids = _Ids()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._room = Room(max(_BODIES_BYTES, 2 * config.max_body))
        self._logged = 0

    @property
    def name(self) -> str:
        """What the model is called in paths; one that nobody named is called `model`."""
        return self.config.name or "model"

    @property
    def waiting(self) -> int:
        return self._batcher.waiting if self._batcher else 0

    @property
    def retry_after(self) -> int:
        """Seconds after which the queue of now will have been answered, at least one."""
        if self.model is None or self._batcher is None:
            return 1
        cost = self.model.cost
        calls = math.ceil(self._batcher.waiting_rows / self._batcher.max_rows)
        return max(1, math.ceil(calls * cost.call + self._batcher.waiting_rows * cost.row))

    def start(self) -> None:
        """Load the model on its thread; `ready_reason` tells what became of it. Needs the event loop."""
        loading = asyncio.get_running_loop().run_in_executor(self._executor, self._load)
        loading.add_done_callback(self._loaded)

    def drain(self) -> None:
        """Stop taking predictions; those under way go on."""
        self.draining = True
        self.ready_reason = "draining: the server is stopping"

    def log(self, text: str) -> None:
        if self._logged < _MAX_LOGGED:
            self._logged += 1
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    async def body(self, request: Request) -> bytes:
        """Raises RequestError as `read_body` does."""
        return await read_body(request, self.config.max_body, self.config.body_timeout, self._room)

    async def read(self, request: Request) -> bytes:
        """The body of a request to predict. Raises RequestError as `read_body`, and 503 if it came while not ready."""
        refusal = self.ready_reason  # a request that came before a stop is answered, however long its body takes
        body = await self.body(request)
        if self.model is None or refusal:
            raise RequestError(503, "not_ready", refusal)
        return body

    def check_ready(self) -> None:
        """Raises RequestError 503 when no prediction may be asked for."""
        if self.model is None or self.ready_reason:
            raise RequestError(503, "not_ready", self.ready_reason)

    @property
    def reader(self) -> RowReader:
        """Raises RequestError 503 while there is no model."""
        if self.model is None:
            raise RequestError(503, "not_ready", self.ready_reason)
        return self.model.rows

    async def answer(self, query: Query) -> Answer:
        """Raises RequestError 400, 413, 422, 500, 503, 504."""
        told: asyncio.Future[Prediction | RequestError] = asyncio.get_running_loop().create_future()
        self.predict(query, told.set_result)
        outcome = await told
        if isinstance(outcome, RequestError):
            raise outcome
        return query.tell(outcome)

    def predict(self, query: Query, done: Callable[[Prediction | RequestError], None]) -> None:
        """Check the query and ask the model; `done` is called once, later, on the loop, and must not raise.

        Raises RequestError 400, 413, 422, 503 for what is known at once; `done` may hear of 422, 500, 504.
        """
        model, rows = self.model, query.rows
        if model is None or self._batcher is None or self._turn is None:
            raise RequestError(503, "not_ready", self.ready_reason)
        name = self._ids.new() if query.id is None or query.id == "" else checked_id(query.id)
        findings = model.rows.check(rows, self.config.max_rows)

        def answered(output: Output | Exception) -> None:
            outcome = self._outcome(model, name, rows, output)
            done(outcome if isinstance(outcome, RequestError) else Prediction(name, outcome, findings))

        if model.cost.inline(len(rows)):
            self._turn.submit(rows, answered)
        else:
            self._queue(self._batcher, rows, answered)

    # --- the model

    def _load(self) -> ServedModel:
        module, config = import_module("lab.runtime.serving.model"), self.config
        model: ServedModel = module.load(config.model_dir, config.sha256, config.policies, config.exact)
        return model

    def _loaded(self, loading: asyncio.Future[ServedModel]) -> None:
        self.loaded.set()
        error = loading.exception()
        if error is not None:
            known = isinstance(error, LoadError)
            reason = str(error) if known else f"the model cannot be loaded ({type(error).__name__}: {error})"
            self.log(f"not ready: {reason}")
            if not self.draining:
                self.ready_reason = reason
            return
        model = loading.result()
        self._batcher = Batcher(
            model.predict,
            self._executor,
            max_rows=model.cost.rows_within(_BATCH_SECONDS, _MIN_BATCH, _MAX_BATCH),
            max_waiting=self.config.max_waiting,
            started=self._batch_started,
        )
        together = model.cost.rows_inline(_MAX_BATCH)
        self._turn = Turn(model.predict, max_rows=together, started=self._batch_started)
        self.model = model
        way = "in place" if model.cost.inline(1) else "on one thread, in natural batches"
        self.log(f"ready: {self.config.name} {self.config.version}, predicting {way}; {model.choice.sentence}")
        if not self.draining:
            self.on_ready()
            self.ready_reason = ""

    def _batch_started(self, rows: int, waits: list[float]) -> None:
        self.metrics.batches.observe(rows)
        for wait in waits:
            self.metrics.queue.observe(wait)

    def _queue(self, batcher: Batcher, rows: list[Row], answered: Callable[[Output | Exception], None]) -> None:
        """Have the batch thread answer `rows`, within the time limit."""
        try:
            waiting = batcher.submit(rows)
        except QueueFullError:
            raise RequestError(503, "busy", "too many requests are waiting for the model") from None
        limit = asyncio.get_running_loop().call_later(self.config.timeout, waiting.cancel)

        def over(answer: asyncio.Future[Output]) -> None:
            limit.cancel()
            error = TimeoutError() if answer.cancelled() else answer.exception()
            answered(answer.result() if error is None else error if isinstance(error, Exception) else TimeoutError())

        waiting.add_done_callback(over)

    def _outcome(
        self, model: ServedModel, name: str, rows: list[Row], output: Output | Exception
    ) -> Output | RequestError:
        """Count what came and what went."""
        try:
            if isinstance(output, Exception):
                raise output
            model.profile.count(rows, output)
            if random.random() < self.config.capture.rate:
                self.capture.keep(name, self.config.version, model.signature, rows, output)
        except TimeoutError:
            return RequestError(504, "timeout", f"the model took longer than {self.config.timeout:g} s")
        except Exception as error:  # the model's own code may raise anything  # noqa: BLE001
            kind = type(error).__name__
            self.log(f"a prediction failed: {kind}")
            if isinstance(error, ValueError):
                return RequestError(422, "refused", f"the model does not take these rows ({kind})")
            return RequestError(500, "failed", f"the model failed on these rows ({kind})")
        self.metrics.rows += len(rows)
        if self.mirror.wanted:
            self.mirror.keep(rows, output)
        return output


class _Ids:
    """Ids that nobody can guess, from the system's random numbers, many at a time."""

    def __init__(self) -> None:
        self._left: list[str] = []

    def new(self) -> str:
        if not self._left:
            text = secrets.token_hex(_ID_BYTES * _IDS_TOGETHER)
            self._left = [text[start : start + 2 * _ID_BYTES] for start in range(0, len(text), 2 * _ID_BYTES)]
        return self._left.pop()


def checked_id(given: object) -> str:
    """The client's own id. Raises RequestError 422 for what is no id."""
    if not isinstance(given, str) or len(given) > MAX_ID:
        raise RequestError(422, "id", f"an id is a text of at most {MAX_ID} characters")
    return given


def now() -> float:
    """Seconds since the epoch, to the millisecond."""
    return round(time.time(), 3)


def plain(array: Any) -> Any:
    """What orjson writes: numbers as they are, anything else as Python's own values."""
    return array if array.dtype.kind in "fiub" and array.flags.c_contiguous else array.tolist()
