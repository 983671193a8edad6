"""The files of a DVC project that say what it has: `.dvc/config`, `*.dvc`, `dvc.lock`. All of them are hostile."""

from __future__ import annotations

import configparser
import os
import posixpath
import re
import stat
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import LabError, NotFoundError
from lab.settings import plain_yaml
from lab.stores.ignore import DEFAULTS, Ignore
from lab.stores.protocols import shown

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_REMOTE = re.compile(r"""'?remote "([^"]*)"'?""")


class Where(StrEnum):
    """From where the content of an out can be read, as far as can be told without reading it."""

    CACHE = "cache"
    WORKING_COPY = "working copy"  # all of it, at least in part only from there
    PARTLY = "partly"
    NOWHERE = "nowhere"


@dataclass(frozen=True)
class DvcOut:
    """A file or folder whose content DVC knows.

    `path` is relative to the project with `/` separators, `md5` as DVC writes it (`….dir` for a folder), `source` the
    file that says so, `stage` its stage there (empty after `dvc add`), `dep` whether it is only an input of that stage.
    `files` and `size` (bytes) are None where they are not known. `legacy`: the md5 is one of DVC 2.
    """

    path: str
    md5: str
    source: str
    stage: str = ""
    dep: bool = False
    files: int | None = None
    size: int | None = None
    legacy: bool = False
    executable: bool = False
    where: Where = Where.NOWHERE

    @property
    def is_dir(self) -> bool:
        return self.md5.endswith(".dir")


@dataclass(frozen=True)
class Config:
    """`cache` is a folder; `remotes` are names with addresses that are safe to print."""

    cache: Path
    remotes: Mapping[str, str]


@dataclass(frozen=True)
class Skipped:
    """Something that DVC tracks and that cannot be taken; `reason` is a sentence part."""

    path: str
    reason: str


def read_config(root: Path) -> Config:
    """Raises NotFoundError if `root` is not the folder of a DVC project, LabError for a config that is broken."""
    folder = root / ".dvc"
    if not folder.is_dir():
        raise NotFoundError(f"no DVC project at {clean(str(root))}", "name the folder that holds .dvc")
    cache, remotes = "cache", {}
    for name in ("config", "config.local"):
        for section, values in _sections(folder / name):
            remote = _REMOTE.fullmatch(section)
            if section == "cache" and values.get("dir"):
                cache = values["dir"]
            elif remote and values.get("url"):
                remotes[clean(remote[1], 80)] = shown(values["url"])
    return Config(folder / Path(cache).expanduser(), remotes)


def find_outs(root: Path) -> tuple[list[DvcOut], list[Skipped]]:
    """What the `.dvc` files and `dvc.lock` files of the project name, sorted by path; a file that cannot be read is
    among the skipped. An out that is also the input of a stage is told once."""
    found: dict[str, DvcOut] = {}
    skipped: list[Skipped] = []
    for name in _files(root):
        try:
            outs = list(_lock(root, name, skipped) if name.endswith("dvc.lock") else _single(root, name, skipped))
        except LabError as error:
            skipped.append(Skipped(name, error.message))
            continue
        for out in outs:
            if out.path not in found or (found[out.path].dep and not out.dep):
                found[out.path] = out
    return sorted(found.values(), key=lambda out: out.path), skipped


def read_bounded(path: Path, limit: int) -> bytes:
    """A regular file whole. Raises FileNotFoundError, or LabError for one that cannot be read or is over `limit`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(str(path)) from error
    except (OSError, ValueError) as error:
        raise LabError(f"cannot read {clean(str(path))}: {error}", "mend its permissions") from error
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise LabError(f"{clean(str(path))} is not a regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise LabError(f"{clean(str(path))} is larger than {limit >> 20} MB")
    return data


def _sections(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    parser = configparser.RawConfigParser(
        strict=False, delimiters=("=",), allow_no_value=True, default_section="\0", empty_lines_in_values=False
    )
    try:
        parser.read_string(read_bounded(path, 1 << 20).decode())
    except FileNotFoundError:
        return
    except (configparser.Error, UnicodeDecodeError) as error:
        raise LabError(f"{clean(str(path))} cannot be read: {clean(str(error), 200)}", "mend the file") from error
    for name in parser.sections():
        yield name, {key: (value or "").strip("\"'") for key, value in parser.items(name)}


def _files(root: Path) -> Iterator[str]:
    """Relative paths of all `.dvc` and `dvc.lock` files, in order; nested DVC projects are left to themselves."""
    ignore = Ignore((*DEFAULTS, ".dvc/"))
    for folder, folders, files in os.walk(root):
        prefix = "" if folder == str(root) else os.path.relpath(folder, root) + "/"
        folders[:] = sorted(
            name
            for name in folders
            if not ignore.fits(prefix + name, True) and not os.path.isdir(f"{folder}/{name}/.dvc")
        )
        for name in sorted(files):
            if name == "dvc.lock" or (name.endswith(".dvc") and name != ".dvc"):
                yield prefix + name


def _read_yaml(root: Path, name: str, *, aliases: bool = False) -> Any:
    return plain_yaml.parse(read_bounded(root / name, plain_yaml.LARGEST), name, aliases=aliases)


def _single(root: Path, name: str, skipped: list[Skipped]) -> Iterator[DvcOut]:
    """The outs of a `.dvc` file."""
    content = _mapping(_read_yaml(root, name))
    folder = posixpath.join(posixpath.dirname(name), _text(content.get("wdir")))
    for out in _list(content.get("outs")):
        yield from _out(folder, _mapping(out), name, skipped)


def _lock(root: Path, name: str, skipped: list[Skipped]) -> Iterator[DvcOut]:
    """The outs and deps of all stages of a `dvc.lock`."""
    content = _mapping(_read_yaml(root, name))
    stages = _mapping(content.get("stages") if "schema" in content else content)
    folder = posixpath.dirname(name)
    wdirs = _wdirs(root, posixpath.join(folder, "dvc.yaml"))
    for stage, facts in stages.items():
        wdir = wdirs.get(stage, wdirs.get(stage.partition("@")[0], ""))
        if "${" in wdir:
            skipped.append(Skipped(name, f"the working folder of stage {clean(stage, 80)} is computed"))
            continue
        for kind in ("outs", "deps"):
            for out in _list(_mapping(facts).get(kind)):
                yield from _out(posixpath.join(folder, wdir), _mapping(out), name, skipped, stage, kind == "deps")


def _wdirs(root: Path, name: str) -> dict[str, str]:
    """Stage → working folder, from `dvc.yaml`, where it names one."""
    try:
        stages = _mapping(_mapping(_read_yaml(root, name, aliases=True)).get("stages"))
    except FileNotFoundError:
        return {}
    found = {}
    for stage, facts in stages.items():
        facts = _mapping(facts)
        wdir = _text(facts.get("wdir") or _mapping(facts.get("do")).get("wdir"))
        if wdir:
            found[stage] = wdir
    return found


def _out(
    folder: str, facts: Mapping[str, Any], source: str, skipped: list[Skipped], stage: str = "", dep: bool = False
) -> Iterator[DvcOut]:
    name = _text(facts.get("path"))
    path = posixpath.normpath(posixpath.join(folder, name)) if name else ""
    md5 = _text(facts.get("md5"))
    if not path or "://" in name or path.startswith(("/", "../")) or path in (".", "..") or "\0" in path:
        if not dep:
            skipped.append(Skipped(name or source, "is not inside the project"))
    elif not _MD5.fullmatch(md5):
        if not dep:
            skipped.append(Skipped(path, "has no md5: it was never computed, or is not kept by DVC"))
    else:
        yield DvcOut(
            path,
            md5,
            source,
            stage,
            dep,
            files=_number(facts.get("nfiles")) if md5.endswith(".dir") else 1,
            size=_number(facts.get("size")),
            legacy=facts.get("hash") != "md5",
            executable=facts.get("isexec") == "true",
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else None
