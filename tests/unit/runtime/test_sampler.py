"""What a run uses: counted from the kernel's files, in the rhythm of a timer."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from runtime_scripts import ROOT

from lab.runtime import nvml
from lab.runtime.sampler import Group, Reading, Sampler, Session, interval
from lab.stores import systemlog


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def told(reading: Reading) -> tuple[float, int, int, int]:
    return reading.cpu, reading.memory, reading.read, reading.written


def test_a_group_of_version_2(tmp_path: Path) -> None:
    write(tmp_path / "proc/self", {"cgroup": "0::/job\n"})
    write(
        tmp_path / "cg/job",
        {
            "memory.current": "1000000\n",
            "memory.max": "2000000\n",
            "memory.stat": "anon 700000\ninactive_file 250000\n",
            "cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
            "io.stat": "8:0 rbytes=10 wbytes=20 rios=1\n8:1 rbytes=1 wbytes=2 rios=1\n",
        },
    )
    group = Group(str(tmp_path / "cg"), str(tmp_path / "proc"))
    assert group.exists
    assert group.limit == 2_000_000
    assert told(group.read()) == (1.5, 750_000, 11, 22)
    (tmp_path / "cg/job/memory.max").write_text("max\n")
    assert group.limit == 0


def test_a_group_of_version_1_at_the_top_as_in_a_container(tmp_path: Path) -> None:
    write(tmp_path / "proc/self", {"cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n2:blkio:/docker/x\n"})
    write(
        tmp_path / "cg",
        {
            "memory/memory.usage_in_bytes": "5000000\n",
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/memory.stat": "total_inactive_file 1000000\n",
            "cpuacct/cpuacct.usage": "2500000000\n",
            "blkio/blkio.throttle.io_service_bytes": "8:0 Read 7\n8:0 Write 8\nTotal 15\n",
        },
    )
    group = Group(str(tmp_path / "cg"), str(tmp_path / "proc"))
    assert group.exists
    assert group.limit == 0, "the kernel's way to say that there is none"
    assert told(group.read()) == (2.5, 4_000_000, 7, 8)
    assert not Group(str(tmp_path / "none"), str(tmp_path / "proc")).exists


def test_a_session_is_the_sum_of_its_processes_and_no_others(tmp_path: Path) -> None:
    def process(pid: int, session: int, pages: int) -> None:
        fields = ["S", "1", "1", str(session), *["0"] * 7, "100", "50", "30", "20", *["0"] * 6, str(pages), "0"]
        write(tmp_path / str(pid), {"stat": f"{pid} (a ) b) {' '.join(fields)}", "io": "read_bytes: 3\nwrite_bytes: 4"})

    process(10, 7, 5)
    process(11, 7, 6)
    process(12, 8, 1000)
    process(7, 7, 1000)
    session = Session(7, but=7, proc=str(tmp_path))
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert told(session.read()) == (400 / ticks, 11 * page, 6, 8)
    process(13, 7, 1)
    assert session.read().memory == 12 * page, "a new process is found at once"
    assert told(Session(7, proc=str(tmp_path / "none")).read()) == (0.0, 0, 0, 0)


def test_looks_grow_rare_so_that_the_file_stays_small() -> None:
    assert (interval(0.0), interval(60.0), interval(600.0), interval(7200.0)) == (0.25, 1.0, 5.0, 15.0)
    elapsed, looks = 0.0, 0
    while elapsed < 30 * 86400:
        elapsed += interval(elapsed)
        looks += 1
    assert looks < 12_000


class FakeSource:
    exists, limit = True, 64

    def __init__(self) -> None:
        self.readings = [Reading(1.0, 10, 0, 0), Reading(2.0, 40, 100, 0), Reading(2.5, 20, 100, 50)]

    def read(self) -> Reading:
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]


def test_lines_hold_rates_and_the_peak_so_far(tmp_path: Path) -> None:
    gpus = {"gpu": 0.5, "gpu_memory": 7.0, "gpu_limit": 9.0}
    sampler = Sampler(str(tmp_path), FakeSource(), lambda: gpus)  # type: ignore[arg-type]
    sampler.start()
    sampler.look()
    sampler.look()
    sampler.stop()
    first, second = [json.loads(line) for line in (tmp_path / "system.jsonl").read_text().splitlines()][:2]
    assert (first["memory"], first["peak"], first["limit"], first["cpu_time"]) == (40, 40, 64, 1.0)
    assert (second["memory"], second["peak"], second["cpu_time"]) == (20, 40, 1.5)
    assert first["read"] > 0
    assert second["read"] == 0 < second["write"]
    seen = systemlog.last(tmp_path / "system.jsonl")
    assert seen is not None
    assert (seen.peak, seen.gpu, seen.gpu_memory, seen.gpu_limit) == (40, 0.5, 7, 9)
    assert sampler.usage()["peak_gpu_memory"] == 7


def test_the_entry_point_notes_peak_and_time_also_of_short_runs(tmp_path: Path) -> None:
    source = "import time; x = bytearray(90_000_000); begin = time.process_time()\n"
    source += "while time.process_time() - begin < 0.4: pass"
    subprocess.run(
        [sys.executable, "-m", "lab.runtime.entry", "--", sys.executable, "-c", source],
        env=os.environ | {"PYTHONPATH": str(ROOT), "LAB_RUN_DIR": str(tmp_path)},
        check=True,
        timeout=60,
        start_new_session=True,
    )
    used = systemlog.usage(json.loads((tmp_path / "exit.json").read_text())["usage"])
    assert used is not None
    assert 90_000_000 <= used.peak_memory < 400_000_000
    assert 0.4 <= used.cpu_time < 20
    if sys.platform.startswith("linux"):
        seen = systemlog.last(tmp_path / "system.jsonl")
        assert seen is not None
        assert abs(seen.at - time.time()) < 60


def test_what_the_run_wrote_itself_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "system.jsonl"
    good = {"t": 1.0, "cpu": 1, "memory": 2, "peak": 3, "read": 0, "write": 0, "cpu_time": 4}
    bad = [{**good, "memory": -1}, {**good, "t": "NaN"}, {**good, "peak": 1e300}, [], {**good, "cpu": None}]
    path.write_text("\n".join(map(json.dumps, [good, *bad])) + "\n{torn")
    seen = systemlog.last(path)
    assert seen is not None
    assert (seen.at, seen.memory, seen.peak) == (1.0, 2, 3)
    assert len(systemlog.SystemTail(path).poll()) == 1
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert systemlog.last(path) is None
    assert systemlog.usage({"peak_memory": "lots", "cpu_time": 1}) is None


class FakeDriver:
    """Two GPUs, as the calls of the driver's library tell of them."""

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, handle: Any) -> int:
        handle._obj.value = index.value + 1
        return 0

    def nvmlDeviceGetUtilizationRates(self, handle: ctypes.c_void_p, rates: Any) -> int:
        rates._obj.gpu = 50 * (handle.value or 0)
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle: ctypes.c_void_p, memory: Any) -> int:
        memory._obj.used, memory._obj.total = 10 * (handle.value or 0), 100
        return 0


@pytest.mark.parametrize(
    ("visible", "gpu", "used", "total"),
    [
        (None, 1.5, 30, 200),
        ("1", 1.0, 20, 100),
        ("0", 0.5, 10, 100),
        ("GPU-abc", 1.5, 30, 200),
        ("7", None, None, None),
    ],
)
def test_gpus_that_the_run_may_see(visible: str | None, gpu: float, used: int, total: int) -> None:
    look = nvml.open_gpus(visible, lambda _: FakeDriver())
    seen = look()
    assert (seen.get("gpu"), seen.get("gpu_memory"), seen.get("gpu_limit")) == (gpu, used, total)


def test_without_a_driver_there_are_no_gpus() -> None:
    def load(name: str) -> Any:
        raise OSError(name)

    assert nvml.open_gpus(None, load)() == {}
