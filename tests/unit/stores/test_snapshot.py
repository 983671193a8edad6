import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores.manifests import FileEntry, FolderEntry, LinkEntry, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Done, Limits, Snapshot, snapshot
from lab.stores.sources import file_state
from lab.stores.statcache import StatCache
from lab.stores.trees import materialise


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def paths(taken: Snapshot) -> list[str]:
    return [entry.path for entry in taken.manifest.entries]


def test_a_folder(home: LabHome, root: Path) -> None:
    write(root, {"a.csv": b"a\n1\n", "deep/er/b.csv": b"b\n", "run.sh": b"#!/bin/sh\n"})
    (root / "run.sh").chmod(0o755)
    (root / "empty" / "inner").mkdir(parents=True)
    (root / "latest").symlink_to("deep/er/b.csv")
    taken = snapshot(root, home)
    assert paths(taken) == ["a.csv", "deep/er/b.csv", "empty/inner", "latest", "run.sh"]
    kinds = {entry.path: entry for entry in taken.manifest.entries}
    assert kinds["empty/inner"] == FolderEntry("empty/inner")
    assert kinds["latest"] == LinkEntry("latest", "deep/er/b.csv")
    script = kinds["run.sh"]
    assert isinstance(script, FileEntry)
    assert script.executable
    assert taken.skipped == ()
    assert ManifestStore(home).read(taken.id) == taken.manifest
    for file in taken.manifest.files:
        assert ObjectStore(home).path(file.hash).read_bytes() == (root / file.path).read_bytes()


def test_the_same_content_has_the_same_id(home: LabHome, root: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    for folder in (root, other):
        folder.mkdir(exist_ok=True)
        write(folder, {"a": b"1", "b/c": b"2"})
    os.utime(other / "a", (1, 1))
    first = snapshot(root, home)
    assert snapshot(other, home).id == first.id
    (root / "a").write_bytes(b"!")
    assert snapshot(root, home).id != first.id


def test_a_lone_file(home: LabHome, root: Path) -> None:
    write(root, {"a.csv": b"a\n"})
    taken = snapshot(root / "a.csv", home)
    assert taken.manifest.single
    assert paths(taken) == ["a.csv"]
    assert taken.id != snapshot(root, home).id


def test_a_link_given_by_name_is_followed(home: LabHome, root: Path, tmp_path: Path) -> None:
    write(root, {"a.csv": b"a\n"})
    (tmp_path / "here").symlink_to(root)
    (tmp_path / "table.csv").symlink_to(root / "a.csv")
    assert snapshot(tmp_path / "here", home).id == snapshot(root, home).id
    assert paths(snapshot(tmp_path / "table.csv", home)) == ["table.csv"]


def test_names_that_are_no_utf8(home: LabHome, root: Path) -> None:
    raw = os.fsencode(root) + b"/caf\xe9\n\x1b[2J"
    with open(raw, "wb") as file:
        file.write(b"x")
    taken = snapshot(root, home)
    assert os.fsencode(taken.manifest.files[0].path) == b"caf\xe9\n\x1b[2J"
    assert ManifestStore(home).read(taken.id) == taken.manifest


def test_ignored_files_and_the_lab_home_stay_out(root: Path) -> None:
    home = LabHome(root / "labhome").create()
    write(
        root,
        {
            "a.csv": b"1",
            "keep/y": b"y",
            ".labignore": b"tmp/\n",
            **dict.fromkeys((".git/HEAD", "__pycache__/m.pyc", "b.csv.part", "c~", "tmp/x", "model.ckpt"), b"x"),
        },
    )
    taken = snapshot(root, home, ["*.ckpt"])
    assert paths(taken) == [".labignore", "a.csv", "keep/y"]
    with pytest.raises(UsageError):
        snapshot(home.root, home)


def test_a_folder_inside_the_lab_home_can_be_taken(home: LabHome) -> None:
    folder = home.runs / "r1" / "model"
    folder.mkdir(parents=True)
    write(folder, {"model.skops": b"x"})
    assert paths(snapshot(folder, home)) == ["model.skops"]


def test_a_link_out_of_the_tree_is_refused_by_name(home: LabHome, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "link").symlink_to("../../secret")
    with pytest.raises(LabError, match="sub/link"):
        snapshot(root, home)
    taken = snapshot(root, home, limits=Limits(100, 100))
    assert [(item.path, item.reason) for item in taken.skipped] == [("sub/link", "is a link out of the folder")]


def test_pipes_and_sockets_are_listed(home: LabHome, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"a": b"1"})
    os.mkfifo(root / "pipe")
    monkeypatch.chdir(root)  # socket paths must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        taken = snapshot(root, home)
    assert paths(taken) == ["a"]
    assert [item.path for item in taken.skipped] == ["pipe", "sock"]


TAKE = """
import sys
from pathlib import Path
from lab.errors import LabError
from lab.paths import LabHome
from lab.stores.snapshot import snapshot
try:
    snapshot(Path(sys.argv[1]), LabHome(Path(sys.argv[2])))
except LabError as error:
    print(error)
"""


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_what_cannot_be_read_is_named(home: LabHome, root: Path, closed: str) -> None:
    write(root, {"open": b"1", "file": b"2", "folder/x": b"3"})
    (root / closed).chmod(0)
    command = [sys.executable, "-c", TAKE, str(root), str(home.root)]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read everything, and there is no setpriv to take that away")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("cannot read")
    assert f"/{closed}: Permission denied" in done.stdout
    (root / closed).chmod(0o755)


def test_nothing_there(home: LabHome, root: Path) -> None:
    with pytest.raises(NotFoundError):
        snapshot(root / "none", home)
    os.mkfifo(root / "pipe")
    with pytest.raises(UsageError, match="pipe"):
        snapshot(root / "pipe", home)


def test_limits_keep_small_files_first_and_list_the_rest(home: LabHome, root: Path) -> None:
    write(root, {"a.bin": b"x" * 60, "b.bin": b"x" * 61, "huge.bin": b"x" * 101, "train.py": b"pass"})
    taken = snapshot(root, home, limits=Limits(max_file=100, max_total=70))
    assert paths(taken) == ["a.bin", "train.py"]
    assert {item.path: item.reason for item in taken.skipped} == {
        "b.bin": "would exceed 70 B in all",
        "huge.bin": "is larger than 100 B",
    }
    assert {item.path: item.size for item in taken.skipped} == {"b.bin": 61, "huge.bin": 101}


def test_progress_ends_at_the_total(home: LabHome, root: Path) -> None:
    write(root, {"a": b"x" * 10, "b": os.urandom(9 << 20)})
    seen: list[Done] = []
    snapshot(root, home, progress=seen.append)
    assert seen[-1] == Done(2, 2, (9 << 20) + 10, (9 << 20) + 10)
    assert len(seen) > 3
    assert [done.bytes for done in seen] == sorted(done.bytes for done in seen)


def test_progress_may_end_it(home: LabHome, root: Path) -> None:
    write(root, {"a": b"x", "b": b"y"})

    def stop(done: Done) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snapshot(root, home, progress=stop)
    assert [path for path in home.store.rglob("*") if path.is_file()] == []
    assert list(home.tmp.iterdir()) == []


def test_a_change_between_files_is_taken_again(home: LabHome, root: Path) -> None:
    write(root, {"a": b"old", "b": b"b", "gone": b"x"})
    changed: list[Done] = []

    def meddle(done: Done) -> None:
        if done.files == 2 and not changed:
            changed.append(done)
            (root / "a").write_bytes(b"new!")
            (root / "c").write_bytes(b"c")
            (root / "gone").unlink()

    taken = snapshot(root, home, progress=meddle)
    assert paths(taken) == ["a", "b", "c"]
    assert ObjectStore(home).path(taken.manifest.files[0].hash).read_bytes() == b"new!"


def test_a_tree_that_never_rests_is_refused_or_listed(home: LabHome, root: Path) -> None:
    write(root, {"a": b"", "train.py": b"pass"})

    def meddle(done: Done) -> None:
        with (root / "a").open("ab") as file:
            file.write(b"line\n")

    with pytest.raises(LabError, match="keeps changing"):
        snapshot(root, home, progress=meddle)
    taken = snapshot(root, home, progress=meddle, limits=Limits(1 << 20, 1 << 20))
    assert paths(taken) == ["train.py"]
    assert [(item.path, item.reason) for item in taken.skipped] == [("a", "is being written")]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on it is a minute later, so that files that were just made are old enough to be known by stat."""

    def wait() -> None:
        now = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: now() + 60 * 10**9)

    return wait


def forge(home: LabHome, root: Path, name: str, digest: str) -> None:
    """Make the stat cache say that the file, as it looks now, has that hash."""
    cache = StatCache.load(home, root)
    known = dict(cache.known(os.listdir(root)))
    assert cache.hash(name, known[name][0])
    known[name] = (known[name][0], digest)
    cache.save(known, time.time_ns())


def test_what_stat_knows_is_not_read_again(home: LabHome, root: Path, later: Callable[[], None]) -> None:
    write(root, {"a": b"aaa", "b": b"bbb"})
    later()
    first = snapshot(root, home)
    a, b = (file.hash for file in first.manifest.files)
    forge(home, root, "b", a)  # what tells whether the file or the cache was asked
    assert [file.hash for file in snapshot(root, home).manifest.files] == [a, a]
    assert snapshot(root, home, paranoid=True).id == first.id
    assert snapshot(root, home).id == first.id
    (root / "b").write_bytes(b"ccc")
    changed = [file.hash for file in snapshot(root, home).manifest.files]
    assert changed[0] == a
    assert changed[1] not in (a, b)


def test_a_young_file_is_read_again(home: LabHome, root: Path) -> None:
    write(root, {"a": b"aaa", "b": b"bbb"})
    snapshot(root, home)
    cache = StatCache.load(home, root)
    assert cache.last("a")
    assert not cache.hash("a", file_state((root / "a").stat()))


def test_what_is_known_by_stat_and_lost_in_the_store_comes_back(
    home: LabHome, root: Path, later: Callable[[], None]
) -> None:
    write(root, {"a": b"aaa", "b": b"bbb"})
    later()
    taken = snapshot(root, home)
    for damage in ("gone", "short"):
        path = ObjectStore(home).path(taken.manifest.files[0].hash)
        if damage == "gone":
            path.unlink()
        else:
            path.chmod(0o644)
            path.write_bytes(b"a")
        assert snapshot(root, home).id == taken.id
        assert ObjectStore(home).verify(taken.manifest.files[0].hash) == 3


def test_progress_counts_what_is_known(home: LabHome, root: Path, later: Callable[[], None]) -> None:
    write(root, {"a": b"x" * 10, "b": os.urandom(9 << 20)})
    later()
    snapshot(root, home)
    seen: list[Done] = []
    snapshot(root, home, progress=seen.append)
    assert seen == [Done(1, 2, 10, (9 << 20) + 10), Done(2, 2, (9 << 20) + 10, (9 << 20) + 10)]


@pytest.mark.parametrize("kind", ["folder", "lone file", "link to a file"])
def test_a_file_that_grew_since_the_previous_version_costs_its_tail(
    home: LabHome, root: Path, tmp_path: Path, kind: str
) -> None:
    log = root / "log.csv"
    log.write_bytes(os.urandom(9 << 20))
    (tmp_path / "here.csv").symlink_to(log)
    source = {"folder": root, "lone file": log, "link to a file": tmp_path / "here.csv"}[kind]
    first = snapshot(source, home)
    shutil.rmtree(home.stat_cache)
    for number in range(3):
        with log.open("ab") as file:
            file.write(os.urandom(1000))
        before = sum(path.stat().st_size for path in home.objects.rglob("*") if path.is_file())
        second = snapshot(source, home, previous=first.manifest)
        after = sum(path.stat().st_size for path in home.objects.rglob("*") if path.is_file())
        assert after - before < 3000
        (file_entry,) = second.manifest.files
        assert len(ObjectStore(home).parts(file_entry.hash)) == number + 2
        assert ObjectStore(home).verify(file_entry.hash) == log.stat().st_size
        other = LabHome(tmp_path / f"other{number}").create()
        assert snapshot(source, other).id == second.id  # however it is stored
        assert (materialise(home, second.id) / file_entry.path).read_bytes() == log.read_bytes()
        first = second


def test_what_grew_is_known_without_the_previous_version_too(home: LabHome, root: Path) -> None:
    (root / "log.csv").write_bytes(os.urandom(9 << 20))
    snapshot(root, home)
    with (root / "log.csv").open("ab") as file:
        file.write(b"more")
    (entry,) = snapshot(root, home).manifest.files
    assert [size for _, size in ObjectStore(home).parts(entry.hash)] == [9 << 20, 4]


def test_a_file_may_turn_into_anything_meanwhile(home: LabHome, root: Path) -> None:
    write(root, dict.fromkeys(("a", "folder", "gone", "link", "pipe", "up/file"), b"x"))
    swapped: list[Done] = []

    def swap(done: Done) -> None:
        if done.files == 1 and not swapped:
            swapped.append(done)
            for name in ("folder", "gone", "link", "pipe"):
                (root / name).unlink()
            (root / "folder").mkdir()
            (root / "folder" / "inner").write_bytes(b"y")
            (root / "link").symlink_to("a")
            os.mkfifo(root / "pipe")
            shutil.rmtree(root / "up")
            (root / "up").write_bytes(b"now a file")

    taken = snapshot(root, home, progress=swap)
    assert paths(taken) == ["a", "folder/inner", "link", "up"]
    assert [item.path for item in taken.skipped] == ["pipe"]


def test_a_root_that_vanishes_is_told(home: LabHome, root: Path) -> None:
    write(root, {"a": b"x", "b": b"y"})

    def remove(done: Done) -> None:
        shutil.rmtree(root, ignore_errors=True)

    with pytest.raises(NotFoundError, match="any more"):
        snapshot(root, home, progress=remove)
    assert list(home.tmp.iterdir()) == []
