"""Jobs as Docker containers, hardened by default (lab.engine.hardening), found again by their labels."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import docker.errors

from lab.dataclass import dataclass
from lab.engine import hardening, identity, networks, ownership
from lab.engine.base import EngineInfo, Environment, Job, JobEvent, JobState, JobStatus, Prepared, Progress
from lab.engine.client import (
    Clients,
    connect,
    engine_identity,
    epoch,
    explanation,
    is_local,
    remove_container,
    translated,
)
from lab.engine.images import REPOSITORY, ImageBuilder
from lab.engine.jobs import check_job, job_folder
from lab.engine.router_image import router_image
from lab.errors import ConflictError, EngineError, EngineUnavailableError
from lab.paths import LabHome

HOME_LABEL = "lab.home"
JOB_LABEL = "lab.job"
_BOOT_LABEL = "lab.boot"
_ENGINE_LABEL = "lab.engine"

_KILLED = {128 + number for number in (1, 2, 9, 15)}  # HUP, INT, KILL, TERM: sent by somebody, not by a fault
_OUT_OF_MEMORY = 137  # how the kernel ends a process that is too large, and many others theirs
_LATE_SECONDS = 1.0  # by which an event may come after the end that it tells the cause of
_START_SECONDS = 60.0  # a container that was created longer ago and never started was abandoned
#: What iptables says when somebody (a firewall, another engine) is just making Docker's rules anew, or removed them.
_NO_RULES = "no chain/target/match by that name"
_NO_RULES_PAUSES = (0.2, 1.0, 3.0)  # seconds until it is tried again
_PORT_TAKEN = ("port is already allocated", "address already in use", "ports are not available")
_EVENT_SECONDS = 0.5
_EVENTS_KEPT = 1000  # far more than an engine remembers
_EVENT_ACTIONS = ("start", "die", "oom")


@dataclass(frozen=True)
class _Facts:
    info: EngineInfo
    rootless: bool


class DockerEngine:
    """A Docker engine (or one that speaks its API) reached by DOCKER_HOST or the docker command's context."""

    name = "docker"

    def __init__(self, home: LabHome) -> None:
        self._home = home
        self._clients = Clients()
        self._lock = threading.Lock()
        self._known_facts: _Facts | None = None
        self._networks = networks.Networks(identity.home_id(home))
        self._images = ImageBuilder(home, self._clients)

    def close(self) -> None:
        self._clients.close()

    # -- what it is ---------------------------------------------------------------------------------------------------

    def available(self, timeout: float = 4.0) -> EngineInfo:
        """The engine's version and what it can limit; `timeout` seconds at most for each of three calls."""
        with translated("the engine cannot be asked for its version"):
            api = connect(timeout)
            try:
                facts = _facts(api.info())
            finally:
                api.close()
        self._known_facts = facts
        return facts.info

    def _facts(self) -> _Facts:
        if self._known_facts is None:
            self._known_facts = _facts(self._clients.quick.info())
        return self._known_facts

    # -- environments -------------------------------------------------------------------------------------------------

    def prepare(self, environment: Environment, progress: Progress) -> Prepared:
        """Find or build the image for `environment` (lab.engine.images)."""
        return self._images.prepare(environment, progress)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        check_job(job)
        with translated(f"the job {job.id} cannot be started"):
            api = self._clients.slow
            user = hardening.job_user(os.getuid(), os.getgid(), rootless=self._facts().rootless)
            if os.getuid() == 0 and user[0] != 0:
                ownership.hand_over(job.mounts, self._home, *user)
            labels = self._labels(job, api)
            kind = networks.LOOPBACK if job.port else networks.LINK if job.link else ""
            if job.network or not kind:
                self._run(api, job, hardening.container_config(job, user, labels, ""))
                return
            with self._lock:
                network = self._networks.get(api, kind)
            try:
                self._run(api, job, hardening.container_config(job, user, labels, network))
            except docker.errors.NotFound as error:
                if "network" not in explanation(error):
                    raise
                with self._lock:
                    network = self._networks.again(api, kind)  # somebody removed it meanwhile
                self._run(api, job, hardening.container_config(job, user, labels, network))

    def _run(self, api: Any, job: Job, config: Mapping[str, Any]) -> None:
        container = self._create(api, job, config)
        try:
            if job.link and job.port:
                with self._lock:
                    link = self._networks.again(api, networks.LINK)
                api.connect_container_to_network(container, link, aliases=[job.id])
            self._start(api, job, container)
        except BaseException:
            api.remove_container(container, force=True, v=True)
            raise

    def _create(self, api: Any, job: Job, config: Mapping[str, Any]) -> str:
        try:
            return str(api.create_container_from_config(config, self._container(job.id))["Id"])
        except docker.errors.ImageNotFound as error:
            raise EngineError(f"the image {job.image} is not there", "run again: Lab builds what is missing") from error
        except docker.errors.APIError as error:
            if error.status_code == 409:
                raise ConflictError(f"there is a job {job.id} already") from error
            raise

    def _start(self, api: Any, job: Job, container: str) -> None:
        for pause in (*_NO_RULES_PAUSES, 0.0):
            try:
                api.start(container)
                break
            except docker.errors.APIError as error:
                said = explanation(error)
                if job.port and any(sign in said.lower() for sign in _PORT_TAKEN):
                    hint = "choose another port, or stop what uses it"
                    raise ConflictError(f"port {job.port} is taken", hint) from error
                if _NO_RULES not in said.lower():
                    raise
                if not pause:
                    told = f"the job {job.id} cannot be started: somebody has removed Docker's firewall rules"
                    raise EngineError(told, "restart Docker, which makes them again") from error
                time.sleep(pause)
        if job.port:
            state = api.inspect_container(container)
            bound = state["NetworkSettings"]["Ports"].get(f"{job.container_port}/tcp")
            if state["State"]["Running"] and not bound:
                raise EngineError(f"the engine did not publish port {job.port} of the job {job.id}")

    def status(self, job_id: str) -> JobStatus:
        with translated(f"the job {job_id} cannot be asked for"):
            api = self._clients.quick
            try:
                return self._status(api, job_id, api.inspect_container(self._container(job_id)))
            except docker.errors.NotFound:
                return JobStatus(job_id, JobState.GONE)

    def logs(self, job_id: str, tail: int = 200) -> list[str]:
        with translated(f"the logs of the job {job_id} cannot be read"):
            try:
                raw = self._clients.quick.logs(self._container(job_id), tail=tail)
            except docker.errors.NotFound:
                return []
        return str(raw, "utf-8", "replace").splitlines()

    def stop(self, job_id: str, grace: float = 10.0) -> None:
        with translated(f"the job {job_id} cannot be stopped"):
            api = self._clients.slow
            container = self._container(job_id)
            try:
                if not api.inspect_container(container)["State"]["Running"]:
                    return
                job_folder(self._home, job_id).mark_stopped()
                api.stop(container, timeout=math.ceil(grace))
            except docker.errors.NotFound:
                return

    def remove(self, job_id: str) -> None:
        with translated(f"the job {job_id} cannot be removed"):
            remove_container(self._clients.slow, self._container(job_id))
            self._networks.tidy(self._clients.slow)
        job_folder(self._home, job_id).forget()

    def list(self, home_id: str) -> list[JobStatus]:
        with translated("the jobs cannot be listed"):
            api = self._clients.quick
            found = api.containers(all=True, filters={"label": [f"{HOME_LABEL}={home_id}", JOB_LABEL]})
            jobs = []
            for container in found:
                try:
                    details = api.inspect_container(container["Id"])
                except docker.errors.NotFound:
                    continue  # removed meanwhile
                jobs.append(self._status(api, container["Labels"][JOB_LABEL], details))
        return jobs

    def memory(self, job_id: str) -> int:
        """Bytes resident now, summed over the job's processes; 0 when it does not run."""
        with translated(f"the memory of the job {job_id} cannot be read"):
            try:
                table = self._clients.quick.top(self._container(job_id), "-eo pid,rss")
            except docker.errors.NotFound:
                return 0
            except docker.errors.APIError as error:
                if error.status_code in (409, 500) and "is not running" in explanation(error):
                    return 0
                raise
        column = [title.upper() for title in table["Titles"]].index("RSS")
        return sum(int(row[column]) for row in table["Processes"] or ()) * 1024

    def has_image(self, image: str) -> bool:
        """Whether an image of that name is here."""
        with translated(f"the image {image} cannot be looked at"):
            try:
                self._clients.quick.inspect_image(image)
            except docker.errors.ImageNotFound:
                return False
        return True

    def images(self) -> Mapping[str, int]:
        """Name → bytes of every environment's image; layers that images share count for each."""
        with translated("the images cannot be listed"):
            found = self._clients.quick.images(name=REPOSITORY)
        return {tag: int(image["Size"]) for image in found for tag in image["RepoTags"] or ()}

    # -- news ---------------------------------------------------------------------------------------------------------

    def events(self, home_id: str, stop: Callable[[], bool]) -> Iterator[JobEvent]:
        """Asks for the events of half a second at a time, so that `stop` is heard without a thread to interrupt.

        The engine keeps its latest events: windows overlap, and what was seen before is dropped.
        """
        with translated("the engine's events cannot be read"):
            since = epoch(self._clients.quick.info()["SystemTime"]) or time.time()
        begun, offset = since, since - time.time()
        filters = {"event": list(_EVENT_ACTIONS), "label": [f"{HOME_LABEL}={home_id}", JOB_LABEL]}
        seen: dict[tuple[str, str, int], None] = {}
        while not stop():
            until = time.time() + offset + _EVENT_SECONDS
            try:
                for raw in self._window(since, until, filters):
                    actor = raw["Actor"]
                    key = (actor["ID"], raw["Action"], raw["timeNano"])
                    if key not in seen and raw["timeNano"] >= begun * 1e9:
                        seen[key] = None
                        yield JobEvent(actor["Attributes"][JOB_LABEL], raw["Action"], raw["timeNano"] / 1e9)
            except EngineUnavailableError:
                return
            while len(seen) > _EVENTS_KEPT:
                del seen[next(iter(seen))]
            since = until - 1.0

    def _window(self, since: float, until: float, filters: Mapping[str, Sequence[str]]) -> Generator[dict[str, Any]]:
        """The events of containers between two times of the engine's clock, as they come."""
        api = self._clients.quick
        wanted = json.dumps({"type": ["container"], **filters})
        # Not api.events(): that waits without a time limit for an engine that hangs.
        with (
            translated("the engine's events cannot be read"),
            api.get(
                f"{api.base_url}/v{api.api_version}/events",
                params={"since": f"{since:.6f}", "until": f"{until:.6f}", "filters": wanted},
                stream=True,
                timeout=5,
            ) as response,
        ):
            response.raise_for_status()
            for line in response.iter_lines():
                if line:
                    yield json.loads(line)

    def router_image(self, progress: Progress) -> str:
        """Find or build the image with HAProxy (lab.engine.router_image)."""
        return router_image(self._home, self._images, progress)

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _container(self, job_id: str) -> str:
        return f"lab-{identity.home_id(self._home)[:8]}-{job_id}"

    def _labels(self, job: Job, api: Any) -> dict[str, str]:
        return {
            HOME_LABEL: identity.home_id(self._home),
            JOB_LABEL: job.id,
            _BOOT_LABEL: identity.boot_id() if is_local(api) else "",
            _ENGINE_LABEL: engine_identity(api),
        }

    def _status(self, api: Any, job_id: str, details: Mapping[str, Any]) -> JobStatus:
        state = details["State"]
        restarts = int(details.get("RestartCount") or 0)
        started, ended = epoch(state["StartedAt"]), epoch(state["FinishedAt"])
        if state["Status"] == "created":
            age = time.time() - (epoch(details["Created"]) or 0.0)
            if age < _START_SECONDS and not state["Error"]:
                return JobStatus(job_id, JobState.RUNNING)
            return JobStatus(job_id, JobState.EXITED, interruption="it was never started", error=state["Error"])
        if state["Running"] or state["Restarting"] or state["Paused"]:
            return JobStatus(
                job_id, JobState.RUNNING, out_of_memory=bool(state["OOMKilled"]), started=started, restarts=restarts
            )
        oom, code = bool(state["OOMKilled"]), int(state["ExitCode"])
        asked = job_folder(self._home, job_id).stopped.exists()
        if code == _OUT_OF_MEMORY and not oom and not asked:
            oom = self._was_short_of_memory(details)
        cause = self._interruption(api, details) if code in _KILLED and not oom and not asked else ""
        if started and ended:  # of what was over at once, the engine may note the start after the end
            started = min(started, ended)
        return JobStatus(job_id, JobState.EXITED, code, oom, cause, started, ended, state["Error"], restarts)

    def _was_short_of_memory(self, details: Mapping[str, Any]) -> bool:
        """Whether the engine told of it in an event: of a process that dies at once it may hear too late to note it in
        the container's state."""
        state = details["State"]
        started, ended = epoch(state["StartedAt"]), epoch(state["FinishedAt"])
        if not details["HostConfig"]["Memory"] or not started or not ended:
            return False
        told = self._window(
            min(started, ended), ended + _LATE_SECONDS, {"event": ["oom"], "container": [details["Id"]]}
        )
        with closing(told):
            return next(told, None) is not None

    def _interruption(self, api: Any, details: Mapping[str, Any]) -> str:
        """What killed a job that nobody here asked to end."""
        labels = details["Config"]["Labels"]
        if is_local(api) and labels.get(_BOOT_LABEL, "") != identity.boot_id():
            return "machine restarted"
        if labels.get(_ENGINE_LABEL, "") != engine_identity(api):
            return "engine restarted"
        return "killed from outside"


def _facts(info: Mapping[str, Any]) -> _Facts:
    rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
    able = {"network", "shm"}
    able |= {limit for limit, key in (("memory", "MemoryLimit"), ("pids", "PidsLimit")) if info.get(key)}
    if info.get("CpuCfsQuota") or info.get("CPUCfsQuota"):
        able.add("cpus")
    if "nvidia" in (info.get("Runtimes") or {}):
        able.add("gpus")
    detail = f"{info.get('OperatingSystem', '')}, {info.get('NCPU', 0)} processors, {info.get('Driver', '')}"
    return _Facts(EngineInfo("docker", str(info["ServerVersion"]), True, frozenset(able), detail), rootless)
