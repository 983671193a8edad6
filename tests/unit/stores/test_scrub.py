import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import ConflictError
from lab.paths import LabHome
from lab.stores import gc, locks, scrub
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.scrub import Checked, Finding, Scrubber, ScrubState, needed_by, verify
from lab.stores.snapshot import snapshot

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


def hash_of(home: LabHome, name: str, path: str) -> str:
    return next(file.hash for file in ManifestStore(home).read(name).files if file.path == path)


def rot(path: Path, how: str = "flip") -> None:
    data = bytearray(path.read_bytes())
    if how == "flip":
        data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data if how == "flip" else data[:-1])
    path.chmod(0o444)


@pytest.fixture
def grown(home: LabHome, tmp_path: Path) -> tuple[str, str]:
    """Two manifests of a growing log; the second one's file is in two parts."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "log").write_bytes(os.urandom(8 << 20))
    first = snapshot(folder, home)
    with (folder / "log").open("ab") as file:
        file.write(b"tail")
    second = snapshot(folder, home, previous=first.manifest)
    assert len(ObjectStore(home).parts(second.manifest.files[0].hash)) == 2
    return first.id, second.id


def test_a_sound_store(home: LabHome, add: Add, grown: tuple[str, str]) -> None:
    add(a="a" * 10, b="b")
    add(a="a" * 10)
    ObjectStore(home).put_bytes(b"named by nothing")
    assert verify(home) == scrub.VerifyReport(4, 6, 2 * (8 << 20) + 8 + 11 + 16, ())
    assert verify(home, quick=True) == scrub.VerifyReport(4, 6, 0, ())
    assert verify(LabHome(home.root / "none")).clean


def test_rot_is_found_and_told_whom_it_hits(home: LabHome, add: Add) -> None:
    first, second, third = add(a="a" * 10, b="b"), add(a="a" * 10), add(c="c")
    digest = hash_of(home, first, "a")
    rot(ObjectStore(home).path(digest))
    report = verify(home)
    assert report.findings == (
        Finding("bytes", digest, "its bytes are not what its name says", tuple(sorted([first, second]))),
    )
    assert report.affected == tuple(sorted([first, second]))
    assert verify(home, quick=True).clean  # that is what quick means
    assert verify(home, [third]).clean
    assert verify(home, [second]).affected == (second,)
    assert needed_by(home, [digest, "0" * 64]) == {digest: tuple(sorted([first, second])), "0" * 64: ()}


@pytest.mark.parametrize("quick", [True, False])
def test_what_is_missing_or_cut(home: LabHome, add: Add, quick: bool) -> None:
    name = add(a="a" * 10, b="b" * 5)
    gone, cut = hash_of(home, name, "a"), hash_of(home, name, "b")
    ObjectStore(home).path(gone).unlink()
    rot(ObjectStore(home).path(cut), "cut")
    report = verify(home, quick=quick)
    assert {(item.kind, item.id, item.detail) for item in report.findings} == {
        ("missing", gone, "is not there"),
        ("size", cut, "has 4 bytes, not 5"),
    }
    assert report.affected == (name,)


def test_manifests_that_are_damaged_or_missing(home: LabHome, add: Add) -> None:
    bad, good = add(a="a"), add(b="b")
    rot(ManifestStore(home).path(bad))
    absent = "b3:" + "0" * 64
    report = verify(home)
    assert [(item.kind, item.id) for item in report.findings] == [("manifest", bad)]
    assert report.affected == (bad,)
    report = verify(home, [good, absent, "../x"], quick=True)
    assert {item.id: item.kind for item in report.findings} == {absent: "manifest", "../x": "manifest"}


def test_parts(home: LabHome, grown: tuple[str, str]) -> None:
    first, second = grown
    store = ObjectStore(home)
    digest = hash_of(home, second, "log")
    (base, _), (tail, _) = store.parts(digest)
    rot(store.path(tail))
    report = verify(home)
    assert [(item.kind, item.id, item.manifests) for item in report.findings] == [("bytes", tail, (second,))]
    rot(store.path(base))
    assert verify(home).affected == tuple(sorted([first, second]))
    assert {item.id for item in verify(home, [second]).findings} == {base, tail}
    store.path(tail).unlink()
    for quick in (True, False):
        found = {(item.kind, item.id): item for item in verify(home, quick=quick).findings}
        assert ("missing", tail) in found
        assert found["list", digest].manifests == (second,)


@pytest.mark.parametrize("content", ["{}", "not json", '{"parts":[]}'])
def test_a_damaged_list(home: LabHome, grown: tuple[str, str], content: str) -> None:
    digest = hash_of(home, grown[1], "log")
    (path,) = ObjectStore(home).files(digest)
    path.chmod(0o644)
    path.write_text(content)
    report = verify(home, quick=True)
    assert [(item.kind, item.id) for item in report.findings] == [("list", digest)]
    assert report.affected == (grown[1],)


def test_a_list_that_makes_something_else(home: LabHome, grown: tuple[str, str]) -> None:
    digest = hash_of(home, grown[1], "log")
    (path,) = ObjectStore(home).files(digest)
    other = ObjectStore(home).put_bytes(b"TAIL")
    listed = json.loads(path.read_text())
    listed["parts"][1][0] = other.hash
    path.chmod(0o644)
    path.write_text(json.dumps(listed))
    assert [(item.kind, item.id) for item in verify(home).findings] == [("list", digest)]


def test_an_assembled_copy(home: LabHome, grown: tuple[str, str]) -> None:
    digest = hash_of(home, grown[1], "log")
    copy = ObjectStore(home).whole(digest)
    assert verify(home).clean
    rot(copy)
    report = verify(home)
    assert [(item.kind, item.id) for item in report.findings] == [("assembled", digest)]
    assert report.affected == ()  # the content is there
    rot(copy, "cut")
    assert not verify(home, quick=True).clean


def test_progress_and_stop(home: LabHome, add: Add) -> None:
    add(a="a" * 10, b="b" * 10, c="c" * 10)
    seen: list[Checked] = []
    report = verify(home, progress=seen.append, stop=lambda: len(seen) == 2)
    assert not report.complete
    assert report.objects == 2
    assert seen == [Checked(1, 3, 10, 30), Checked(2, 3, 20, 30)]


def test_what_a_sweep_took_meanwhile_is_no_finding(home: LabHome, add: Add) -> None:
    name = add(a="a", b="b")
    roots = gc.Live(frozenset())

    def sweep(done: Checked) -> None:
        if done.objects == 1:
            gc.collect(home, gc.plan(home, roots, time.time() + 2 * gc.DAY), lambda: roots)

    assert verify(home, progress=sweep).clean
    assert not ManifestStore(home).has(name)


def test_a_scrub_goes_on_where_it_was(home: LabHome, add: Add) -> None:
    add(**{f"f{number}": f"{number}" * 100 for number in range(10)})
    steps = [Scrubber(home).step(limit=250) for _ in range(4)]
    assert [step.objects for step in steps] == [3, 3, 3, 1]
    assert [step.finished for step in steps] == [False, False, False, True]
    state = Scrubber(home).state()
    assert (state.cursor, state.bytes, state.day_bytes, state.bad) == ("", 1000, 1000, ())
    assert Scrubber(home).step().rests
    assert Scrubber(home).step(now=time.time() + 8 * scrub.DAY).objects == 10


def test_a_scrub_finds_rot_and_forgets_it_when_it_is_mended(home: LabHome, add: Add) -> None:
    name = add(a="a" * 10, b="b")
    path = ObjectStore(home).path(hash_of(home, name, "a"))
    rot(path)
    step = Scrubber(home).step()
    assert [(item.kind, item.id) for item in step.findings] == [("bytes", hash_of(home, name, "a"))]
    assert Scrubber(home).state().bad == (hash_of(home, name, "a"),)
    rot(path)  # back again
    assert Scrubber(home, every=0).step().findings == ()
    assert Scrubber(home).state().bad == ()


def test_a_scrub_reads_no_more_than_its_share_of_a_day(home: LabHome, add: Add) -> None:
    add(**{f"f{number}": f"{number}" * 100 for number in range(10)})
    now = 1_800_000_000.0
    scrubber = Scrubber(home, per_day=300)
    assert scrubber.step(now=now).bytes == 300
    assert scrubber.step(now=now).rests
    assert scrubber.step(now=now + scrub.DAY).bytes == 300
    assert scrubber.step(now=now + 2 * scrub.DAY, stop=lambda: True).objects == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cursor": 1}', "nonsense"])
def test_a_damaged_state_only_costs_a_round(home: LabHome, add: Add, text: str) -> None:
    add(a="a")
    home.scrub_state.write_text(text)
    assert Scrubber(home).state() == ScrubState()
    assert Scrubber(home).step().finished


def test_one_scrub_at_a_time(home: LabHome) -> None:
    with locks.hold(home.locks / "scrub.lock"), pytest.raises(ConflictError, match="scrub is in use"):
        Scrubber(home).step()
