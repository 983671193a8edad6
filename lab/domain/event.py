"""The journal's record: something that happened, to one object, at one time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.dataclass import dataclass

EVENT_VERSION = 1


@dataclass(frozen=True)
class Event:
    """One journal line.

    `id` is a ULID, `ts` seconds since the epoch (UTC), `type` such as `run.created`, `subject` the id of
    the object that it is about, `body` the rest, as JSON.
    """

    id: str
    ts: float
    type: str
    subject: str
    body: Mapping[str, Any]
