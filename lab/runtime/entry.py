"""The entry point of every run, in every engine: `python -m lab.runtime.entry -- COMMAND…`.

Runs the command in the current folder with its output appended to `$LAB_RUN_DIR/stdout.log`, looks for metrics in that
while it waits, and writes `$LAB_RUN_DIR/exit.json`, the first truth about how the run ended. Beside that it notes what
the run is run by (`capture.json`) and what it left (`outputs.json`). Ends with the command's own exit code, 128 + n for
a death by signal n, 127 or 126 if the command was not found or cannot be run. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from shutil import which
from types import FrameType

from lab.runtime.atomic import write_json
from lab.runtime.oom import oom_kills
from lab.runtime.sampler import Sampler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lab.runtime.stdout_metrics import StdoutMetrics

TAIL_BYTES = 2048
_LOOK_EVERY = 0.25  # seconds between two looks at what was printed
_SPEC_MAX = 8 << 20  # bytes
_FORWARDED = (signal.SIGTERM, signal.SIGINT)
#: Whether a dead child can be looked at without reaping it; macOS learnt it with Python 3.13.
_CAN_PEEK = hasattr(os, "waitid")
_DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(-py[^-]+)?\.(dist|egg)-info")


class Child:
    """The command as a child process, leader of a process group of its own."""

    def __init__(self) -> None:
        self.pid = 0
        self.ended = 0.0  # monotonic
        self.received = 0  # the first signal that came from outside to end the run
        self._pending = 0
        self._woken = -1  # readable when a signal has come

    def listen(self) -> None:
        """Catch the signals to forward and the child's death, from before it starts."""
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in _FORWARDED:
            signal.signal(number, self._forward)
        signal.signal(signal.SIGCHLD, self._note_death)

    def start(self, argv: list[str], output: int) -> None:
        """Start `argv` with stdout and stderr going to the descriptor `output`. Raises OSError."""
        self.pid = os.posix_spawnp(
            argv[0],
            argv,
            {"PYTHONUNBUFFERED": "1", **os.environ},
            file_actions=[(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)],
            setpgroup=0,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, *_FORWARDED],
        )
        if self._pending:
            self._send(self._pending)

    def wait(self, look: Callable[[], None]) -> int:
        """Wait for the end, calling `look` now and then; kill what is left of its group; return the wait status."""
        while _CAN_PEEK and not self.ended:
            look()
            self._note_death(0, None)
            if not self.ended and select.select([self._woken], [], [], _LOOK_EVERY)[0]:
                os.read(self._woken, 4096)
        if not _CAN_PEEK:
            status = os.waitpid(self.pid, 0)[1]
            self.ended = self.ended or time.monotonic()
            self._send(signal.SIGKILL)
            return status
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        self._note_death(0, None)
        self._send(signal.SIGKILL)  # not reaped yet, so the group's number is still its own
        return os.waitpid(self.pid, 0)[1]

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        self.received = self.received or number
        if self.pid:
            self._send(number)
        else:
            self._pending = number

    def _send(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # macOS refuses a group that holds only the dead

    def _note_death(self, _number: int, _frame: FrameType | None) -> None:
        """Take the time of death as it happens, whatever the main line is doing."""
        if not self.pid or self.ended:
            return
        if not _CAN_PEEK or os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            self.ended = time.monotonic()


def packages() -> dict[str, str]:
    """Installed distributions: normalised name to version, by the names of their metadata folders."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for match in filter(None, map(_DISTRIBUTION.fullmatch, names)):
            found.setdefault(re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"])
    return dict(sorted(found.items()))


def _spec(folder: str) -> dict[str, Any]:
    """`spec.json` in `folder`; empty where there is none, which is no run of this Lab."""
    try:
        with open(os.path.join(folder, "spec.json"), "rb") as file:
            spec = json.loads(file.read(_SPEC_MAX))
    except (OSError, ValueError):
        return {}
    return spec if isinstance(spec, dict) else {}


def printed_metrics(folder: str, spec: dict[str, Any]) -> StdoutMetrics | None:
    """What finds metrics in the output of the run that `spec` asked for; None where it shall not."""
    # Here and not above: the command is to start first.
    from lab.runtime.printed import Patterns
    from lab.runtime.stdout_metrics import StdoutMetrics

    try:
        wanted = spec["collecting"]
        patterns = Patterns(wanted["patterns"], wanted["ignore"], spec["params"]) if wanted["stdout"] else None
    except (KeyError, TypeError, AttributeError, re.error):
        return None
    return StdoutMetrics(folder, patterns) if patterns else None


class _Witness:
    """Notes beside the run what it is run by, what it prints and what it leaves. Where that fails it says so and goes
    on without: the run must not suffer."""

    def __init__(self, folder: str, installed: dict[str, str]) -> None:
        self._folder = folder
        self._spec = _spec(folder)
        self._printed = printed_metrics(folder, self._spec) if self._spec else None
        if self._spec:
            self._write("capture.json", lambda: import_module("lab.runtime.surroundings").describe(installed))

    def look(self, *, last: bool = False) -> None:
        """Take in what was printed."""
        if self._printed is None:
            return
        try:
            self._printed.poll(last=last)
        except OSError as error:
            self._printed = None
            sys.stderr.write(f"lab: what is printed is not looked at for metrics any more: {error}\n")

    def leave(self, since: int, stop: Callable[[], bool]) -> None:
        """List what the run left that began at `since`, nanoseconds since the epoch."""
        datasets = self._spec.get("datasets")
        told = datasets.values() if isinstance(datasets, dict) else ()
        places = [str(item.get("place") or "") for item in told if isinstance(item, dict)]
        if self._spec:
            outputs = import_module("lab.runtime.outputs")
            self._write("outputs.json", lambda: outputs.describe(self._folder, since, places, stop))

    def _write(self, name: str, describe: Callable[[], dict[str, Any]]) -> None:
        try:
            write_json(os.path.join(self._folder, name), describe())
        except OSError as error:
            sys.stderr.write(f"lab: {name} could not be written: {error}\n")


def _with_interpreter(argv: list[str]) -> list[str]:
    """`python` is this interpreter where no program of that name is (Debian has only `python3`), also for a shell."""
    if argv[0] not in ("python", "sh") or which("python") is not None:
        return argv
    if argv[0] == "python":
        return [sys.executable, *argv[1:]]
    try:
        folder = import_module("tempfile").mkdtemp(prefix="lab-bin-")
        os.symlink(sys.executable, os.path.join(folder, "python"))
    except OSError:
        return argv  # the shell tells what it misses
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return argv


def _tail(path: str) -> bytes:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        return file.read()


def _fate(status: int) -> tuple[int, int]:
    """(exit code as a shell tells it, signal or 0) of a wait status."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status), os.WTERMSIG(status)
    return os.WEXITSTATUS(status), 0


def run(argv: list[str], folder: str) -> int:
    """Run `argv` to its end and leave `stdout.log` and `exit.json` in `folder`. Returns the exit code.

    Raises OSError if `folder` cannot be written.
    """
    log = os.path.join(folder, "stdout.log")
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    child = Child()
    child.listen()
    sampler = Sampler(folder)
    kills, started, began = oom_kills(), time.time(), time.monotonic()
    installed: dict[str, str] = {}
    witness: _Witness | None = None
    try:
        child.start(_with_interpreter(argv), output)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        code, number = (127 if missing else 126), 0
        reason = getattr(error, "strerror", None) or str(error)
        os.write(output, f"lab: cannot start {argv[0]!r}: {reason}\n".encode("utf-8", "replace"))
        child.ended = time.monotonic()
    else:
        sampler.start()
        installed = packages()
        witness = _Witness(folder, installed)
        code, number = _fate(child.wait(witness.look))
        sampler.stop()
    duration = child.ended - began
    verdict: dict[str, object] = {
        "v": 1,
        "exit_code": code,
        "signal": number,
        "received": child.received,
        "oom": oom_kills() > kills,
        "started": started,
        "ended": started + duration,
        "duration": duration,
        "python": ".".join(map(str, sys.version_info[:3])),
        "packages": installed,
        "usage": sampler.usage(),
    }
    write_json(os.path.join(folder, "exit.json"), verdict)
    if witness is not None:  # after the record of the end: who ends the run now does not wait for this
        witness.look(last=True)
        witness.leave(int(started * 1e9), lambda: bool(child.received))
    if code:
        sys.stderr.buffer.write(_tail(log))
        sys.stderr.flush()
    return code


def main(argv: list[str]) -> int:
    """The command line: everything after `--`."""
    command = argv[argv.index("--") + 1 :] if "--" in argv else argv
    folder = os.environ.get("LAB_RUN_DIR", "")
    if not command or not folder:
        sys.stderr.write("usage: LAB_RUN_DIR=FOLDER python -m lab.runtime.entry -- COMMAND…\n")
        return 2
    try:
        return run(command, folder)
    except OSError as error:
        sys.stderr.write(f"lab: cannot write the run folder {folder}: {error}\n")
        return 125


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
