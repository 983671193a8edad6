"""The protocols of remotes: what speaks them, what it can do; and addresses that are safe to print."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any
from urllib.parse import unquote, urlsplit

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import UsageError

_SECRET_OPTION = re.compile(r"pass|secret|token|key|sas|credential|connection_string", re.IGNORECASE)


@dataclass(frozen=True)
class Kind:
    """A protocol: the class that speaks it, what brings the class, what it can do, what it raises beside OSError."""

    module: str
    name: str
    extra: str = ""
    renames: bool = False  # a file can be put under another name and moved to its own at once
    ranges: bool = False  # parts of a file can be asked for at the same time
    creates: bool = False  # a file can be made on condition that there is none
    errors: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)


LOCAL = Kind("fsspec.implementations.local", "LocalFileSystem", renames=True)
S3 = Kind(
    "s3fs",
    "S3FileSystem",
    "s3",
    ranges=True,
    creates=True,
    errors=("botocore.exceptions:BotoCoreError", "botocore.exceptions:ClientError", "aiohttp:ClientError"),
    defaults={
        "max_concurrency": 4,
        "config_kwargs": {
            "connect_timeout": 10,
            "max_pool_connections": 32,
            "retries": {"max_attempts": 3, "mode": "standard"},
        },
    },
)
_GS = Kind(
    "gcsfs",
    "GCSFileSystem",
    "gs",
    ranges=True,
    creates=True,
    errors=("gcsfs.retry:HttpError", "google.auth.exceptions:GoogleAuthError", "aiohttp:ClientError"),
)
_ABFS = Kind("adlfs", "AzureBlobFileSystem", "abfs", ranges=True, errors=("azure.core.exceptions:AzureError",))
SSH = Kind(
    "sshfs",
    "SSHFileSystem",
    "ssh",
    renames=True,
    errors=("asyncssh:Error",),
    # () asks for the user's own known_hosts; sshfs by itself would take any host for the right one.
    defaults={"known_hosts": (), "connect_timeout": 20, "keepalive_interval": 15},
)

KINDS = {
    **dict.fromkeys(("", "file"), LOCAL),
    "s3": S3,
    **dict.fromkeys(("gs", "gcs"), _GS),
    **dict.fromkeys(("abfs", "abfss", "az"), _ABFS),
    **dict.fromkeys(("ssh", "sftp"), SSH),
}


def shown(url: str) -> str:
    """`url` without password and query, safe to print."""
    head, separator, rest = url.partition("://")
    if not separator:
        return clean(url, 200)
    netloc, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    user, at, host = netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return clean(f"{head}://{name}{':***' if colon else ''}{at}{host}{slash}{path}", 200)


def secrets(url: str, options: Mapping[str, Any]) -> list[str]:
    """What must not be printed, longest first."""
    found = set(_secret_options(options))
    with suppress(ValueError):
        parts = urlsplit(url)
        found |= {parts.query, parts.password or "", unquote(parts.password or "")}
    return sorted((text for text in found if len(text) > 2), key=len, reverse=True)


def _secret_options(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _secret_options(value)
        elif isinstance(value, str) and _SECRET_OPTION.search(str(name)):
            yield value


def load(kind: Kind) -> Any:
    """The fsspec class. Raises UsageError naming the extra that brings it where it is not installed."""
    try:
        return getattr(importlib.import_module(kind.module), kind.name)
    except ImportError as error:
        raise UsageError(
            f"remotes of this kind need the package {kind.module}, which is not installed",
            f"pip install 'lab[{kind.extra}]'",
        ) from error


def error_types(kind: Kind) -> list[type[Exception]]:
    """What the class raises beside OSError."""
    found: list[type[Exception]] = []
    for name in kind.errors:
        module, _, attribute = name.partition(":")
        with suppress(ImportError, AttributeError):
            found.append(getattr(importlib.import_module(module), attribute))
    return found
