"""The store against writers, kills, full disks and itself: real files, real processes."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from lab.errors import ConflictError, LabError
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import snapshot
from lab.stores.trees import materialise, mount_path


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def objects_in(home: LabHome) -> list[str]:
    return [path.parent.name + path.name for path in home.objects.rglob("*") if path.is_file()]


def all_objects_are_true(home: LabHome) -> int:
    store = ObjectStore(home)
    return sum(store.verify(digest) >= 0 for digest in objects_in(home))


WRITER = """
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY)
size = os.fstat(fd).st_size
print("writing", flush=True)
step = 0
while True:
    os.pwrite(fd, os.urandom(16), step * 4099 % (size - 16))
    step += 1
    if len(sys.argv) > 2 and step > int(sys.argv[2]):
        break
    time.sleep(0.001)
"""


def writer(path: Path, *steps: int) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), *map(str, steps)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.stdout.close()
    return process


def test_a_file_under_a_writer_is_refused_by_name_and_pid(home: LabHome, tmp_path: Path) -> None:
    path = tmp_path / "busy.bin"
    path.write_bytes(os.urandom(32 << 20))
    process = writer(path)
    try:
        with pytest.raises(ConflictError, match=f"busy.bin is being written by process {process.pid}"):
            ObjectStore(home).put_file(path)
    finally:
        process.kill()
        process.wait(10)
    assert objects_in(home) == []
    assert list(home.tmp.iterdir()) == []
    stored = ObjectStore(home).put_file(path)
    assert stored.hash == blake3(path.read_bytes()).hexdigest()


def test_a_writer_that_ends_in_time_only_costs_a_retry(home: LabHome, tmp_path: Path) -> None:
    path = tmp_path / "busy.bin"
    path.write_bytes(os.urandom(32 << 20))
    process = writer(path, 60)
    stored = ObjectStore(home).put_file(path)
    process.wait(10)
    assert ObjectStore(home).verify(stored.hash) == 32 << 20
    assert stored.hash == blake3(path.read_bytes()).hexdigest()


def test_a_race_never_makes_an_object_that_is_not_its_name(home: LabHome, tmp_path: Path) -> None:
    path = tmp_path / "raced.bin"
    path.write_bytes(os.urandom(8 << 20))
    dice = random.Random(1)
    for _ in range(10):
        process = writer(path, dice.randrange(1, 30))
        try:
            stored = ObjectStore(home).put_file(path)
            ObjectStore(home).verify(stored.hash)
        except ConflictError:
            continue
        finally:
            process.wait(10)
    assert all_objects_are_true(home) >= 1


REPLACER = """
import os, sys
target, part = sys.argv[1], sys.argv[1] + ".part"
print("writing", flush=True)
number = 0
while True:
    with open(part, "wb") as file:
        file.write((b"%08d" % number) * 200_000)
    os.rename(part, target)
    number += 1
"""


def test_a_file_replaced_by_rename_is_taken_whole(home: LabHome, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"start---" * 200_000)
    process = subprocess.Popen([sys.executable, "-c", REPLACER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        store = ObjectStore(home)
        for _ in range(30):
            content = store.path(store.put_file(path).hash).read_bytes()
            assert content == content[:8] * 200_000
    finally:
        process.kill()
        process.communicate(timeout=10)


ADDER = """
import sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.snapshot import snapshot
print("started", flush=True)
print(snapshot(Path(sys.argv[1]), LabHome(Path(sys.argv[2]))).id, flush=True)
"""


def add(source: Path, home: LabHome) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", ADDER, str(source), str(home.root)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_kills_at_random_moments_leave_nothing_wrong(home: LabHome, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(150):
        (source / f"{number}.bin").write_bytes(os.urandom(40_000))
    (source / "big.bin").write_bytes(os.urandom(20 << 20))
    started = time.monotonic()
    process = add(source, LabHome(tmp_path / "calibration").create())
    assert process.communicate(timeout=60)[0].startswith("started")
    longest = time.monotonic() - started
    dice = random.Random(7)
    killed = finished = tries = 0
    while killed < 8:
        tries += 1
        assert tries <= 80
        process = add(source, home)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        try:
            process.wait(dice.uniform(0, longest * 0.6))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        name = process.stdout.read().strip()
        process.wait(10)
        process.stdout.close()
        all_objects_are_true(home)
        if process.returncode == 0:
            finished += 1
            assert all(ObjectStore(home).has(file.hash) for file in ManifestStore(home).read(name).files)
        else:
            killed += 1
        for path in home.manifests.rglob("*.jsonl"):  # a manifest is only there with all of its objects
            for file in ManifestStore(home).read(f"b3:{path.parent.name}{path.stem}").files:
                ObjectStore(home).verify(file.hash)
        if finished:  # what is known makes the next one quick: begin anew
            shutil.rmtree(home.store)
            home.create()
            finished = 0
    taken = snapshot(source, home)
    assert len(taken.manifest.files) == 151
    assert all_objects_are_true(home) == 151
    assert list(home.tmp.iterdir()) == []  # the remains of the dead are swept


def test_two_processes_may_add_and_mount_the_same(home: LabHome, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(200):
        (source / f"{number}").write_bytes(b"%d" % number * 1000)
    script = ADDER + (
        "from lab.stores.trees import materialise\n"
        "taken = snapshot(Path(sys.argv[1]), LabHome(Path(sys.argv[2])))\n"
        "print(materialise(LabHome(Path(sys.argv[2])), taken.id))\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(source), str(home.root)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outputs = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(outputs) == 1
    tree = Path(outputs.pop().splitlines()[-1])
    assert len(list(tree.iterdir())) == 200
    assert all_objects_are_true(home) == 200
    assert list(home.tmp.iterdir()) == []


KILLED_MOUNT = """
import sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.trees import materialise
print("started", flush=True)
materialise(LabHome(Path(sys.argv[1])), sys.argv[2])
"""


def test_a_mount_is_whole_or_not_there(home: LabHome, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3000):
        (source / f"{number}").write_bytes(b"%d" % number)
    taken = snapshot(source, home)
    tree = mount_path(home, taken.id)
    dice = random.Random(3)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED_MOUNT, str(home.root), taken.id], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(dice.uniform(0, 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        process.stdout.close()
        assert not tree.exists() or len(os.listdir(tree)) == 3000
        if tree.exists():
            shutil.rmtree(tree)
    assert len(os.listdir(materialise(home, taken.id))) == 3000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "lab-test", str(disk)], capture_output=True, check=False
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("mounting a small filesystem needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("size", [6 << 20, 60 << 20], ids=["fills", "never fits"])
def test_a_full_disk_is_told_and_left_as_it_was(small_disk: Path, tmp_path: Path, size: int) -> None:
    home = LabHome(small_disk / "home").create()
    first = tmp_path / "first"
    first.write_bytes(os.urandom(3 << 20))
    kept = snapshot(first, home)
    free = shutil.disk_usage(small_disk).free
    source = tmp_path / "large.bin"
    source.write_bytes(os.urandom(size))
    with pytest.raises(LabError, match=r"no space left to store .*large.bin: .* MB needed, .* MB free"):
        snapshot(source, home)
    assert shutil.disk_usage(small_disk).free == free
    assert list(home.tmp.iterdir()) == []
    assert all_objects_are_true(home) == 1
    assert ManifestStore(home).read(kept.id) == kept.manifest


def test_a_disk_that_fills_with_small_files(small_disk: Path, tmp_path: Path) -> None:
    home = LabHome(small_disk / "home").create()
    source = tmp_path / "many"
    source.mkdir()
    for number in range(300):
        (source / f"{number}").write_bytes(os.urandom(50_000))
    with pytest.raises(LabError, match="no space left to store"):
        snapshot(source, home)
    assert objects_in(home) == []
    assert list(home.tmp.iterdir()) == []
    taken = snapshot(source, home, ["[1-9][0-9][0-9]"])
    with pytest.raises(LabError, match="no space left"):
        materialise(home, taken.id, read_only=False)
    assert list(home.tmp.iterdir()) == []
    assert not home.mounts.exists() or list(home.mounts.iterdir()) == []
