import os
import stat
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.errors import IntegrityError, LabError
from lab.paths import LabHome
from lab.stores.objects import ObjectStore


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def store(home: LabHome) -> ObjectStore:
    return ObjectStore(home)


def objects_in(home: LabHome) -> list[Path]:
    return [path for path in home.objects.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, (9 << 20) + 7])
def test_an_object_is_named_by_its_content(home: LabHome, store: ObjectStore, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    source = tmp_path / "source"
    source.write_bytes(content)
    stored = store.put_file(source)
    assert stored.hash == blake3(content).hexdigest()
    assert stored.size == size
    path = store.path(stored.hash)
    assert path == home.objects / stored.hash[:2] / stored.hash[2:]
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert store.verify(stored.hash) == size
    assert list(home.tmp.iterdir()) == []


def test_the_mode_does_not_depend_on_the_umask(store: ObjectStore) -> None:
    before = os.umask(0o077)
    try:
        stored = store.put_bytes(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path(stored.hash).stat().st_mode) == 0o444


@pytest.mark.parametrize("size", [10, 5 << 20])
def test_a_known_object_is_not_written_again(store: ObjectStore, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(size))
    first = store.put_file(source)
    inode = store.path(first.hash).stat().st_ino
    assert store.put_file(source).hash == first.hash
    assert store.path(first.hash).stat().st_ino == inode


def test_a_truncated_object_is_mended_by_the_next_put(store: ObjectStore) -> None:
    stored = store.put_bytes(b"0123456789")
    path = store.path(stored.hash)
    path.chmod(0o644)
    path.write_bytes(b"012")
    store.put_bytes(b"0123456789")
    assert store.verify(stored.hash) == 10


def test_a_rotten_object_is_detected(store: ObjectStore) -> None:
    stored = store.put_bytes(b"0123456789")
    path = store.path(stored.hash)
    path.chmod(0o644)
    path.write_bytes(b"0123456780")
    path.chmod(0o444)
    with pytest.raises(IntegrityError, match="damaged"):
        store.verify(stored.hash)


def test_a_missing_object_is_told(store: ObjectStore, tmp_path: Path) -> None:
    digest = blake3(b"nothing").hexdigest()
    assert not store.has(digest)
    with pytest.raises(IntegrityError, match="missing"):
        store.verify(digest)
    with pytest.raises(IntegrityError, match="missing"):
        store.link_or_copy(digest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("digest", ["", "../" * 20 + "etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n", "a" * 65])
def test_what_is_no_hash_never_becomes_a_path(store: ObjectStore, digest: str) -> None:
    with pytest.raises(IntegrityError):
        store.path(digest)


def test_a_batch_publishes_at_its_end(store: ObjectStore, tmp_path: Path) -> None:
    names = []
    for number in range(100):
        path = tmp_path / f"{number}"
        path.write_bytes(f"content {number % 50}".encode())
        names.append(path)
    with store.batch() as batch:
        hashes = [batch.put_file(path).hash for path in names]
        assert not store.has(hashes[0])
    assert len(set(hashes)) == 50
    assert all(store.verify(digest) for digest in hashes)


def test_a_batch_that_fails_leaves_nothing(home: LabHome, store: ObjectStore) -> None:
    def fail() -> None:
        with store.batch() as batch:
            batch.put_bytes(b"one")
            batch.put_file(home.root / "nothing")

    with pytest.raises(FileNotFoundError):
        fail()
    assert objects_in(home) == []
    assert list(home.tmp.iterdir()) == []


def test_links_pipes_and_folders_are_refused(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(LabError, match=name):
            store.put_file(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        store.put_file(tmp_path / "nothing")


def test_links_and_copies(store: ObjectStore, tmp_path: Path) -> None:
    stored = store.put_bytes(b"#!/bin/sh\necho hi\n")
    inode = store.path(stored.hash).stat().st_ino
    expected = {
        "plain": (False, False, 0o444, True),
        "tool": (True, False, 0o555, False),
        "mine": (False, True, 0o644, False),
        "mytool": (True, True, 0o755, False),
    }
    for name, (executable, writable, mode, linked) in expected.items():
        dest = tmp_path / name
        store.link_or_copy(stored.hash, dest, executable, writable)
        assert dest.read_bytes() == b"#!/bin/sh\necho hi\n"
        assert stat.S_IMODE(dest.stat().st_mode) == mode
        assert (dest.stat().st_ino == inode) == linked
        with pytest.raises(FileExistsError):
            store.link_or_copy(stored.hash, dest, executable, writable)


def test_across_devices_a_copy_serves(store: ObjectStore, tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second filesystem here")
    stored = store.put_bytes(b"content")
    dest = other / f"lab-test-{os.getpid()}"
    try:
        store.link_or_copy(stored.hash, dest)
        assert dest.read_bytes() == b"content"
        assert stat.S_IMODE(dest.stat().st_mode) == 0o444
    finally:
        dest.unlink(missing_ok=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=64), max_size=12))
def test_every_content_comes_back(store: ObjectStore, tmp_path: Path, contents: list[bytes]) -> None:
    with store.batch() as batch:
        stored = [batch.put_bytes(content) for content in contents]
    for item, content in zip(stored, contents, strict=True):
        assert store.path(item.hash).read_bytes() == content
