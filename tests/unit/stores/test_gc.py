import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import ConflictError
from lab.paths import LabHome
from lab.stores import gc, locks, trash
from lab.stores.gc import DAY, Live
from lab.stores.manifests import FileEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import snapshot
from lab.stores.trees import materialise

Add = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def add(home: LabHome, tmp_path: Path) -> Add:
    """Store a folder with these files; returns its manifest."""

    def put(**files: str) -> str:
        folder = tmp_path / os.urandom(4).hex()
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        return snapshot(folder, home).id

    return put


def live(*roots: str, in_use: tuple[str, ...] = ()) -> Live:
    return Live(frozenset(roots), frozenset(in_use))


def later(days: float = 2) -> float:
    return time.time() + days * DAY


def age(home: LabHome, days: float = 2) -> None:
    """Everything in the store was written long ago."""
    then = time.time() - days * DAY
    for root, folders, files in os.walk(home.store, topdown=False):
        for name in folders + files:
            os.utime(os.path.join(root, name), (then, then), follow_symlinks=False)


def contents(home: LabHome) -> set[str]:
    return {str(path.relative_to(home.store)) for path in home.objects.rglob("*") if path.is_file()} | {
        str(path.relative_to(home.store)) for path in home.manifests.rglob("*") if path.is_file()
    }


def whole(home: LabHome, name: str) -> bool:
    store = ObjectStore(home)
    return all(store.verify(file.hash) == file.size for file in ManifestStore(home).read(name).files)


def run(home: LabHome, roots: Live, **keywords: float) -> gc.Freed:
    return gc.collect(home, gc.plan(home, roots, later(), **keywords), lambda: roots)


def test_a_plan_says_what_each_costs_and_changes_nothing(home: LabHome, add: Add) -> None:
    first = add(a="a" * 100, shared="s" * 1000)
    second = add(b="b" * 10, shared="s" * 1000)
    third = add(c="c" * 5, shared="s" * 1000)
    before = contents(home)
    plan = gc.plan(home, live(first, third), later())
    assert contents(home) == before
    assert plan.goes == (gc.Cost(second, gc.UNNEEDED, 2, 1010, 10),)
    assert plan.stays == (gc.Cost(first, gc.NEEDED, 2, 1100, 100), gc.Cost(third, gc.NEEDED, 2, 1005, 5))
    assert [item.bytes for item in plan.objects] == [10]
    assert (plan.object_bytes, plan.kept_bytes, plan.young, plan.held) == (10, 1105, 0, 0)
    assert plan.bad_roots == ()


def test_what_goes_is_in_the_trash_and_comes_back(home: LabHome, add: Add) -> None:
    kept, dropped = add(a="a", shared="s"), add(b="b" * 10, shared="s")
    before = contents(home)
    freed = run(home, live(kept))
    assert (freed.manifests, freed.objects, freed.bytes, freed.complete) == (1, 1, 10, True)
    assert whole(home, kept)
    assert not ManifestStore(home).has(dropped)
    assert contents(home) < before
    (batch,) = trash.batches(home)
    assert (batch.id, batch.manifests, batch.objects, batch.bytes) == (freed.batch, 1, 1, 10)
    assert trash.restore(home, freed.batch) == trash.Restored(1, 1, 0)
    assert contents(home) == before
    assert whole(home, dropped)
    assert trash.batches(home) == ()


def test_nothing_to_do_leaves_no_batch(home: LabHome, add: Add) -> None:
    kept = add(a="a")
    assert run(home, live(kept)) == gc.Freed("", 0, 0, 0, 0, True)
    assert not home.trash.exists()


def test_what_was_written_lately_stays(home: LabHome, add: Add) -> None:
    name = add(a="a" * 7)
    loose = ObjectStore(home).put_bytes(b"published, but not yet named")
    plan = gc.plan(home, live())
    assert plan.stays == (gc.Cost(name, gc.YOUNG, 1, 7, 7),)
    assert plan.goes == plan.objects == ()
    assert plan.young == loose.size
    age(home)
    plan = gc.plan(home, live())
    assert {item.bytes for item in plan.objects} == {7, loose.size}
    assert plan.young == 0


def test_a_young_manifest_keeps_old_objects(home: LabHome, add: Add) -> None:
    first = add(a="old")
    age(home)
    second = add(a="old", b="new")
    run_now = gc.collect(home, gc.plan(home, live()), live)
    assert run_now.manifests == 1
    assert not ManifestStore(home).has(first)
    assert whole(home, second)


def test_what_came_to_be_needed_since_the_plan_stays(home: LabHome, add: Add) -> None:
    first, second = add(a="a", shared="s"), add(b="b", shared="s")
    plan = gc.plan(home, live(), later())
    assert len(plan.objects) == 3
    freed = gc.collect(home, plan, lambda: live(second))
    assert (freed.manifests, freed.objects) == (1, 1)
    assert whole(home, second)
    assert not ManifestStore(home).has(first)


def test_what_came_to_be_garbage_since_the_plan_waits_for_the_next(home: LabHome, add: Add) -> None:
    first, second = add(a="a"), add(b="b")
    plan = gc.plan(home, live(second), later())
    assert gc.collect(home, plan, live).manifests == 1
    assert not ManifestStore(home).has(first)
    assert whole(home, second)


@pytest.mark.parametrize("damage", ["missing", "damaged", "hostile"])
def test_a_bad_root_keeps_every_object_and_says_why(home: LabHome, add: Add, damage: str) -> None:
    bad, dropped = add(a="a" * 10), add(b="b" * 20)
    path = ManifestStore(home).path(bad)
    if damage == "missing":
        path.unlink()
    elif damage == "damaged":
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-5])
    else:
        bad = "b3:../../../etc"
    plan = gc.plan(home, live(bad), later())
    assert plan.objects == ()
    assert plan.held == 30
    (root,) = plan.bad_roots
    assert root.id == bad
    assert {"missing": "no manifest", "damaged": "is damaged", "hostile": "not the id"}[damage] in root.reason
    freed = gc.collect(home, plan, lambda: live(bad))
    assert freed.objects == 0
    assert not ManifestStore(home).has(dropped)
    trash.restore(home, freed.batch)
    assert whole(home, dropped)


def test_a_damaged_manifest_that_nobody_needs_is_no_hindrance(home: LabHome, add: Add) -> None:
    bad, kept = add(a="a" * 10), add(b="b")
    path = ManifestStore(home).path(bad)
    path.chmod(0o644)
    path.write_bytes(b"rot")
    freed = run(home, live(kept))
    assert (freed.manifests, freed.objects, freed.bytes) == (1, 1, 10)
    assert whole(home, kept)


def test_trees_go_by_age_and_never_in_use(home: LabHome, add: Add) -> None:
    old, used, fresh, dropped = (add(**{name: name * 9}) for name in ("old", "used", "fresh", "dropped"))
    trees = {name: materialise(home, name) for name in (old, used, fresh, dropped)}
    age(home, 30)
    os.utime(trees[fresh])
    os.utime(trees[dropped])
    roots = live(old, fresh, in_use=(used,))
    plan = gc.plan(home, roots)
    assert {item.path for item in plan.caches} == {trees[old], trees[dropped]}
    assert [cost.why for cost in plan.stays if cost.id == used] == [gc.IN_USE]
    assert plan.cache_bytes == 0  # hard links
    freed = gc.collect(home, plan, lambda: roots)
    assert freed.complete
    assert {path.name for path in home.mounts.iterdir()} == {trees[used].name, trees[fresh].name}
    assert (trees[used] / "used").read_text() == "used" * 9
    assert whole(home, old)
    assert whole(home, used)


def test_assembled_copies_and_stat_caches_go_by_age(home: LabHome, add: Add) -> None:
    name = add(a="a" * 50)
    shutil.rmtree(home.stat_cache)
    digest = ManifestStore(home).read(name).files[0].hash
    copy, stray = home.assembled / digest[:2] / digest[2:], home.assembled / "ab" / ("0" * 62)
    for path in (copy, stray, home.stat_cache / "x.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a" * 50)
    assert [item.path for item in gc.plan(home, live(name)).caches] == [stray]
    assert gc.plan(home, live(name), later(8)).caches[0].kind == "assembled"
    plan = gc.plan(home, live(name, in_use=(name,)), later(40))
    assert {item.kind: item.path for item in plan.caches} == {"assembled": stray, "stat": home.stat_cache / "x.json"}
    plan = gc.plan(home, live(name), later(40))
    assert gc.collect(home, plan, lambda: live(name)).cache_bytes == 150
    assert not copy.exists()
    assert whole(home, name)


def test_it_can_be_stopped_and_goes_on_next_time(home: LabHome, add: Add) -> None:
    names = [add(a=f"{number}") for number in range(5)]
    seen: list[tuple[int, int]] = []
    plan = gc.plan(home, live(), later())
    freed = gc.collect(home, plan, live, progress=lambda *at: seen.append(at), stop=lambda: len(seen) == 7)
    assert not freed.complete
    assert seen[-1] == (7, 10)
    assert (freed.manifests, freed.objects) == (5, 2)
    rest = run(home, live())
    assert (rest.manifests, rest.objects) == (0, 3)
    assert contents(home) == set()
    for batch in trash.batches(home):
        trash.restore(home, batch.id)
    assert all(whole(home, name) for name in names)


def test_publishers_keep_it_out(home: LabHome, add: Add) -> None:
    add(a="a")
    plan = gc.plan(home, live(), later())
    before = contents(home)
    with locks.share(home.store_lock), pytest.raises(ConflictError, match="store is in use"):
        gc.collect(home, plan, live, timeout=0.05)
    assert contents(home) == before


def test_the_remains_of_the_dead_are_swept(home: LabHome) -> None:
    (home.tmp / ".lab-stage-1-aaaaaaaa").mkdir()
    run(home, live())
    assert list(home.tmp.iterdir()) == []


@pytest.fixture
def grown(home: LabHome, tmp_path: Path) -> tuple[str, str]:
    """Manifests of a file of 8 MB, and of the same grown by 5 bytes, which is stored in parts."""
    store, names, base = ObjectStore(home), [], ""
    for number, content in enumerate((os.urandom(8 << 20), b"12345")):
        with (tmp_path / "log").open("ab") as file:
            file.write(content)
        stored = store.put_file(tmp_path / "log", base=base)
        base = stored.hash
        names.append(ManifestStore(home).write(Manifest.of([FileEntry(f"log{number}", stored.hash, stored.size)])))
    assert [size for _, size in store.parts(base)] == [8 << 20, 5]
    return names[0], names[1]


def test_a_beginning_stays_for_what_grew_from_it(home: LabHome, grown: tuple[str, str]) -> None:
    short, long = grown
    plan = gc.plan(home, live(long), later())
    assert [(cost.id, cost.bytes, cost.exclusive) for cost in plan.goes] == [(short, 8 << 20, 0)]
    assert plan.objects == ()
    assert gc.collect(home, plan, lambda: live(long)).manifests == 1
    assert whole(home, long)


def test_a_tail_goes_with_its_list(home: LabHome, grown: tuple[str, str]) -> None:
    short, long = grown
    plan = gc.plan(home, live(short), later())
    assert [(cost.id, cost.bytes, cost.exclusive) for cost in plan.goes] == [(long, (8 << 20) + 5, 5)]
    assert [item.parted for item in plan.objects] == [True, False]
    freed = gc.collect(home, plan, lambda: live(short))
    assert freed.objects == 2
    assert whole(home, short)
    trash.restore(home, freed.batch)
    assert whole(home, long)


def test_a_young_list_keeps_its_parts(home: LabHome, grown: tuple[str, str]) -> None:
    store = ObjectStore(home)
    digest = ManifestStore(home).read(grown[1]).files[0].hash
    age(home)
    os.utime(store.files(digest)[0])
    freed = gc.collect(home, gc.plan(home, live()), live)
    assert (freed.manifests, freed.objects) == (2, 0)
    assert store.verify(digest) == (8 << 20) + 5


def test_a_damaged_list_that_is_needed_keeps_every_object(home: LabHome, grown: tuple[str, str]) -> None:
    digest = ManifestStore(home).read(grown[1]).files[0].hash
    (path,) = ObjectStore(home).files(digest)
    path.chmod(0o644)
    path.write_text("{}")
    plan = gc.plan(home, live(grown[1]), later())
    assert [root.id for root in plan.bad_roots] == [grown[1]]
    assert plan.objects == ()
    assert run(home, live(grown[0])).objects == 2
