"""Publishing a version: killed at every step, on full and on sharing disks, beside writers of all kinds."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest
from blake3 import blake3

from lab.errors import ConflictError, LabError
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import snapshot
from lab.stores.statcache import StatCache
from lab.stores.status import status
from lab.stores.trees import materialise

MB = 1 << 20


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def all_is_true(home: LabHome) -> None:
    """Every object is what its name says, and every manifest is there with all of its objects."""
    store = ObjectStore(home)
    for digest in store.digests():
        if store.has(digest):
            store.verify(digest)
        else:  # a list of parts without a part of it: nobody takes it for an object
            assert not store.path(digest).exists()
    for path in home.manifests.rglob("*.jsonl"):
        for file in ManifestStore(home).read(f"b3:{path.parent.name}{path.stem}").files:
            assert store.size(file.hash) == file.size


# Forks a child for each number that it reads; the child dies by SIGKILL just before its n-th call that changes
# anything on disk.
KILLER = """
import os, signal, sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.snapshot import snapshot

CALLS = ["open", "write", "fsync", "fchmod", "mkdir", "rename", "replace", "unlink", "rmdir", "ftruncate", "link"]

def arm(last):
    left = last
    def count(call):
        def counted(*args, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)
        return counted
    for name in CALLS:
        setattr(os, name, count(getattr(os, name)))

for line in sys.stdin:
    step, source, root, previous = line.rstrip().split("\\t")
    child = os.fork()
    if not child:
        home = LabHome(Path(root))
        before = ManifestStore(home).read(previous)
        arm(int(step))
        snapshot(Path(source), home, previous=before)
        os._exit(0)
    _, fate = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(fate), flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_each_step_of_publishing_leaves_nothing_wrong(home: LabHome, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "log.csv").write_bytes(os.urandom(8 * MB))
    (source / "same").write_text("same")
    (source / "other").write_text("other")
    first = snapshot(source, home)
    with (source / "log.csv").open("ab") as file:
        file.write(os.urandom(5000))
    (source / "other").write_text("changed")
    (source / "big").write_bytes(os.urandom(4 * MB + 1))
    (source / "new").write_text("new")
    expected = snapshot(source, LabHome(tmp_path / "calibration").create()).id
    killer = subprocess.Popen(
        [sys.executable, "-c", KILLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert killer.stdin is not None
    assert killer.stdout is not None
    step = killed = published = 0
    try:
        while True:
            step += 1
            place = LabHome(tmp_path / "place")
            shutil.copytree(home.root, place.root, copy_function=os.link)
            killer.stdin.write(f"{step}\t{source}\t{place.root}\t{first.id}\n")
            fate = int(killer.stdout.readline())
            all_is_true(place)
            assert ManifestStore(place).read(first.id) == first.manifest
            published += ManifestStore(place).has(expected)
            again = snapshot(source, place, previous=first.manifest)
            assert again.id == expected
            all_is_true(place)
            assert list(place.tmp.iterdir()) == []
            assert [path.name for path in place.stat_cache.iterdir() if path.is_dir()] == []
            shutil.rmtree(place.root)
            if fate == 0:
                break
            assert fate == -signal.SIGKILL
            killed += 1
    finally:
        killer.communicate(timeout=10)
    assert killed > 40
    assert 0 < published < killed  # some of the steps are before the manifest is there, some after


APPENDER = """
import sys, time
print("writing", flush=True)
with open(sys.argv[1], "ab", buffering=0) as file:
    while True:
        file.write(b"x" * 1000)
        time.sleep(0.001)
"""

TRUNCATER = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
print("writing", flush=True)
while True:
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"y" * 1_000_000, 0)
"""

SWAPPER = """
import os, shutil, sys
path = sys.argv[1]
print("writing", flush=True)
while True:
    os.unlink(path)
    os.mkdir(path)
    with open(path + "/inner", "w") as file:
        file.write("in a folder")
    shutil.rmtree(path)
    with open(path + ".part", "w") as file:
        file.write("a file")
    os.rename(path + ".part", path)
"""


@contextmanager
def running(script: str, path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.parametrize("base", [False, True], ids=["new", "grown"])
def test_a_file_that_is_being_appended_to_is_refused(home: LabHome, tmp_path: Path, base: bool) -> None:
    source = tmp_path / "source"
    source.mkdir()
    log = source / "log.csv"
    log.write_bytes(os.urandom(9 * MB))
    previous = snapshot(source, home).manifest if base else None
    refusal = ""
    with running(APPENDER, log) as process:
        deadline = time.monotonic() + 60
        while not refusal:  # on a busy machine the writer may rest for as long as a snapshot takes
            assert time.monotonic() < deadline
            known = set(ObjectStore(home).digests())
            try:
                taken = snapshot(source, home, previous=previous)
            except ConflictError as error:
                refusal = error.message
            else:
                (entry,) = taken.manifest.files
                assert ObjectStore(home).verify(entry.hash) == entry.size
    assert "log.csv" in refusal
    assert str(process.pid) in refusal or "keeps changing" in refusal
    assert set(ObjectStore(home).digests()) == known
    assert list(home.tmp.iterdir()) == []
    taken = snapshot(source, home, previous=previous)  # its writer is done
    (entry,) = taken.manifest.files
    assert entry.hash == blake3(log.read_bytes()).hexdigest()
    assert len(ObjectStore(home).parts(entry.hash)) == (2 if base else 1)


def test_a_file_that_is_being_truncated_is_refused_or_taken_true(home: LabHome, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"y" * MB)
    with running(TRUNCATER, path):
        for _ in range(8):
            try:
                (entry,) = snapshot(path, home).manifest.files
            except ConflictError:
                continue
            assert ObjectStore(home).verify(entry.hash) == entry.size
    all_is_true(home)
    assert list(home.tmp.iterdir()) == []


def test_a_file_that_turns_into_a_folder_and_back(home: LabHome, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "thing").write_text("a file")
    for number in range(50):
        (source / f"{number}").write_text(str(number))
    seen = set()
    with running(SWAPPER, source / "thing"):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and len(seen) < 2:
            try:
                taken = snapshot(source, home)
            except ConflictError as error:
                seen.add(error.message.rpartition("/")[2])
                continue
            things = [entry.path for entry in taken.manifest.entries if entry.path.startswith("thing")]
            seen.add(" ".join(things))
    assert seen <= {"", "thing", "thing/inner", "thing keeps changing", "inner keeps changing"}, seen
    assert len(seen) >= 2
    all_is_true(home)
    assert list(home.tmp.iterdir()) == []


CHANGER = """
import os, sys
path = sys.argv[1]
before = os.stat(path)
with open(path, "r+b") as file:
    file.seek(1000)
    file.write(b"!")
os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
after = os.stat(path)
assert (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)
"""


def test_an_edit_that_hides_is_found_by_its_ctime(home: LabHome, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(os.urandom(100_000))
    deadline = time.monotonic() + 10
    first = snapshot(path, home)
    while not StatCache.load(home, path).hash(path.name, _state(path)):  # until it is old enough to be trusted
        assert time.monotonic() < deadline
        time.sleep(0.05)
        assert snapshot(path, home).id == first.id
    assert status(path, home, first.manifest).clean
    subprocess.run([sys.executable, "-c", CHANGER, str(path)], check=True, timeout=30)
    assert status(path, home, first.manifest).changed == ("data.bin",)
    second = snapshot(path, home, previous=first.manifest)
    assert second.manifest.files[0].hash == blake3(path.read_bytes()).hexdigest() != first.manifest.files[0].hash


def _state(path: Path) -> tuple[int, int, int, int]:
    info = path.stat()
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


MEASURED = """
import sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import snapshot
home = LabHome(Path(sys.argv[2]))
previous = ManifestStore(home).read(sys.argv[3]) if len(sys.argv) > 3 else None
taken = snapshot(Path(sys.argv[1]), home, previous=previous)
ObjectStore(home).whole(taken.manifest.files[0].hash)
with open("/proc/self/status") as lines:
    print(taken.id, next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")))
"""


def measured(*arguments: object) -> tuple[str, int]:
    """The id of a snapshot taken in a process of its own, and the MB that this took at most."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=120
    )
    name, peak = done.stdout.split()
    return name, int(peak)


def test_memory_does_not_grow_with_the_file(home: LabHome, tmp_path: Path) -> None:
    if not os.path.exists("/proc/self/status"):
        pytest.skip("the peak of a process's memory is told by Linux only")
    path = tmp_path / "data.bin"
    peaks = []
    for size in (8, 104):
        with path.open("ab") as file:
            while file.tell() < size * MB:
                file.write(os.urandom(8 * MB))
        name, peak = measured(path, home.root)
        peaks.append(peak)
    with path.open("ab") as file:
        for _ in range(5):
            file.write(os.urandom(8 * MB))
    peaks.append(measured(path, home.root, name)[1])  # its tail
    os.truncate(path, 1000 * MB)
    peaks.append(measured(path, home.root)[1])  # a hole
    assert max(peaks) < peaks[0] + 10


ADDER = """
import sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.snapshot import snapshot
home = LabHome(Path(sys.argv[2]))
previous = ManifestStore(home).read(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
print(snapshot(Path(sys.argv[1]), home, previous=previous).id)
"""


def test_several_processes_may_add_what_grew_at_once(home: LabHome, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "log.csv").write_bytes(os.urandom(9 * MB))
    first = snapshot(source, home)
    with (source / "log.csv").open("ab") as file:
        file.write(os.urandom(MB))
    for number in range(100):
        (source / f"{number}").write_text(str(number))
    command = [sys.executable, "-c", ADDER, str(source), str(home.root), first.id]
    adders = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for adder in adders:
        assert adder.stdout is not None
        assert adder.stdout.readline() == "ready\n"
    for adder in adders:
        assert adder.stdin is not None
        adder.stdin.write("go\n")
        adder.stdin.flush()
    names = {adder.communicate(timeout=60)[0].strip() for adder in adders}
    assert [adder.returncode for adder in adders] == [0] * 4
    (name,) = names
    assert ManifestStore(home).read(name) == snapshot(source, home).manifest
    all_is_true(home)
    assert len(list(ObjectStore(home).digests())) == 103
    assert list(home.tmp.iterdir()) == []


@contextmanager
def mounted(disk: Path, *arguments: str) -> Iterator[Path]:
    disk.mkdir()
    done = subprocess.run(["mount", *arguments, str(disk)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a filesystem here: {done.stderr.strip()[:80]}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_tail_that_does_not_fit(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small filesystem needs root")
    source = tmp_path / "log.csv"
    source.write_bytes(os.urandom(9 * MB))
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=12m", "lab-test") as disk:
        home = LabHome(disk / "home").create()
        first = snapshot(source, home)
        with source.open("ab") as file:
            file.write(os.urandom(6 * MB))
        with pytest.raises(LabError, match=r"no space left to store .*log\.csv: .* MB needed"):
            snapshot(source, home, previous=first.manifest)
        assert list(home.tmp.iterdir()) == []
        all_is_true(home)
        os.truncate(source, 10 * MB)
        second = snapshot(source, home, previous=first.manifest)
        (entry,) = second.manifest.files
        assert ObjectStore(home).verify(entry.hash) == 10 * MB
        with pytest.raises(LabError, match="no space left"):
            materialise(home, second.id)  # there is no room to put its parts together
        assert list(home.tmp.iterdir()) == []
        assert not [path for path in home.assembled.rglob("*") if path.is_file()]


def fill(file: FileIO) -> None:
    while True:
        file.write(bytes(4096))


def test_a_disk_too_full_for_the_stat_cache_is_no_matter(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small filesystem needs root")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("a")
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=4m", "lab-test") as disk:
        home = LabHome(disk / "home").create()
        taken = snapshot(source, home)
        shutil.rmtree(home.stat_cache)
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            fill(file)
        assert snapshot(source, home).id == taken.id
        assert status(source, home, taken.manifest).clean


@pytest.fixture(params=["btrfs", "xfs"])
def sharing_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A filesystem where files can share bytes."""
    maker = shutil.which(f"mkfs.{request.param}")
    if os.geteuid() != 0 or maker is None:
        pytest.skip(f"mounting a filesystem needs root, and mkfs.{request.param}")
    image = tmp_path / "image"
    image.touch()
    os.truncate(image, 400 * MB)
    subprocess.run([maker, str(image)], check=True, capture_output=True)
    with mounted(tmp_path / "disk", "-o", "loop", str(image)) as disk:
        yield disk


def test_where_files_can_share_bytes_the_store_takes_no_room(sharing_disk: Path, tmp_path: Path) -> None:
    home = LabHome(sharing_disk / "home").create()
    source = sharing_disk / "data.bin"
    source.write_bytes(os.urandom(100 * MB))
    os.sync()
    free = shutil.disk_usage(sharing_disk).free
    taken = snapshot(source, home)
    (entry,) = taken.manifest.files
    store = ObjectStore(home)
    assert store.verify(entry.hash) == 100 * MB
    assert not store.path(entry.hash).stat().st_mode & 0o222
    store.link_or_copy(entry.hash, sharing_disk / "mine", writable=True)
    store.link_or_copy(entry.hash, tmp_path / "elsewhere", writable=True)  # cannot be shared
    os.sync()
    assert free - shutil.disk_usage(sharing_disk).free < 20 * MB
    with (sharing_disk / "mine").open("r+b") as file:
        file.write(b"changed")
    with source.open("r+b") as file:
        file.write(b"changed too")
    store.verify(entry.hash)
    assert blake3((tmp_path / "elsewhere").read_bytes()).hexdigest() == entry.hash
    with source.open("ab") as file:
        file.write(b"grown")
    assert snapshot(source, home, previous=taken.manifest).manifest.files[0].size == 100 * MB + 5
    all_is_true(home)
