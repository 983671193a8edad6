"""The server's settings, from its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.runtime.serving.errors import ConfigError

#: What a host header may say unless `LAB_ALLOWED_HOSTS` says otherwise; loopback in its three spellings.
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

REJECT, WARN, COUNT = "reject", "warn", "count"


@dataclass(frozen=True)
class Policies:
    """What becomes of rows unlike those of training: `reject` them, `warn` in the answer, or only `count` them.

    Missing values matter where training had none; with `warn` and `count` the model gets NaN (or None for text).
    """

    unseen: str = COUNT
    outside: str = COUNT
    missing: str = REJECT


DEFAULT_POLICIES = Policies()


@dataclass(frozen=True)
class CaptureConfig:
    """The share of requests that are kept, the bytes and days that they may take. Rate 0: nothing is kept."""

    rate: float = 0.1
    bytes: int = 64 * 1024 * 1024
    days: int = 30
    key_file: Path | None = None


@dataclass(frozen=True)
class Lives:
    """How often the model's process was started again because it had died, out of memory or otherwise, and how often
    it was put to sleep."""

    restarts: int = 0
    out_of_memory: int = 0
    naps: int = 0


@dataclass(frozen=True)
class Config:
    """Sizes in bytes, times in seconds. `run_dir` is where the log, captures and feedback go; None: nowhere.

    The head of a request has `head_timeout` to arrive, its body `body_timeout`, and the model then `timeout` to
    answer; a stop waits `grace` for what is under way. `exact`: nothing but the model's own numbers, to the bit. After
    `idle` without a question to the model it is put to sleep; 0: never.
    """

    model_dir: Path
    host: str
    port: int
    name: str
    version: str
    sha256: str
    exact: bool
    token_file: Path | None
    allowed_hosts: frozenset[str]
    run_dir: Path | None
    max_body: int
    max_rows: int
    max_waiting: int
    head_timeout: float
    body_timeout: float
    timeout: float
    grace: float
    feedback_bytes: int
    idle: float
    policies: Policies
    capture: CaptureConfig
    lives: Lives


def read_config(env: Mapping[str, str]) -> Config:
    """Read `LAB_*`. Raises ConfigError for a value out of range."""
    return Config(
        model_dir=Path(env.get("LAB_MODEL_DIR") or "/lab/model"),
        host=env.get("LAB_HOST") or "0.0.0.0",
        port=_whole(env, "LAB_PORT", 8080, 0, 65535),
        name=env.get("LAB_MODEL_NAME", ""),
        version=env.get("LAB_MODEL_VERSION", ""),
        sha256=env.get("LAB_MODEL_SHA256", "").lower(),
        exact=bool(_whole(env, "LAB_EXACT", 0, 0, 1)),
        token_file=_path(env, "LAB_TOKEN_FILE"),
        allowed_hosts=_hosts(env.get("LAB_ALLOWED_HOSTS", "")),
        run_dir=_path(env, "LAB_RUN_DIR"),
        max_body=_whole(env, "LAB_MAX_BODY", 4 * 1024 * 1024, 1, 2**31),
        max_rows=_whole(env, "LAB_MAX_ROWS", 10_000, 1, 2**31),
        max_waiting=_whole(env, "LAB_MAX_WAITING", 1024, 1, 2**20),
        head_timeout=_whole(env, "LAB_HEAD_TIMEOUT", 30, 1, 3600),
        body_timeout=_whole(env, "LAB_BODY_TIMEOUT", 30, 1, 3600),
        timeout=_whole(env, "LAB_TIMEOUT", 30, 1, 3600),
        grace=_whole(env, "LAB_GRACE", 10, 0, 3600),
        feedback_bytes=_whole(env, "LAB_FEEDBACK_BYTES", 16 * 1024 * 1024, 0, 2**40),
        idle=_number(env, "LAB_IDLE", 0.0, 0.0, 1e8),
        policies=Policies(
            unseen=_policy(env, "LAB_ON_UNSEEN", COUNT),
            outside=_policy(env, "LAB_ON_OUTSIDE", COUNT),
            missing=_policy(env, "LAB_ON_MISSING", REJECT),
        ),
        capture=CaptureConfig(
            rate=_number(env, "LAB_CAPTURE_RATE", 0.1, 0.0, 1.0),
            bytes=_whole(env, "LAB_CAPTURE_BYTES", 64 * 1024 * 1024, 0, 2**40),
            days=_whole(env, "LAB_CAPTURE_DAYS", 30, 1, 36_500),
            key_file=_path(env, "LAB_CAPTURE_KEY_FILE"),
        ),
        lives=Lives(
            restarts=_whole(env, "LAB_WORKER_RESTARTS", 0, 0, 2**31),
            out_of_memory=_whole(env, "LAB_WORKER_OUT_OF_MEMORY", 0, 0, 2**31),
            naps=_whole(env, "LAB_WORKER_NAPS", 0, 0, 2**31),
        ),
    )


def _path(env: Mapping[str, str], name: str) -> Path | None:
    return Path(env[name]) if env.get(name) else None


def _whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
        raise ConfigError(f"{name} is not a whole number from {low} to {high}")
    return int(text)


def _number(env: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    try:
        value = float(env.get(name) or default)
    except ValueError:
        value = low - 1.0
    if not low <= value <= high:
        raise ConfigError(f"{name} is not a number from {low:g} to {high:g}")
    return value


def _policy(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name) or default
    if text not in (REJECT, WARN, COUNT):
        raise ConfigError(f"{name} is none of {REJECT}, {WARN}, {COUNT}")
    return text


def _hosts(text: str) -> frozenset[str]:
    """Names without ports, separated by commas; none: loopback."""
    return frozenset(name.strip().lower() for name in text.split(",") if name.strip()) or LOOPBACK


def environment() -> Config:
    return read_config(os.environ)
