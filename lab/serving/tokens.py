"""Secrets of deployments, each random and of 256 bits, in files that the user alone may read, mounted into the servers;
never in an environment, a label or an image.

Who does not bring the token gets no prediction. With the capture key personal values are hashed in what is kept of
requests, so that the same value is the same hash in all servers and versions of a deployment, and nowhere else; and
from it comes what Lab proves itself with to them.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from lab.paths import DeploymentFolder
from lab.runtime.serving import keys

TOKEN_FILE = "token"
CAPTURE_KEY_FILE = "capture.key"
#: Seconds for which the token before is still taken after a rotation.
GRACE = 300.0


def path_of(folder: DeploymentFolder) -> Path:
    return folder.secrets / TOKEN_FILE


def read(folder: DeploymentFolder) -> str:
    """The token that is good for longest; "" where the deployment asks for none."""
    try:
        lines = path_of(folder).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return ""
    return lines[0] if lines else ""


def create(folder: DeploymentFolder) -> None:
    """Make the first token; one that is there stays."""
    _create(folder, TOKEN_FILE)


def create_capture_key(folder: DeploymentFolder) -> None:
    """Make the key; one that is there stays, and what was hashed with it can still be linked."""
    _create(folder, CAPTURE_KEY_FILE)


def own_headers(folder: DeploymentFolder) -> dict[str, str]:
    """What tells the servers that Lab itself is asking."""
    return {keys.HEADER: keys.own_secret(keys.read_key(folder.secrets / CAPTURE_KEY_FILE))}


def rotate(folder: DeploymentFolder) -> str:
    """A new token; the one before is taken until it is retired. Servers read the file anew when it changes."""
    fresh = secrets.token_urlsafe(32)
    _write(folder, TOKEN_FILE, [fresh, *filter(None, [read(folder)])])
    return fresh


def retire(folder: DeploymentFolder, now: float | None = None) -> bool:
    """Take the tokens before the last one out of use when their grace is over. Says whether it did."""
    path = path_of(folder)
    try:
        lines, at = path.read_text(encoding="ascii").split(), path.stat().st_mtime
    except FileNotFoundError:
        return False
    if len(lines) < 2 or (now or time.time()) - at < GRACE:
        return False
    _write(folder, TOKEN_FILE, lines[:1])
    return True


def _create(folder: DeploymentFolder, name: str) -> None:
    folder.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder.secrets / name).exists():
        _write(folder, name, [secrets.token_urlsafe(32)])


def _write(folder: DeploymentFolder, name: str, lines: list[str]) -> None:
    """In one step, and readable to the folder's owner alone: where Lab runs as root, that is the servers' user."""
    owner = folder.secrets.stat()
    fresh = folder.secrets / f".{name}.{os.getpid()}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
        if os.getuid() == 0:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    fresh.replace(folder.secrets / name)
