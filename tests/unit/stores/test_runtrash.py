from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from lab.paths import LabHome
from lab.stores import runtrash, trash


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def folder(home: LabHome, name: str, size: int = 5000) -> Path:
    root = home.run(name).root
    (root / "artifacts" / "deep").mkdir(parents=True)
    (root / "stdout.log").write_bytes(b"x" * size)
    (root / "artifacts" / "deep" / "a.ckpt").write_bytes(b"y" * size)
    (root / "latest").symlink_to("stdout.log")
    return root


def du(path: Path) -> int:
    """Bytes by the system's own counting."""
    out = subprocess.run(["du", "-s", "-B1", str(path)], capture_output=True, text=True, check=True).stdout
    return int(out.split()[0])


def test_room_is_what_du_says(home: LabHome) -> None:
    one, two = folder(home, "one"), folder(home, "two", 100_000)
    found = runtrash.room({"one": [one], "two": [two]})
    assert found.each == {"one": du(one), "two": du(two)}
    assert found.bytes == du(one) + du(two)
    assert found.files == 6
    assert runtrash.room({"none": [home.run("none").root]}) == runtrash.Room(0, 0, {"none": 0})


def test_a_file_of_several_names_counts_once_and_only_if_all_of_them_go(home: LabHome) -> None:
    one, two = folder(home, "one"), folder(home, "two")
    plain = runtrash.room({"one": [one], "two": [two]}).bytes
    shared = home.root / "outside"
    shared.write_bytes(b"z" * 50_000)
    os.link(shared, one / "link")
    assert runtrash.room({"one": [one], "two": [two]}).bytes == plain, "it stays under its other name"
    os.link(shared, two / "link")
    shared.unlink()
    both = runtrash.room({"one": [one], "two": [two]})
    assert both.bytes == plain + (one / "link").stat().st_blocks * 512
    assert both.bytes == du(home.runs) - home.runs.stat().st_blocks * 512
    assert runtrash.room({"two": [two]}).bytes < both.each["one"], "alone, two would free nothing of it"


def test_there_and_back(home: LabHome) -> None:
    root = folder(home, "one")
    before = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    batch = trash.begin(home, time.time(), "purge")
    assert runtrash.put(home, batch, "one")
    assert not runtrash.put(home, batch, "one"), "it is gone by now"
    assert not root.exists()
    (listed,) = trash.batches(home)
    assert (listed.runs, listed.objects) == (1, 0)
    assert listed.bytes == runtrash.room(runtrash.held(batch)).bytes > 10_000
    assert trash.restore(home, batch.name) == trash.Restored(0, 0, 0, ("one",))
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == before
    assert trash.batches(home) == ()


def test_some_files_go_and_come_back_between_the_others(home: LabHome) -> None:
    root = folder(home, "one")
    batch = trash.begin(home, time.time(), "prune")
    assert runtrash.put(home, batch, "one", ["artifacts/deep/a.ckpt", "artifacts/none"])
    assert (root / "stdout.log").exists()
    (root / "artifacts" / "deep" / "a.ckpt").write_text("a later one")
    assert trash.restore(home, batch.name) == trash.Restored(0, 0, 1, ("one",))
    assert (root / "artifacts" / "deep" / "a.ckpt").read_text() == "a later one"
    (root / "artifacts" / "deep" / "a.ckpt").unlink()
    assert trash.restore(home, batch.name) == trash.Restored(0, 0, 0, ("one",))
    assert (root / "artifacts" / "deep" / "a.ckpt").stat().st_size == 5000


def test_the_old_are_erased_with_the_rest(home: LabHome) -> None:
    folder(home, "one")
    batch = trash.begin(home, time.time() - 15 * 86_400, "purge")
    runtrash.put(home, batch, "one")
    before = du(home.root)
    freed = trash.empty(home)
    assert freed > 10_000
    assert before - du(home.root) >= freed
    assert trash.batches(home) == ()
