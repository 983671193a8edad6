import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from lab.errors import LabError, NotFoundError
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.repair import Repair, Source, quarantine, quarantine_manifest, repair, repair_manifest
from lab.stores.scrub import verify
from lab.stores.snapshot import snapshot
from lab.stores.trees import materialise


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("a" * 100)
    (folder / "run.sh").write_text("#!" * 50)
    (folder / "run.sh").chmod(0o755)
    return folder


def hash_of(home: LabHome, name: str, path: str) -> str:
    return next(file.hash for file in ManifestStore(home).read(name).files if file.path == path)


def rot(path: Path) -> bytes:
    """Flip a bit; returns what is there now."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
    return bytes(data)


def test_rot_is_mended_from_the_working_copy(home: LabHome, data: Path) -> None:
    name = snapshot(data, home).id
    digest = hash_of(home, name, "a.csv")
    rotten = rot(ObjectStore(home).path(digest))
    done = repair(home, digest, [Source("data/a.csv", data / "a.csv")])
    assert (done.sound, done.source, done.tried) == (True, "data/a.csv", ())
    assert [path.read_bytes() for path in done.set_aside] == [rotten]
    assert done.set_aside[0].parent == home.quarantine
    assert verify(home).clean
    assert stat.S_IMODE(ObjectStore(home).path(digest).stat().st_mode) == 0o444
    assert repair(home, digest, []) == Repair(digest, True)


def test_it_is_never_restored_from_itself_or_what_is_as_bad(home: LabHome, data: Path, tmp_path: Path) -> None:
    name = snapshot(data, home).id
    digest = hash_of(home, name, "a.csv")
    tree = materialise(home, name)
    path = ObjectStore(home).path(digest)
    rot(path)
    os.mkfifo(tmp_path / "pipe")

    def broken() -> Iterable[bytes]:
        raise LabError("the wire is cut")

    sources = [
        Source("itself", path),
        Source("its tree", tree / "a.csv"),
        Source("another file", data / "run.sh"),
        Source("none", tmp_path / "none"),
        Source("a folder", tmp_path),
        Source("a pipe", tmp_path / "pipe"),
        Source("a remote", broken),
    ]
    done = repair(home, digest, sources)
    assert not done.sound
    assert [item.where for item in done.tried] == [source.where for source in sources]
    assert "not what its name says" in done.tried[1].why
    assert done.tried[-1].why == "the wire is cut"
    assert not ObjectStore(home).has(digest)
    assert not tree.exists()  # nobody is to read it any more
    assert len(done.set_aside) == 1
    assert list(home.tmp.iterdir()) == []
    done = repair(home, digest, [Source("a remote", lambda: [b"a" * 60, b"", b"a" * 40])])
    assert (done.sound, done.source, done.set_aside) == (True, "a remote", ())
    assert (materialise(home, name) / "a.csv").read_text() == "a" * 100


def test_trees_show_the_mended_object(home: LabHome, data: Path) -> None:
    name = snapshot(data, home).id
    (data / "b").write_text("b")
    other = snapshot(data, home).id
    (data / "a.csv").rename(data / "c")
    third = snapshot(data, home).id
    trees = [materialise(home, item) for item in (name, other, third)]
    folders = [tree.stat().st_ino for tree in trees]
    digest = hash_of(home, name, "a.csv")
    rot(ObjectStore(home).path(digest))
    assert (trees[0] / "a.csv").read_text() != "a" * 100
    repair(home, digest, [Source("c", data / "c")])
    assert [(trees[0] / "a.csv").read_text(), (trees[1] / "a.csv").read_text()] == ["a" * 100] * 2
    assert (trees[2] / "c").read_text() == "a" * 100
    assert [tree.stat().st_ino for tree in trees] == folders  # a run that has it mounted sees it mended
    assert (trees[0] / "a.csv").stat().st_ino == ObjectStore(home).path(digest).stat().st_ino


def test_copies_in_trees_are_mended_too(home: LabHome, data: Path) -> None:
    name = snapshot(data, home).id
    digest = hash_of(home, name, "run.sh")
    rot(ObjectStore(home).path(digest))
    tree = materialise(home, name)  # a copy of the rotten object, since it is executable
    repair(home, digest, [Source("run.sh", data / "run.sh")])
    assert (tree / "run.sh").read_text() == "#!" * 50
    assert os.access(tree / "run.sh", os.X_OK)


def test_quarantine_moves_and_removes_trees(home: LabHome, data: Path) -> None:
    name = snapshot(data, home).id
    (data / "a.csv").unlink()
    other = snapshot(data, home).id
    trees = [materialise(home, item) for item in (name, other)]
    digest = hash_of(home, name, "a.csv")
    (moved,) = quarantine(home, digest)
    assert moved.read_text() == "a" * 100
    assert [tree.exists() for tree in trees] == [False, True]
    assert not ObjectStore(home).has(digest)
    with pytest.raises(NotFoundError):
        quarantine(home, digest)


@pytest.fixture
def grown(home: LabHome, tmp_path: Path) -> tuple[str, str, Path]:
    """(hash of a log's beginning, hash of the log, the log), stored in parts."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "log").write_bytes(os.urandom(8 << 20))
    first = snapshot(folder, home)
    with (folder / "log").open("ab") as file:
        file.write(b"tail")
    second = snapshot(folder, home, previous=first.manifest)
    digest = second.manifest.files[0].hash
    assert len(ObjectStore(home).parts(digest)) == 2
    return first.manifest.files[0].hash, digest, folder / "log"


@pytest.mark.parametrize("damage", ["base", "tail", "both", "missing"])
def test_parts_are_cut_from_the_whole(home: LabHome, grown: tuple[str, str, Path], damage: str) -> None:
    base, digest, log = grown
    store = ObjectStore(home)
    tail = store.parts(digest)[1][0]
    for part in {"base": [base], "tail": [tail], "both": [base, tail], "missing": []}[damage]:
        rot(store.path(part))
    if damage == "missing":
        store.path(tail).unlink()

    def in_pieces() -> Iterator[bytes]:
        data = log.read_bytes()
        for at in range(0, len(data), 1_000_003):
            yield data[at : at + 1_000_003]

    source = Source("log", in_pieces if damage == "both" else log)
    done = repair(home, digest, [source])
    assert done.sound
    assert done.source == "log"
    assert len(store.parts(digest)) == 2  # not stored once more as a whole
    assert verify(home).clean


def test_a_part_is_mended_by_what_it_is_a_part_of(home: LabHome, grown: tuple[str, str, Path]) -> None:
    base, digest, log = grown
    rot(ObjectStore(home).path(base))
    assert not repair(home, base, [Source("log", log)]).sound  # the log is longer
    done = repair(home, base, [Source("log", log, digest)])
    assert (done.sound, done.source) == (True, "log")
    assert verify(home).clean


def test_the_stores_own_copy_serves(home: LabHome, grown: tuple[str, str, Path]) -> None:
    base, digest, log = grown
    ObjectStore(home).whole(digest)
    log.unlink()
    rot(ObjectStore(home).path(base))
    done = repair(home, base, [])
    assert done.source == f"the assembled copy of {digest[:12]}"
    assert verify(home).clean


def test_a_rotten_copy_of_the_stores_own_does_not(home: LabHome, grown: tuple[str, str, Path]) -> None:
    _base, digest, log = grown
    manifest = next(path for path in home.manifests.rglob("*.jsonl") if digest in path.read_text())
    tree = materialise(home, f"b3:{manifest.parent.name}{manifest.stem}")
    copy = ObjectStore(home).whole(digest)
    rot(copy)
    assert repair(home, digest, []) == Repair(digest, True)
    assert not copy.exists() or copy.read_bytes() == log.read_bytes()
    assert (tree / "log").read_bytes() == log.read_bytes()
    assert verify(home).clean


@pytest.mark.parametrize("content", ["{}", '{"parts":[]}', "rot"])
def test_a_damaged_list_gives_way_to_the_whole(home: LabHome, grown: tuple[str, str, Path], content: str) -> None:
    _, digest, log = grown
    (path,) = ObjectStore(home).files(digest)
    path.chmod(0o644)
    path.write_text(content)
    assert not repair(home, digest, []).sound
    done = repair(home, digest, [Source("log", log)])
    assert done.sound
    assert ObjectStore(home).verify(digest) == (8 << 20) + 4
    assert verify(home).clean
    assert [item.read_text() for item in home.quarantine.iterdir()] == [content]


def test_manifests(home: LabHome, data: Path, tmp_path: Path) -> None:
    name = snapshot(data, home).id
    path = ManifestStore(home).path(name)
    good = path.read_bytes()
    assert repair_manifest(home, name, []) == Repair(name, True)
    rotten = rot(path)
    (tmp_path / "copy").write_bytes(rotten)
    done = repair_manifest(home, name, [Source("copy", tmp_path / "copy")])
    assert not done.sound
    assert done.tried[0].why == "its bytes are not what the name says"
    assert [item.read_bytes() for item in done.set_aside] == [rotten]
    done = repair_manifest(home, name, [Source("none", tmp_path / "none"), Source("remote", lambda: [good])])
    assert (done.sound, done.source) == (True, "remote")
    assert path.read_bytes() == good
    assert quarantine_manifest(home, name).read_bytes() == good
    with pytest.raises(NotFoundError):
        quarantine_manifest(home, name)
