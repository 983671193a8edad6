import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.paths import LabHome
from lab.stores import gc
from lab.stores.manifests import FileEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import snapshot
from lab.stores.trees import materialise
from lab.stores.usage import Share, Space, usage

Add = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def add(home: LabHome, tmp_path: Path) -> Add:
    def put(**files: str) -> str:
        folder = tmp_path / os.urandom(4).hex()
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        return snapshot(folder, home).id

    return put


def test_an_empty_store(home: LabHome) -> None:
    assert usage(home, {}).total == Space()
    assert usage(home, {"nobody": []}).owners == {"nobody": Share(0, 0)}


def test_owners_and_manifests(home: LabHome, add: Add) -> None:
    first = add(a="a" * 100, both="s" * 1000, all="x" * 10_000)
    second = add(b="b" * 20, both="s" * 1000, all="x" * 10_000)
    other = add(c="c" * 3, all="x" * 10_000, again="x" * 10_000)
    add(loose="l" * 7)
    found = usage(home, {"flowers": [first, second], "others": [other]})
    assert found.owners == {"flowers": Share(1120, 10_000), "others": Share(3, 10_000)}
    assert found.manifests == {first: Share(100, 11_000), second: Share(20, 11_000), other: Share(3, 10_000)}
    assert found.owners["flowers"].total == 11_120
    assert found.unowned == 7
    assert found.objects.apparent == 100 + 1000 + 10_000 + 20 + 3 + 7
    assert found.objects.files == 6
    assert found.lists.files == 4


def test_a_manifest_of_two_owners_is_shared(home: LabHome, add: Add) -> None:
    name = add(a="a" * 5)
    found = usage(home, {"dataset": [name], "model": [name]})
    assert found.owners == {"dataset": Share(0, 5), "model": Share(0, 5)}
    assert found.manifests == {name: Share(5, 0)}


def test_links_cost_nothing_and_sparse_files_little(home: LabHome, add: Add) -> None:
    name = add(a="a" * 5000, run="#!")
    tree = materialise(home, name)
    assert usage(home, {}).mounts == Space()
    (tree / "extra").write_text("x" * 10)
    assert usage(home, {}).mounts.apparent == 10
    home.assembled.mkdir()
    with (home.assembled / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    found = usage(home, {}).assembled
    assert found.apparent == 1 << 30
    assert found.on_disk < 1 << 20


def test_every_place_is_counted(home: LabHome, add: Add) -> None:
    add(a="a" * 10)
    shutil.rmtree(home.stat_cache)
    roots = gc.Live(frozenset())
    gc.collect(home, gc.plan(home, roots, time.time() + 2 * gc.DAY), lambda: roots)
    for size, folder in enumerate((home.quarantine, home.stat_cache, home.profiles, home.tmp / "x"), 1):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x" * size)
    found = usage(home, {})
    assert found.objects == Space()
    assert found.trash.files == 3  # the object, its manifest, the record
    assert (found.quarantine.apparent, found.caches.apparent, found.staging.apparent) == (1, 2 + 3, 4)
    assert found.total.files == 7


def test_what_cannot_be_read_is_told_and_the_rest_counted(home: LabHome, add: Add) -> None:
    good, gone, bad = add(a="a" * 5), add(b="b"), add(c="c")
    ManifestStore(home).path(gone).unlink()
    path = ManifestStore(home).path(bad)
    path.chmod(0o644)
    path.write_bytes(b"rot")
    found = usage(home, {"x": [good, gone, bad, "../evil"]})
    assert found.owners["x"] == Share(5, 0)
    assert set(found.unreadable) == {gone, bad, "../evil"}


def test_a_name_that_looks_like_a_line_of_a_manifest_counts_for_nothing(home: LabHome) -> None:
    stored, other = ObjectStore(home).put_bytes(b"true"), ObjectStore(home).put_bytes(b"not mine")
    path = f'x","h":"{other.hash}","s":8'
    name = ManifestStore(home).write(Manifest.of([FileEntry(path, stored.hash, 4)]))
    assert usage(home, {"x": [name]}).owners["x"] == Share(4, 0)


@pytest.mark.slow
def test_versions_that_share_nearly_all(home: LabHome, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}").write_text(f"{number}")
    names = [snapshot(folder, home).id]
    for number in range(5):
        (folder / "0").write_text(f"other {number}")
        names.append(snapshot(folder, home).id)
    materialise(home, names[0])
    found = usage(home, {"many": names})
    assert found.objects.files == 305
    assert found.manifests[names[0]].exclusive == 1
