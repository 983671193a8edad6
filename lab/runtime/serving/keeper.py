"""Holds a server's address while the worker, which has the model in it, comes and goes.

The worker is started anew when it dies, so that this takes as long as loading the model and not as long as starting a
container; and one that nobody has asked for a while ends, and is started when somebody does. Meanwhile questions about
health are answered here (lab.runtime.serving.door) and all others wait. Connections that the worker has taken are held
here too: of one that is killed the other side sees an end, which a router may answer by asking again, and not a reset.

Standard library only, and little of it: while the worker sleeps this is all there is.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress

from lab.runtime.oom import oom_kills
from lab.runtime.serving.config import Config
from lab.runtime.serving.door import Door, answer
from lab.runtime.serving.handover import CLOSED, LISTENING, OPENED, READY, TAKE, Channel, drain, end_gently
from lab.runtime.serving.metrics import resident_bytes

#: The exit code of a worker that has nothing to do.
ASLEEP_EXIT = 85
#: What a worker finds in its environment.
LISTENER, CHANNEL, LATE, RESTARTS, NAPS, OUT_OF_MEMORY = (
    f"LAB_WORKER_{name}" for name in ("LISTENER", "CHANNEL", "LATE", "RESTARTS", "NAPS", "OUT_OF_MEMORY")
)

_SETTLED_SECONDS = 10.0  # after a life so long, a death is the first again
_PAUSE = 0.1  # before the second start in a row, doubled each time; before the first there is none
_MOST_STARTS = 5  # in a row; after that it is the engine's to try
_BORNE = 2  # deaths in a row that those who ask only wait for; after more it is told to be not ready
_LINGER_SECONDS = 1.0  # for which what a dead worker held is still read
_KILL_SECONDS = 5.0  # beyond the grace that a worker has to stop
_LOOK_SECONDS = 0.1

_ASLEEP, _WAKING, _AGAIN, _SERVING = "asleep", "waking", "starting again", "serving"


class Keeper:
    """One server, from its first start to its last end."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        self._config = config
        self._listener = listener
        listener.setblocking(False)
        listener.set_inheritable(True)
        self._door = Door(listener, config.allowed_hosts, self._page)
        self._state = _SERVING
        self._worker = 0
        self._channel: Channel | None = None
        self._began = self._next_start = time.monotonic()
        self._started = time.time()
        self._was_ready = self._listening = self._stopping = False
        self._kill_at = 0.0
        self._held: dict[int, socket.socket] = {}
        self._handing: list[socket.socket] = []  # to the worker, which takes only so many at once
        self._lingering: list[tuple[socket.socket, float]] = []
        self._deaths = self._restarts = self._naps = self._out_of_memory = 0
        self._oom = oom_kills()
        self._wake, self._waken = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waken, False)
        _take_all_descriptors()

    def run(self) -> int:
        """The exit code: the worker's where it ended for good, 0 after a stop while it slept."""
        signal.set_wakeup_fd(self._waken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._start(late=False)
        while (code := self._step()) is None:
            pass
        self._door.refuse()
        return code

    def _step(self) -> int | None:
        """Wait for something to happen and see to it; the exit code when there is nothing more to do."""
        ready = self._wait()
        if self._channel is not None and self._channel.fileno() in ready:
            self._hear(self._channel)
            self._hand_over(self._channel)
        self._door.look(ready)
        self._let_go()
        if self._stopping and not self._listening:
            self._door.refuse()  # a worker that loads would only be ready to refuse them itself
        code = self._reap()
        if code is not None:
            return code
        if not self._worker:
            if self._stopping:
                return 0
            if self._state == _ASLEEP and self._door.waiting:
                self._state = _WAKING
                self._start(late=True)
            elif self._state == _AGAIN and time.monotonic() >= self._next_start:
                self._start(late=True)
        elif self._kill_at and time.monotonic() > self._kill_at:
            os.kill(self._worker, signal.SIGKILL)
            self._kill_at = 0.0
        return None

    def _wait(self) -> frozenset[int]:
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        if self._channel is not None and not self._channel.ended:
            poller.register(self._channel, select.POLLIN | (select.POLLOUT if self._handing else 0))
        self._door.watch(poller)
        ready = frozenset(number for number, _ in poller.poll(self._patience()))
        if self._wake in ready:
            os.read(self._wake, 4096)
        return ready

    def _patience(self) -> float | None:
        """Milliseconds until something is due; None: for ever."""
        due = [self._door.deadline]
        if self._lingering:
            due.append(time.monotonic() + _LOOK_SECONDS)
        if self._kill_at:
            due.append(self._kill_at)
        if not self._worker and self._state == _AGAIN:
            due.append(self._next_start)
        known = [at for at in due if at is not None]
        return max(0.0, min(known) - time.monotonic()) * 1000 + 1 if known else None

    # -- the worker

    def _start(self, late: bool) -> None:
        """Start a worker; one that comes late listens only when it is ready, and this one answers until then."""
        ours, theirs = socket.socketpair()
        theirs.set_inheritable(True)
        env = {
            **os.environ,
            LISTENER: str(self._listener.fileno()),
            CHANNEL: str(theirs.fileno()),
            LATE: "1" if late else "",
            RESTARTS: str(self._restarts),
            NAPS: str(self._naps),
            OUT_OF_MEMORY: str(self._out_of_memory),
        }
        self._began, self._listening = time.monotonic(), False
        if late:
            self._door.open()
        argv = [sys.executable, "-m", "lab.runtime.serving.worker"]
        defaults = [signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE]
        self._worker = os.posix_spawn(sys.executable, argv, env, setsigdef=defaults)
        theirs.close()
        self._channel = Channel(ours)
        if self._stopping:
            self._pass_on_stop()

    def _hear(self, channel: Channel) -> None:
        for kind, number, connection in channel.hear():
            if kind == READY:
                self._was_ready = True
            elif kind == LISTENING:
                self._listening, self._state = True, _SERVING
                self._handing += self._door.shut()
            elif kind == OPENED and connection is not None:
                self._held[number] = connection
            elif kind == CLOSED and (held := self._held.pop(number, None)):
                held.close()

    def _hand_over(self, channel: Channel) -> None:
        """Give the worker as many of those who waited for it as it takes now."""
        while self._handing and channel.tell(TAKE, connection=self._handing[0].fileno()):
            self._handing.pop(0).close()

    def _reap(self) -> int | None:
        if not self._worker:
            return None
        pid, status = os.waitpid(self._worker, os.WNOHANG)
        if not pid:
            return None
        channel, self._worker, self._channel, self._kill_at = self._channel, 0, None, 0.0
        if channel is not None:
            while not channel.ended and self._more(channel):
                self._hear(channel)
            channel.close()
        held, self._held = list(self._held.values()), {}
        code = os.waitstatus_to_exitcode(status)
        for connection in self._handing:  # those that it never got
            self._door.adopt(connection)
        self._handing = []
        for connection in held:
            if code == ASLEEP_EXIT and not self._stopping:
                self._door.adopt(connection)
            else:
                self._linger(connection)
        return self._ended(code if code >= 0 else 128 - code)

    def _more(self, channel: Channel) -> bool:
        poller = select.poll()
        poller.register(channel, select.POLLIN)
        return bool(poller.poll(0))

    def _ended(self, code: int) -> int | None:
        """What becomes of a server whose worker ended so; its exit code if that was it."""
        if self._stopping or not self._was_ready:
            return 0 if self._stopping and code == ASLEEP_EXIT else code
        if code == ASLEEP_EXIT:
            self._naps += 1
            self._deaths = 0
            self._state = _ASLEEP
            self._door.open()
            return None
        self._deaths = 1 if time.monotonic() - self._began > _SETTLED_SECONDS else self._deaths + 1
        self._restarts += 1
        kills = oom_kills()
        why = f"it was ended by signal {code - 128}" if code > 128 else f"it ended with code {code}"
        if kills > self._oom:
            self._oom, self._out_of_memory = kills, self._out_of_memory + 1
            why = "the memory limit was reached"
        again = self._deaths <= _MOST_STARTS
        sys.stdout.write(f"the model's process died: {why}" + ("; it is started again\n" if again else "\n"))
        sys.stdout.flush()
        if not again:
            return code
        self._state = _AGAIN
        self._next_start = time.monotonic() + (_PAUSE * 2.0 ** (self._deaths - 2) if self._deaths > 1 else 0.0)
        self._door.open()
        return None

    def _stop(self, *_: object) -> None:
        """Asked to by a signal."""
        self._stopping = True
        self._pass_on_stop()

    def _pass_on_stop(self) -> None:
        if self._worker:
            self._kill_at = time.monotonic() + self._config.grace + _KILL_SECONDS
            with suppress(ProcessLookupError):
                os.kill(self._worker, signal.SIGTERM)

    # -- connections of a worker that is gone

    def _linger(self, connection: socket.socket) -> None:
        end_gently(connection)
        self._lingering.append((connection, time.monotonic() + _LINGER_SECONDS))

    def _let_go(self) -> None:
        now = time.monotonic()
        for connection, until in self._lingering:
            drain(connection)
            if now > until:
                connection.close()
        self._lingering = [one for one in self._lingering if one[1] >= now]

    # -- what is told of it while the worker is not there

    def _page(self, path: bytes) -> bytes | None:
        ready = self._deaths <= _BORNE
        if path in (b"/livez", b"/v2/health/live"):
            return answer("200 OK", b'{"live":true}')
        if path == b"/metrics":
            return answer("200 OK", self._metrics(ready), "text/plain; version=0.0.4; charset=utf-8")
        if path not in (b"/readyz", b"/v2/health/ready", b"/ping", b"/health"):
            return None
        if not ready:
            return answer(
                "503 Service Unavailable", b'{"ready":false,"reason":"the model\'s process dies again and again"}'
            )
        if path in (b"/ping", b"/health"):
            return answer("200 OK", b"\n")
        return answer("200 OK", b'{"ready":true,"state":"%s"}' % self._state.encode())

    def _metrics(self, ready: bool) -> bytes:
        values = {
            "lab_ready": ("gauge", int(ready)),
            "lab_asleep": ("gauge", int(self._state == _ASLEEP)),
            "lab_worker_restarts_total": ("counter", self._restarts),
            "lab_worker_naps_total": ("counter", self._naps),
            "lab_out_of_memory_total": ("counter", self._out_of_memory),
            "lab_uptime_seconds": ("gauge", time.time() - self._started),
            "process_cpu_seconds_total": ("counter", time.process_time()),
            "process_resident_memory_bytes": ("gauge", resident_bytes()),
        }
        lines = [f"# TYPE {name} {kind}\n{name} {value!r}\n" for name, (kind, value) in values.items()]
        return "".join(lines).encode()


def _take_all_descriptors() -> None:
    """As many as may be: each connection takes one here and one in the worker."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
