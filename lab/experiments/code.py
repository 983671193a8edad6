"""The code of a run: the project's tree at launch, in the store, with git's commit where git knows one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from blake3 import blake3

from lab.domain.runs import CodeSnapshot
from lab.errors import IntegrityError
from lab.experiments import git
from lab.paths import LabHome
from lab.settings import ProjectSettings
from lab.stores.durable import write_atomic
from lab.stores.manifests import FileEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Limits, snapshot

_GITIGNORE_MAX = 1 << 20  # bytes
_PATCH_MAX = 50 << 20  # bytes
_UNTRACKED_MAX = 10_000
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
    return _with_git(code, root, home, taken.manifest) if git.is_in_repository(root) else code


def keep_patch(home: LabHome, code: CodeSnapshot, target: Path) -> None:
    """Put the patch of a snapshot also beside the run that it is of, for eyes and for other tools."""
    if code.patch:
        write_atomic(target, read_patch(home, code))


def read_patch(home: LabHome, code: CodeSnapshot) -> bytes:
    """What had changed since the commit, as `git apply` takes it. Raises IntegrityError where the store has it no more,
    or not as its hash says."""
    data = ObjectStore(home).whole(code.patch).read_bytes()
    if blake3(data).hexdigest() != code.patch:
        raise IntegrityError(f"the patch {code.patch[:16]} is damaged in the store", "see: lab data verify")
    return data


def _gitignore(root: Path) -> list[str]:
    """What git would not take either: outputs, caches, secrets."""
    path = root / ".gitignore"
    if not path.is_file() or path.stat().st_size > _GITIGNORE_MAX:
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _with_git(code: CodeSnapshot, root: Path, home: LabHome, manifest: Manifest) -> CodeSnapshot:
    """What git knows of the tree: where it stands, and what has changed since. `code` itself without a commit."""
    still = git.still(root)
    stands = git.standing(root, still)
    if not stands.commit:
        return code
    submodules = git.submodules(root) if git.has(root, ".gitmodules") else ()
    attributed = git.has(root, ".gitattributes") or any(
        file.path.endswith("/.gitattributes") for file in manifest.files
    )
    dirty = stands.dirty or any(item.dirty for item in submodules)
    others = git.ask(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".") if dirty else b""
    patch, patch_tree = _patch(root, home, still) if dirty else ("", "")
    return replace(
        code,
        commit=stands.commit,
        dirty=dirty,
        branch=stands.branch,
        remote=_WHO.sub("//", git.text(git.ask(root, "config", "--get", "remote.origin.url")).strip()),
        patch=patch,
        patch_tree=patch_tree,
        untracked=tuple(sorted(filter(None, git.text(others).split("\0")))[:_UNTRACKED_MAX]),
        submodules=submodules,
        lfs=git.large_files(root) if attributed else (),
    )


def _patch(root: Path, home: LabHome, still: Sequence[str]) -> tuple[str, str]:
    """The object with what changed since the commit and the manifest that keeps it, as the tree's keeps the tree; ""
    where nothing did, or too much."""
    # Neither does a strange repository choose what compares its files.
    how = ("--binary", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty")
    data = git.ask(root, *still, "diff", *how, "HEAD", "--", ".")
    if not data or len(data) > _PATCH_MAX:
        return "", ""
    stored = ObjectStore(home).put_bytes(data)
    manifest = Manifest.of([FileEntry("code.patch", stored.hash, stored.size, False)], True)
    return stored.hash, ManifestStore(home).write(manifest)
