"""Images for the Docker engine: one per environment, named by the hash of what went in, found before built.

Nothing is built with a Dockerfile. A container of the base image runs the installer on mounted files and is
committed: dependency files, index settings, certificates, uv and its cache are mounts, so none of them is in a layer.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker.errors

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.engine import dependencies
from lab.engine.base import Environment, Prepared, Progress
from lab.engine.builds import Narration, build_folder, build_lock, lock_is_free
from lab.engine.client import Clients, explanation, remove_container, translated
from lab.engine.dependencies import Plan
from lab.engine.identity import home_id
from lab.engine.indexes import IndexSettings, index_settings
from lab.engine.jobs import read_note, write_note
from lab.errors import EngineError
from lab.paths import LabHome

DEFAULT_PYTHON = "3.12"
REPOSITORY = "lab-env"
BASE_LABEL = "lab.base"  # "1" on images that may stand in for the default base
VENV = "/opt/venv"

_ENV_LABEL = "lab.environment"
_CACHE_VOLUME = "lab-build-cache"
INSIDE = "/tmp/lab"  # on a tmpfs, so that not even the mount points are in the layer
_INSTALL = ["python3", "-I", "-B", f"{INSIDE}/build/installer.py", f"{INSIDE}/build"]
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PULL_AGAIN = 3600.0


@dataclass(frozen=True)
class Base:
    """A base image: `name` for people and jobs, `id` its content, `note` why it is not the one asked for."""

    name: str
    id: str
    platform: str
    config: Mapping[str, Any]
    digest: str = ""
    note: str = ""


class ImageBuilder:
    """Finds or makes environment images for one lab home."""

    def __init__(self, home: LabHome, clients: Clients) -> None:
        self._home = home
        self._clients = clients

    def prepare(self, environment: Environment, progress: Progress) -> Prepared:
        """The image for `environment`; an empty one is the base image itself.

        Raises EngineError when the base cannot be had or the dependencies cannot be installed.
        """
        begun = time.monotonic()
        plan = dependencies.plan(environment)
        with translated("the environment cannot be prepared"):
            base = self.base(environment.base, plan.python, progress)
            if plan.kind == dependencies.NOTHING:
                key = dependencies.environment_key(base.id)
                return Prepared(
                    base.name, key, False, time.monotonic() - begun, base.note, base.id, base.name, base.digest
                )
            shared = "shared" if environment.base else ""
            key = dependencies.environment_key(base.id, base.platform, plan.kind, plan.identity, plan.python, shared)
            image = f"{REPOSITORY}:{key[:16]}"
            built = False
            notes = [base.note] if base.note else []
            if not self.image_id(image):
                with build_lock(self._home.locks, key, progress):
                    if not self.image_id(image):
                        settings = index_settings(os.environ, inside=True)
                        notes += settings.notes
                        self._build(plan, base, key, image, settings, shared, progress)
                        built = True
            image_id = self.image_id(image)
        seconds = time.monotonic() - begun
        return Prepared(image, key, built, seconds, "; ".join(notes), image_id, base.name, base.digest)

    def image_id(self, image: str) -> str:
        """The hash of an image's content; "" if there is no such image."""
        try:
            return str(self._clients.quick.inspect_image(image)["Id"])
        except docker.errors.ImageNotFound:
            return ""

    # -- the base -----------------------------------------------------------------------------------------------------

    def base(self, wanted: str, python: str, progress: Progress) -> Base:
        """The base image asked for, pulled if it is not here; a local one if only the default was asked for."""
        asked = wanted or os.environ.get("LAB_BASE_IMAGE", "")
        name = asked or f"python:{python or DEFAULT_PYTHON}-slim"
        found = self._inspect(name)
        if found:
            return found
        refused = "" if asked else self.refused_lately(name)
        local = self._local_base() if refused else None
        if local is None:
            refused = self._pull(name, progress)
            if not refused:
                pulled = self._inspect(name)
                if pulled:
                    return pulled
                refused = "the engine pulled it, but does not have it"
            local = None if asked else self._local_base()
            if local is None:
                raise EngineError(
                    f"the base image {name} is not here and cannot be pulled: {refused}",
                    "connect to its registry, or name a local image in lab.toml ([image] base) or in LAB_BASE_IMAGE",
                )
            self.note_refusal(name, refused)
        note = f"base image {local.name}, since {name} cannot be pulled ({refused})"
        progress(note)
        return replace(local, note=note)

    def _inspect(self, name: str) -> Base | None:
        try:
            details = self._clients.quick.inspect_image(name)
        except docker.errors.ImageNotFound:
            return None
        platform = f"{details['Os']}/{details['Architecture']}"
        digests = details.get("RepoDigests") or [details["Id"]]
        return Base(name, details["Id"], platform, details.get("Config") or {}, digests[0])

    def _local_base(self) -> Base | None:
        """The newest image here that is labelled as a base."""
        images = self._clients.quick.images(filters={"label": f"{BASE_LABEL}=1", "dangling": False})
        for image in sorted(images, key=lambda image: int(image["Created"]), reverse=True):
            for tag in image["RepoTags"] or ():
                return self._inspect(tag)
        return None

    def _pull(self, name: str, progress: Progress) -> str:
        """Pull `name`; the reason why not, or ""."""
        progress(f"pulling {name}")
        repository, tag = _split_tag(name)
        try:
            for step in self._clients.slow.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in step:
                    return _first_line(step["error"])
                if step.get("status") in ("Download complete", "Pull complete", "Already exists"):
                    progress(clean(f"{step.get('id', '')} {step['status'].lower()}"))
        except docker.errors.APIError as error:
            return _first_line(explanation(error))
        return ""

    @property
    def _refusals(self) -> Path:
        return self._home.build_cache / "pulls.json"

    def refused_lately(self, name: str) -> str:
        """Why pulling `name` failed within the last hour: asking again may take a long time without a network."""
        note = (read_note(self._refusals) or {}).get(name)
        if note and 0 <= time.time() - note["at"] < _PULL_AGAIN:
            return str(note["why"])
        return ""

    def note_refusal(self, name: str, why: str) -> None:
        self._home.build_cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_note(self._refusals, {**(read_note(self._refusals) or {}), name: {"at": time.time(), "why": why}})

    # -- the build ----------------------------------------------------------------------------------------------------

    def install(
        self, base: Base, key: str, image: str, command: list[str], folder: Path, network: str, narration: Narration
    ) -> bool:
        """Run `command` in a container of `base` on the mounted `folder`, and keep the result as `image`."""
        self._sweep()
        with self._container(base, key, folder, network, command) as container:
            api = self._clients.slow
            api.start(container)
            pending = b""
            for chunk in api.logs(container, stream=True, follow=True):
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    narration.line(line.decode("utf-8", "replace"))
            narration.line(pending.decode("utf-8", "replace"))
            if api.wait(container)["StatusCode"] != 0:
                return False
            repository, tag = image.split(":")
            api.commit(container, repository, tag, message="lab environment", conf=_image_config(base, key))
        return True

    def _build(
        self,
        plan: Plan,
        base: Base,
        key: str,
        image: str,
        settings: IndexSettings,
        shared: str,
        progress: Progress,
    ) -> None:
        for note in settings.notes:
            progress(note)
        progress(f"installing what {plan.source} asks for into {image}")
        options = {"venv": VENV, "cache": f"{INSIDE}/cache", "uv": "", "python": "", "shared": shared}
        narration = Narration(progress)
        network = "host" if settings.loopback else "bridge"
        with build_folder(self._home, plan, settings, options) as folder:
            if not self.install(base, key, image, _INSTALL, folder, network, narration):
                raise narration.failure(plan.source)

    @contextmanager
    def _container(self, base: Base, key: str, folder: Path, network: str, command: list[str]) -> Iterator[str]:
        """A container ready to install into, named after the environment, and removed whatever happens."""
        api = self._clients.slow
        # No environment, labels or init: a commit would take them over, the last as a file, into the image.
        config = {
            "Image": base.id,
            "Entrypoint": [""],
            "Cmd": command,
            "User": "0:0",
            "WorkingDir": "/",
            "HostConfig": {
                "CapDrop": ["ALL"],
                "CapAdd": ["CHOWN", "DAC_OVERRIDE", "FOWNER"],  # the mounted files are the host user's
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
                "NetworkMode": network,
                "SecurityOpt": ["no-new-privileges"],
                "Tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777"},
                "Mounts": [
                    {"Type": "bind", "Source": str(folder), "Target": f"{INSIDE}/build", "ReadOnly": True},
                    {
                        "Type": "volume",
                        "Source": _CACHE_VOLUME,
                        "Target": f"{INSIDE}/cache",
                        "VolumeOptions": {"Labels": {"lab.cache": "1"}},
                    },
                ],
            },
        }
        name = self._build_prefix() + key[:16]
        remove_container(api, name)  # of a build that was killed: the lock says that nobody is at it
        container = api.create_container_from_config(config, name)["Id"]
        try:
            yield container
        finally:
            remove_container(api, container)

    def _build_prefix(self) -> str:
        return f"lab-build-{home_id(self._home)[:8]}-"

    def _sweep(self) -> None:
        """Remove the containers of builds that were killed."""
        api, prefix = self._clients.slow, self._build_prefix()
        for container in api.containers(all=True, filters={"name": f"^/?{re.escape(prefix)}"}):
            for name in container["Names"]:
                short = name.removeprefix("/").removeprefix(prefix)
                locks = list(self._home.locks.glob(f"env-{short}*.lock"))
                if all(lock_is_free(self._home, lock.stem.removeprefix("env-")) for lock in locks):
                    remove_container(api, container["Id"])


def _image_config(base: Base, key: str) -> dict[str, Any]:
    """The finished image's settings; what is not given here a commit would take from the build's container."""
    declared = dict(line.partition("=")[::2] for line in base.config.get("Env") or ())
    env = {
        **declared,
        "PATH": f"{VENV}/bin:{declared.get('PATH', _PATH)}",
        "PYTHONUNBUFFERED": "1",
        "VIRTUAL_ENV": VENV,
    }
    return {
        "Cmd": ["python3"],
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Labels": {**(base.config.get("Labels") or {}), BASE_LABEL: "0", _ENV_LABEL: key},
        "User": base.config.get("User") or "0:0",
        "WorkingDir": "/",
    }


def _split_tag(name: str) -> tuple[str, str | None]:
    """Repository and tag of an image name; a digest is part of the repository, and no tag is `latest`."""
    if "@" in name:
        return name, None
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def _first_line(text: str) -> str:
    """What went wrong, without the address that the engine's HTTP client puts first."""
    line = str(text).strip().split("\n")[0]
    return clean(re.sub(r'^(Head|Get) "[^"]*": (dial tcp: )?', "", line), 300)
