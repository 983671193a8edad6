"""Jobs as plain processes, for machines where no container engine answers. Nothing is isolated.

A guard (lab.runtime.jobguard) starts each job and outlives Lab; `jobs/<id>/` in the lab home holds what is known of
it, so that any later Lab process finds it again. Environments are virtual environments in the lab home.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from lab.engine.base import EngineInfo, Environment, Job, JobEvent, JobState, JobStatus, Prepared, Progress
from lab.engine.identity import boot_id, home_id
from lab.engine.jobs import JobFolder, check_job, job_folder, read_note, write_note
from lab.engine.ports import is_free
from lab.engine.translate import translator
from lab.engine.venvs import VenvBuilder
from lab.errors import ConflictError, EngineError
from lab.paths import LabHome
from lab.runtime import jobguard

_LOOK_SECONDS = 0.2
_START_SECONDS = 10.0  # a job that was noted longer ago and has no guard was abandoned
_TAIL_BYTES = 256 * 1024

#: What a job sees of the user's environment: no tokens, no keys, none of Lab's own settings.
_INHERITED = (
    "PATH HOME USER LOGNAME LANG LC_ALL LC_CTYPE TZ TMPDIR SHELL LD_LIBRARY_PATH DYLD_LIBRARY_PATH CUDA_HOME "
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE"
).split()


class ProcessEngine:
    """Subprocesses of this machine, run by the user that Lab runs as."""

    name = "process"

    def __init__(self, home: LabHome) -> None:
        self._home = home
        self._venvs = VenvBuilder(home)

    def close(self) -> None:
        """Nothing is held open."""

    def available(self) -> EngineInfo:
        return EngineInfo(
            name=self.name,
            version=platform.python_version(),
            isolated=False,
            limits=frozenset({"memory"} if jobguard.LINUX else ()),
            detail="no isolation: a job can read, write and reach all that you can",
        )

    def prepare(self, environment: Environment, progress: Progress) -> Prepared:
        """Find or make the virtual environment (lab.engine.venvs)."""
        return self._venvs.prepare(environment, progress)

    def has_image(self, image: str) -> bool:
        """Whether that virtual environment is there, whole."""
        return self._venvs.has(image)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        check_job(job)
        spec = self._spec(job)
        if job.port and (not is_free(job.port) or self._port_is_promised(job.port)):
            raise ConflictError(f"port {job.port} is taken", "choose another port, or stop what uses it")
        self._home.jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = job_folder(self._home, job.id)
        try:
            folder.root.mkdir(mode=0o700)
        except FileExistsError as error:
            raise ConflictError(f"there is a job {job.id} already") from error
        try:
            write_note(folder.spec, spec)
            _launch(folder)
        except BaseException:
            self._end(folder, grace=0.0)
            folder.forget()
            raise

    def _spec(self, job: Job) -> dict[str, object]:
        """What the guard reads: `job` in the host's own paths."""
        translate = translator(job.mounts)
        cwd = Path(translate(job.workdir))
        if not cwd.is_dir():
            raise EngineError(f"the job {job.id} cannot be started: there is no folder {cwd} to work in")
        return {
            "argv": [translate(word) for word in job.command],
            "env": self._env(job, translate),
            "cwd": str(cwd),
            "memory": job.resources.memory,
            "restart": job.restart,
            "port": job.port,
            "labels": {**job.labels, "lab.home": home_id(self._home), "lab.job": job.id},
            "boot": boot_id(),
            "created": time.time(),
        }

    def _env(self, job: Job, translate: Callable[[str], str]) -> dict[str, str]:
        venv = self._home.root / job.image
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        env |= {
            "PATH": f"{venv / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}",
            "VIRTUAL_ENV": str(venv),
            "PYTHONUNBUFFERED": "1",
        }
        gpus = job.resources.gpus
        if gpus >= 0:
            env["CUDA_VISIBLE_DEVICES"] = ",".join(str(number) for number in range(gpus))
        env |= {name: translate(value) for name, value in job.env.items()}
        if job.port:
            env["LAB_PORT"] = str(job.port)
        return env

    def status(self, job_id: str) -> JobStatus:
        return _status(job_folder(self._home, job_id))

    def logs(self, job_id: str, tail: int = 200) -> list[str]:
        try:
            with job_folder(self._home, job_id).log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                return file.read().decode("utf-8", "replace").splitlines()[-tail:] if tail > 0 else []
        except FileNotFoundError:
            return []

    def stop(self, job_id: str, grace: float = 10.0) -> None:
        folder = job_folder(self._home, job_id)
        if _status(folder).state is JobState.RUNNING:
            folder.mark_stopped()
            self._end(folder, grace)

    def remove(self, job_id: str) -> None:
        folder = job_folder(self._home, job_id)
        self._end(folder, grace=0.0)
        folder.forget()

    def _end(self, folder: JobFolder, grace: float) -> None:
        """End the job: by asking its guard, then, after `grace` seconds, by force."""
        if grace > 0:
            _send(folder.guard, folder, signal.SIGTERM)
            if _wait(lambda: not _alive(folder.guard, folder), grace):
                return
        if not _alive(folder.guard, folder):
            _kill_group(folder)
            return
        folder.mark_stopped()  # the guard is not to start it again
        _send(folder.guard, folder, signal.SIGTERM)
        if not _wait(lambda: _kill_group(folder) or not _alive(folder.guard, folder), 10.0):
            raise EngineError(f"the job {folder.root.name} does not end, not even by force")

    def list(self, home_id: str) -> list[JobStatus]:
        jobs = []
        for folder in self._folders():
            note = read_note(folder.spec)
            if note and note["labels"]["lab.home"] == home_id:
                jobs.append(_status(folder))
        return [job for job in jobs if job.state is not JobState.GONE]

    def memory(self, job_id: str) -> int:
        """Bytes resident now, summed over the job's processes; 0 when it does not run, or off Linux."""
        folder = job_folder(self._home, job_id)
        child = read_note(folder.child)
        return jobguard.session_memory(child["pid"]) if child and _alive(folder.child, folder) else 0

    def events(self, home_id: str, stop: Callable[[], bool]) -> Iterator[JobEvent]:
        """Looks at the job folders five times a second."""
        before = {folder.root.name: _life(folder) for folder in self._folders()}
        while not stop():
            now = {folder.root.name: _life(folder) for folder in self._folders()}
            for job_id, (started, ended, oom) in now.items():
                old_started, old_ended, _ = before.get(job_id, (None, None, False))
                if started and started != old_started:
                    yield JobEvent(job_id, "start", started)
                if ended and ended != old_ended:
                    if oom:
                        yield JobEvent(job_id, "oom", ended)
                    yield JobEvent(job_id, "die", ended)
            before = now
            time.sleep(_LOOK_SECONDS)

    def _port_is_promised(self, port: int) -> bool:
        """Whether a running job was given `port`, though it may not listen yet."""
        return any(
            (read_note(folder.spec) or {}).get("port") == port and _status(folder).state is JobState.RUNNING
            for folder in self._folders()
        )

    def _folders(self) -> Iterator[JobFolder]:
        with suppress(FileNotFoundError):
            for path in sorted(self._home.jobs.iterdir()):
                folder = JobFolder(path)
                if folder.spec.exists():
                    yield folder


# -- processes --------------------------------------------------------------------------------------------------------


def _launch(folder: JobFolder) -> None:
    """Start the guard; return when the job runs or is known not to."""
    ready, tell = os.pipe()
    try:
        with folder.log.open("ab") as log:
            command = [sys.executable, "-I", "-S", jobguard.__file__, str(folder.root), str(tell)]
            starter = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"LC_ALL": "C.UTF-8"},
                pass_fds=[tell],
                start_new_session=True,
            )
    except OSError as error:
        os.close(ready)
        raise EngineError(f"no process can be started: {error.strerror}") from error
    finally:
        os.close(tell)
    with open(ready, "rb") as answer:
        told = answer.read()
    starter.wait()
    if not told:
        tail = folder.log.read_text(errors="replace").strip().splitlines()[-3:]
        raise EngineError(f"the job {folder.root.name} cannot be started: {' '.join(tail) or 'its guard died'}")


def _alive(note_path: Path, folder: JobFolder) -> bool:
    """Whether the very process that a note tells of still lives."""
    note, spec = read_note(note_path), read_note(folder.spec)
    if not note or not spec or spec["boot"] != boot_id():
        return False
    return bool(note["start"]) and jobguard.process_start(note["pid"]) == note["start"]


def _send(note_path: Path, folder: JobFolder, number: signal.Signals) -> None:
    note = read_note(note_path)
    if note and _alive(note_path, folder):
        with suppress(ProcessLookupError):
            os.kill(note["pid"], number)


def _kill_group(folder: JobFolder) -> bool:
    """Kill the job's process group if its leader still lives; always False, for use in a condition."""
    child = read_note(folder.child)
    if child and _alive(folder.child, folder):
        with suppress(ProcessLookupError):
            os.killpg(child["pid"], signal.SIGKILL)
    return False


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _status(folder: JobFolder) -> JobStatus:
    job_id = folder.root.name
    spec = read_note(folder.spec)
    if spec is None:
        return JobStatus(job_id, JobState.GONE)
    alive = _alive(folder.guard, folder)
    end = read_note(folder.exit)  # after the look at the guard: it writes this last
    if end:
        outside = end["signal"] in _KILLS and not end["out_of_memory"] and not folder.stopped.exists()
        return JobStatus(
            id=job_id,
            state=JobState.EXITED,
            exit_code=end["exit_code"],
            out_of_memory=end["out_of_memory"],
            interruption="killed from outside" if outside else "",
            started=end["started"],
            ended=end["ended"],
            error=end["error"],
        )
    child = read_note(folder.child) or {}
    started = child.get("at")
    if alive:
        return JobStatus(job_id, JobState.RUNNING, started=started, restarts=child.get("restarts", 0))
    if read_note(folder.guard) is None and spec["boot"] == boot_id():
        if time.time() - spec["created"] < _START_SECONDS:
            return JobStatus(job_id, JobState.RUNNING)
        return JobStatus(job_id, JobState.EXITED, interruption="it was never started")
    _kill_group(folder)  # a job whose guard is gone is over, also where the system did not end it with its guard
    cause = "killed from outside" if spec["boot"] == boot_id() else "machine restarted"
    return JobStatus(job_id, JobState.EXITED, 128 + signal.SIGKILL, interruption=cause, started=started)


_KILLS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def _life(folder: JobFolder) -> tuple[float | None, float | None, bool]:
    """(last start, end, out of memory) as far as they are known."""
    child: Mapping[str, float] = read_note(folder.child) or {}
    end = read_note(folder.exit)
    return child.get("at"), end["ended"] if end else None, bool(end and end["out_of_memory"])
