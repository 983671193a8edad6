"""HAProxy as a router, in a container: health checks, weights and counts by its runtime socket."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from lab.domain.resources import Resources
from lab.engine.base import Job, Mount
from lab.errors import EngineError
from lab.serving.routing import SERVER_HEADER, SLOTS, SOCKET, Backend, BackendStats, RouterFolder, ask
from lab.stores.durable import write_atomic

_CONFIG_DIR, _SOCKET_DIR = "/lab/config", "/lab/run"
_FILE = "haproxy.cfg"
_BACKEND = "model"

#: A request that its server dies over before a byte of the answer is asked again elsewhere: predictions change
#: nothing, so that is safe also for POST. Twice more only, lest one that kills servers kills them all; a server that
#: cannot be connected to is left out at once until a check succeeds, so that then it is another one's turn. Only what
#: has come whole before it is passed on can be asked again: what fits in the buffer, 64 KB with its head. (A reset
#: HAProxy 2.6 does not take for an empty answer: that there is none is the server's part, see
#: lab.runtime.serving.keeper.) Names are asked for again and again, since a container that starts anew may have another
#: address. `httpchk` names localhost because servers refuse other hosts.
_HEAD = f"""\
global
  stats socket {_SOCKET_DIR}/{SOCKET} mode 600 level admin
  nbthread 1
  maxconn 4000
  tune.bufsize 65536
  hard-stop-after 15s
defaults
  mode http
  timeout connect 400ms
  timeout client 75s
  timeout server 60s
  timeout queue 10s
  timeout http-request 30s
  retries 2
  option redispatch 1
  retry-on conn-failure empty-response
  option http-keep-alive
  option http-buffer-request
resolvers engine
  nameserver engine 127.0.0.11:53
  resolve_retries 3
  timeout resolve 200ms
  timeout retry 200ms
  hold valid 1s
  hold nx 500ms
  hold other 500ms
  hold timeout 500ms
  hold refused 500ms
frontend address
  bind :8080
  default_backend {_BACKEND}
backend {_BACKEND}
  # No memory: by turns, a server that had no weight until now would get a long row of requests first.
  balance random(1)
  http-response set-header {SERVER_HEADER} %s
  option httpchk
  http-check send meth GET uri /readyz hdr Host localhost
  default-server check inter 250ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down
  default-server resolvers engine init-addr none resolve-prefer ipv4
"""


def config(backends: Sequence[Backend]) -> str:
    """Every slot is declared, so that a server can be put there while HAProxy runs."""
    lines = [f"  use-server s{slot} if {{ req.hdr({SERVER_HEADER}) {slot} }}" for slot in range(1, SLOTS + 1)]
    known = {backend.slot: backend for backend in backends}
    for slot in range(1, SLOTS + 1):
        backend = known.get(slot)
        lines.append(
            f"  server s{slot} {backend.host}:{backend.port} weight {backend.weight}"
            if backend
            else f"  server s{slot} [{_NOWHERE}]:8080 weight 0 disabled"
        )
    return _HEAD + "\n".join(lines) + "\n"


class HAProxy:
    """Needs the engine's image with HAProxy, and servers that it can find by name."""

    kind = "haproxy"

    def job(self, job_id: str, image: str, folder: RouterFolder, port: int, runtime: Path) -> Job:
        return Job(
            id=job_id,
            image=image,
            command=("haproxy", "-W", "-db", "-f", f"{_CONFIG_DIR}/{_FILE}"),
            env={},
            workdir="/",
            mounts=(Mount(folder.config, _CONFIG_DIR), Mount(folder.run, _SOCKET_DIR, read_only=False)),
            resources=Resources(memory=256 << 20, pids=32, shm=1 << 20),
            labels={"lab.router": self.kind},
            port=port,
            restart=True,
            link=True,
        )

    def write(self, folder: RouterFolder, backends: Sequence[Backend]) -> None:
        folder.create()
        write_atomic(folder.config / _FILE, config(backends).encode())

    def apply(self, folder: RouterFolder, backends: Sequence[Backend]) -> None:
        known = {backend.slot: backend for backend in backends}
        hosts = [backend.host for backend in backends]
        commands, last = [], []
        for slot, (host, address, admin) in self._places(folder).items():
            server, backend = f"set server {_BACKEND}/s{slot}", known.get(slot)
            if backend is None:
                if not admin & _MAINTENANCE:
                    last += [f"{server} state maint", f"{server} weight 0"]
                # A name that is gone would be asked for on and on, and the engine asks the world what it does not know.
                if hosts and host not in ("-", *hosts):
                    last.append(f"{server} fqdn {hosts[0]}")
                continue
            if admin & _MAINTENANCE and address != "-":  # nobody else is to answer for it until its name is found
                commands.append(f"{server} addr {_NOWHERE}")
            if host != backend.host:
                commands.append(f"{server} fqdn {backend.host}")
            (commands if backend.weight else last).append(f"{server} weight {backend.weight}")
            if admin & _MAINTENANCE:
                commands.append(f"{server} state ready")
        commands += last  # those that are to get requests come first, so that there is never nobody
        said = ask(folder, "; ".join(commands)) if commands else ""
        problems = [line for line in said.splitlines() if line.strip() and not _DONE.search(line)]
        if problems:
            raise EngineError(f"the router refused: {problems[0]}")

    def stats(self, folder: RouterFolder) -> list[BackendStats]:
        used = {slot for slot, (_, _, admin) in self._places(folder).items() if not admin & _MAINTENANCE}
        rows = csv.DictReader(ask(folder, f"show stat {_BACKEND} 4 -1").removeprefix("# ").splitlines())
        found = []
        for row in rows:
            if int(row["svname"][1:]) not in used:
                continue
            number = {name: int(row[name] or 0) for name in _COUNTS}
            found.append(
                BackendStats(
                    slot=int(row["svname"][1:]),
                    up=row["status"].startswith("UP") and "L7OK" in row["check_status"],
                    weight=number["uweight"],
                    requests=number["stot"],
                    errors_4xx=number["hrsp_4xx"],
                    errors_5xx=number["hrsp_5xx"],
                    failures=number["econ"] + number["eresp"],
                    in_flight=number["scur"],
                    queued=number["qcur"],
                )
            )
        return found

    def _places(self, folder: RouterFolder) -> dict[int, tuple[str, str, int]]:
        """Slot → (host, address or "-", HAProxy's bits of who put it out of service)."""
        lines = ask(folder, f"show servers state {_BACKEND}").splitlines()
        names = next((line[2:].split(" ") for line in lines if line.startswith("# ")), [])
        rows = [dict(zip(names, line.split(" "), strict=False)) for line in lines if line[:1].isdigit()]
        return {
            int(row["srv_name"][1:]): (row["srv_fqdn"], row["srv_addr"], int(row["srv_admin_state"]))
            for row in rows
            if "srv_fqdn" in row
        }


#: Of `srv_admin_state` (management.txt, "show servers state"): out of service, by the configuration or a command. The
#: bit that says that the configuration once did so (0x04) stays also when it serves again.
_MAINTENANCE = 0x01
_DONE = re.compile(r"changed its FQDN|IP changed from|no need to change the addr")
#: Where nothing listens, for HAProxy listens on IPv4 alone.
_NOWHERE = "::1"
_COUNTS = ("uweight", "stot", "hrsp_4xx", "hrsp_5xx", "econ", "eresp", "scur", "qcur")
