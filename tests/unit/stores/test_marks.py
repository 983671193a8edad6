import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import IntegrityError, NotFoundError
from lab.paths import LabHome
from lab.stores import marks
from lab.stores.manifests import FileEntry, LinkEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..")
)
TRICKY = st.sampled_from([',"h":"' + "0" * 64 + '","s":7', 'x","h":"' + "a" * 64 + '","s":1}\n{"p":"', "\\", '"', "\n"])
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)


@pytest.fixture(scope="module")
def volatile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHome]:
    """A home for many small manifests, whose durability nobody asks for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield LabHome(tmp_path_factory.mktemp("home")).create()


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(NAMES | TRICKY, st.tuples(HASHES, st.integers(0, 1 << 60), st.booleans()), max_size=8))
def test_it_reads_what_the_manifest_says(volatile: LabHome, files: dict[str, tuple[str, int, bool]]) -> None:
    home = volatile
    entries = [FileEntry(path, *facts) for path, facts in files.items()]
    links = [LinkEntry("link to " + os.urandom(4).hex(), target) for target in files]
    name = ManifestStore(home).write(Manifest.of([*entries, *links]))
    assert marks.named(home, name) == {
        entry.hash: entry.size for entry in sorted(entries, key=lambda entry: os.fsencode(entry.path))
    }
    assert list(marks.manifests(home)) == [name]
    ManifestStore(home).path(name).unlink()


def test_what_is_damaged_or_absent(home: LabHome) -> None:
    name = ManifestStore(home).write(Manifest.of([]))
    path = ManifestStore(home).path(name)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match="damaged"):
        marks.named(home, name)
    with pytest.raises(NotFoundError):
        marks.named(home, "b3:" + "0" * 64)
    with pytest.raises(IntegrityError):
        marks.named(home, "../x")


def test_only_objects_are_on_the_shelf(home: LabHome, tmp_path: Path) -> None:
    store = ObjectStore(home)
    small = store.put_bytes(b"small")
    (tmp_path / "log").write_bytes(os.urandom(8 << 20))
    base = store.put_file(tmp_path / "log").hash
    with (tmp_path / "log").open("ab") as file:
        file.write(b"tail")
    grown = store.put_file(tmp_path / "log", base=base).hash
    for stray in ("x", "ab/x", "ab/" + "0" * 61, "zz/" + "0" * 62, "ab/" + "0" * 62 + ".new"):
        path = home.objects / stray
        path.parent.mkdir(exist_ok=True)
        path.touch()
    shelf = marks.shelf(home)
    tail = store.parts(grown)[1][0]
    assert set(shelf.whole) == {small.hash, base, tail}
    assert set(shelf.parted) == {grown}
    assert shelf.holders(grown) == (base, tail)
    assert shelf.holders(base) == (base,)
    assert shelf.holders("0" * 64) == ()
    assert (shelf.lists(grown), shelf.lists(base)) == ({grown}, set())
    assert marks.listed(home, grown) == store.parts(grown)
    assert shelf.bytes == (8 << 20) + 4 + 5 + shelf.size(grown)
    marks.file_of(home, grown, parted=True).chmod(0o644)
    marks.file_of(home, grown, parted=True).write_text("rot")
    assert marks.listed(home, grown) == ()
    with pytest.raises(IntegrityError):
        shelf.holders(grown)
