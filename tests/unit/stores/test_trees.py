import os
import stat
from pathlib import Path

import pytest

from lab.errors import ConflictError, IntegrityError, NotFoundError
from lab.paths import LabHome
from lab.stores.manifests import FileEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import snapshot
from lab.stores.trees import digest, entry_path, materialise, mount_path, remove_tree


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a.csv").write_text("a\n1\n")
    (root / "deep" / "er" / "b").write_text("b")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "latest").symlink_to("a.csv")
    (root / "folder").symlink_to("deep")
    with open(os.fsencode(root) + b"/\xff\xfe", "wb") as file:
        file.write(b"odd")
    return root


def looks(root: Path) -> dict[bytes, object]:
    """Everything about a tree that a script can see."""
    seen: dict[bytes, object] = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        for name in folders + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(info.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    content = (file.read(), bool(info.st_mode & stat.S_IXUSR))
            seen[os.path.relpath(path, os.fsencode(root))] = content
    return seen


def test_the_tree_comes_back(home: LabHome, source: Path) -> None:
    taken = snapshot(source, home)
    tree = materialise(home, taken.id)
    assert tree == mount_path(home, taken.id) == home.mounts / taken.id[3:]
    assert looks(tree) == looks(source)
    assert list(home.tmp.iterdir()) == []
    plain = tree / "a.csv"
    assert plain.stat().st_ino == ObjectStore(home).path(taken.manifest.files[0].hash).stat().st_ino
    assert stat.S_IMODE(plain.stat().st_mode) == 0o444
    assert stat.S_IMODE((tree / "run.sh").stat().st_mode) == 0o555
    for folder in (tree, tree / "deep", tree / "deep" / "er", tree / "empty"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_twice_is_once(home: LabHome, source: Path) -> None:
    taken = snapshot(source, home)
    tree = materialise(home, taken.id)
    inode = tree.stat().st_ino
    assert materialise(home, taken.id) == tree
    assert tree.stat().st_ino == inode


@pytest.mark.parametrize("damage", ["missing", "extra", "size", "kind"])
def test_a_damaged_mount_is_made_anew(home: LabHome, source: Path, damage: str) -> None:
    taken = snapshot(source, home)
    tree = materialise(home, taken.id)
    match damage:
        case "missing":
            (tree / "deep" / "er" / "b").unlink()
        case "extra":
            (tree / "new").write_text("x")
        case "size":
            (tree / "a.csv").unlink()
            (tree / "a.csv").write_text("")
        case "kind":
            (tree / "a.csv").unlink()
            (tree / "a.csv").mkdir()
    assert looks(materialise(home, taken.id)) == looks(source)


def test_copies_can_be_edited_without_harm(home: LabHome, source: Path, tmp_path: Path) -> None:
    taken = snapshot(source, home)
    copy = materialise(home, taken.id, tmp_path / "mine" / "copy", read_only=False)
    assert looks(copy) == looks(source)
    with (copy / "a.csv").open("a") as file:
        file.write("2\n")
    for entry in taken.manifest.files:
        ObjectStore(home).verify(entry.hash)


def test_a_place_that_holds_something_else_is_refused(home: LabHome, source: Path, tmp_path: Path) -> None:
    taken = snapshot(source, home)
    for name, make in {"folder": lambda p: (p.mkdir(), (p / "x").write_text("x")), "file": Path.touch}.items():
        dest = tmp_path / name
        make(dest)
        before = looks(tmp_path / name)
        with pytest.raises(ConflictError, match=name):
            materialise(home, taken.id, dest)
        assert looks(dest) == before
    (tmp_path / "empty").mkdir()
    materialise(home, taken.id, tmp_path / "empty")
    assert looks(tmp_path / "empty") == looks(source)


def test_a_missing_object_or_manifest_leaves_nothing(home: LabHome, source: Path) -> None:
    taken = snapshot(source, home)
    ObjectStore(home).path(taken.manifest.files[1].hash).unlink()
    with pytest.raises(IntegrityError, match="missing"):
        materialise(home, taken.id)
    assert not mount_path(home, taken.id).exists()
    assert list(home.tmp.iterdir()) == []
    with pytest.raises(NotFoundError):
        materialise(home, "b3:" + "0" * 64)
    with pytest.raises(IntegrityError):
        materialise(home, "../../x")


def test_a_hostile_manifest_cannot_leave_its_place(home: LabHome, tmp_path: Path) -> None:
    stored = ObjectStore(home).put_bytes(b"evil")
    for path in ("../evil", "/tmp/evil", "a/../../evil"):
        manifest = Manifest((FileEntry(path, stored.hash, 4),))  # not made by `of`, so not checked
        with pytest.raises(IntegrityError):
            materialise(home, ManifestStore(home).write(manifest))
    assert not (tmp_path / "evil").exists()


def test_a_removed_tree_is_gone_and_its_objects_are_not(home: LabHome, source: Path) -> None:
    taken = snapshot(source, home)
    tree = materialise(home, taken.id)
    remove_tree(home, tree)
    assert not tree.exists()
    assert list(home.tmp.iterdir()) == []
    remove_tree(home, tree)
    for entry in taken.manifest.files:
        ObjectStore(home).verify(entry.hash)


def test_what_a_script_is_told(home: LabHome, source: Path) -> None:
    lone = snapshot(source / "a.csv", home)
    assert entry_path(lone.manifest, materialise(home, lone.id)).read_text() == "a\n1\n"
    whole = snapshot(source, home)
    assert entry_path(whole.manifest, Path("/data")) == Path("/data")


def test_an_empty_folder_is_a_tree_too(home: LabHome, tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    taken = snapshot(tmp_path / "void", home)
    tree = materialise(home, taken.id)
    assert list(tree.iterdir()) == []
    assert materialise(home, taken.id) == tree


def test_a_digest_is_the_id_of_what_is_there_now(home: LabHome, source: Path, tmp_path: Path) -> None:
    taken = snapshot(source, home)
    tree = materialise(home, taken.id, tmp_path / "tree", read_only=False)
    assert digest(tree) == taken.id
    for change, back in (
        (lambda: (tree / "a.csv").write_text("a\n2\n"), lambda: (tree / "a.csv").write_text("a\n1\n")),
        (lambda: (tree / "a.csv").chmod(0o755), lambda: (tree / "a.csv").chmod(0o644)),
        (lambda: (tree / "new").mkdir(), lambda: (tree / "new").rmdir()),
        (lambda: (tree / "empty").rmdir(), lambda: (tree / "empty").mkdir()),
        (lambda: (tree / "link").symlink_to("a.csv"), lambda: (tree / "link").unlink()),
    ):
        change()
        assert digest(tree) != taken.id
        back()
        assert digest(tree) == taken.id
    os.mkfifo(tree / "pipe")
    with pytest.raises(IntegrityError, match="pipe"):
        digest(tree)
