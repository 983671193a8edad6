"""What of a project counts as a run's code."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from lab.domain.runs import LargeFile, Submodule
from lab.errors import IntegrityError
from lab.experiments import code
from lab.paths import LabHome
from lab.settings import load_project
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "p"
    (root / "data").mkdir(parents=True)
    (root / "lab.toml").write_text('[project]\nname = "p"\n[datasets.d]\npath = "data/d.csv"\n[code]\nmax_file = 100\n')
    (root / "train.py").write_text("print(1)\n")
    (root / "data" / "d.csv").write_text("a\n1\n")
    return root


def names(home: LabHome, tree: str) -> list[str]:
    return [entry.path for entry in ManifestStore(home).read(tree).files]


def test_data_outputs_and_what_git_ignores_are_left_out(tmp_path: Path, folder: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    (folder / ".gitignore").write_text("outputs/\n*.secret\n")
    (folder / "outputs").mkdir()
    (folder / "outputs" / "x").write_text("x")
    (folder / "my.secret").write_text("x")
    (folder / "big.bin").write_bytes(b"x" * 101)
    taken = code.take(load_project(folder), home, ["data/d.csv"])
    assert names(home, taken.tree) == [".gitignore", "lab.toml", "train.py"]
    assert taken.skipped == ("big.bin",), "over the cap is told, never silent"
    assert (taken.files, taken.commit, taken.dirty) == (3, "", False)


def test_the_commit_and_whether_the_tree_differs(tmp_path: Path, folder: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    assert code.take(load_project(folder), home, []).commit == ""
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    clean = code.take(load_project(folder), home, [])
    assert len(clean.commit) == 40
    assert not clean.dirty
    (folder / "train.py").write_text("print(2)\n")
    dirty = code.take(load_project(folder), home, [])
    assert (dirty.commit, dirty.dirty) == (clean.commit, True)
    assert dirty.tree != clean.tree
    assert (clean.patch, clean.untracked) == ("", ())


def test_changes_are_kept_as_a_patch_that_git_takes(tmp_path: Path, folder: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "side", str(folder)], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://me:secret@example.org/a.git"], check=True)
    (folder / "blob.bin").write_bytes(bytes(range(64)))
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    (folder / "train.py").write_text("print(2)\n")
    (folder / "blob.bin").write_bytes(bytes(range(64, 0, -1)))
    (folder / "new é.py").write_text("print(3)\n")
    taken = code.take(load_project(folder), home, [])
    assert (taken.branch, taken.remote) == ("side", "https://example.org/a.git")
    assert taken.untracked == ("new é.py",)
    (kept,) = ManifestStore(home).read(taken.patch_tree).files
    assert (kept.path, kept.hash) == ("code.patch", taken.patch)
    patch = tmp_path / "code.patch"
    code.keep_patch(home, taken, patch)
    again = tmp_path / "again"
    subprocess.run(["git", "clone", "-q", str(folder), str(again)], check=True)
    subprocess.run(["git", "-C", str(again), "apply", str(patch)], check=True)
    for name in ("train.py", "blob.bin"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_a_strange_repository_runs_no_program_of_its_own(tmp_path: Path, folder: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    trap, sprung = tmp_path / "trap.sh", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    trap.chmod(0o755)
    subprocess.run(["git", "-C", str(folder), "config", "core.fsmonitor", str(trap)], check=True)
    git = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "user.name=t", "-c", "user.email=t@x.org"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    for name in ("diff.external", "diff.odd.textconv", "diff.odd.command", "core.pager"):
        subprocess.run([*git, "config", name, str(trap)], check=True)
    (folder / ".gitattributes").write_text("*.py diff=odd\n")
    (folder / "train.py").write_text("print(2)\n")
    assert code.take(load_project(folder), home, []).patch
    assert not sprung.exists()
    code.take(load_project(folder), home, [])
    assert not sprung.exists()


def commit(folder: Path) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)


def test_a_filter_that_a_strange_repository_configures_does_not_run(tmp_path: Path, folder: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".gitattributes").write_text("*.py filter=odd.one\n")
    commit(folder)
    trap, sprung = tmp_path / "trap.sh", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\ncat\n")
    trap.chmod(0o755)
    for name in ("clean", "process", "smudge"):
        subprocess.run(["git", "-C", str(folder), "config", f"filter.odd.one.{name}", str(trap)], check=True)
    subprocess.run(["git", "-C", str(folder), "config", "filter.odd.one.required", "true"], check=True)
    (folder / "train.py").write_text("print(2)\n")
    assert code.take(load_project(folder), home, []).patch
    assert not sprung.exists()


def test_a_damaged_patch_is_told(tmp_path: Path, folder: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    commit(folder)
    (folder / "train.py").write_text("print(2)\n")
    taken = code.take(load_project(folder), home, [])
    assert b"+print(2)" in code.read_patch(home, taken)
    stored = ObjectStore(home).whole(taken.patch)
    stored.chmod(0o644)
    stored.write_bytes(b"other")
    with pytest.raises(IntegrityError, match="is damaged in the store"):
        code.read_patch(home, taken)


def test_submodules_are_told_with_their_commits(tmp_path: Path, folder: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    for name in ("inner", "library", "absent"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("1\n")
        subprocess.run(["git", "init", "-q", str(tmp_path / name)], check=True)
        commit(tmp_path / name)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    add = ["git", "-c", "protocol.file.allow=always", "submodule", "-q", "add"]
    subprocess.run([*add, str(tmp_path / "inner"), "deep"], check=True, cwd=tmp_path / "library")
    commit(tmp_path / "library")
    for name in ("library", "absent"):
        subprocess.run([*add, str(tmp_path / name), f"libs/{name}"], check=True, cwd=folder)
    commit(folder)
    deep = ["git", "-c", "protocol.file.allow=always", "submodule", "-q", "update", "--init", "--recursive"]
    subprocess.run(deep, check=True, cwd=folder)
    subprocess.run(["git", "submodule", "-q", "deinit", "-f", "libs/absent"], check=True, cwd=folder)
    heads = {name: head(tmp_path / name) for name in ("inner", "library")}
    taken = code.take(load_project(folder), home, [])
    assert taken.submodules == (
        Submodule("libs/absent", ""),
        Submodule("libs/library", heads["library"]),
        Submodule("libs/library/deep", heads["inner"]),
    )
    assert not taken.dirty
    (folder / "libs" / "library" / "deep" / "a.py").write_text("2\n")
    (folder / "libs" / "library" / "a.py").write_text("2\n")
    dirty = code.take(load_project(folder), home, [])
    assert [item.dirty for item in dirty.submodules] == [False, True, True]
    assert dirty.dirty


def head(folder: Path) -> str:
    told = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return told.stdout.strip()


def test_what_git_lfs_keeps_is_told(tmp_path: Path, folder: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    pointers = {}
    for name in ("here.bin", "away é.bin"):
        digest = hashlib.sha256(name.encode()).hexdigest()
        pointers[name] = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 12345\n"
        (folder / name).write_text(pointers[name])
    (folder / "odd.bin").write_text("no pointer\n")
    commit(folder)
    (folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    commit(folder)
    (folder / "here.bin").write_bytes(b"x" * 50)  # the content, as git lfs pull puts it there
    taken = code.take(load_project(folder), home, [])
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in pointers}
    assert taken.lfs == (
        LargeFile("away é.bin", digests["away é.bin"], 12345, pointer=True),
        LargeFile("here.bin", digests["here.bin"], 12345),
    )
