"""What the readers of other tools' project files have in common."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path, PurePosixPath

from lab.dataclass import dataclass
from lab.domain.commands import ShellCommand
from lab.domain.runs import Param
from lab.errors import SettingsError
from lab.settings import plain_yaml


@dataclass(frozen=True)
class ForeignEntry:
    """An entry point. `params` are defaults; `files` says of parameters in which file of the project they stand;
    `datasets` are paths of data that it reads, and `metrics` those of files that hold metrics at its end."""

    command: ShellCommand
    params: Mapping[str, Param] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    workdir: str = ""


@dataclass(frozen=True)
class ForeignProject:
    """A project by its `file`; `base` image and `requirements` file are "" where it names none."""

    name: str
    file: Path
    entries: Mapping[str, ForeignEntry]
    base: str = ""
    requirements: str = ""


def read(path: Path) -> bytes | None:
    """A project file; None if there is none. Raises SettingsError for what is no file, or a very large one."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(f"cannot read {path.name}: {error.strerror}") from error
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise SettingsError(f"{path.name} is not a file")
        if info.st_size > plain_yaml.LARGEST:
            raise SettingsError(f"{path.name} is larger than {plain_yaml.LARGEST >> 20} MB")
        return file.read(plain_yaml.LARGEST + 1)


def inside(path: str) -> str:
    """`path` below the project, normalised; "" for one that leaves it."""
    parts: list[str] = []
    for part in PurePosixPath(path.strip()).parts:
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        else:
            parts.append(part)
    return "" if path.startswith("/") or "\0" in path else "/".join(parts)


def plain(text: str) -> Param:
    """A scalar of YAML by its text, as YAML 1.2's core schema reads it; a number that is not finite stays text."""
    low = text.lower()
    if low in ("true", "false"):
        return low == "true"
    if low in ("", "~", "null"):
        return None
    for kind in (int, float):
        try:
            value = kind(text.replace("_", "x"))
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text
