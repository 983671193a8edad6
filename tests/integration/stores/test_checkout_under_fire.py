"""Checkouts that die: the old state or the new one is there, whole, and nothing is lost."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.paths import LabHome
from lab.stores import swaps
from lab.stores.checkout import checkout
from lab.stores.manifests import ManifestStore
from lab.stores.snapshot import snapshot
from lab.stores.status import status

KEPT = {".git/HEAD": "ref", ".venv/bin/python": "py", "deep/__pycache__/m.pyc": "pyc"}


def read(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


class Place:
    """A folder at its second version, with ignored files in it."""

    def __init__(self, root: Path, count: int) -> None:
        self.home = LabHome(root / "home").create()
        self.data = root / "project" / "data"
        common = {f"deep/{number}": f"{number} stays" for number in range(count)}
        self.first = {**common, **{f"{number}": f"first {number}" for number in range(count)}, "gone": "g"}
        self.second = {**common, **{f"{number}": f"second {number}" for number in range(count)}, "new/n": "n"}
        write(self.data, self.first)
        self.old = snapshot(self.data, self.home).id
        shutil.rmtree(self.data)
        write(self.data, self.second)
        self.new = snapshot(self.data, self.home).id
        write(self.data, KEPT)

    def start(self, script: str, *arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", script, str(self.home.root), self.old, self.new, str(self.data)]
        process = subprocess.Popen(
            [*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        return process

    def state(self) -> dict[str, str]:
        """What versions hold of what is there."""
        return {name: content for name, content in read(self.data).items() if name not in KEPT}

    def check(self) -> bool:
        """After a death: whole at once, and complete after `recover`. Tells whether it is the new state."""
        seen = self.state()
        assert seen in (self.first, self.second)
        swaps.recover(self.home, [self.data.parent])
        assert read(self.data) == {**seen, **KEPT}
        assert os.listdir(self.data.parent) == ["data"]
        name = self.old if seen == self.first else self.new
        assert status(self.data, self.home, ManifestStore(self.home).read(name)).clean
        return seen == self.first

    def back(self) -> None:
        checkout(self.home, self.new, self.data, known=[self.old])
        assert read(self.data) == {**self.second, **KEPT}


BEGIN = """
import os, signal, sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores import swaps
from lab.stores.checkout import checkout
home, old, new, data = LabHome(Path(sys.argv[1])), sys.argv[2], sys.argv[3], Path(sys.argv[4])
"""

# Forks a child for each number that it reads; the child dies by SIGKILL just before its n-th step.
STEPS = (
    BEGIN
    + """
def arm(fatal):
    step = 0
    def deadly(function):
        def call(*arguments):
            nonlocal step
            step += 1
            if step == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments)
        return call
    for name in ("write_atomic", "sync_folder", "_move", "erase", "_rename2", "_parents"):
        setattr(swaps, name, deadly(getattr(swaps, name)))
    if sys.argv[5] == "two renames":
        swaps._rename2 = lambda *_: False
    Path.rename = deadly(Path.rename)
print("started", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        arm(int(line))
        checkout(home, old, data, known=[new])
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
)


@pytest.mark.parametrize("how", ["exchange", "two renames"])
def test_a_kill_at_each_step_leaves_a_whole_state(tmp_path: Path, how: str) -> None:
    place = Place(tmp_path, 3)
    ends: list[bool] = []
    killer = place.start(STEPS, how)
    assert killer.stdin is not None
    assert killer.stdout is not None
    for step in range(1, 60):
        killer.stdin.write(f"{step}\n")
        killer.stdin.flush()
        code = int(killer.stdout.readline())
        if not place.data.exists():  # only between two renames; the next one to look puts it right
            assert how == "two renames"
            swaps.recover(place.home, [place.data.parent])
        ends.append(place.check())
        if code == 0:
            break
        assert code == -signal.SIGKILL
        if ends[-1]:
            place.back()
    killer.communicate(timeout=60)
    assert code == 0
    assert len(ends) > 8
    assert ends.count(False) >= 2
    assert ends.count(True) >= 5  # it died on both sides of the swap


LOOP = (
    BEGIN
    + """
print("started", flush=True)
checkout(home, old, data, known=[new])
"""
)


def test_kills_at_random_moments(tmp_path: Path) -> None:
    place = Place(tmp_path, 150)
    started = time.monotonic()
    process = place.start(LOOP)
    process.communicate(timeout=60)
    longest = time.monotonic() - started
    place.back()
    dice = random.Random(11)
    killed = tries = 0
    while killed < 6:
        tries += 1
        assert tries <= 60
        process = place.start(LOOP)
        try:
            process.wait(dice.uniform(0, longest * 0.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            killed += 1
        process.communicate(timeout=60)
        if place.check():
            place.back()


CRASH_THEN_WRITE = BEGIN + (
    "swaps.Workshop._discard = swaps.carry = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    'print("started", flush=True)\n'
    "checkout(home, old, data, known=[new])\n"
)


def test_what_a_dead_checkout_left_is_kept_if_the_store_does_not_have_it(tmp_path: Path) -> None:
    place = Place(tmp_path, 3)
    process = place.start(CRASH_THEN_WRITE)
    process.communicate(timeout=60)
    (leftover,) = (name for name in os.listdir(place.data.parent) if name.startswith(swaps.PREFIX))
    (place.data.parent / leftover / "old" / "0").write_text("written through an open file")
    assert swaps.recover(place.home, [place.data.parent]) == 1
    assert read(place.data) == {**place.first, **KEPT}
    (spare,) = place.data.parent.glob("data.before-checkout-*")
    assert (spare / "0").read_text() == "written through an open file"


def test_leftovers_of_a_folder_that_was_moved_since_are_not_lost(tmp_path: Path) -> None:
    place = Place(tmp_path, 3)
    place.start(CRASH_THEN_WRITE).communicate(timeout=60)
    place.data.rename(tmp_path / "moved")
    write(place.data, {"mine": "x"})
    swaps.recover(place.home, [place.data.parent])
    assert read(place.data) == {"mine": "x"}
    (spare,) = place.data.parent.glob("data.before-checkout-*")
    assert read(spare) == {**place.second, **KEPT}


def test_a_living_one_is_left_alone(tmp_path: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    with swaps.workshop(home, tmp_path) as shop:
        shop.new.mkdir()
        assert swaps.recover(home, [tmp_path]) == 0
        assert shop.new.is_dir()
    assert os.listdir(tmp_path) == ["home"]


def test_two_at_once_end_in_one_of_their_states(tmp_path: Path) -> None:
    place = Place(tmp_path, 100)
    third = tmp_path / "third"
    write(third, {"only": "one"})
    other = snapshot(third, place.home).id
    script = BEGIN + (
        "from lab.errors import ConflictError\n"
        'print("started", flush=True)\n'
        "for number in range(6):\n"
        "    try:\n"
        "        checkout(home, (old, sys.argv[5])[number % 2], data, known=[old, new, sys.argv[5]])\n"
        "    except ConflictError as error:\n"
        "        pass\n"
    )
    processes = [place.start(script, other) for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    state = place.state()
    assert state in (place.first, place.second, {"only": "one"})
    assert read(place.data) == {**state, **KEPT}
    assert os.listdir(place.data.parent) == ["data"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A filesystem of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "lab-test", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small filesystem needs root")
    return disk


def test_a_full_disk_leaves_what_was_there(small_disk: Path, tmp_path: Path) -> None:
    try:
        home = LabHome(tmp_path / "home").create()
        data = small_disk / "data"
        write(data, {"a": "1"})
        first = snapshot(data, home).id
        (tmp_path / "big").mkdir()
        (tmp_path / "big" / "file").write_bytes(os.urandom(20 << 20))
        second = snapshot(tmp_path / "big", home).id
        free = shutil.disk_usage(small_disk).free
        with pytest.raises(LabError, match=r"no space left to store .*data: 20 MB needed"):
            checkout(home, second, data, known=[first])
        assert read(data) == {"a": "1"}
        assert os.listdir(small_disk) == ["data"]
        assert shutil.disk_usage(small_disk).free == free
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)
