"""What every engine can do: the contract that `tests/contract/test_engines.py` holds each one to.

An engine runs jobs. A job is a training run or one server of a deployment; the engine does not care which. Paths
in a job's command and environment are those seen inside (`lab.paths.RUN_DIR` and so on); an engine without
mounts translates them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from lab.dataclass import dataclass
from lab.domain.resources import Resources

#: Called with one human line of progress at a time.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Mount:
    """`private` is for secrets: read-only inside, and readable to the job's user alone also on the host."""

    source: Path
    target: str
    read_only: bool = True
    private: bool = False


@dataclass(frozen=True)
class Job:
    """What an engine is asked to run. `id` is unique for ever; submitting it twice is refused.

    `image` is what `prepare` returned. `port` > 0 asks for `container_port` to be published on
    127.0.0.1:`port`. `restart` asks the engine to start it again whenever it dies, after pauses that grow, and after
    a restart of the engine itself (servers). `link` lets it talk with the home's other linked jobs, and with nothing
    else: where jobs are isolated, each is found there by its id, at `container_port`.
    `writable` are the folders that the job's user must be able to write; each is the source of a mount.
    """

    id: str
    image: str
    command: Sequence[str]
    env: Mapping[str, str]
    workdir: str
    mounts: Sequence[Mount]
    resources: Resources
    labels: Mapping[str, str]
    network: bool = False
    port: int = 0
    container_port: int = 8080
    restart: bool = False
    link: bool = False


class JobState(StrEnum):
    RUNNING = "running"
    EXITED = "exited"
    GONE = "gone"  # the engine knows nothing of it


@dataclass(frozen=True)
class JobStatus:
    """What the engine says. `interruption` is set when something outside ended the job: a sentence part.
    `restarts` is how often the engine has started it again."""

    id: str
    state: JobState
    exit_code: int | None = None
    out_of_memory: bool = False
    interruption: str = ""
    started: float | None = None
    ended: float | None = None
    error: str = ""
    restarts: int = 0


@dataclass(frozen=True)
class JobEvent:
    """A job started, died, or ran out of memory; `action` is `start`, `die` or `oom`."""

    id: str
    action: str
    at: float


@dataclass(frozen=True)
class Environment:
    """What must be installed for a job: requirement lines, or a project's own dependency files.

    `files` are (name inside the build, content) of dependency files; exactly one way of installing follows from
    them: `uv.lock` + `pyproject.toml`, else `pyproject.toml`, else `requirements.txt`, else `environment.yml`.
    `base` is the base image asked for ("" for the default); the process engine ignores it.
    """

    files: tuple[tuple[str, bytes], ...] = ()
    base: str = ""
    python: str = ""


@dataclass(frozen=True)
class Prepared:
    """An environment ready to run in. `image` goes into `Job.image`; `note` tells what was chosen and why.

    `image_id` is the hash of its content, `base` what it was built on and `base_id` the hash of that, by the registry
    where it came from one.
    """

    image: str
    digest: str
    built: bool
    seconds: float
    note: str = ""
    image_id: str = ""
    base: str = ""
    base_id: str = ""


@dataclass(frozen=True)
class EngineInfo:
    """An engine that answers. `isolated` is False where a job can reach all that its user can."""

    name: str
    version: str
    isolated: bool
    limits: frozenset[str] = field(default_factory=frozenset)  # of cpus, memory, gpus, shm, pids, network
    detail: str = ""


@runtime_checkable
class Engine(Protocol):
    """Where jobs run. Every method may be called from any thread.

    All raise EngineUnavailableError when the engine does not answer, EngineError when it refuses.
    """

    @property
    def name(self) -> str: ...

    def available(self) -> EngineInfo:
        """Ask the engine for its version, within about five seconds."""

    def prepare(self, environment: Environment, progress: Progress) -> Prepared:
        """Find or make what `environment` asks for. Content-addressed: the same one twice builds once."""

    def submit(self, job: Job) -> None:
        """Start `job`. When this returns it is running or has ended; when it raises nothing is left behind.

        Raises ConflictError if a job of that id exists or the port is taken.
        """

    def status(self, job_id: str) -> JobStatus: ...

    def logs(self, job_id: str, tail: int = 200) -> list[str]:
        """The last lines that the engine itself caught (start-up errors); a run's own output is in its folder."""

    def stop(self, job_id: str, grace: float = 10.0) -> None:
        """Ask it to end, kill it after `grace` seconds; returns when it has ended. Harmless when it already has."""

    def remove(self, job_id: str) -> None:
        """Forget an ended job (a running one is killed). Harmless when there is none."""

    def list(self, home_id: str) -> list[JobStatus]:
        """All jobs labelled `lab.home=home_id`, running or ended."""

    def events(self, home_id: str, stop: Callable[[], bool]) -> Iterator[JobEvent]:
        """Starts and deaths of this home's jobs as they happen, until `stop()`; ends by itself if the engine goes."""

    def close(self) -> None: ...


@runtime_checkable
class Stats(Protocol):
    """Engines that can tell a running job's use of the machine without blocking for a second."""

    def memory(self, job_id: str) -> int:
        """Bytes resident now."""


@runtime_checkable
class FindsImages(Protocol):
    """Engines whose environments may be gone when a run is to be run again."""

    def has_image(self, image: str) -> bool:
        """Whether the environment that `prepare` called so is still there."""


@runtime_checkable
class KeepsImages(Protocol):
    """Engines that keep images which Lab built."""

    def images(self) -> Mapping[str, int]:
        """Name → bytes of every environment's image; layers that images share count for each."""


@runtime_checkable
class BuildsRouters(Protocol):
    """Engines that can make an image with HAProxy in it."""

    def router_image(self, progress: Progress) -> str:
        """The name of that image, built at first need; "" where it cannot be had, which `progress` hears of."""
