"""The server's settings, from its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.runtime.serving.errors import ConfigError


@dataclass(frozen=True)
class Config:
    """Sizes in bytes, times in seconds. `token` is what clients must bring, "" for none.

    A request's body has `body_timeout` to arrive, and the model then `timeout` to answer.
    """

    model_dir: Path
    host: str
    port: int
    name: str
    version: str
    sha256: str
    token: str
    log: Path | None
    max_body: int
    max_rows: int
    max_waiting: int
    body_timeout: float
    timeout: float
    grace: float


def read_config(env: Mapping[str, str]) -> Config:
    """Read `LAB_*`. Raises ConfigError for a value out of range, and for a token file that gives no token."""
    folder = env.get("LAB_RUN_DIR", "")
    return Config(
        model_dir=Path(env.get("LAB_MODEL_DIR") or "/lab/model"),
        host=env.get("LAB_HOST") or "0.0.0.0",
        port=_whole(env, "LAB_PORT", 8080, 0, 65535),
        name=env.get("LAB_MODEL_NAME", ""),
        version=env.get("LAB_MODEL_VERSION", ""),
        sha256=env.get("LAB_MODEL_SHA256", "").lower(),
        token=_token(env.get("LAB_TOKEN_FILE", "")),
        log=Path(folder) / "stdout.log" if folder else None,
        max_body=_whole(env, "LAB_MAX_BODY", 4 * 1024 * 1024, 1, 2**31),
        max_rows=_whole(env, "LAB_MAX_ROWS", 10_000, 1, 2**31),
        max_waiting=_whole(env, "LAB_MAX_WAITING", 1024, 1, 2**20),
        body_timeout=_whole(env, "LAB_BODY_TIMEOUT", 30, 1, 3600),
        timeout=_whole(env, "LAB_TIMEOUT", 30, 1, 3600),
        grace=_whole(env, "LAB_GRACE", 10, 0, 3600),
    )


def _whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
        raise ConfigError(f"{name} is not a whole number from {low} to {high}")
    return int(text)


def _token(path: str) -> str:
    """A token file that cannot be read must not open the server to everyone."""
    if not path:
        return ""
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read LAB_TOKEN_FILE: {type(error).__name__}") from error
    if not token:
        raise ConfigError("LAB_TOKEN_FILE is empty")
    return token


def environment() -> Config:
    return read_config(os.environ)
