import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import IntegrityError, NotFoundError
from lab.paths import LabHome
from lab.stores.manifests import (
    Entry,
    FileEntry,
    FolderEntry,
    LinkEntry,
    Manifest,
    ManifestStore,
    check_target,
    manifest_id,
)

H = "ab" * 32

NAMES = st.binary(min_size=1, max_size=6).filter(lambda raw: not {0, 47} & set(raw) and raw not in (b".", b".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: os.fsdecode(b"/".join(parts)))
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
ENTRIES = st.one_of(
    st.builds(FileEntry, PATHS, HASHES, st.integers(0, 2**60), st.booleans()),
    st.builds(LinkEntry, PATHS, PATHS),
    st.builds(FolderEntry, PATHS),
)


def apart(entries: list[Entry]) -> list[Entry]:
    """Those that do not lie in each other's way."""
    kept: dict[str, Entry] = {}
    for entry in entries:
        if not any(f"{entry.path}/".startswith(f"{path}/") or f"{path}/".startswith(f"{entry.path}/") for path in kept):
            kept[entry.path] = entry
    return list(kept.values())


@settings(max_examples=300, deadline=None)
@given(st.lists(ENTRIES, max_size=8).map(apart), st.randoms())
def test_round_trip(entries: list[Entry], random: object) -> None:
    manifest = Manifest.of(entries)
    data = manifest.encode()
    assert Manifest.decode(data) == manifest
    assert Manifest.decode(data).encode() == data
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Manifest.of(shuffled).id == manifest.id


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=6),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("phsmldpblb"), inner, max_size=4)
            ),
            max_leaves=10,
        ).map(lambda value: b'{"format":1,"n_files":1,"bytes":1}\n' + json.dumps(value).encode() + b"\n"),
    )
)
def test_hostile_bytes_are_refused_cleanly(data: bytes) -> None:
    try:
        manifest = Manifest.decode(data)
    except IntegrityError:
        return
    Manifest.of(manifest.entries)  # what was taken is safe


def test_the_form_on_disk_is_the_documented_one() -> None:
    manifest = Manifest.of(
        [
            LinkEntry("z", "a/b.csv"),
            FileEntry("a/b.csv", H, 5),
            FileEntry("a/run.sh", H, 2, executable=True),
            FolderEntry("empty"),
            FileEntry(os.fsdecode(b"\xff"), H, 0),
            FileEntry("line\u2028break", H, 0),
        ]
    )
    header, *lines = manifest.encode().decode().removesuffix("\n").split("\n")
    assert header == '{"format":1,"n_files":4,"bytes":7}'
    assert lines == [
        f'{{"p":"a/b.csv","h":"{H}","s":5}}',
        f'{{"p":"a/run.sh","h":"{H}","s":2,"m":1}}',
        '{"p":"empty","d":1}',
        f'{{"p":"line\u2028break","h":"{H}","s":0}}',
        '{"p":"z","l":"a/b.csv"}',
        f'{{"pb":"/w==","h":"{H}","s":0}}',
    ]
    assert manifest.id == manifest_id(manifest.encode())
    assert manifest.size == 7


@pytest.mark.parametrize(
    "path", ["", "/", "/etc/passwd", "..", "a/../b", "a//b", "a/", "./a", "a/.", "../a", "a\0b", "a/../../b"]
)
def test_unsafe_paths_are_refused(path: str) -> None:
    for entry in (FileEntry(path, H, 1), LinkEntry(path, "x"), FolderEntry(path)):
        with pytest.raises(IntegrityError):
            Manifest.of([entry])


@pytest.mark.parametrize("name", ["..\\..\\x", "%2e%2e", "%252e%252e", "...", "a\nb", "\x1b[2J", " ", "~", "C:"])
def test_odd_names_that_stay_inside_are_names(name: str) -> None:
    manifest = Manifest.of([FileEntry(name, H, 1)])
    assert Manifest.decode(manifest.encode()) == manifest


@pytest.mark.parametrize(
    "entries",
    [
        [FileEntry("a", H, 1), FileEntry("a", H, 1)],
        [FileEntry("a", H, 1), FileEntry("a-b", H, 1), FileEntry("a/b", H, 1)],
        [LinkEntry("a", "b"), FileEntry("a/b/c", H, 1)],
        [FolderEntry("a"), FileEntry("a/b", H, 1)],
    ],
)
def test_entries_in_each_others_way_are_refused(entries: list[Entry]) -> None:
    with pytest.raises(IntegrityError):
        Manifest.of(entries)


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True),
        ("a/b", "../c", True),
        ("a/b", "..", True),
        ("a/b/c", "../../d/e", True),
        ("a", "..", False),
        ("a", "../a", False),
        ("a/b", "../../c", False),
        ("a", "/etc/passwd", False),
        ("a", "b/../../c", False),
        ("a", "b/..", False),  # `b` may be a link to somewhere deeper or higher
        ("a", "", False),
        ("a", "./b", True),
        ("a", "b\0", False),
    ],
)
def test_links_stay_inside(path: str, target: str, inside: bool) -> None:
    assert check_target(path, target) is inside


def test_lone_file_and_folder_with_one_file_differ() -> None:
    entry = FileEntry("a.csv", H, 1)
    assert Manifest.of([entry], single=True).id != Manifest.of([entry]).id
    with pytest.raises(IntegrityError):
        Manifest.of([FileEntry("a/b.csv", H, 1)], single=True)
    with pytest.raises(IntegrityError):
        Manifest.of([entry, FileEntry("b.csv", H, 1)], single=True)


def test_the_store_keeps_and_checks(tmp_path: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    store = ManifestStore(home)
    manifest = Manifest.of([FileEntry("a", H, 1)])
    name = store.write(manifest)
    assert name == manifest.id
    assert store.write(manifest) == name
    assert store.has(name)
    assert store.read(name) == manifest
    assert list(home.tmp.iterdir()) == []

    path = store.path(name)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"s":1', b'"s":2'))
    with pytest.raises(IntegrityError, match="damaged"):
        store.read(name)
    with pytest.raises(NotFoundError):
        store.read("b3:" + "0" * 64)
    for wrong in ("", "b3:", "b3:../../../etc/passwd", H, "b3:" + "A" * 64):
        with pytest.raises(IntegrityError):
            store.read(wrong)
