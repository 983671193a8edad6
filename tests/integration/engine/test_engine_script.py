"""`.ci/engine`, and what jobs say when their engine is restarted under them. Starts a private engine: root only."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from integration.serving.rolling_out import ROWS, register

from lab.domain.deployments import DeploymentStatus
from lab.domain.ids import short_id
from lab.domain.resources import Resources
from lab.domain.rollouts import RolloutPlan
from lab.engine import connect
from lab.engine.base import Engine, Environment, Job, JobState
from lab.engine.ports import is_free
from lab.paths import LabHome
from lab.workspace import Workspace

SCRIPT = Path(__file__).parents[3] / ".ci" / "engine"

pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a private engine"),
    pytest.mark.skipif(not shutil.which("dockerd", path="/usr/sbin:/usr/bin"), reason="dockerd is not installed"),
]


def wait_for(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


@dataclass
class Private:
    """An engine of `.ci/engine` in a state folder of its own; `socket` is where it will listen."""

    state: Path
    socket: str = ""

    def run(self, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "LAB_ENGINE_STATE": str(self.state), "DOCKER_HOST": f"unix://{self.socket}", **environ}
        return subprocess.run([str(SCRIPT), command], env=env, capture_output=True, text=True, timeout=300)

    def up(self) -> subprocess.CompletedProcess[str]:
        done = self.run("up", LAB_REQUIRE_ENGINE="1")
        assert done.returncode == 0, done.stderr
        return done

    def processes(self) -> dict[int, str]:
        """Engine, containerd and shims of this state folder."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode() if entry.name.isdigit() else ""
            except OSError:
                continue
            if line.partition(" ")[0].endswith(("dockerd", "containerd", "shim-runc-v2")) and self.mark in line:
                found[int(entry.name)] = line
        return found

    @property
    def mark(self) -> str:
        return str(Path(self.socket).parent)

    def daemon(self) -> int:
        return next(pid for pid, line in self.processes().items() if line.partition(" ")[0].endswith("dockerd"))

    def restart(self, number: signal.Signals) -> None:
        """End the daemon with `number` and start it with the same arguments."""
        pid = self.daemon()
        command = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
        os.kill(pid, number)
        wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
        # An init that reaps late leaves the pids in use for a while, and the next start would stumble over them.
        for pidfile in ("docker.pid", "exec/containerd/containerd.pid"):
            Path(self.mark, pidfile).unlink(missing_ok=True)
        subprocess.run(["sh", "-c", 'setsid "$@" >/dev/null 2>&1 </dev/null &', "sh", *command], check=True)


@pytest.fixture(scope="module")
def private() -> Iterator[Private]:
    state = Path(f"/tmp/lab-test-{short_id()}")
    engine = Private(state, str(state / "run" / "docker.sock"))
    try:
        assert "export LAB_ENGINE_STARTED=1" in engine.up().stdout
        yield engine
    finally:
        engine.run("down")
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def lab(private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Engine, str]]:
    """The private engine, running, as Lab sees it, and an image to run there."""
    private.up()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{private.socket}")
    monkeypatch.setenv("LAB_BASE_IMAGE", "lab-base:bookworm")
    engine = connect("docker", LabHome(tmp_path / "home").create())
    yield engine, engine.prepare(Environment(), lambda _: None).image
    engine.close()


def submit(engine: Engine, image: str, *command: str) -> str:
    job = Job(short_id(), image, command, {}, "/", (), Resources(), {})
    engine.submit(job)
    return job.id


def answers(engine: Engine) -> bool:
    try:
        return bool(engine.available())
    except Exception:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_restarts_interrupts_its_jobs(
    private: Private, lab: tuple[Engine, str], number: signal.Signals
) -> None:
    engine, image = lab
    cut = submit(engine, image, "sleep", "1000")
    done = submit(engine, image, "sh", "-c", "exit 3")
    wait_for(lambda: engine.status(done).state is JobState.EXITED)
    private.restart(number)
    wait_for(lambda: answers(engine))
    wait_for(lambda: engine.status(cut).state is JobState.EXITED)
    assert engine.status(cut).interruption == "engine restarted"
    assert (engine.status(done).exit_code, engine.status(done).interruption) == (3, "")
    later = submit(engine, image, "sh", "-c", "kill -9 $$")
    wait_for(lambda: engine.status(later).state is JobState.EXITED)
    assert engine.status(later).interruption == "killed from outside"


def answered(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_deployments_come_back_with_the_engine(private: Private, lab: tuple[Engine, str], tmp_path: Path) -> None:
    """By the engine itself where it was ended in order; one that was killed leaves them to the next Lab."""
    with Workspace(tmp_path / "home", tmp_path, engine="docker") as ws:
        ref = register(ws, tmp_path / "models")
        # While the engine is down nobody holds the port: one that no other Lab on this machine would choose.
        port = next(port for port in range(28_100 + os.getpid() % 1000, 29_999) if is_free(port))
        deployment = ws.deployments.deploy(ref, port=port, plan=RolloutPlan(replicas=2))
        try:
            private.restart(signal.SIGTERM)
            wait_for(lambda: answered(deployment.url))
            assert len(ws.deployments.predict("iris", {"data": ROWS[:3]})["predictions"]) == 3
            private.restart(signal.SIGKILL)
            wait_for(lambda: answers(lab[0]))
            wait_for(lambda: ws.deployments.settle() == [] and answered(deployment.url))
            wait_for(lambda: ws.deployments.health("iris").servers_up == 2)
            ws.deployments.settle()
            assert ws.deployments.get("iris").status is DeploymentStatus.READY
        finally:
            ws.deployments.stop("iris")


def test_events_end_when_the_engine_goes(private: Private, lab: tuple[Engine, str]) -> None:
    engine, _ = lab
    looks = itertools.count()

    def stop() -> bool:  # it never wants to stop, but the daemon is killed while it watches
        if next(looks) == 1:
            os.kill(private.daemon(), signal.SIGKILL)
        return False

    assert list(engine.events("0123456789abcdef", stop)) == []


def test_what_a_killed_engine_left_is_cleaned_up(private: Private, lab: tuple[Engine, str]) -> None:
    engine, image = lab
    submit(engine, image, "sleep", "1000")
    os.kill(private.daemon(), signal.SIGKILL)
    wait_for(lambda: not any("dockerd" in line.partition(" ")[0] for line in private.processes().values()))
    assert private.processes(), "containerd and a shim outlive the daemon"
    told = private.up()
    assert "left by a killed engine" in told.stderr
    assert answers(engine)
    assert private.run("down").returncode == 0
    assert private.processes() == {}
    assert str(private.state) not in Path("/proc/self/mounts").read_text()
    private.up()


def test_an_engine_that_runs_is_left_alone(private: Private) -> None:
    private.up()
    daemon = private.daemon()
    again = private.up()
    assert "LAB_ENGINE_STARTED" not in again.stdout
    assert private.run("env").stdout == f"export DOCKER_HOST=unix://{private.socket}\n"
    other = Private(private.state.with_name(f"lab-test-{short_id()}"), private.socket)
    told = other.run("up")
    assert (told.returncode, told.stdout) == (0, "")
    assert other.run("down").returncode == 0
    assert not other.state.exists()
    assert private.daemon() == daemon


def test_damaged_state_is_not_the_end(private: Private) -> None:
    assert private.run("down").returncode == 0
    shutil.rmtree(private.state / "data" / "image")
    (private.state / "data" / "image").write_text("not a folder")
    (private.state / "run").mkdir(exist_ok=True)
    (private.state / "run" / "docker.pid").write_text("1")
    (private.state / "run" / "docker.sock").write_text("")
    assert "once more" in private.up().stderr
