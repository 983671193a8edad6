"""The process engine's own dangers: guards that are killed, pids that are used again, machines that restart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.domain.ids import short_id
from lab.domain.resources import Resources
from lab.engine import connect
from lab.engine.base import Engine, Job, JobState, Mount, Prepared
from lab.engine.jobs import JobFolder, job_folder
from lab.paths import LabHome
from lab.runtime import jobguard
from lab.runtime.jobguard import process_start

MB = 1024**2


def wait_for(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def engine(home: LabHome) -> Engine:
    return connect("process", home)


@pytest.fixture
def prepared(engine: Engine, process_base: Prepared, engine_home: LabHome) -> Prepared:
    return replace(process_base, image=str(engine_home.root / process_base.image))


def make_job(prepared: Prepared, *command: str, **changes: object) -> Job:
    plain = Job(short_id(), prepared.image, command, {}, "/", (), Resources(memory=0), {})
    return replace(plain, **changes)  # type: ignore[arg-type]


def pid_of(path: Path) -> int:
    return int(json.loads(path.read_text())["pid"])


def submit(engine: Engine, home: LabHome, job: Job) -> JobFolder:
    engine.submit(job)
    return job_folder(home, job.id)


def test_when_the_guard_is_killed_the_job_is_over(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    job = make_job(prepared, "sleep", "100")
    folder = submit(engine, home, job)
    child = pid_of(folder.child)
    os.kill(pid_of(folder.guard), signal.SIGKILL)
    wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    assert engine.status(job.id).interruption == "killed from outside"
    wait_for(lambda: not process_start(child))


def test_when_the_job_is_killed_it_is_told_so(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    job = make_job(prepared, "sleep", "100")
    folder = submit(engine, home, job)
    os.kill(pid_of(folder.child), signal.SIGKILL)
    wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    status = engine.status(job.id)
    assert (status.exit_code, status.interruption) == (137, "killed from outside")


def test_a_crash_of_its_own_is_no_interruption(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    job = make_job(prepared, "sh", "-c", "kill -SEGV $$")
    engine.submit(job)
    wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    status = engine.status(job.id)
    assert (status.exit_code, status.interruption) == (139, "")


def test_a_restart_of_the_machine_is_told_so(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    job = make_job(prepared, "sleep", "100")
    folder = submit(engine, home, job)
    guard, child = pid_of(folder.guard), pid_of(folder.child)
    spec = json.loads(folder.spec.read_text())
    folder.spec.write_text(json.dumps({**spec, "boot": "another-boot"}))
    status = engine.status(job.id)
    assert (status.state, status.interruption) == (JobState.EXITED, "machine restarted")
    engine.stop(job.id)
    assert process_start(guard), "a pid noted in another boot is not signalled"
    folder.spec.write_text(json.dumps(spec))
    engine.stop(job.id, grace=1)
    assert not process_start(child)


def test_a_pid_that_is_used_again_is_not_mistaken(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    job, stranger = make_job(prepared, "sleep", "100"), make_job(prepared, "sleep", "100")
    folder, other = submit(engine, home, job), submit(engine, home, stranger)
    os.kill(pid_of(folder.guard), signal.SIGKILL)
    wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    # The dead job's notes now name living processes, as they would when the system gives their pids out again.
    for note, living in ((folder.guard, other.guard), (folder.child, other.child)):
        note.write_text(json.dumps({**json.loads(note.read_text()), "pid": pid_of(living)}))
    assert engine.status(job.id).state is JobState.EXITED
    engine.stop(job.id, grace=0)
    engine.remove(job.id)
    assert engine.status(stranger.id).state is JobState.RUNNING
    engine.remove(stranger.id)


def test_memory_of_all_children_counts(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    if "memory" not in engine.available().limits:
        pytest.skip("no memory limit on this system")
    code = "import subprocess, sys, time\nx = bytearray(40 << 20)\n"
    parent = code + f"subprocess.run([sys.executable, '-c', {code + 'time.sleep(100)'!r}])"
    job = make_job(prepared, "python3", "-c", parent, resources=Resources(memory=70 * MB))
    engine.submit(job)
    wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    assert engine.status(job.id).out_of_memory


def test_memory_that_workers_share_counts_once(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    if "memory" not in engine.available().limits:
        pytest.skip("no memory limit on this system")
    code = (
        "import os, time\nx = bytearray(40 << 20)\n"
        "pids = [os.fork() for _ in range(1)]\n"
        "for _ in range(2):\n    if pids[-1]: pids.append(os.fork())\n"
        "time.sleep(1.5)\n"
        "if all(pids): [os.waitpid(pid, 0) for pid in pids]"
    )
    job = make_job(prepared, "python3", "-c", code, resources=Resources(memory=90 * MB))
    engine.submit(job)
    wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    status = engine.status(job.id)
    assert (status.exit_code, status.out_of_memory) == (0, False), engine.logs(job.id)


def test_a_home_that_was_moved_keeps_its_jobs(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    job = make_job(prepared, "sh", "-c", "exit 6")
    engine.submit(job)
    wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    home.root.rename(home.root.with_name("moved"))
    moved = connect("process", LabHome(home.root.with_name("moved")))
    assert moved.status(job.id).exit_code == 6


def test_nothing_of_the_launcher_stays_open_in_the_job(engine: Engine, home: LabHome, prepared: Prepared) -> None:
    run = home.runs / "open"
    run.mkdir()
    mounts = [Mount(run, "/lab/run", read_only=False)]
    with open(home.root / "held", "w") as held:
        os.set_inheritable(held.fileno(), True)
        job = make_job(prepared, "sh", "-c", "ls -l /proc/$$/fd > /lab/run/fds", mounts=mounts)
        engine.submit(job)
        wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    if (run / "fds").stat().st_size:
        numbers = [int(line.split()[-3]) for line in (run / "fds").read_text().splitlines()[1:]]
        assert set(numbers) <= {0, 1, 2, 10}  # 10: some shells keep a copy of their own


def test_a_launcher_that_dies_while_it_launches_takes_no_job_with_it(home: LabHome, tmp_path: Path) -> None:
    """The guard has its news for somebody who is gone: the job must run all the same."""
    job = home.jobs / "orphan"
    job.mkdir(parents=True)
    done = tmp_path / "done"
    spec = {"argv": ["sh", "-c", f"sleep 0.3; touch {done}"], "env": {"PATH": os.defpath}, "cwd": "/", "memory": 0}
    (job / "job.json").write_text(json.dumps({**spec, "restart": False}))
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-I", "-S", jobguard.__file__, str(job), str(writer)]
    subprocess.run(command, pass_fds=[writer], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writer)
    wait_for((job / "exit.json").exists)
    assert json.loads((job / "exit.json").read_text())["exit_code"] == 0
    assert done.exists()
