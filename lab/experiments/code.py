"""The code of a run: the project's tree at launch, in the store, with git's commit where git knows one."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.domain.runs import CodeSnapshot
from lab.paths import LabHome
from lab.settings import ProjectSettings
from lab.stores.snapshot import Limits, snapshot

#: Never run what a strange repository configures: no hooks, no file system monitor.
_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
_GIT_SECONDS = 5.0
_GITIGNORE_MAX = 1 << 20  # bytes


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
    commit, dirty = _git(root)
    return CodeSnapshot(
        tree=taken.id,
        files=len(taken.manifest.files),
        size=taken.manifest.size,
        commit=commit,
        dirty=dirty,
        skipped=tuple(item.path for item in taken.skipped),
    )


def _gitignore(root: Path) -> list[str]:
    """What git would not take either: outputs, caches, secrets."""
    path = root / ".gitignore"
    if not path.is_file() or path.stat().st_size > _GITIGNORE_MAX:
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _git(root: Path) -> tuple[str, bool]:
    """The commit that is checked out and whether the tree differs from it; empty without git or a commit."""
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return "", False
    commit = _ask(root, "rev-parse", "HEAD").strip()
    return commit, bool(commit) and bool(_ask(root, "status", "--porcelain", "--", ".").strip())


def _ask(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            (*_GIT, "-C", str(root), *arguments), capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
