"""Ports on loopback."""

from __future__ import annotations

import socket


def is_free(port: int) -> bool:
    """Whether nobody listens on 127.0.0.1:`port` at this moment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
