"""The store beside `dvc` (where that is installed), each in processes of its own, in turns.

Lab's times are those of the store alone, with the start of Python and without what a room adds: index, profile, checks.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lab.paths import LabHome
from lab.stores.manifests import Manifest, ManifestStore
from lab.stores.trees import materialise, remove_tree

Figure = tuple[str, float, str, float]

_PATIENCE = 12.0  # seconds: no further round begins after that

_ADD = """
import resource, sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.snapshot import snapshot
home = LabHome(Path(sys.argv[2])).create()
previous = ManifestStore(home).read(sys.argv[3]) if len(sys.argv) > 3 else None
print(snapshot(Path(sys.argv[1]), home, previous=previous).id)
try:  # of this program alone: what the kernel counts for the process began before it
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
except FileNotFoundError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
_SWITCH = """
import sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.trees import materialise, mount_path, remove_tree
home = LabHome(Path(sys.argv[2]))
remove_tree(home, mount_path(home, sys.argv[3]))
print(materialise(home, sys.argv[3]))
"""
_STATUS = """
import sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.status import status
home = LabHome(Path(sys.argv[2]))
print("clean" if status(Path(sys.argv[1]), home, ManifestStore(home).read(sys.argv[3])).clean else "changed")
"""


def figures(size: int = 1 << 30, files: int = 10_000, rounds: int = 2) -> list[Figure]:
    """Medians over at most `rounds`, fewer on a slow machine; `size` of the large file in bytes, `files` of 50 kB."""
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder), rounds)
        return [*bench.large(size), *bench.many(files)]


class _Bench:
    """Two copies of the data, since `dvc` may touch what it adds."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self._home = folder / "home"
        self._ours, self._theirs = folder / "ours", folder / "theirs"
        self._rounds = rounds
        self._dvc = shutil.which("dvc") or ""
        if not self._dvc:
            print("no dvc here: ratios to it are not measured")

    def large(self, size: int) -> list[Figure]:
        """One CSV file: first add, add after it grew by 1 %, memory."""
        ours, theirs = self._ours / "large.csv", self._theirs / "large.csv"
        _csv(ours, size)
        if self._dvc:
            _copy(ours, theirs)
        tail = ours.open("rb").read(size // 100)
        times = _Times()
        grown, peak = 0, "0"
        for _ in self._turns():
            self._fresh()
            version, peak = times.take("lab add", self._lab(_ADD, ours))
            times.take("dvc add", self._peer("add", "large.csv"))
            # What a run sees of another version: Lab's links, the file that dvc puts in place.
            times.take("lab switch", self._lab(_SWITCH, ours, version))
            theirs.unlink(missing_ok=True)
            times.take("dvc switch", self._peer("checkout", "-q", "large.csv.dvc"))
            before = _stored(self._home)
            for path in (ours, theirs):
                _append(path, tail)
            times.take("lab grown", self._lab(_ADD, ours, version))
            times.take("dvc grown", self._peer("add", "large.csv"))
            grown = _stored(self._home) - before
            for path in (ours, theirs):
                _cut(path, size)
        self._fresh()
        _csv(self._ours / "small.csv", 64 << 20)
        _, small = times.take("lab small", self._lab(_ADD, self._ours / "small.csv"))
        shutil.rmtree(self._ours)
        shutil.rmtree(self._theirs, ignore_errors=True)
        name = f"{size / (1 << 30):g} GiB"
        return [
            (f"add a CSV of {name}", times.median("lab add"), "s", 0),
            *times.ratio("  to dvc add", "lab add", "dvc add", 0.8),
            ("add it again, 1 % appended", times.median("lab grown"), "s", 0),
            *times.ratio("  to dvc add", "lab grown", "dvc grown", 0.2),
            ("  stored for that", grown / 1e6, "MB", 12 * size / (1 << 30)),
            *times.ratio("switch to another version, to dvc checkout", "lab switch", "dvc switch", 0.1),
            (f"peak memory of adding {name}", int(peak) / 1024, "MB", 0),
            ("peak memory of adding 64 MiB", int(small) / 1024, "MB", 0),
        ]

    def many(self, files: int) -> list[Figure]:
        """Files of 50 kB: first add, add and status of what did not change, tree of links."""
        ours, theirs = self._ours / "many", self._theirs / "many"
        _small_files(ours, files)
        if self._dvc:
            shutil.copytree(ours, theirs)
        times = _Times()
        version = ""
        for _ in self._turns():
            self._fresh()
            version, _ = times.take("lab add", self._lab(_ADD, ours))
            times.take("dvc add", self._peer("add", "many"))
        for _ in range(3):
            times.take("lab again", self._lab(_ADD, ours, version))
            times.take("lab status", self._lab(_STATUS, ours, version))
            times.take("dvc status", self._peer("status"))
        home = LabHome(self._home)
        manifest = ManifestStore(home).read(version)
        trees = [_tree(home, manifest, version) for _ in range(3)]
        return [
            (f"add {files:,} files of 50 kB", times.median("lab add"), "s", 0),
            *times.ratio("  to dvc add", "lab add", "dvc add", 0.8),
            ("add them again, nothing changed", times.median("lab again"), "s", 0),
            ("status, nothing changed", times.median("lab status"), "s", 0),
            *times.ratio("  to dvc status", "lab status", "dvc status", 0.3),
            (f"read-only tree of {files:,} files", statistics.median(trees), "s", 0.3 * files / 10_000),
        ]

    def _turns(self) -> Iterator[int]:
        began = time.monotonic()
        for turn in range(self._rounds):
            if turn and time.monotonic() - began > _PATIENCE:
                return
            yield turn

    def _fresh(self) -> None:
        """No version of anything, for either."""
        shutil.rmtree(self._home, ignore_errors=True)
        if self._dvc:
            self._theirs.mkdir(exist_ok=True)
            shutil.rmtree(self._theirs / ".dvc", ignore_errors=True)
            for path in self._theirs.glob("*.dvc"):
                path.unlink()
            subprocess.run([self._dvc, "init", "-q", "--no-scm"], cwd=self._theirs, check=True)

    def _lab(self, script: str, path: Path, *more: str) -> Callable[[], str]:
        return lambda: _run([sys.executable, "-c", script, str(path), str(self._home), *more], Path.cwd())

    def _peer(self, *arguments: str) -> Callable[[], str] | None:
        return (lambda: _run([self._dvc, *arguments], self._theirs)) if self._dvc else None


class _Times:
    """Seconds that each thing took, by name."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = {}

    def take(self, name: str, work: Callable[[], str] | None) -> list[str]:
        """Do it, with nothing left to write by what came before; returns the words of its output."""
        if work is None:
            return []
        os.sync()
        began = time.perf_counter()
        output = work()
        self._taken.setdefault(name, []).append(time.perf_counter() - began)
        return output.split()

    def median(self, name: str) -> float:
        return statistics.median(self._taken[name])

    def ratio(self, label: str, ours: str, theirs: str, target: float) -> list[Figure]:
        """The median of the ratios of what was done one after the other."""
        pairs = zip(self._taken[ours], self._taken.get(theirs, ()), strict=False)
        ratios = [mine / other for mine, other in pairs]
        return [(label, statistics.median(ratios), "×", target)] if ratios else []


def _run(command: Sequence[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def _tree(home: LabHome, manifest: Manifest, version: str) -> float:
    began = time.perf_counter()
    tree = materialise(home, version)
    taken = time.perf_counter() - began
    assert sum(1 for path in tree.rglob("*") if path.is_file()) == len(manifest.files)
    remove_tree(home, tree)
    return taken


def _csv(path: Path, size: int) -> None:
    numbers = random.Random(7)
    rows = [f"{row},{numbers.random()},{numbers.random()},{numbers.choice('abc')}\n" for row in range(200_000)]
    block = "".join(rows).encode()
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(block[: size - file.tell()])


def _small_files(folder: Path, files: int) -> None:
    numbers = random.Random(7)
    for number in range(files):
        path = folder / f"{number // 100:04}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(numbers.randbytes(50_000))


def _copy(source: Path, dest: Path) -> None:
    dest.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, dest)


def _append(path: Path, data: bytes) -> None:
    if path.exists():
        with path.open("ab") as file:
            file.write(data)


def _cut(path: Path, size: int) -> None:
    if path.exists():
        os.truncate(path, size)


def _stored(home: Path) -> int:
    """Bytes on disk below `home`."""
    return sum(path.stat().st_blocks * 512 for path in home.rglob("*") if path.is_file())


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", type=int, default=1 << 30, help="bytes of the large file")
    options.add_argument("--files", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=2)
    for figure in figures(**vars(options.parse_args())):
        print(figure, flush=True)
