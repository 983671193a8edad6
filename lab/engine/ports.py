"""Ports on loopback."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from lab.engine.identity import home_id
from lab.paths import LabHome


def in_turn(home: LabHome, ports: range) -> Sequence[int]:
    """`ports` in the order in which a home takes them. The usual home begins with the first, others elsewhere: a port
    that one lab has given up for a moment is not to be the next one's first choice."""
    begin = 0 if home.root == Path.home() / ".lab" else int(home_id(home), 16) % len(ports)
    return [*ports[begin:], *ports[:begin]]


def is_free(port: int) -> bool:
    """Whether nobody listens on 127.0.0.1:`port` at this moment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
