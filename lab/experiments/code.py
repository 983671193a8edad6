"""The code of a run: the project's tree at launch, in the store, with git's commit where git knows one."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lab.domain.runs import CodeSnapshot
from lab.paths import LabHome
from lab.settings import ProjectSettings
from lab.stores.durable import write_atomic
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Limits, snapshot

#: Never run what a strange repository configures: no hooks, no file system monitor.
_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
_GIT_SECONDS = 5.0
_GITIGNORE_MAX = 1 << 20  # bytes
_PATCH_MAX = 50 << 20  # bytes
_UNTRACKED_MAX = 10_000
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_WHO = re.compile(r"//[^/@]*@")  # the user, and perhaps the password, in a URL


def take(settings: ProjectSettings, home: LabHome, exclude: Sequence[str]) -> CodeSnapshot:
    """Store the project's tree without `exclude` (its datasets) and what it or git ignores; the tree is not touched.

    Files over the caps of `[code]` are left out and listed in `skipped`.
    """
    root = settings.root
    patterns = [
        *_gitignore(root),
        *settings.code.ignore,
        *(f"/{path.strip('/')}" for path in exclude if not Path(path).is_absolute()),
    ]
    taken = snapshot(root, home, patterns, limits=Limits(settings.code.max_file, settings.code.max_total))
    code = CodeSnapshot(
        tree=taken.id,
        files=len(taken.manifest.files),
        size=taken.manifest.size,
        skipped=tuple(item.path for item in taken.skipped),
    )
    return _with_git(code, root, home) if _has_git(root) else code


def keep_patch(home: LabHome, code: CodeSnapshot, target: Path) -> None:
    """Put the patch of a snapshot beside the run that it is of. The store itself need not keep it: the tree has all."""
    if code.patch:
        write_atomic(target, ObjectStore(home).whole(code.patch).read_bytes())


def _gitignore(root: Path) -> list[str]:
    """What git would not take either: outputs, caches, secrets."""
    path = root / ".gitignore"
    if not path.is_file() or path.stat().st_size > _GITIGNORE_MAX:
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _has_git(root: Path) -> bool:
    return any((folder / ".git").exists() for folder in (root, *root.parents))


def _with_git(code: CodeSnapshot, root: Path, home: LabHome) -> CodeSnapshot:
    """What git knows of the tree: where it stands, and what has changed since. `code` itself without a commit."""
    told = _text(_ask(root, "status", "--porcelain=v2", "--branch", "-z", "--", ".")).split("\0")
    heads = dict(line[2:].split(" ", 1) for line in told if line.startswith("# ") and " " in line[2:])
    commit = heads.get("branch.oid", "")
    if not _COMMIT.fullmatch(commit):
        return code
    dirty = any(line and not line.startswith("# ") for line in told)
    branch = heads.get("branch.head", "")
    untracked = _text(_ask(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")) if dirty else ""
    return replace(
        code,
        commit=commit,
        dirty=dirty,
        branch="" if branch == "(detached)" else branch,
        remote=_WHO.sub("//", _text(_ask(root, "config", "--get", "remote.origin.url")).strip()),
        patch=_patch(root, home) if dirty else "",
        untracked=tuple(sorted(filter(None, untracked.split("\0")))[:_UNTRACKED_MAX]),
    )


def _patch(root: Path, home: LabHome) -> str:
    """The object with what changed since the commit; "" where nothing did, or too much."""
    # Neither does a strange repository choose what compares its files.
    data = _ask(root, "diff", "--binary", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD", "--", ".")
    if not data or len(data) > _PATCH_MAX:
        return ""
    return ObjectStore(home).put_bytes(data).hash


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _ask(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            (*_GIT, "-C", str(root), *arguments),
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
