"""Identifiers: ULIDs for events (they sort by time), short random ids for runs and deployments."""

from __future__ import annotations

import os
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_LOW_BITS = 80
_BELIEVED_AHEAD = 366 * 86_400.0  # seconds

_lock = threading.Lock()
_last = 0


def _after_fork() -> None:
    """In a child the lock may be held by a thread that is not here."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def _encode(value: int, width: int) -> str:
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(5 * (width - 1), -1, -5))


def _decode(text: str) -> int:
    value = 0
    for char in text:
        value = value * 32 + _ALPHABET.index(char)
    return value


def ulid() -> str:
    """A new 26-character ULID, greater than every one made or observed in this process."""
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << _LOW_BITS | int.from_bytes(os.urandom(10), "big")
        _last = max(fresh, _last + 1)
        return _encode(_last, 26)


def observe(seen: str) -> None:
    """Let later ids sort after `seen`, also when the clock has jumped back since it was made.

    An id from more than a year ahead is not believed: following it, ids would soon run out of digits.
    """
    global _last
    value = _decode(seen)
    if (value >> _LOW_BITS) / 1000 > time.time() + _BELIEVED_AHEAD:
        return
    with _lock:
        _last = max(_last, value)


def is_ulid(text: str) -> bool:
    """Whether `text` could have come from `ulid()`."""
    return len(text) == 26 and set(text) <= set(_ALPHABET) and text[0] in "01234567"


def short_id() -> str:
    """Eight random base-32 characters (40 bits) that begin with a letter, so never read as a number."""
    number = int.from_bytes(os.urandom(5), "big")
    return _ALPHABET[10 + number % 22] + _encode(number >> 5, 7)
