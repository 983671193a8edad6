import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.errors import ConflictError, IntegrityError, LabError
from lab.paths import LabHome
from lab.stores.objects import ObjectStore, Stored


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


MB = 1 << 20


def grow(path: Path, size: int) -> bytes:
    """Append random bytes; returns the whole content."""
    with path.open("ab") as file:
        file.write(os.urandom(size))
    return path.read_bytes()


@pytest.fixture
def grown(store: ObjectStore, tmp_path: Path) -> tuple[str, str, bytes]:
    """A file of 9 MB that is whole in the store, and grew by 100 bytes since: both hashes, and the content."""
    path = tmp_path / "log.csv"
    path.write_bytes(os.urandom(9 * MB))
    first = store.put_file(path)
    content = grow(path, 100)
    return first.hash, store.put_file(path, base=first.hash).hash, content


def on_disk(home: LabHome) -> int:
    return sum(path.stat().st_size for path in objects_in(home))


def test_a_file_that_grew_costs_its_tail(
    home: LabHome, store: ObjectStore, grown: tuple[str, str, bytes], tmp_path: Path
) -> None:
    first, second, content = grown
    assert second == blake3(content).hexdigest()
    tail = blake3(content[9 * MB :]).hexdigest()
    assert store.parts(second) == ((first, 9 * MB), (tail, 100))
    assert not store.path(second).exists()
    assert store.has(second)
    assert store.size(second) == store.verify(second) == len(content)
    assert on_disk(home) < 9 * MB + 500
    assert list(store.digests()) == sorted({first, second, tail})
    assert [path.suffix for path in store.files(second)] == [".parts"]
    assert store.files("0" * 64) == []
    whole = store.whole(second)
    assert whole.read_bytes() == content
    assert stat.S_IMODE(whole.stat().st_mode) == 0o444
    assert whole == home.assembled / second[:2] / second[2:]
    assert store.files(second)[1:] == [whole]
    assert store.whole(first) == store.path(first)
    # Read-only trees share the assembled copy, others have their own.
    expected = {"one": (False, False, 0o444), "two": (False, False, 0o444), "tool": (True, False, 0o555)}
    for name, (executable, writable, mode) in {**expected, "mine": (False, True, 0o644)}.items():
        store.link_or_copy(second, tmp_path / name, executable, writable)
        assert (tmp_path / name).read_bytes() == content
        info = (tmp_path / name).stat()
        assert stat.S_IMODE(info.st_mode) == mode
        assert (info.st_ino == whole.stat().st_ino) == (mode == 0o444)
    whole.unlink()  # it is a cache
    assert store.whole(second).read_bytes() == content
    assert list(home.tmp.iterdir()) == []


def test_a_file_that_grew_again_and_again(home: LabHome, store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(os.urandom(8 * MB))
    base = store.put_file(path).hash
    for number in range(70):
        content = grow(path, number + 1)
        base = store.put_file(path, base=base).hash
        assert base == blake3(content).hexdigest()
        assert 2 <= len(store.parts(base)) <= 32
    assert store.verify(base) == len(content)
    assert store.whole(base).read_bytes() == content
    assert on_disk(home) < 9 * MB


def test_a_file_that_outgrew_its_beginning_is_whole_again(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(os.urandom(8 * MB))
    base = store.put_file(path).hash
    for _ in range(32):
        grow(path, 300_000)
        base = store.put_file(path, base=base).hash
    assert len(store.parts(base)) == 1
    assert store.path(base).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("change", ["first byte", "last old byte", "shorter", "small"])
def test_what_only_looks_grown_is_stored_whole(store: ObjectStore, tmp_path: Path, change: str) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(os.urandom(1 * MB if change == "small" else 9 * MB))
    base = store.put_file(path).hash
    content = bytearray(grow(path, 100))
    match change:
        case "first byte":
            content[0] ^= 1
        case "last old byte":
            content[9 * MB - 1] ^= 1
        case "shorter":
            del content[5 * MB :]
    path.write_bytes(content)
    stored = store.put_file(path, base=base)
    assert stored.hash == blake3(content).hexdigest()
    assert store.path(stored.hash).read_bytes() == content
    assert store.put_file(path, base="0" * 64).hash == stored.hash


def test_a_file_that_was_only_touched_is_not_written(home: LabHome, store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(os.urandom(5 * MB))
    first = store.put_file(path)
    os.utime(path, (1, 1))
    used: list[int] = []
    with store.batch() as batch:
        again = batch.put_file(path, base=first.hash)
        used += [path.stat().st_size for path in home.tmp.rglob("*") if path.is_file()]
    assert (again.hash, again.size) == (first.hash, first.size)
    assert again.state != first.state
    assert used == []
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert store.path(store.put_file(path, base=first.hash).hash).read_bytes() == content


def test_a_tail_that_is_known_is_not_stored_twice(
    home: LabHome, store: ObjectStore, grown: tuple[str, str, bytes], tmp_path: Path
) -> None:
    _, second, content = grown
    other = tmp_path / "other.bin"  # ends with what is itself in parts
    other.write_bytes(os.urandom(8 * MB))
    base = store.put_file(other).hash
    with other.open("ab") as file:
        file.write(content)
    before = on_disk(home)
    stored = store.put_file(other, base=base)
    assert store.parts(stored.hash) == ((base, 8 * MB), *store.parts(second))
    assert store.verify(stored.hash) == 8 * MB + len(content)
    assert on_disk(home) < before + 500


def test_a_part_may_come_back_in_parts(store: ObjectStore, tmp_path: Path) -> None:
    """An object is lost that another is made of, and then stored again as one that grew."""
    path = tmp_path / "log.csv"
    path.write_bytes(os.urandom(8 * MB))
    first = store.put_file(path).hash
    middle = grow(path, 100)
    second = store.put_file(path).hash
    content = grow(path, 100)
    third = store.put_file(path, base=second).hash
    store.path(second).unlink()
    assert not store.has(third)
    path.write_bytes(middle)
    assert store.put_file(path, base=first).hash == second
    assert [size for _, size in store.parts(third)] == [8 * MB, 100, 100]
    assert store.verify(third) == len(content)
    assert store.whole(third).read_bytes() == content


DAMAGES = ["no part", "short part", "no json", "no list", "empty", "wrong size", "circle", "names no object", "nested"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_parts_are_told_and_mended(
    store: ObjectStore, grown: tuple[str, str, bytes], tmp_path: Path, damage: str
) -> None:
    first, second, content = grown
    listed = store.files(second)[0]
    part = store.path(store.parts(second)[1][0])
    for path in (listed, part):
        path.chmod(0o644)
    match damage:
        case "no part":
            part.unlink()
        case "short part":
            part.write_bytes(part.read_bytes()[:50])
        case "no json":
            listed.write_bytes(b'{"parts":[[')
        case "no list":
            listed.write_bytes(b'{"parts":7}')
        case "empty":
            listed.write_bytes(b'{"parts":[]}')
        case "wrong size":
            listed.write_text(f'{{"parts":[["{first}",5]]}}')
        case "circle":
            listed.write_text(f'{{"parts":[["{second}",5]]}}')
        case "names no object":
            listed.write_bytes(b'{"parts":[["../../../etc/passwd",5]]}')
        case "nested":
            listed.write_bytes(b"[" * 50_000)
    assert store.size(second) is None
    assert not store.has(second)
    with pytest.raises(IntegrityError):
        store.parts(second)
    with pytest.raises(IntegrityError):
        store.whole(second)
    with pytest.raises(IntegrityError):
        store.link_or_copy(second, tmp_path / "out")
    with pytest.raises(IntegrityError):
        store.verify(second)
    assert not (tmp_path / "out").exists()
    (tmp_path / "again").write_bytes(content)
    assert store.put_file(tmp_path / "again", base=first).hash == second
    assert store.verify(second) == len(content)
    assert store.whole(second).read_bytes() == content


def test_a_rotten_part_is_found(store: ObjectStore, grown: tuple[str, str, bytes]) -> None:
    first, second, content = grown
    path = store.path(first)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(4 * MB)
        file.write(bytes([content[4 * MB] ^ 1]))
    assert store.has(second)
    with pytest.raises(IntegrityError, match="damaged"):
        store.verify(second)


@pytest.mark.parametrize("sizes", [[], [0], [1], [3, 0, 5], [70_000] * 100])
def test_a_stream(home: LabHome, store: ObjectStore, sizes: list[int]) -> None:
    chunks = [os.urandom(size) for size in sizes]
    content = b"".join(chunks)
    stored = store.put_stream(iter(chunks), blake3(content).hexdigest())
    assert stored.size == len(content)
    assert store.path(stored.hash).read_bytes() == content
    assert stat.S_IMODE(store.path(stored.hash).stat().st_mode) == 0o444
    inode = store.path(stored.hash).stat().st_ino
    assert store.put_stream(iter(chunks)) == stored
    assert store.path(stored.hash).stat().st_ino == inode
    assert list(home.tmp.iterdir()) == []


def test_a_stream_that_is_not_what_was_asked_for_is_not_kept(home: LabHome, store: ObjectStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(IntegrityError, match="4 bytes came"):
        store.put_stream([b"evil"], blake3(b"good").hexdigest())
    with pytest.raises(ConnectionError):
        store.put_stream(broken())
    assert objects_in(home) == []
    assert list(home.tmp.iterdir()) == []


def holes(path: Path) -> bool:
    info = path.stat()
    return info.st_blocks * 512 < info.st_size // 4


def test_holes_stay_holes(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "image.raw"
    with path.open("wb") as file:
        file.write(b"begin")
        file.seek(50 * MB + 3)
        file.write(b"middle")
        file.truncate(100 * MB + 1)
    if not holes(path):
        pytest.skip("no sparse files on this filesystem")
    stored = store.put_file(path)
    content = path.read_bytes()
    assert stored.hash == blake3(content).hexdigest()
    assert holes(store.path(stored.hash))
    for name, executable, writable in (("tool", True, False), ("mine", False, True)):
        store.link_or_copy(stored.hash, tmp_path / name, executable, writable)
        assert holes(tmp_path / name)
        assert (tmp_path / name).read_bytes() == content
    assert store.put_stream(content[at : at + MB] for at in range(0, len(content), MB)).hash == stored.hash
    with path.open("ab") as file:
        file.truncate(200 * MB)
    grown = store.put_file(path, base=stored.hash)
    assert len(store.parts(grown.hash)) == 2
    assert holes(store.whole(grown.hash))
    assert store.verify(grown.hash) == 200 * MB
    assert store.whole(grown.hash).read_bytes() == path.read_bytes()


def test_a_file_of_zeros_alone(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "zeros"
    path.touch()
    os.truncate(path, 20 * MB)
    stored = store.put_file(path)
    assert stored.hash == blake3(bytes(20 * MB)).hexdigest()
    assert store.path(stored.hash).read_bytes() == bytes(20 * MB)
    assert store.put_stream([bytes(10 * MB)] * 2) == Stored(stored.hash, stored.size)


def test_a_file_that_grows_as_quickly_as_it_is_read_is_refused(
    home: LabHome, store: ObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(os.urandom(9 * MB))
    base = store.put_file(path).hash
    grow(path, 1)
    heard: list[int] = []

    def chase(size: int) -> None:
        heard.append(size)
        assert len(heard) < 100
        with path.open("ab") as file:
            file.write(b"more")

    for known in ("", base):
        heard.clear()
        with pytest.raises(ConflictError, match="is being written"):
            store.put_file(path, chase, known)
    assert objects_in(home) == [store.path(base)]
    assert list(home.tmp.iterdir()) == []
