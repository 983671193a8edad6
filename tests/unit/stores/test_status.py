import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import LabError, UsageError
from lab.paths import LabHome
from lab.stores.manifests import Manifest
from lab.stores.snapshot import snapshot
from lab.stores.statcache import StatCache
from lab.stores.status import Changes, status


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "a.csv").write_text("a\n1\n")
    (folder / "b.csv").write_text("b\n2\n")
    (folder / "deep" / "er" / "c").write_text("c")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "latest").symlink_to("a.csv")
    with open(os.fsencode(folder) + b"/caf\xe9", "wb") as file:
        file.write(b"odd")
    return folder


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on it is a minute later, so that files that were just made are old enough to be known by stat."""

    def wait() -> None:
        now = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: now() + 60 * 10**9)

    return wait


def test_nothing_changed(home: LabHome, root: Path, later: Callable[[], None]) -> None:
    manifest = snapshot(root, home).manifest
    assert status(root, home, manifest) == Changes()
    later()
    for paranoid in (False, True, False):
        assert status(root, home, manifest, paranoid).clean


CHANGES: dict[str, tuple[Callable[[Path], object], Changes]] = {
    "a new file": (lambda r: (r / "new").touch(), Changes(added=("new",))),
    "a file less": (lambda r: (r / "a.csv").unlink(), Changes(removed=("a.csv",))),
    "other bytes": (lambda r: (r / "a.csv").write_text("a\n2\n"), Changes(changed=("a.csv",))),
    "another size": (lambda r: (r / "a.csv").write_text("a\n"), Changes(changed=("a.csv",))),
    "only touched": (lambda r: os.utime(r / "a.csv", (1, 1)), Changes()),
    "written again": (lambda r: shutil.copy(r / "a.csv", r / "x") and (r / "x").rename(r / "a.csv"), Changes()),
    "renamed": (lambda r: (r / "a.csv").rename(r / "z"), Changes(added=("z",), removed=("a.csv",))),
    "executable": (lambda r: (r / "a.csv").chmod(0o755), Changes(changed=("a.csv",))),
    "another mode": (lambda r: (r / "a.csv").chmod(0o600), Changes()),
    "a link elsewhere": (
        lambda r: ((r / "latest").unlink(), (r / "latest").symlink_to("b.csv")),
        Changes(changed=("latest",)),
    ),
    "a link out": (
        lambda r: ((r / "latest").unlink(), (r / "latest").symlink_to("/etc/passwd"), (r / "x").symlink_to("..")),
        Changes(added=("x",), changed=("latest",)),
    ),
    "a file for a link": (
        lambda r: ((r / "latest").unlink(), (r / "latest").write_text("a\n1\n")),
        Changes(changed=("latest",)),
    ),
    "a link for a file": (
        lambda r: ((r / "b.csv").unlink(), (r / "b.csv").symlink_to("a.csv")),
        Changes(changed=("b.csv",)),
    ),
    "a folder for a file": (
        lambda r: ((r / "a.csv").unlink(), (r / "a.csv").mkdir(), (r / "a.csv" / "x").touch()),
        Changes(added=("a.csv/x",), removed=("a.csv",)),
    ),
    "an empty folder for a file": (
        lambda r: ((r / "a.csv").unlink(), (r / "a.csv").mkdir()),
        Changes(changed=("a.csv",)),
    ),
    "a first file": (lambda r: (r / "empty" / "x").touch(), Changes(added=("empty/x",))),
    "a last file": (lambda r: (r / "deep" / "er" / "c").unlink(), Changes(removed=("deep/er/c",))),
    "a folder less": (lambda r: shutil.rmtree(r / "deep"), Changes(removed=("deep/er/c",))),
    "an empty folder less": (lambda r: (r / "empty").rmdir(), Changes(removed=("empty",))),
    "an empty folder more": (lambda r: (r / "deep" / "x").mkdir(), Changes(added=("deep/x",))),
    "ignored and special": (lambda r: ((r / "x.pyc").touch(), os.mkfifo(r / "pipe")), Changes()),
    "not UTF-8": (
        lambda r: Path(os.fsdecode(os.fsencode(r) + b"/caf\xe9")).write_text("new"),
        Changes(changed=("caf\udce9",)),
    ),
}


@pytest.mark.parametrize("paranoid", [False, True], ids=["by stat", "paranoid"])
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_told(home: LabHome, root: Path, later: Callable[[], None], change: str, paranoid: bool) -> None:
    later()
    manifest = snapshot(root, home).manifest
    make, expected = CHANGES[change]
    make(root)
    for _ in range(2):  # what was read for the first answer is known for the second
        assert status(root, home, manifest, paranoid) == expected
    if "out" not in change:
        again = snapshot(root, home).manifest
        assert (again == manifest) == expected.clean
        assert status(root, home, again, paranoid).clean


def test_an_edit_that_restores_size_and_mtime_is_found_by_ctime(
    home: LabHome, root: Path, later: Callable[[], None]
) -> None:
    later()
    manifest = snapshot(root, home).manifest
    before = (root / "a.csv").stat()
    (root / "a.csv").write_text("a\n9\n")
    os.utime(root / "a.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (root / "a.csv").stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert status(root, home, manifest).changed == ("a.csv",)
    assert snapshot(root, home).manifest != manifest


def test_only_the_paranoid_read_what_stat_knows(home: LabHome, root: Path, later: Callable[[], None]) -> None:
    later()
    manifest = snapshot(root, home).manifest
    forge(home, root, "b.csv", manifest.files[0].hash)  # as if the disk had changed bytes behind the kernel's back
    assert status(root, home, manifest).changed == ("b.csv",)
    assert status(root, home, manifest, paranoid=True).clean
    assert status(root, home, manifest).clean


def forge(home: LabHome, root: Path, name: str, digest: str) -> None:
    """Make the cache say that the file, as it looks now, has that hash."""
    cache = StatCache.load(home, root)
    known = dict(cache.known(os.listdir(root)))
    assert cache.hash(name, known[name][0])
    known[name] = (known[name][0], digest)
    cache.save(known, time.time_ns())


def test_a_lone_file(home: LabHome, root: Path, tmp_path: Path, later: Callable[[], None]) -> None:
    later()
    manifest = snapshot(root / "a.csv", home).manifest
    assert status(root / "a.csv", home, manifest).clean
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.csv").symlink_to(root / "b.csv")
    assert status(tmp_path / "there" / "a.csv", home, manifest).changed == ("a.csv",)
    (root / "a.csv").unlink()
    assert status(root / "a.csv", home, manifest) == Changes(removed=("a.csv",))
    (root / "a.csv").mkdir()
    (root / "a.csv" / "a.csv").write_text("a\n1\n")
    assert status(root / "a.csv", home, manifest) == Changes(changed=("a.csv",))
    folder = snapshot(root / "a.csv", home).manifest
    shutil.rmtree(root / "a.csv")
    (root / "a.csv").write_text("a\n1\n")
    assert status(root / "a.csv", home, folder) == Changes(changed=("a.csv",))


def test_nothing_there_any_more(home: LabHome, root: Path) -> None:
    manifest = snapshot(root, home).manifest
    shutil.rmtree(root)
    assert status(root, home, manifest).removed == tuple(entry.path for entry in manifest.entries)
    assert status(root, home, Manifest.of(())).clean


def test_more_may_be_ignored(home: LabHome, root: Path) -> None:
    manifest = snapshot(root, home, ["*.csv"]).manifest
    assert status(root, home, manifest, ignore=["*.csv"]).clean
    assert status(root, home, manifest).added == ("a.csv", "b.csv")


def test_what_cannot_be_compared_is_refused(home: LabHome, root: Path) -> None:
    with pytest.raises(UsageError):
        status(home.root, home, Manifest.of(()))
    os.mkfifo(root / "pipe")
    with pytest.raises(LabError, match="pipe"):
        status(root / "pipe", home, Manifest.of(()))
