"""Runs: one execution of an entry point, from request to verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from enum import StrEnum
from typing import Any, NamedTuple

from lab.dataclass import dataclass
from lab.domain.collecting import Collecting
from lab.domain.commands import ShellCommand, filled
from lab.domain.guards import Guard
from lab.domain.resources import Resources, format_size

Param = str | int | float | bool | None

SPEC_VERSION = 1


#: The engine of runs that other tools recorded: Lab can look at them, not start or stop them.
IMPORTED = "imported"

#: The engines of runs that a process made of itself with `track.run`: it is the job, and Lab did not start it.
NOTEBOOK, LOCAL = "notebook", "local"
OWN = frozenset((NOTEBOOK, LOCAL))


class RunStatus(StrEnum):
    QUEUED = "queued"  # waits until there is room for it
    CREATED = "created"  # asked for; its environment may still be building
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"  # by the user
    INTERRUPTED = "interrupted"  # by something outside: engine restart, kill from outside
    LOST = "lost"  # nothing is left that could say how it ended

    @property
    def active(self) -> bool:
        """Whether its end is still to come."""
        return self in (RunStatus.QUEUED, RunStatus.CREATED, RunStatus.RUNNING)


class Badge(StrEnum):
    """How far a run has been shown to be reproducible; each stands for those before it, but the last."""

    NONE = ""  # its code is not in the lab
    CAPTURED = "captured"
    RERUNNABLE = "rerunnable"  # all that it takes was there when somebody looked
    BITWISE = "bitwise"
    TOLERANCE = "tolerance"
    FAILED = "failed"

    @property
    def reproduced(self) -> bool:
        return self in (Badge.BITWISE, Badge.TOLERANCE)


@dataclass(frozen=True)
class DataInput:
    """A dataset version that a run sees: `version` such as `v2`, `manifest` the id of its content, `place` where the
    project has it, "" if that is nowhere."""

    name: str
    version: str
    manifest: str
    place: str = ""


@dataclass(frozen=True)
class Submodule:
    """A repository within the project's: where it is, the commit that is checked out ("" if none is), and whether its
    files differ from that."""

    path: str
    commit: str
    dirty: bool = False


@dataclass(frozen=True)
class LargeFile:
    """A file that Git LFS keeps: the SHA-256 and the bytes of its content, and whether the tree holds only a pointer to
    that."""

    path: str
    oid: str
    size: int
    pointer: bool = False


@dataclass(frozen=True)
class CodeSnapshot:
    """The project's tree at launch: `tree` is a manifest id in the store; the rest is where git knows.

    `patch` is the hash of the object with what has changed since the commit, `patch_tree` the manifest that keeps it in
    the store, "" for runs of earlier versions, which have it only as `code.patch` in their folder. `untracked` are
    files that git knows nothing of, in the tree all the same. `remote` holds no password.
    """

    tree: str
    files: int
    size: int
    commit: str = ""
    dirty: bool = False
    skipped: tuple[str, ...] = ()  # paths left out for their size; the snapshot is partial then
    branch: str = ""
    remote: str = ""
    patch: str = ""
    untracked: tuple[str, ...] = ()
    patch_tree: str = ""
    submodules: tuple[Submodule, ...] = ()
    lfs: tuple[LargeFile, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether the tree is not all of the code."""
        return bool(self.skipped)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CodeSnapshot:
        """From the dataclass as a JSON object; unknown keys of later versions are ignored."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        lists: dict[str, Any] = {name: tuple(data.get(name, ())) for name in ("skipped", "untracked")}
        lists["submodules"] = tuple(
            Submodule(item["path"], item["commit"], item["dirty"]) for item in data.get("submodules", ())
        )
        lists["lfs"] = tuple(
            LargeFile(item["path"], item["oid"], item["size"], item["pointer"]) for item in data.get("lfs", ())
        )
        return cls(**{**known, **lists})


@dataclass(frozen=True)
class RunSpec:
    """All that was asked for (`spec.json`); enough to launch the run again.

    `command` is argv inside the environment, with `project_dir` the project's folder relative to the
    lab home where possible. `environment` is the hash of the image or virtual environment,
    `image` what the engine calls it and `image_id` the hash of its content; `base` and `base_id` are the same of what
    it was built on. `workdir` is where the command runs, relative to the project. `reproduces` is the run that this
    one runs again, `swapped` the one factor that is not as in that one (code, data, env, params), and `rebuilt` says
    that the environment had to be made again. `param_files` says of parameters in which file of the code they stand;
    they are put there when the run is handed to the engine. Other parameters `command` may name; or there is a `shell`
    command, which is executed with the parameters in it, and `command` only shows it. `given_guards` are those of
    `guards` that came with the launch and not from the entry. `threads` bounds the threads of a reproduction by
    variable, as they were bounded then. `script` is what was launched where that is no entry of the project.
    """

    id: str
    name: str
    project: str
    entry: str
    command: tuple[str, ...]
    params: Mapping[str, Param]
    seed: int
    datasets: Mapping[str, DataInput]
    code: CodeSnapshot
    engine: str
    image: str
    environment: str
    resources: Resources
    network: bool
    created: float
    sweep: str = ""
    tags: tuple[str, ...] = ()
    reproduces: str = ""
    swapped: str = ""
    rebuilt: bool = False
    workdir: str = ""
    image_id: str = ""
    base: str = ""
    base_id: str = ""
    collecting: Collecting = field(default_factory=Collecting)
    guards: tuple[Guard, ...] = ()
    param_files: Mapping[str, str] = field(default_factory=dict)
    shell: ShellCommand | None = None
    given_guards: tuple[Guard, ...] = ()
    threads: Mapping[str, str] = field(default_factory=dict)
    script: str = ""

    @property
    def argv(self) -> tuple[str, ...]:
        """What to execute. Raises UsageError for parameters that its command needs, or does not take."""
        if self.shell:
            return self.shell.argv(self.entry, self.params)
        return filled(self.command, self.entry, self.params, self.seed)

    @property
    def shown(self) -> tuple[str, ...]:
        """The command as people read it: with the values of parameters in it, but for a shell command."""
        return self.command if self.shell else self.argv

    def to_json(self) -> dict[str, Any]:
        return {"v": SPEC_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunSpec:
        """Inverse of `to_json`; unknown keys of later versions are ignored."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["command"] = tuple(data["command"])
        known["tags"] = tuple(data.get("tags", ()))
        known["guards"] = tuple(Guard(**guard) for guard in data.get("guards", ()))
        known["given_guards"] = tuple(Guard(**guard) for guard in data.get("given_guards", ()))
        known["datasets"] = {name: DataInput(**value) for name, value in data["datasets"].items()}
        known["code"] = CodeSnapshot.from_json(data["code"])
        known["shell"] = ShellCommand.from_json(data["shell"]) if data.get("shell") else None
        known["collecting"] = Collecting.from_json(data.get("collecting", {}))
        known["resources"] = Resources(**data["resources"])
        return cls(**known)


class MetricSummary(NamedTuple):
    """One metric of one run; `last` is by order of logging, the rest over finite values (NaN if there are none).

    A tuple rather than a frozen dataclass: a page of the run table makes hundreds of them.
    """

    last: float
    min: float
    max: float
    mean: float
    count: int  # type: ignore[assignment]  # hides tuple.count, of no use here
    step: float = 0.0  # of the last value


@dataclass(frozen=True)
class History:
    """All values of one metric in the order of logging; `times` in seconds since the epoch. Equal lengths."""

    steps: Sequence[float]
    times: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Run:
    """A run as the catalog knows it. Times in seconds since the epoch, `None` while not reached."""

    id: str
    name: str
    project: str
    entry: str
    status: RunStatus
    cause: str = ""
    exit_code: int | None = None
    engine: str = ""
    params: Mapping[str, Param] = field(default_factory=dict)
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    notes: str = ""
    seed: int = 0
    sweep: str = ""
    code: str = ""
    image: str = ""
    memory: int = 0  # limit, bytes
    stop_requested: bool = False
    stop_reason: str = ""  # why, where it was not the user who asked
    launcher: str = ""  # "<pid>:<process start>@<boot id>" of the Lab process that launched it
    queued: bool = False  # came from the queue, and may go back there if it was never started
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    starred: bool = False
    archived: bool = False
    peak_memory: int | None = None  # bytes, so far; None where nobody looked
    cpu_time: float | None = None  # seconds of processor time, so far
    badge: Badge = Badge.NONE
    badge_note: str = ""  # why, as a sentence
    reproduces: str = ""  # the run that it runs again, if it does
    swapped: str = ""  # what is not as in that one: code, data, env, params
    guards: tuple[str, ...] = ()  # names of those that fired
    eta: float | None = None  # of one that runs: seconds until its end; None where nobody knows

    def duration(self, now: float) -> float | None:
        """Seconds from start to end, or to `now` while it runs; never negative."""
        if self.started is None:
            return None
        return max(0.0, (self.ended if self.ended is not None else now) - self.started)


@dataclass(frozen=True)
class Edit:
    """One change of what a user may edit: `what` is `name`, `notes`, `tags`, `starred`, `archived`, or `files` where
    some of them were pruned."""

    at: float  # seconds since the epoch
    what: str
    before: Param | tuple[str, ...]
    after: Param | tuple[str, ...]


@dataclass(frozen=True)
class Ending:
    """How a run ended and who says so; a higher `authority` overrules a lower one."""

    status: RunStatus
    cause: str
    exit_code: int | None
    authority: int


#: The cause of a run that was stopped, where nobody gave another.
STOPPED_BY_USER = "stopped by user"

#: Our entry point's exit.json, what the engine remembers, nobody.
ENTRY, ENGINE, NOBODY = 3, 2, 1


def ending_of(
    *,
    exit_code: int,
    signal: int = 0,
    out_of_memory: bool = False,
    memory: int = 0,
    stop_requested: bool = False,
    stop_reason: str = "",
    interruption: str = "",
    authority: int = ENTRY,
) -> Ending:
    """The verdict on a process that ended with `exit_code`, or by `signal` (0: none).

    A stop that was asked for, by the user or for a `stop_reason`, is `stopped` whatever the exit code; the kernel's
    out-of-memory kill is never told as "exit 137"; a kill that nobody here asked for is `interrupted` with
    `interruption` as its reason.
    """
    if stop_requested and (signal or exit_code != 0):
        return Ending(RunStatus.STOPPED, stop_reason or STOPPED_BY_USER, exit_code, authority)
    if out_of_memory and exit_code != 0:
        limit = f" (limit {format_size(memory)})" if memory else ""
        return Ending(RunStatus.FAILED, f"out of memory{limit}", exit_code, authority)
    if exit_code == 0:
        cause = "finished" if not out_of_memory else "finished, but a child process ran out of memory"
        return Ending(RunStatus.FINISHED, cause, 0, authority)
    if interruption:
        return Ending(RunStatus.INTERRUPTED, f"interrupted: {interruption}", exit_code, authority)
    if signal:
        return Ending(RunStatus.FAILED, f"failed by signal {signal}", exit_code, authority)
    return Ending(RunStatus.FAILED, f"failed exit {exit_code}", exit_code, authority)
