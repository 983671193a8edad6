"""What git knows of a folder, asked so that a strange repository runs nothing of its own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lab.dataclass import dataclass
from lab.domain.runs import LargeFile, Submodule

#: No hooks, no file system monitor.
_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
_SECONDS = 5.0
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_MODULES_MAX, _NESTED_MAX = 200, 5
_LARGE_MAX = 10_000
_POINTER_MAX = 1024  # bytes (git-lfs, docs/spec.md)
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:[^\n]*\n)*?oid sha256:([0-9a-f]{64})\nsize (\d{1,18})\n"
)


@dataclass(frozen=True)
class Standing:
    """Where a repository stands: "" for a commit or branch that there is not."""

    commit: str = ""
    branch: str = ""
    dirty: bool = False


def is_in_repository(folder: Path) -> bool:
    return any((one / ".git").exists() for one in (folder, *folder.parents))


def has(folder: Path, name: str) -> bool:
    """Whether a file of that name is in a folder, or above it in its repository."""
    for one in (folder, *folder.parents):
        if (one / name).is_file():
            return True
        if (one / ".git").exists():
            return False
    return False


def ask(folder: Path, *arguments: str, told: bytes | None = None) -> bytes:
    """What a command of git prints, with `told` on its input; nothing where it fails or takes long."""
    try:
        done = subprocess.run(
            (*_GIT, "-C", str(folder), *arguments),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            input=told if told is not None else b"",
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def still(folder: Path) -> tuple[str, ...]:
    """Options with which the filters that the repository itself configures do not run, as they would where files are
    compared. Git LFS is the user's own."""
    names = text(ask(folder, "config", "--local", "--name-only", "-z", "--get-regexp", r"^filter\..*")).split("\0")
    filters = {name[len("filter.") : name.rfind(".")] for name in names if name.count(".") > 1} - {"lfs"}
    off = [f"filter.{name}.{what}" for name in sorted(filters) for what in ("clean=", "process=", "required=false")]
    return tuple(word for setting in off for word in ("-c", setting))


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def standing(folder: Path, options: Sequence[str]) -> Standing:
    """Of what is below `folder`; of submodules only whether they are at their commits. `options` are from `still`."""
    status = ("status", "--porcelain=v2", "--branch", "--ignore-submodules=dirty", "-z", "--", ".")
    told = text(ask(folder, *options, *status)).split("\0")
    heads = dict(line[2:].split(" ", 1) for line in told if line.startswith("# ") and " " in line[2:])
    commit, branch = heads.get("branch.oid", ""), heads.get("branch.head", "")
    if not _COMMIT.fullmatch(commit):
        return Standing()
    dirty = any(line and not line.startswith("# ") for line in told)
    return Standing(commit, "" if branch == "(detached)" else branch, dirty)


def submodules(root: Path) -> tuple[Submodule, ...]:
    """Of the repository and of its submodules, by their paths from `root`."""
    return tuple(_submodules(root, "", 0))[:_MODULES_MAX]


def _submodules(folder: Path, prefix: str, depth: int) -> Iterator[Submodule]:
    if depth >= _NESTED_MAX:
        return
    for line in text(ask(folder, "ls-files", "--stage", "-z", "--", ".")).split("\0"):
        facts, _, path = line.partition("\t")
        if not facts.startswith("160000 "):
            continue
        place = folder / path
        # Without a repository of its own, git would tell of the one around it.
        there = (place / ".git").exists() and not place.is_symlink()
        stands = standing(place, still(place)) if there else Standing()
        yield Submodule(f"{prefix}{path}", stands.commit, stands.dirty)
        if stands.commit and (place / ".gitmodules").is_file():
            yield from _submodules(place, f"{prefix}{path}/", depth + 1)


def large_files(root: Path) -> tuple[LargeFile, ...]:
    """The files that Git LFS keeps, by what the index has of them."""
    listed = text(ask(root, "ls-files", "--stage", "-z", "--", ":(attr:filter=lfs)")).split("\0")
    pairs = [(facts.split()[1], path) for facts, _, path in (line.partition("\t") for line in listed) if path]
    pairs = pairs[:_LARGE_MAX]
    told = ask(root, "cat-file", "--batch", told="".join(f"{blob}\n" for blob, _ in pairs).encode()) if pairs else b""
    found = []
    for (_, path), content in zip(pairs, _contents(told), strict=False):
        pointer = _POINTER.match(content)
        if pointer:
            found.append(LargeFile(path, pointer[1].decode(), int(pointer[2]), is_pointer(root / path)))
    return tuple(found)


def is_pointer(path: Path) -> bool:
    """Whether a file is a pointer of Git LFS and not what that points to."""
    try:
        if path.is_symlink() or path.stat().st_size > _POINTER_MAX:
            return False
        return bool(_POINTER.match(path.read_bytes()))
    except OSError:
        return False


def _contents(told: bytes) -> Iterable[bytes]:
    """The contents in what `cat-file --batch` prints, in order; of one that is missing, nothing."""
    at = 0
    while (end := told.find(b"\n", at)) >= 0:
        words = told[at:end].split()
        if len(words) != 3:
            yield b""
            at = end + 1
            continue
        size = int(words[2])
        yield told[end + 1 : end + 1 + size]
        at = end + size + 2
