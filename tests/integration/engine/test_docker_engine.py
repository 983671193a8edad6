"""What only the Docker engine promises: isolation, seen from inside, and verdicts on what others did to a container."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from lab.domain.ids import short_id
from lab.domain.resources import Resources
from lab.engine import connect, home_id
from lab.engine.base import Engine, Job, JobState, JobStatus, Mount, Prepared
from lab.engine.docker import DockerEngine
from lab.errors import EngineError, EngineUnavailableError
from lab.paths import LabHome

pytestmark = pytest.mark.engine
MB = 1024**2

LOOK = """
import json, os, socket
def read(*paths):
    for path in paths:
        if os.path.exists(path): return open(path).read().strip()
def refused(action):
    try: action()
    except OSError as error: return error.strerror
    return ""
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
mounts = {line.split()[1]: line.split()[3].split(",") for line in open("/proc/mounts")}
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
    "caps": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"], "seccomp": status["Seccomp"],
    "root": mounts["/"], "tmp": mounts["/tmp"],
    "write_root": refused(lambda: open("/usr/x", "w")), "write_tmp": refused(lambda: open("/tmp/x", "w")),
    "write_data": refused(lambda: open("/lab/data/d/x", "w")), "write_run": refused(lambda: open("/lab/run/x", "w")),
    "interfaces": sorted(os.listdir("/sys/class/net")),
    "reach": refused(lambda: socket.create_connection(("192.0.2.1", 80), timeout=2)),
    "memory": read("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"),
    "swap": read("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "/sys/fs/cgroup/memory.swap.max"),
    "pids": read("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"),
    "cpu": read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu.max"),
    "shm": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize,
    "init": read("/proc/1/comm"), "home": os.environ["HOME"], "socket": os.path.exists("/var/run/docker.sock"),
}))
"""


def wait_for(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def make_job(prepared: Prepared, *command: str, **changes: object) -> Job:
    plain = Job(short_id(), prepared.image, command, {}, "/", (), Resources(memory=256 * MB), {})
    return replace(plain, **changes)  # type: ignore[arg-type]


def run(engine: Engine, job: Job) -> JobStatus:
    engine.submit(job)
    wait_for(lambda: engine.status(job.id).state is JobState.EXITED)
    return engine.status(job.id)


@pytest.fixture(autouse=True)
def nothing_left(docker_engine: Engine, engine_home: LabHome) -> Iterator[None]:
    yield
    for job in docker_engine.list(home_id(engine_home)):
        docker_engine.remove(job.id)


@pytest.fixture
def api() -> Iterator[docker.APIClient]:
    client = docker.DockerClient.from_env().api
    yield client
    client.close()


def test_hardening_seen_from_inside(docker_engine: Engine, docker_base: Prepared, engine_home: LabHome) -> None:
    run_folder, data = engine_home.runs / short_id(), engine_home.runs / short_id()
    run_folder.mkdir()
    data.mkdir()
    resources = Resources(cpus=0.5, memory=300 * MB, pids=123, shm=32 * MB)
    mounts = [Mount(run_folder, "/lab/run", read_only=False), Mount(data, "/lab/data/d")]
    job = make_job(docker_base, "python3", "-c", LOOK, resources=resources, mounts=mounts)
    assert run(docker_engine, job).exit_code == 0, docker_engine.logs(job.id)
    seen = json.loads(docker_engine.logs(job.id)[-1])

    expected = (os.getuid(), os.getgid()) if os.getuid() else (65532, 65532)
    assert (seen["uid"], seen["gid"]) == expected
    assert 0 not in (seen["uid"], seen["gid"], *seen["groups"])
    assert {int(caps, 16) for caps in seen["caps"]} == {0}
    assert seen["no_new_privileges"] == "1"
    assert "ro" in seen["root"]
    assert {"rw", "nosuid", "nodev"} <= set(seen["tmp"])
    assert seen["write_root"] == seen["write_data"] == "Read-only file system"
    assert seen["write_tmp"] == seen["write_run"] == ""
    assert seen["interfaces"] == ["lo"]
    assert seen["reach"] == "Network is unreachable"
    assert seen["memory"] == str(300 * MB)
    assert seen["swap"] in (str(300 * MB), "0", None)  # version 1 counts memory and swap together
    assert seen["pids"] == "123"
    assert seen["cpu"] in ("50000", "50000 100000")
    assert seen["shm"] == 32 * MB
    assert seen["init"] in ("docker-init", "tini", "catatonit")
    assert seen["home"] == "/tmp"
    assert seen["socket"] is False


def test_too_many_processes_are_refused(docker_engine: Engine, docker_base: Prepared) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait"
    job = make_job(docker_base, "sh", "-c", script, resources=Resources(memory=64 * MB, pids=6))
    assert run(docker_engine, job).exit_code != 0
    assert "fork" in " ".join(docker_engine.logs(job.id))


SERVER = """
import http.server, os, socket
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try: socket.create_connection(("192.0.2.1", 80), timeout=1); said = b"reached"
        except OSError as error: said = str(error).encode()
        self.send_response(200); self.end_headers(); self.wfile.write(said)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", int(os.environ["LAB_PORT"])), H).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_listens_on_loopback_only_and_gets_nowhere(
    docker_engine: Engine, docker_base: Prepared, api: docker.APIClient
) -> None:
    port = free_port()
    job = make_job(docker_base, "python3", "-c", SERVER, port=port)
    docker_engine.submit(job)

    def answer() -> bytes:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
                return bytes(response.read())
        except OSError:
            return b""

    wait_for(answer)
    assert answer() in (b"timed out", b"[Errno 101] Network is unreachable")
    (details,) = api.containers(filters={"label": f"lab.job={job.id}"})
    assert [(bound["IP"], bound["PublicPort"]) for bound in details["Ports"]] == [("127.0.0.1", port)]
    network = api.inspect_network("lab-loopback")
    assert network["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"


def test_a_network_for_servers_that_was_removed_is_found_or_made_anew(
    docker_engine: Engine, docker_base: Prepared
) -> None:
    assert isinstance(docker_engine, DockerEngine)
    docker_engine._network_id = "0" * 64  # as remembered from before somebody removed it
    job = make_job(docker_base, "sleep", "100", port=free_port())
    docker_engine.submit(job)
    assert docker_engine.status(job.id).state is JobState.RUNNING


def test_a_kill_from_outside_is_told_as_one(
    docker_engine: Engine, docker_base: Prepared, api: docker.APIClient
) -> None:
    job = make_job(docker_base, "sleep", "100")
    docker_engine.submit(job)
    (details,) = api.containers(filters={"label": f"lab.job={job.id}"})
    api.kill(details["Id"])
    wait_for(lambda: docker_engine.status(job.id).state is JobState.EXITED)
    status = docker_engine.status(job.id)
    assert (status.exit_code, status.out_of_memory, status.interruption) == (137, False, "killed from outside")


def test_an_engine_that_heard_too_late_of_want_of_memory_told_of_it_in_an_event(
    docker_engine: Engine, docker_base: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = docker.APIClient.inspect_container

    def forgetful(self: docker.APIClient, container: str) -> dict[str, dict[str, object]]:
        details = ask(self, container)
        details["State"]["OOMKilled"] = False
        return details

    monkeypatch.setattr(docker.APIClient, "inspect_container", forgetful)
    short = Resources(memory=64 * MB)
    status = run(docker_engine, make_job(docker_base, "python3", "-c", "x = bytearray(200 << 20)", resources=short))
    assert (status.exit_code, status.out_of_memory, status.interruption) == (137, True, "")
    status = run(docker_engine, make_job(docker_base, "sh", "-c", "kill -9 $$", resources=short))
    assert (status.exit_code, status.out_of_memory, status.interruption) == (137, False, "killed from outside")


def test_a_child_out_of_memory_is_flagged_though_the_job_ends_well(
    docker_engine: Engine, docker_base: Prepared
) -> None:
    script = "python3 -c 'x = bytearray(200 << 20)'; exit 0"
    job = make_job(docker_base, "sh", "-c", script, resources=Resources(memory=64 * MB))
    status = run(docker_engine, job)
    assert (status.exit_code, status.out_of_memory) == (0, True)


def test_an_image_that_is_not_there(docker_engine: Engine, docker_base: Prepared, engine_home: LabHome) -> None:
    with pytest.raises(EngineError, match="lab-env:0000"):
        docker_engine.submit(make_job(replace(docker_base, image="lab-env:0000"), "true"))
    assert docker_engine.list(home_id(engine_home)) == []


def test_a_container_that_was_made_but_never_started_is_not_taken_for_a_success(
    docker_engine: Engine, docker_base: Prepared, engine_home: LabHome, api: docker.APIClient
) -> None:
    name = f"lab-{home_id(engine_home)[:8]}-abandond"
    labels = {"lab.home": home_id(engine_home), "lab.job": "abandond"}
    api.create_container_from_config({"Image": docker_base.image, "Cmd": ["true"], "Labels": labels}, name)
    # Just now it may still be on its way; a minute later nobody will start it.
    assert docker_engine.status("abandond").state is JobState.RUNNING
    docker_engine.remove("abandond")
    assert docker_engine.status("abandond").state is JobState.GONE


def test_no_engine_is_said(engine_home: LabHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    engine = connect("docker", engine_home)
    for ask in (engine.available, lambda: engine.status("x"), lambda: engine.list("x"), lambda: engine.logs("x")):
        with pytest.raises(EngineUnavailableError, match="does not answer"):
            ask()
    assert connect("auto", engine_home).name == "process"


def test_an_engine_that_hangs_is_given_up(
    engine_home: LabHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/tmp/lab-test-{short_id()}.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        assert connect("auto", engine_home).name == "process"
    os.unlink(path)


def test_auto_takes_docker_when_it_answers(docker_engine: Engine, engine_home: LabHome) -> None:
    assert connect("auto", engine_home).name == "docker"


def test_many_threads_may_use_one_engine(docker_engine: Engine, docker_base: Prepared, engine_home: LabHome) -> None:
    assert isinstance(docker_engine, DockerEngine)
    jobs = [make_job(docker_base, "sh", "-c", f"exit {number}") for number in range(6)]
    codes: dict[int, int | None] = {}

    def work(number: int) -> None:
        codes[number] = run(docker_engine, jobs[number]).exit_code

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert codes == {number: number for number in range(6)}
