"""What Lab and its servers share and nobody else knows: the deployment's key, from a file. Standard library only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

#: The header that a question of Lab's own brings.
HEADER = "X-Lab-Key"


def read_key(path: Path | None) -> bytes:
    """The key; without a file one that dies with the process, so that nobody can link or guess what it hides."""
    if path is None:
        return secrets.token_bytes(32)
    try:
        return path.read_bytes().strip() or secrets.token_bytes(32)
    except OSError:
        return secrets.token_bytes(32)


def own_secret(key: bytes) -> str:
    """What Lab proves itself with to its servers; it tells nothing of the key."""
    return hmac.new(key, b"lab asks", hashlib.sha256).hexdigest()
