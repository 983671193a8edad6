"""Watches over one job of the process engine: starts it, keeps its limits, and notes how it ended.

    python -I -S jobguard.py FOLDER READY

It outlives the Lab process that launched it, and is the job's parent, so that the exit code is known whatever becomes
of Lab. FOLDER holds `job.json` (argv, env, cwd, log, memory, restart); the guard writes `guard.json` (itself),
`child.json` (the job's process) and `exit.json` there. READY is a file descriptor that gets one line when the job
runs or cannot. Only the standard library, and as little of it as will do: every job starts one.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

LINUX = sys.platform.startswith("linux")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK_SECONDS = 0.5  # between looks at the job's memory
_SETTLED_SECONDS = 10.0  # after a life so long, the next pause is short again
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 60.0  # before a restart: doubled each time
_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG


def process_start(pid: int) -> str:
    """When the living process `pid` started, in the system's own words; "" if there is none or it is a zombie.

    A pid with its start is never met again within one boot.
    """
    if LINUX:
        fields = _stat(pid)
        return "" if not fields or fields[0] in ("Z", "X") else fields[19]
    with os.popen(f"ps -o stat=,lstart= -p {pid:d} 2>/dev/null") as answer:
        state, _, start = answer.read().strip().partition(" ")
    return "" if not state or state.startswith("Z") else start.strip()


def session_memory(session: int, *, exact: bool = False) -> int:
    """Bytes resident of all processes in `session` (Linux; elsewhere 0).

    What forked workers share is counted for each of them; with `exact` it is split, which takes longer.
    """
    total = 0
    for name in os.listdir("/proc") if LINUX else ():
        if name.isdigit():
            fields = _stat(int(name))
            if fields and fields[3] == str(session):
                total += (_share(int(name)) if exact else 0) or int(fields[21]) * _PAGE
    return total


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; [] if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().decode("ascii", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _share(pid: int) -> int:
    with (
        suppress(FileNotFoundError, ProcessLookupError, PermissionError),
        open(f"/proc/{pid}/smaps_rollup", "rb") as file,
    ):
        for line in file:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class Guard:
    """One job, from its first start to its last end."""

    def __init__(self, folder: str, ready: int) -> None:
        self.folder = folder
        self.ready = ready
        os.set_inheritable(ready, False)
        with open(os.path.join(folder, "job.json")) as file:
            self.job = json.load(file)
        self.child = 0
        self.stopping = False
        self.out_of_memory = False
        self.wake, wakened = os.pipe()
        for end in (self.wake, wakened):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        self._prctl = _death_signal()

    def run(self) -> None:
        me = os.getpid()
        self._note("guard.json", {"pid": me, "start": process_start(me)})
        restarts, pause = 0, _FIRST_PAUSE
        while True:
            started = time.time()
            error = self._start(restarts)
            self._tell()
            code, number = (127, 0) if error else self._wait()
            ended = time.time()
            if not self._again():
                break
            restarts += 1
            pause = _FIRST_PAUSE if ended - started > _SETTLED_SECONDS else min(_LAST_PAUSE, pause * 2)
            self._pause(pause)
            if self.stopping:
                break
        self._note(
            "exit.json",
            {
                "exit_code": code,
                "signal": number,
                "out_of_memory": self.out_of_memory,
                "started": started,
                "ended": ended,
                "error": error,
            },
        )

    # -- one life of the job ------------------------------------------------------------------------------------------

    def _start(self, restarts: int) -> str:
        """Start the job in a session of its own; why it cannot be started, or ""."""
        said, say = os.pipe()
        guard = os.getpid()
        self.child = os.fork()
        if self.child == 0:
            self._become_the_job(guard, say)
        os.close(say)
        with open(said, "rb") as answer:
            error = answer.read().decode("utf-8", "replace")
        if error:
            os.waitpid(self.child, 0)
            print(error, file=sys.stderr, flush=True)
            return error
        start = process_start(self.child)
        self._note("child.json", {"pid": self.child, "start": start, "restarts": restarts, "at": time.time()})
        if self.stopping:  # asked between two lives
            self._signal(signal.SIGTERM)
        return ""

    def _become_the_job(self, guard: int, say: int) -> None:
        """In the forked child: never returns. `say` closes by itself when the program is there."""
        argv, env = self.job["argv"], self.job["env"]
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            if self._prctl:
                self._prctl(_DEATH_SIGNAL, signal.SIGKILL)  # a job without its guard has no one to tell its end
                if os.getppid() != guard:
                    os._exit(128 + signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.chdir(self.job["cwd"])
            os.execvpe(argv[0], argv, env)
        except OSError as error:
            what = argv[0] if error.errno in (errno.ENOENT, errno.EACCES, errno.ENOEXEC) else "the job"
            os.write(say, f"{what} cannot be started: {error.strerror}".encode())
        finally:
            os._exit(127)

    def _wait(self) -> tuple[int, int]:
        """(exit code as shells have it, signal or 0) once the job has ended, and all that it left in its session's
        first process group is gone."""
        limit = self.job["memory"] if LINUX else 0
        while True:
            pid, status = os.waitpid(self.child, os.WNOHANG)
            if pid:
                self._signal(signal.SIGKILL)
                number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
                return (128 + number if number else os.WEXITSTATUS(status)), number
            self._sleep(_LOOK_SECONDS if limit else None)
            if limit and session_memory(self.child) > limit and session_memory(self.child, exact=True) > limit:
                self.out_of_memory = True
                self._signal(signal.SIGKILL)

    def _again(self) -> bool:
        if not self.job["restart"] or self.stopping:
            return False
        return not os.path.exists(os.path.join(self.folder, "stopped"))

    def _pause(self, seconds: float) -> None:
        """Wait so long, or until asked to stop; the end of a child wakes too and is no reason."""
        deadline = time.monotonic() + seconds
        while not self.stopping and (left := deadline - time.monotonic()) > 0:
            self._sleep(left)

    # -- small things -------------------------------------------------------------------------------------------------

    def _asked_to_stop(self, *_: object) -> None:
        self.stopping = True
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self.child:
            with suppress(ProcessLookupError, PermissionError):  # macOS: a group of zombies may not be signalled
                os.killpg(self.child, number)

    def _sleep(self, seconds: float | None) -> None:
        """Until a signal comes, or `seconds` have passed."""
        if select.select([self.wake], [], [], seconds)[0]:
            os.read(self.wake, 4096)

    def _tell(self) -> None:
        """Let the launcher know, the first time."""
        if self.ready >= 0:
            with suppress(BrokenPipeError):  # it was killed; the job is to run all the same
                os.write(self.ready, b"ready\n")
            os.close(self.ready)
            self.ready = -1

    def _note(self, name: str, content: dict[str, object]) -> None:
        path = os.path.join(self.folder, name)
        with open(path + ".part", "w") as file:
            json.dump(content, file)
        os.replace(path + ".part", path)


def _death_signal() -> Callable[[int, int], int] | None:
    """prctl on Linux, where a child can ask to die with its parent; None elsewhere."""
    if not LINUX:
        return None
    import ctypes  # only the guard needs it, not who imports this module for its functions

    prctl: Callable[[int, int], int] = ctypes.CDLL(None).prctl
    return prctl


def main() -> None:
    os.umask(0o077)
    if os.fork():  # an orphan from the start: its end is not the launcher's to wait for
        os._exit(0)
    Guard(sys.argv[1], int(sys.argv[2])).run()


if __name__ == "__main__":
    main()
