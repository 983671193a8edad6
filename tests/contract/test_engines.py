"""What every engine must do, whatever it is made of. A new engine is added to `ENGINES` and to tests/conftest.py."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab.domain.ids import short_id
from lab.domain.resources import Resources
from lab.engine import connect, home_id
from lab.engine.base import Engine, Environment, FindsImages, Job, JobEvent, JobState, JobStatus, Mount, Prepared, Stats
from lab.errors import ConflictError, EngineError
from lab.paths import LabHome

ENGINES = [pytest.param("docker", marks=pytest.mark.engine), "process"]
MB = 1024**2


@dataclass
class Site:
    """An engine, a lab home, and short ways to run things there."""

    engine: Engine
    home: LabHome
    prepared: Prepared

    def folder(self) -> Path:
        path = self.home.runs / short_id()
        path.mkdir(parents=True)
        return path

    def job(self, *command: str, **changes: object) -> Job:
        plain = Job(
            id=short_id(),
            image=self.prepared.image,
            command=command,
            env={},
            workdir="/",
            mounts=(),
            resources=Resources(memory=256 * MB),
            labels={"lab.test": "1"},
        )
        return replace(plain, **changes)  # type: ignore[arg-type]

    def python(self, code: str, **changes: object) -> Job:
        return self.job("python3", "-c", code, **changes)

    def start(self, job: Job) -> str:
        self.engine.submit(job)
        return job.id

    def ended(self, job_id: str, seconds: float = 60) -> JobStatus:
        wait_for(lambda: self.engine.status(job_id).state is not JobState.RUNNING, seconds)
        return self.engine.status(job_id)


def wait_for(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest, engine_home: LabHome) -> Iterator[Site]:
    engine = request.getfixturevalue(f"{request.param}_engine")
    prepared = request.getfixturevalue(f"{request.param}_base")
    yield Site(engine, engine_home, prepared)
    for job in engine.list(home_id(engine_home)):
        engine.remove(job.id)


def test_it_says_what_it_is(site: Site) -> None:
    info = site.engine.available()
    assert info.name == site.engine.name
    assert info.version
    assert info.isolated is (info.name == "docker")
    assert info.limits <= {"cpus", "memory", "gpus", "shm", "pids", "network"}


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_code_and_times(site: Site, code: int) -> None:
    begun = time.time()
    status = site.ended(site.start(site.job("sh", "-c", f"exit {code}")))
    assert (status.state, status.exit_code, status.out_of_memory) == (JobState.EXITED, code, False)
    assert status.interruption == ""
    assert status.started is not None
    assert status.ended is not None
    assert begun - 2 <= status.started <= status.ended <= time.time() + 2


def test_what_the_job_says_is_kept_for_the_engine(site: Site) -> None:
    job = site.start(site.job("sh", "-c", "echo one; echo two >&2; printf '\\377\\033[31mthree\\n'"))
    site.ended(job)
    assert sorted(site.engine.logs(job)) == sorted(["one", "two", "\ufffd\033[31mthree"])
    assert len(site.engine.logs(job, tail=1)) == 1
    assert site.engine.logs("unknown1") == []


def test_a_program_that_is_not_there(site: Site) -> None:
    status = site.ended(site.start(site.job("no-such-program")))
    assert status.exit_code == 127
    assert "no-such-program" in " ".join([*site.engine.logs(status.id), status.error])


def test_stop_asks_first(site: Site) -> None:
    folder = site.folder()
    code = (
        "import signal, sys, time\n"
        "def bye(*_): open('/lab/run/bye', 'w').close(); sys.exit(5)\n"
        "signal.signal(signal.SIGTERM, bye); open('/lab/run/up', 'w').close(); time.sleep(100)"
    )
    job = site.start(site.python(code, mounts=[Mount(folder, "/lab/run", read_only=False)]))
    wait_for((folder / "up").exists)
    assert site.engine.status(job).state is JobState.RUNNING
    site.engine.stop(job)
    status = site.engine.status(job)
    assert (status.state, status.exit_code, status.interruption) == (JobState.EXITED, 5, "")
    assert (folder / "bye").exists()
    site.engine.stop(job)  # harmless


def test_stop_kills_what_does_not_listen(site: Site) -> None:
    folder = site.folder()
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); open('/lab/run/up', 'w').close(); time.sleep(100)"
    )
    job = site.start(site.python(code, mounts=[Mount(folder, "/lab/run", read_only=False)]))
    wait_for((folder / "up").exists)
    begun = time.monotonic()
    site.engine.stop(job, grace=1.0)
    assert time.monotonic() - begun >= 0.9
    status = site.engine.status(job)
    assert (status.state, status.exit_code, status.interruption) == (JobState.EXITED, 137, "")


def test_children_end_with_their_job(site: Site) -> None:
    folder = site.folder()
    script = "(while :; do date +%s%N > /lab/run/beat; sleep 0.05; done) & while [ ! -s /lab/run/beat ]; do :; done"
    site.ended(site.start(site.job("sh", "-c", script, mounts=[Mount(folder, "/lab/run", read_only=False)])))
    last = (folder / "beat").read_text()
    time.sleep(0.3)  # six beats, if there were any
    assert (folder / "beat").read_text() == last


def test_an_unknown_job_is_gone(site: Site) -> None:
    assert site.engine.status("unknown1") == JobStatus("unknown1", JobState.GONE)
    site.engine.stop("unknown1")
    site.engine.remove("unknown1")
    assert site.engine.status("unknown1").state is JobState.GONE


def test_remove_forgets_ended_and_running_jobs(site: Site) -> None:
    ended, running = site.start(site.job("true")), site.start(site.job("sleep", "100"))
    site.ended(ended)
    for job in (ended, running):
        site.engine.remove(job)
        assert site.engine.status(job).state is JobState.GONE
        assert site.engine.logs(job) == []
        site.engine.remove(job)  # harmless


def test_list_is_by_home(site: Site) -> None:
    ended, running = site.start(site.job("sh", "-c", "exit 4")), site.start(site.job("sleep", "100"))
    site.ended(ended)
    found = {status.id: status for status in site.engine.list(home_id(site.home))}
    assert set(found) == {ended, running}
    assert (found[ended].state, found[ended].exit_code) == (JobState.EXITED, 4)
    assert found[running].state is JobState.RUNNING
    assert site.engine.list("0123456789abcdef") == []


def test_an_id_is_used_once(site: Site) -> None:
    job = site.job("sleep", "100")
    site.engine.submit(job)
    with pytest.raises(ConflictError, match=job.id):
        site.engine.submit(job)
    assert site.engine.status(job.id).state is JobState.RUNNING


def test_a_failed_submit_leaves_nothing(site: Site) -> None:
    mounts = [Mount(site.home.root / "no-such-folder", "/lab/data/x")]
    with pytest.raises(EngineError, match="no-such-folder"):
        site.engine.submit(site.job("true", mounts=mounts))
    assert site.engine.list(home_id(site.home)) == []


def test_a_server_is_started_again(site: Site) -> None:
    folder = site.folder()
    script = "echo x >> /lab/run/starts; [ $(wc -l < /lab/run/starts) -ge 3 ] && exec sleep 100; exit 1"
    mounts = [Mount(folder, "/lab/run", read_only=False)]
    job = site.start(site.job("sh", "-c", script, mounts=mounts, restart=True))
    wait_for(lambda: (folder / "starts").exists() and len((folder / "starts").read_text().split()) == 3)
    assert site.engine.status(job).state is JobState.RUNNING
    site.engine.stop(job, grace=1.0)
    assert site.engine.status(job).state is JobState.EXITED
    assert len((folder / "starts").read_text().split()) == 3


def test_a_server_that_always_dies_is_started_again_and_again_until_it_is_stopped(site: Site) -> None:
    job = site.start(site.job("sh", "-c", "echo again; exit 9", restart=True))
    wait_for(lambda: site.engine.status(job).restarts >= 4)
    status = site.engine.status(job)
    assert status.state is JobState.RUNNING
    assert site.engine.logs(job).count("again") >= 4
    site.engine.stop(job, grace=1.0)
    assert site.engine.status(job).state is JobState.EXITED


def test_linked_jobs_reach_each_other_and_nothing_else(site: Site) -> None:
    """Where jobs are isolated, by their ids; on an engine without networks a port on loopback is all there is."""
    isolated = site.engine.available().isolated
    port = 0 if isolated else free_port()
    serve = (
        "import http.server, os\n"
        "address = ('', int(os.environ['LAB_PORT']))\n"
        "http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    server = site.start(site.python(serve, link=True, port=port))
    address = f"{server}:8080" if isolated else f"127.0.0.1:{port}"
    ask = (
        "import time, urllib.request\n"
        "for _ in range(200):\n"
        f"    try: print(urllib.request.urlopen('http://{address}/', timeout=5).status); break\n"
        "    except OSError: time.sleep(0.1)\n"
    )
    asker = site.start(site.python(ask, link=True, port=free_port() if isolated else 0))
    assert site.ended(asker).exit_code == 0
    assert site.engine.logs(asker) == ["200"]
    if isolated:
        out = "import socket; socket.create_connection(('1.1.1.1', 80), timeout=3)"
        assert site.ended(site.start(site.python(out, link=True))).exit_code == 1
        stranger = site.start(site.python(ask.replace("range(200)", "range(1)"), port=free_port()))
        site.ended(stranger)
        assert site.engine.logs(stranger) == []


def test_paths_environment_and_workdir(site: Site) -> None:
    run, data = site.folder(), site.folder()
    (data / "x.csv").write_text("a,b\n")
    code = (
        "import os, sys; assert os.getcwd() == os.path.realpath(os.environ['HERE'])\n"
        "paths = os.environ['PATHS'].split(os.pathsep)\n"
        "assert os.path.exists(paths[1]), paths\n"
        "open(sys.argv[1].partition('=')[2], 'w').write(open('/lab/data/x/x.csv').read() + os.environ['WORD'])"
    )
    job = site.job(
        "python3",
        "-c",
        code,
        "--out=/lab/run/out.txt",
        env={"HERE": "/lab/run", "PATHS": "/nowhere:/lab/data/x", "WORD": "Grüße = $HOME"},
        workdir="/lab/run",
        mounts=[Mount(run, "/lab/run", read_only=False), Mount(data, "/lab/data/x")],
    )
    assert site.ended(site.start(job)).exit_code == 0, site.engine.logs(job.id)
    assert (run / "out.txt").read_text() == "a,b\nGrüße = $HOME"


def test_the_users_environment_is_not_the_jobs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    job = site.start(site.job("sh", "-c", "env"))
    site.ended(job)
    assert not any("sesame" in line for line in site.engine.logs(job))


def test_a_writable_folder_is_writable_and_what_is_written_readable(site: Site) -> None:
    folder = site.folder()
    (folder / "artifacts").mkdir()
    (folder / "events.jsonl").touch(0o600)
    script = "echo 1 >> /lab/run/events.jsonl && mkdir /lab/run/artifacts/deep && echo 2 > /lab/run/artifacts/deep/file"
    job = site.start(site.job("sh", "-c", script, mounts=[Mount(folder, "/lab/run", read_only=False)]))
    assert site.ended(job).exit_code == 0, site.engine.logs(job)
    assert (folder / "artifacts/deep/file").read_text() == "2\n"
    assert (folder / "events.jsonl").read_text() == "1\n"
    if os.getuid() != 0:
        assert (folder / "artifacts/deep/file").stat().st_uid == os.getuid()


def test_private_files_of_the_home_can_be_read_by_the_job(site: Site) -> None:
    folder = site.folder()
    (folder / "sub").mkdir(0o700)
    (folder / "sub/file").write_text("secret of the user\n")
    (folder / "sub/file").chmod(0o600)
    folder.chmod(0o700)
    job = site.start(site.job("sh", "-c", "cat /lab/data/d/sub/file", mounts=[Mount(folder, "/lab/data/d")]))
    assert site.ended(job).exit_code == 0, site.engine.logs(job)
    assert site.engine.logs(job) == ["secret of the user"]


def test_too_much_memory(site: Site) -> None:
    if "memory" not in site.engine.available().limits:
        pytest.skip("this engine does not limit memory here")
    code = "import time\nx = []\nwhile True: x.append(bytearray(8 << 20)); time.sleep(0.02)"
    status = site.ended(site.start(site.python(code, resources=Resources(memory=64 * MB))), 60)
    assert (status.exit_code, status.out_of_memory, status.interruption) == (137, True, "")


def test_memory_now(site: Site) -> None:
    assert isinstance(site.engine, Stats)
    folder = site.folder()
    code = "x = bytearray(60 << 20); open('/lab/run/up', 'w').close(); import time; time.sleep(100)"
    job = site.start(site.python(code, mounts=[Mount(folder, "/lab/run", read_only=False)]))
    wait_for((folder / "up").exists)
    assert 60 * MB <= site.engine.memory(job) < 120 * MB
    site.engine.stop(job, grace=0)
    assert site.engine.memory(job) == 0
    assert site.engine.memory("unknown1") == 0


SERVER = (
    "import http.server, os\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b'hello')\n"
    "    def log_message(self, *_): pass\n"
    "http.server.ThreadingHTTPServer((os.environ.get('BIND', ''), int(os.environ['LAB_PORT'])), H).serve_forever()"
)


def get(port: int) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def test_a_port_is_reached_on_loopback(site: Site) -> None:
    port = free_port()
    job = site.start(site.python(SERVER, port=port, container_port=9000))
    wait_for(lambda: get(port) == b"hello")
    site.engine.stop(job, grace=1)
    assert get(port) == b""


def test_a_taken_port_is_a_conflict_and_leaves_nothing(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConflictError, match=str(port)):
            site.engine.submit(site.python(SERVER, port=port))
    assert site.engine.list(home_id(site.home)) == []
    first = site.start(site.python(SERVER, port=port))
    with pytest.raises(ConflictError, match=str(port)):
        site.engine.submit(site.python(SERVER, port=port))
    assert [status.id for status in site.engine.list(home_id(site.home))] == [first]


def test_a_job_outlives_the_process_that_submitted_it(site: Site) -> None:
    folder = site.folder()
    code = f"""
import os, signal
from pathlib import Path
from lab.domain.resources import Resources
from lab.engine import connect
from lab.engine.base import Job, Mount
from lab.paths import LabHome
engine = connect({site.engine.name!r}, LabHome(Path({str(site.home.root)!r})))
script = "while [ ! -e /lab/run/go ]; do sleep 0.05; done; echo done; exit 7"
engine.submit(Job(id="orphan00", image={site.prepared.image!r}, command=["sh", "-c", script], env={{}}, workdir="/",
    mounts=[Mount(Path({str(folder)!r}), "/lab/run")], resources=Resources(), labels={{}}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    later = connect(site.engine.name, site.home)
    assert later.status("orphan00").state is JobState.RUNNING
    assert [status.id for status in later.list(home_id(site.home))] == ["orphan00"]
    (folder / "go").touch()
    wait_for(lambda: later.status("orphan00").state is JobState.EXITED)
    status = later.status("orphan00")
    assert (status.exit_code, status.interruption) == (7, "")
    assert later.logs("orphan00") == ["done"]
    later.close()


class Watcher:
    """Reads an engine's events as a service would, until told to stop."""

    def __init__(self, site: Site) -> None:
        self.seen: list[JobEvent] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, args=(site,), daemon=True)
        self.thread.start()

    def _watch(self, site: Site) -> None:
        for event in site.engine.events(home_id(site.home), self.stopped.is_set):
            self.seen.append(event)

    def of(self, job_id: str) -> list[str]:
        return [event.action for event in self.seen if event.id == job_id]


def test_events_tell_of_starts_and_deaths_once(site: Site) -> None:
    watcher = Watcher(site)
    probe = []  # the watch has begun when it tells of a job
    while not watcher.seen:
        probe.append(site.start(site.job("true")))
        site.ended(probe[-1])
        time.sleep(0.1)
    begun = time.time()
    jobs = [site.start(site.job("sh", "-c", "sleep 0.3; exit 1")) for _ in range(3)]
    wait_for(lambda: all(watcher.of(job) == ["start", "die"] for job in jobs))
    time.sleep(1.2)  # windows overlap: whatever would come twice has come by now
    assert all(watcher.of(job) == ["start", "die"] for job in jobs)
    assert all(begun - 2 < event.at < time.time() + 2 for event in watcher.seen if event.id in jobs)
    watcher.stopped.set()
    watcher.thread.join(60)
    assert not watcher.thread.is_alive()


def test_an_environment_is_made_once(site: Site) -> None:
    lines: list[str] = []
    environment = Environment(files=(("requirements.txt", b"six==1.17.0\n"),))
    first = site.engine.prepare(environment, lines.append)
    second = site.engine.prepare(environment, lines.append)
    assert second.image == first.image
    assert second.digest == first.digest
    assert second.built is False
    other = replace(site, prepared=second)
    job = other.start(other.python("import six; print(six.__version__)"))
    assert site.ended(job).exit_code == 0, site.engine.logs(job)
    assert site.engine.logs(job) == ["1.17.0"]


def test_an_environment_that_is_there_is_found(site: Site) -> None:
    assert isinstance(site.engine, FindsImages)
    assert site.engine.has_image(site.prepared.image)
    assert not site.engine.has_image("no-such/environment")


def test_what_cannot_be_installed_is_told_with_the_installers_words(site: Site) -> None:
    environment = Environment(files=(("requirements.txt", b"six==1.17.0\nsix==0.0.0\n"),))
    with pytest.raises(EngineError, match=r"(?s)requirements\.txt.*six"):
        site.engine.prepare(environment, lambda _: None)


def test_two_processes_that_want_the_same_environment_make_it_once(site: Site, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from lab.engine import connect
from lab.engine.base import Environment
from lab.paths import LabHome
engine = connect({site.engine.name!r}, LabHome(Path({str(site.home.root)!r})))
mark = {short_id()!r}
files = (("requirements.txt", f"# {{mark}}\\nsix==1.16.0\\n".encode()),)
print(engine.prepare(Environment(files), lambda line: None).built)
"""
    makers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = sorted(maker.communicate(timeout=180)[0].strip() for maker in makers)
    assert answers == ["False", "True"]
