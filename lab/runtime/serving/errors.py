"""What can go wrong in the server, with sentences that hold nothing of a request's or a model's data."""

from __future__ import annotations

MAX_NAMED = 10
MAX_NAME = 64


class ConfigError(Exception):
    """The environment asks for something that cannot be; the server does not start."""


class LoadError(Exception):
    """The model may not, or cannot, be served; the message says why."""


class RequestError(Exception):
    """A request that cannot be served: HTTP status, a code for programs, a sentence, the columns it is about."""

    def __init__(self, status: int, code: str, message: str, columns: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.columns = tuple(name[:MAX_NAME] for name in columns[:MAX_NAMED])
