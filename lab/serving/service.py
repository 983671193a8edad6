"""Deployments: a model version behind one stable loopback address."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from lab import paths
from lab.catalog import deployments as catalog_deployments
from lab.catalog.connection import Catalog
from lab.domain.deployments import Deployment, DeploymentStatus, Health
from lab.domain.ids import short_id
from lab.domain.models import ModelVersion
from lab.domain.names import check_name
from lab.domain.resources import Resources
from lab.domain.text import clean
from lab.engine import home_id
from lab.engine.base import Engine, Job, JobState, Mount
from lab.engine.ports import is_free
from lab.errors import ConflictError, EngineError, EngineUnavailableError, LabError, NotFoundError
from lab.events import DEPLOYMENT_CREATED, DEPLOYMENT_STATUS
from lab.journal import Journal
from lab.paths import LabHome
from lab.serving import http
from lab.serving.requirements import environment
from lab.stores import locks, runfolder, runtimes
from lab.stores.durable import write_json

#: What a server may use; a model of hundreds of megabytes fits.
RESOURCES = Resources(cpus=0.0, memory=1024**3, pids=128)

#: Seconds from the start of a server to its being ready.
READY_BUDGET = 60.0
_POLL = 0.05
_FIRST_PORT, _LAST_PORT = 8100, 8999

Progress = Callable[[str], None]


class ModelSource(Protocol):
    """What serving needs of the registry."""

    def get(self, ref: str) -> ModelVersion: ...

    def materialise(self, version: ModelVersion, dest: Path) -> dict[str, str]: ...


class HealthSource(Protocol):
    """What serving needs of monitoring."""

    def look(self, deployment: Deployment) -> Health: ...


class Deployments:
    """The serving room."""

    def __init__(
        self,
        home: LabHome,
        journal: Journal,
        catalog: Catalog,
        models: ModelSource,
        health: HealthSource,
        engine_of: Callable[[str], Engine],
    ) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._models = models
        self._health = health
        self._engine_of = engine_of
        self._failures: dict[str, int] = {}

    def deploy(
        self, ref: str, *, name: str = "", port: int = 0, engine: str = "", progress: Progress | None = None
    ) -> Deployment:
        """Serve the model version `ref`; returns when the server has re-predicted the model's golden rows.

        The address is kept for the name: a later deployment of it gets the same port. Raises ConflictError while one
        of that name is up or the port is taken, LabError when the server did not get ready, with its last words.
        """
        tell = progress or _silent
        version = self._models.get(ref)
        name = check_name("deployment", name or version.model)
        with locks.hold(self._home.locks / f"deployment-{name}.lock", timeout=5.0):
            self._check_free(name)
            chosen = self._engine_of(engine)
            deployment = Deployment(
                id=short_id(),
                name=name,
                model=version.model,
                version=version.number,
                alias=_alias(ref),
                status=DeploymentStatus.STARTING,
                engine=chosen.name,
                port=port,
                image="",
                created=time.time(),
            )
            return self._start(deployment, version, chosen, tell)

    def list(self) -> Sequence[Deployment]:
        """Every deployment, newest first; those that are up as they answer now."""
        return [self._as_it_is(deployment) for deployment in catalog_deployments.all_deployments(self._catalog)]

    def get(self, ref: str) -> Deployment:
        """The deployment with that id, or the one of that name that is up, else the last one of that name."""
        found = [
            deployment
            for deployment in catalog_deployments.all_deployments(self._catalog)
            if deployment.id == ref or deployment.name == ref
        ]
        if not found:
            raise NotFoundError(f"no deployment {clean(ref)!r}", "lab deployments ls shows what there is")
        return self._as_it_is(next((item for item in found if item.status.active), found[0]))

    def health(self, ref: str) -> Health:
        """One look at the server over HTTP; rates are since the look before in this process."""
        return self._health.look(self.get(ref))

    def predict(self, ref: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the server. `payload` is `{"rows": [{column: value}]}` or `{"data": [[…]]}`.

        Raises ConflictError when it is not up, UsageError with the reason when it refuses the input.
        """
        deployment = self.get(ref)
        if not deployment.status.active:
            raise ConflictError(f"deployment {deployment.name} is {deployment.status.value}", "deploy it again")
        return http.predict(deployment, payload)

    def signature(self, ref: str) -> Mapping[str, Any]:
        """What the model takes and gives: its `signature.json`."""
        deployment = self.get(ref)
        return self._models.get(f"{deployment.model}:v{deployment.version}").signature

    def example(self, ref: str) -> dict[str, Any]:
        """A payload that the model takes: its first golden row; empty where it has none."""
        path = self._home.deployment(self.get(ref).id).model / "golden.jsonl"
        names = [column["name"] for column in self.signature(ref).get("inputs", ())]
        if not path.is_file():
            return {}
        with open(path, encoding="utf-8") as file:
            row = json.loads(file.readline())["data"]
        return {"rows": [dict(zip(names, row, strict=False))]}

    def log_path(self, ref: str) -> Path:
        return self._home.deployment(self.get(ref).id).stdout

    def log_tail(self, ref: str, lines: int = 200) -> Sequence[str]:
        """The server's last lines; if it never came to write any, what the engine caught."""
        deployment = self.get(ref)
        said = runfolder.tail(self._home.deployment(deployment.id).stdout, lines)
        return said or self._engine_of(deployment.engine).logs(deployment.id, lines)

    def stop(self, ref: str) -> Deployment:
        """End the server; requests that it has taken are answered first. Raises ConflictError if it is not up."""
        deployment = self.get(ref)
        if not deployment.status.active:
            raise ConflictError(f"deployment {deployment.name} is {deployment.status.value} already")
        engine = self._engine_of(deployment.engine)
        engine.stop(deployment.id)
        engine.remove(deployment.id)
        self._say(deployment, DeploymentStatus.STOPPED, "stopped by user", ended=time.time())
        return self.get(deployment.id)

    def settle(self) -> Sequence[str]:
        """Look after all that are up once: journal what has changed. Returns what went wrong, as sentences."""
        told: list[str] = []
        for deployment in catalog_deployments.all_deployments(self._catalog):
            if not deployment.status.active or deployment.status is DeploymentStatus.STARTING:
                continue
            try:
                self._settle(deployment)
            except EngineUnavailableError as error:
                told.append(f"deployment {deployment.name} could not be checked: {error.message}")
        return told

    # -- starting -----------------------------------------------------------------------------------

    def _check_free(self, name: str) -> None:
        self._catalog.refresh()
        for deployment in catalog_deployments.all_deployments(self._catalog):
            if deployment.name != name or not deployment.status.active:
                continue
            if deployment.status is DeploymentStatus.STARTING:
                # Whoever was starting it held the lock that is ours now, so it is dead.
                self._engine_of(deployment.engine).remove(deployment.id)
                self._say(deployment, DeploymentStatus.FAILED, "its start was interrupted", ended=time.time())
            else:
                raise ConflictError(
                    f"deployment {name} is up already, with {deployment.model}:v{deployment.version}",
                    f"lab deployments stop {name}, or give another --name",
                )

    def _port(self, name: str) -> int:
        """The port that the name had before, if it is free; else the first free one nobody else is known by."""
        known = catalog_deployments.all_deployments(self._catalog)
        before = [deployment.port for deployment in known if deployment.name == name]
        taken = {deployment.port for deployment in known if deployment.name != name}
        for port in [*before[:1], *(port for port in range(_FIRST_PORT, _LAST_PORT) if port not in taken)]:
            if is_free(port):
                return port
        raise ConflictError(f"no free port from {_FIRST_PORT} to {_LAST_PORT}", "stop a deployment or give --port")

    def _start(self, deployment: Deployment, version: ModelVersion, engine: Engine, tell: Progress) -> Deployment:
        folder = self._home.deployment(deployment.id)
        self._models.materialise(version, folder.model)
        folder.run.mkdir(mode=0o755, parents=True)
        prepared = engine.prepare(environment(folder.model), tell)
        # The port is chosen last: another Lab may take one while an environment is built.
        port = deployment.port or self._port(deployment.name)
        deployment = replace(deployment, image=prepared.image, port=port)
        write_json(folder.spec, asdict(deployment))
        self._journal.append(
            DEPLOYMENT_CREATED,
            deployment.id,
            {
                "name": deployment.name,
                "model": deployment.model,
                "version": deployment.version,
                "alias": deployment.alias,
                "engine": deployment.engine,
                "port": deployment.port,
                "image": deployment.image,
            },
        )
        tell(f"starting {deployment.name} at {deployment.url}")
        try:
            engine.submit(self._job(deployment, engine.available().isolated))
            self._await_ready(deployment, engine)
        except LabError as error:
            self._say(deployment, DeploymentStatus.FAILED, error.message, ended=time.time())
            engine.remove(deployment.id)
            raise
        self._say(deployment, DeploymentStatus.READY, "", ready=time.time())
        return self.get(deployment.id)

    def _job(self, deployment: Deployment, isolated: bool) -> Job:
        folder = self._home.deployment(deployment.id)
        env = {
            "LAB_MODEL_DIR": paths.MODEL_DIR,
            "LAB_MODEL_NAME": deployment.model,
            "LAB_MODEL_VERSION": f"v{deployment.version}",
            "LAB_MODEL_SHA256": _sha256(folder.model),
            "LAB_RUN_DIR": paths.RUN_DIR,
            "LAB_HOST": "0.0.0.0" if isolated else "127.0.0.1",
            "PYTHONPATH": paths.RUNTIME_DIR,
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }
        return Job(
            id=deployment.id,
            image=deployment.image,
            command=("python3", "-m", "lab.runtime.serving"),
            env=env,
            workdir=paths.RUN_DIR,
            mounts=(
                Mount(folder.model, paths.MODEL_DIR),
                Mount(folder.run, paths.RUN_DIR, read_only=False),
                Mount(runtimes.publish(self._home), paths.RUNTIME_DIR),
            ),
            resources=RESOURCES,
            labels={"lab.home": home_id(self._home), "lab.deployment": deployment.id, "lab.model": deployment.model},
            port=deployment.port,
            restart=True,
        )

    def _await_ready(self, deployment: Deployment, engine: Engine) -> None:
        deadline = time.monotonic() + READY_BUDGET
        looks, reason = 0, ""
        while time.monotonic() < deadline:
            ready, reason = http.ready(deployment)
            if ready:
                return
            looks += 1
            if looks % 10 == 0 and engine.status(deployment.id).state is not JobState.RUNNING:
                break
            time.sleep(_POLL)
        said = [*self.log_tail_of(deployment, engine)][-5:]
        raise EngineError(
            f"the server of {deployment.name} did not get ready: {reason}"
            + "".join(f"\n  {clean(line)}" for line in said),
            "mend the model or its requirements, then deploy again",
        )

    def log_tail_of(self, deployment: Deployment, engine: Engine) -> Sequence[str]:
        """The last words of a server that may be gone already."""
        return runfolder.tail(self._home.deployment(deployment.id).stdout, 20) or engine.logs(deployment.id, 20)

    # -- watching -----------------------------------------------------------------------------------

    def _as_it_is(self, deployment: Deployment) -> Deployment:
        """With the status that it has at this moment, which nobody may have journalled yet."""
        if deployment.status not in (DeploymentStatus.READY, DeploymentStatus.UNHEALTHY):
            return deployment
        ready, reason = http.ready(deployment, timeout=0.5)
        status = DeploymentStatus.READY if ready else DeploymentStatus.UNHEALTHY
        return replace(deployment, status=status, cause=reason)

    def _settle(self, deployment: Deployment) -> None:
        ready, reason = http.ready(deployment)
        if ready:
            self._failures.pop(deployment.id, None)
            if deployment.status is not DeploymentStatus.READY:
                self._say(deployment, DeploymentStatus.READY, "")
            return
        failures = self._failures[deployment.id] = self._failures.get(deployment.id, 0) + 1
        status = self._engine_of(deployment.engine).status(deployment.id)
        if status.state is not JobState.RUNNING and failures >= _PATIENCE:
            how = status.interruption or (f"exit {status.exit_code}" if status.exit_code is not None else "it is gone")
            cause = "out of memory" if status.out_of_memory else how
            self._say(deployment, DeploymentStatus.FAILED, f"the server died: {cause}", ended=time.time())
        elif failures == _PATIENCE and deployment.status is DeploymentStatus.READY:
            self._say(deployment, DeploymentStatus.UNHEALTHY, reason)

    def _say(self, deployment: Deployment, status: DeploymentStatus, cause: str, **times: float) -> None:
        self._journal.append(
            DEPLOYMENT_STATUS, deployment.id, {"status": status.value, "cause": clean(cause, 400), **times}
        )
        self._catalog.refresh()


#: So many looks in a row must fail before a server is called unhealthy or dead.
_PATIENCE = 3


def _alias(ref: str) -> str:
    wanted = ref.replace(":", "@", 1).partition("@")[2]
    return "" if wanted[:1] == "v" and wanted[1:].isdigit() else wanted


def _sha256(model: Path) -> str:
    """Of the model file that the server opens; empty where there is none of a kind that Lab knows."""
    path = model / "model.skops"
    if not path.is_file():
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _silent(_line: str) -> None:
    """Progress that nobody reads."""
