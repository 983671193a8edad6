"""Garbage collection against adds and kills: real processes on one store."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.paths import LabHome
from lab.stores import gc, trash
from lab.stores.gc import Live
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import snapshot

LATER = 2 * gc.DAY


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def whole(home: LabHome, *names: str) -> bool:
    """Whether these manifests are there with all of their objects, each of which is looked at once."""
    store, manifests = ObjectStore(home), ManifestStore(home)
    wanted = {file.hash: file.size for name in names for file in manifests.read(name).files}
    return all(store.verify(digest) == size for digest, size in wanted.items())


def there(home: LabHome) -> list[str]:
    return [f"b3:{path.parent.name}{path.stem}" for path in home.manifests.rglob("*.jsonl")]


# Publishes ever the same few states, so that it depends on objects that gc is after, and writes down (its
# "journal") what it published. Content alternates, so that a state is garbage and needed in turns.
ADDER = """
import os, sys, time
from pathlib import Path
from lab.paths import LabHome
from lab.stores import locks
from lab.stores.snapshot import snapshot
home, source, journal, rounds = LabHome(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
print("started", flush=True)
for number in range(rounds):
    for name in range(12):
        (source / f"{name}.txt").write_text(f"{(number + name) % 5} of {name}")
    with locks.share(home.store_lock):
        taken = snapshot(source, home)
        (journal.with_suffix(".new")).write_text(taken.id)
        os.replace(journal.with_suffix(".new"), journal)
print("done", flush=True)
"""

# Everything is garbage at once but what the journals name as their latest.
COLLECTOR = """
import sys, time
from pathlib import Path
from lab.paths import LabHome
from lab.stores import gc
home, journals, until = LabHome(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
def live():
    return gc.Live(frozenset(path.read_text() for path in journals.glob("*.journal")))
moved = 0
print("started", flush=True)
while not until.exists():
    plan = gc.plan(home, live(), time.time() + 10, grace=0)
    moved += gc.collect(home, plan, live).objects
print(moved, flush=True)
"""


def start(script: str, *arguments: object) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def test_two_adds_and_a_gc_at_once(home: LabHome, tmp_path: Path) -> None:
    journals = tmp_path / "journals"
    journals.mkdir()
    adders = []
    for number in range(2):
        source = tmp_path / f"source{number}"
        source.mkdir()
        adders.append(start(ADDER, home.root, source, journals / f"{number}.journal", 25))
    collector = start(COLLECTOR, home.root, journals, tmp_path / "stop")
    for adder in adders:
        assert adder.communicate(timeout=120)[0] == "done\n"
        assert adder.returncode == 0
    (tmp_path / "stop").touch()
    moved = int(collector.communicate(timeout=60)[0])
    assert collector.returncode == 0
    assert moved > 0  # it really swept while they added
    for path in journals.glob("*.journal"):
        assert whole(home, path.read_text())
    assert whole(home, *there(home))  # a manifest is only there with all of its objects
    for batch in trash.batches(home):
        trash.restore(home, batch.id)
    assert whole(home, *there(home))


KILLED = """
import sys, time
from pathlib import Path
from lab.paths import LabHome
from lab.stores import gc
home = LabHome(Path(sys.argv[1]))
live = lambda: gc.Live(frozenset(sys.argv[2:]))
plan = gc.plan(home, live(), time.time() + 2 * gc.DAY)
print("started", flush=True)
gc.collect(home, plan, live)
"""


def test_a_kill_at_any_moment_loses_nothing(home: LabHome, tmp_path: Path) -> None:
    names = []
    for number in range(4):
        source = tmp_path / f"{number}"
        source.mkdir()
        for file in range(200):
            (source / f"{file}").write_text(f"{file if file < 50 else (number, file)}")
        names.append(snapshot(source, home).id)
    dice = random.Random(5)
    killed = tries = 0
    while killed < 5:  # where it is quick, it mostly ends before it is killed
        tries += 1
        assert tries <= 60
        process = start(KILLED, home.root, names[0])
        try:
            process.wait(dice.uniform(0, 0.05))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            killed += 1
        assert process.stdout is not None
        process.stdout.close()
        assert whole(home, names[0], *there(home))  # never a manifest without its objects
        for batch in trash.batches(home):
            trash.restore(home, batch.id)
        assert whole(home, *names)
    freed = gc.collect(
        home,
        gc.plan(home, Live(frozenset(names[:1])), time.time() + LATER),
        lambda: Live(frozenset(names[:1])),
    )
    assert (freed.manifests, freed.objects) == (3, 450)
    assert list(home.tmp.iterdir()) == []
