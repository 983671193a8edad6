"""`python -m lab.runtime.serving`: serve the model in `$LAB_MODEL_DIR` on `$LAB_HOST`:`$LAB_PORT` until SIGTERM."""

from __future__ import annotations

import os
import socket
import sys

from lab.runtime.serving.config import Config, environment
from lab.runtime.serving.errors import ConfigError
from lab.runtime.serving.keeper import Keeper

_BACKLOG = 2048


def _listen(config: Config) -> socket.socket:
    """Raises OSError."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.host, config.port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _log_to(config: Config) -> None:
    """Send stdout and stderr to the deployment's log, where it has one."""
    if config.run_dir is None:
        return
    path = config.run_dir / "stdout.log"
    try:
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        sys.stderr.write(f"lab: cannot write {path}: {error.strerror}\n")
        return
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def main() -> int:
    try:
        config = environment()
        listener = _listen(config)
    except ConfigError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 2
    except OSError as error:
        where = f"{config.host}:{config.port}"
        sys.stderr.write(f"lab: cannot listen at {where}: {(error.strerror or str(error)).lower()}\n")
        return 1
    _log_to(config)
    return Keeper(config, listener).run()


if __name__ == "__main__":
    sys.exit(main())
