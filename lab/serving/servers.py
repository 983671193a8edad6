"""The servers of a release: jobs behind the router, started, awaited and ended."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from lab import paths
from lab.domain.models import ModelVersion
from lab.domain.resources import Resources
from lab.domain.text import clean
from lab.engine import home_id
from lab.engine.base import Engine, Job, JobState, Mount, Progress
from lab.engine.ports import in_turn, is_free
from lab.errors import ConflictError, EngineError
from lab.paths import LabHome, ReleaseFolder
from lab.serving.requirements import environment
from lab.serving.routing import SLOTS
from lab.serving.state import Release, Server, State
from lab.serving.tokens import CAPTURE_KEY_FILE, TOKEN_FILE, create_capture_key
from lab.stores import runfolder, runtimes

#: What a server may use; a model of hundreds of megabytes fits.
RESOURCES = Resources(cpus=0.0, memory=1024**3, pids=128)

_INSIDE_PORT = 8080
#: Ports of servers where each needs one of its own on loopback; those of deployments lie elsewhere.
_PORTS = range(18100, 20000)
_POLL = 0.02

#: Whether a server, by its slot, says that it is ready, and else why not.
Ready = Callable[[int], tuple[bool, str]]


class ModelSource(Protocol):
    """What serving needs of the registry."""

    def get(self, ref: str) -> ModelVersion: ...

    def materialise(self, version: ModelVersion, dest: Path) -> dict[str, str]: ...


class Servers:
    """Starts and ends the servers of releases in one lab home."""

    def __init__(self, home: LabHome, models: ModelSource, engine_of: Callable[[str], Engine]) -> None:
        self._home = home
        self._models = models
        self._engine_of = engine_of

    def folder(self, state: State, release: Release) -> ReleaseFolder:
        return self._home.deployment(state.id).release(release.number)

    def build(self, state: State, number: int, version: ModelVersion, tell: Progress) -> tuple[str, str]:
        """Put the model's files in place and find or make the environment; its name and whether it was made."""
        folder = self._home.deployment(state.id).release(number)
        if not folder.model.exists():
            self._models.materialise(version, folder.model)
        prepared = self._engine_of(state.engine).prepare(environment(folder.model), tell)
        return prepared.image, "built" if prepared.built else "reused"

    def place(self, state: State, release: Release, replicas: int) -> Release:
        """`release` with so many servers, which have names and places but do not run yet; those that it has stay."""
        kept = release.servers[:replicas]
        missing = replicas - len(kept)
        slots = state.free_slots(missing)
        if len(slots) < missing:
            raise ConflictError(
                f"a deployment has room for {SLOTS} servers in all, old and new", "ask for fewer --replicas"
            )
        isolated = self._engine_of(state.engine).available().isolated
        ports = self._ports(state)
        fresh = []
        for index, slot in enumerate(slots, len(kept)):
            job = f"{state.id}-{release.number}-{index}"
            fresh.append(
                Server(job, slot, job, _INSIDE_PORT) if isolated else Server(job, slot, "127.0.0.1", next(ports))
            )
        return replace(release, servers=(*kept, *fresh))

    def start(self, state: State, release: Release) -> None:
        """Let all servers of `release` run; harmless for those that do."""
        engine = self._engine_of(state.engine)
        for server in release.servers:
            if engine.status(server.id).state is JobState.RUNNING:
                continue
            engine.remove(server.id)
            engine.submit(self._job(state, release, server, engine.available().isolated))

    def await_ready(
        self, state: State, release: Release, ready: Ready, seconds: float, abort: Callable[[], None]
    ) -> float:
        """Seconds until all servers were ready. Raises EngineError with a server's last words if one does not get so,
        and whatever `abort` raises."""
        engine = self._engine_of(state.engine)
        begun = time.monotonic()
        for index, server in enumerate(release.servers):
            looks, reason = 0, ""
            while True:
                good, reason = ready(server.slot)
                if good:
                    break
                abort()
                looks += 1
                dead = looks % 10 == 0 and self._is_dead(engine, server)
                if dead or time.monotonic() - begun > seconds:
                    raise self._not_ready(state, release, index, dead or reason)
                time.sleep(_POLL)
        return time.monotonic() - begun

    def stop(self, state: State, release: Release) -> None:
        """End the servers; requests that they have taken are answered first."""
        engine = self._engine_of(state.engine)
        for server in release.servers:
            engine.stop(server.id)
            engine.remove(server.id)

    def sweep(self, state: State) -> None:
        """End servers of the deployment that `state` knows nothing of."""
        engine = self._engine_of(state.engine)
        known = {server.id for release in state.running for server in release.servers} | {state.router_job}
        for job in engine.list(home_id(self._home)):
            if job.id.startswith(f"{state.id}-") and job.id not in known:
                engine.remove(job.id)

    def restarts(self, state: State, release: Release) -> int:
        """How often the engine has started servers of `release` again; those that are gone count too."""
        engine = self._engine_of(state.engine)
        found = [engine.status(server.id) for server in release.servers]
        return sum(one.restarts + (one.state is not JobState.RUNNING) for one in found)

    def said(self, state: State, release: Release, lines: int, replica: int = 0) -> Sequence[str]:
        """A server's last lines; if it never came to write any, what the engine caught."""
        if replica >= len(release.servers):
            return ()
        said = runfolder.tail(self.folder(state, release).stdout(replica), lines)
        return said or self._engine_of(state.engine).logs(release.servers[replica].id, lines)

    def _is_dead(self, engine: Engine, server: Server) -> str:
        status = engine.status(server.id)
        if status.out_of_memory:
            return "it ran out of memory"
        if status.state is not JobState.RUNNING or status.restarts:
            return f"it ended with exit code {status.exit_code}" if status.exit_code is not None else "it died"
        return ""

    def _not_ready(self, state: State, release: Release, index: int, reason: str) -> EngineError:
        said = list(self.said(state, release, 20, index))[-5:]
        return EngineError(
            f"the server of {state.name} with {release.ref} did not get ready: {reason}"
            + "".join(f"\n  {clean(line)}" for line in said),
            "mend the model or its requirements, then deploy again",
        )

    def _ports(self, state: State) -> Iterator[int]:
        mine = {server.port for release in state.running for server in release.servers}
        for port in in_turn(self._home, _PORTS):
            if port not in mine and is_free(port):
                yield port
        raise ConflictError(f"no free port from {_PORTS[0]} to {_PORTS[-1]}", "stop a deployment")

    def _job(self, state: State, release: Release, server: Server, isolated: bool) -> Job:
        deployment, folder = self._home.deployment(state.id), self.folder(state, release)
        run = folder.run(release.servers.index(server))
        run.mkdir(mode=0o755, parents=True, exist_ok=True)
        env = {
            "LAB_MODEL_DIR": paths.MODEL_DIR,
            "LAB_MODEL_NAME": release.model,
            "LAB_MODEL_VERSION": f"v{release.version}",
            "LAB_MODEL_SHA256": _sha256(folder.model),
            "LAB_RUN_DIR": paths.RUN_DIR,
            "LAB_HOST": "0.0.0.0" if isolated else "127.0.0.1",
            "PYTHONPATH": paths.RUNTIME_DIR,
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "LAB_CAPTURE_KEY_FILE": f"{paths.SECRETS_DIR}/{CAPTURE_KEY_FILE}",
            **release.options,
        }
        create_capture_key(deployment)
        mounts = [
            Mount(folder.model, paths.MODEL_DIR),
            Mount(run, paths.RUN_DIR, read_only=False),
            Mount(runtimes.publish(self._home), paths.RUNTIME_DIR),
            Mount(deployment.secrets, paths.SECRETS_DIR, private=True),
        ]
        if state.token:
            env["LAB_TOKEN_FILE"] = f"{paths.SECRETS_DIR}/{TOKEN_FILE}"
        return Job(
            id=server.id,
            image=release.image,
            command=("python3", "-m", "lab.runtime.serving"),
            env=env,
            workdir=paths.RUN_DIR,
            mounts=mounts,
            resources=RESOURCES,
            labels={"lab.home": home_id(self._home), "lab.deployment": state.id, "lab.model": release.model},
            port=0 if isolated else server.port,
            restart=True,
            link=True,
        )


def _sha256(model: Path) -> str:
    """Of the model file that the server opens, from the copy that was checked against the registry; empty where the
    model's signature names none: the server then refuses it with a reason."""
    try:
        name = json.loads((model / "signature.json").read_bytes()).get("file", "model.skops")
        with open(model / Path(str(name)).name, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, AttributeError):
        return ""
