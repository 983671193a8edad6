"""Captures: all that went into a run and all that came out of it, named by a hash, and told apart by cause.

What is not known is empty, never guessed: such a fact is not compared with one that is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, field, fields
from enum import IntEnum
from typing import Any

from lab.dataclass import dataclass
from lab.domain.numbers import jsonable
from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, DataInput, Param

CAPTURE_VERSION = 1

#: In which the kinds of outputs are told.
ARTIFACT, MODEL, FILE = "artifact", "model", "file"


@dataclass(frozen=True)
class Software:
    """What the run was executed by. All but `engine`, `image`, `image_id`, `base`, `base_id` and `environment` is seen
    from inside.

    `image` is what the engine calls the environment, `image_id` the hash of its content, `base` and `base_id` the same
    of what it was built on; `environment` is the hash of all that it was made from. `packages` are distributions and
    their versions. `blas` names the libraries of linear algebra that were found, `threads` what bounds the number of
    threads, by variable. `blas_name` and `blas_version` are what numpy was built with, `blas_threads` how many threads
    that uses, 0 where it does not tell. `variables` are the names of all environment variables, without their values.
    """

    engine: str = ""
    image: str = ""
    image_id: str = ""
    base: str = ""
    base_id: str = ""
    environment: str = ""
    python: str = ""
    libc: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    blas: tuple[str, ...] = ()
    threads: Mapping[str, str] = field(default_factory=dict)
    timezone: str = ""
    locale: str = ""
    variables: tuple[str, ...] = ()
    blas_name: str = ""
    blas_version: str = ""
    blas_threads: int = 0


#: Inputs that runs of earlier versions do not tell: they are part of an id only where they are told.
_LATER = ("blas_name", "blas_version", "blas_threads")


@dataclass(frozen=True)
class Machine:
    """Where the run was executed, as it saw it: `cores` that it could use, `memory` in bytes that it was bounded by,
    GPUs and their driver, none where it saw none."""

    system: str = ""
    cpu: str = ""
    cores: int = 0
    memory: int = 0
    gpus: tuple[str, ...] = ()
    driver: str = ""


@dataclass(frozen=True)
class Output:
    """A file that the run left: `path` relative to the run's folder, `kind` artifact, model or file, `size` in bytes.

    `sha256` is "" for a file that was too large to be read again, or that is none any more.
    """

    path: str
    kind: str
    size: int
    sha256: str = ""


@dataclass(frozen=True)
class Capture:
    """One run. `missing` are sentences about what is not known of it."""

    run: str
    entry: str
    command: tuple[str, ...]
    code: CodeSnapshot
    workdir: str = ""
    data: Mapping[str, DataInput] = field(default_factory=dict)
    params: Mapping[str, Param] = field(default_factory=dict)
    seed: int = 0
    resources: Resources = field(default_factory=Resources)
    network: bool = False
    software: Software = field(default_factory=Software)
    machine: Machine = field(default_factory=Machine)
    outputs: tuple[Output, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether the code is not whole in the lab."""
        return self.code.partial

    @property
    def input_id(self) -> str:
        """64 hexadecimal digits: SHA-256 of the canonical JSON of all inputs by their content.

        Names that say nothing of content (commit, branch, a version's label, an image's tag) are not part of it, and
        neither are outputs. Equal ids: the same was asked for, of the same, in the same environment.
        """
        text = json.dumps(jsonable(self._inputs()), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def _inputs(self) -> dict[str, Any]:
        return {
            "v": CAPTURE_VERSION,
            "command": self.command,
            "workdir": self.workdir,
            "code": {"tree": self.code.tree, "skipped": self.code.skipped},
            "data": {name: item.manifest for name, item in self.data.items()},
            "params": dict(self.params),
            "seed": self.seed,
            "resources": asdict(self.resources),
            "network": self.network,
            "software": {**_told(self.software), "image": "", "base": ""},
            "machine": asdict(self.machine),
        }

    def to_json(self) -> dict[str, Any]:
        """A JSON object, with `input_id` among its keys."""
        return {
            "v": CAPTURE_VERSION,
            "input_id": self.input_id,
            "partial": self.partial,
            **jsonable(asdict(self)),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Capture:
        """Inverse of `to_json`; unknown keys of later versions are ignored. Raises KeyError, TypeError, ValueError."""
        return cls(
            run=str(data["run"]),
            entry=str(data["entry"]),
            command=tuple(data["command"]),
            code=CodeSnapshot.from_json(data["code"]),
            workdir=str(data.get("workdir", "")),
            data={name: DataInput(**value) for name, value in data.get("data", {}).items()},
            params=dict(data.get("params", {})),
            seed=int(data.get("seed", 0)),
            resources=Resources(**data.get("resources", {})),
            network=bool(data.get("network", False)),
            software=_made(Software, data.get("software", {})),
            machine=_made(Machine, data.get("machine", {})),
            outputs=tuple(_made(Output, item) for item in data.get("outputs", ())),
            missing=tuple(data.get("missing", ())),
        )


class Cause(IntEnum):
    """What may make two runs differ; the lower, the likelier it is the reason."""

    CODE = 1
    DATA = 2
    PARAMS = 3
    SEED = 4
    PACKAGES = 5
    IMAGE = 6
    THREADS = 7
    HARDWARE = 8


@dataclass(frozen=True)
class Difference:
    """One input that differs: `name` within its cause, and what it was on either side; None where it was not there."""

    cause: Cause
    name: str
    old: Param
    new: Param


def differences(old: Capture, new: Capture) -> tuple[Difference, ...]:
    """All inputs that differ, the likeliest cause first: code > data > params > seed > packages > image > threads and
    BLAS > hardware. A fact that either side does not know is left out."""
    found = [*_asked(old, new), *_environment(old.software, new.software), *_bounds(old, new)]
    return tuple(sorted(found, key=lambda item: item.cause))


def _asked(old: Capture, new: Capture) -> Iterator[Difference]:
    code = {"tree": old.code.tree, "command": _words(old), "workdir": old.workdir}
    yield from _unequal(Cause.CODE, code, {"tree": new.code.tree, "command": _words(new), "workdir": new.workdir})
    yield from _unequal(Cause.CODE, {"left out": _list(old.code.skipped)}, {"left out": _list(new.code.skipped)})
    names = dict.fromkeys((*new.data, *old.data))
    for name in names:
        mine, theirs = (side.data.get(name) for side in (old, new))
        if (mine and mine.manifest) != (theirs and theirs.manifest):
            yield Difference(Cause.DATA, name, mine.version if mine else None, theirs.version if theirs else None)
    yield from _unequal(Cause.PARAMS, old.params, new.params)
    if old.seed != new.seed:
        yield Difference(Cause.SEED, "seed", old.seed, new.seed)


def _environment(old: Software, new: Software) -> Iterator[Difference]:
    yield from _known(Cause.PACKAGES, {"python": old.python}, {"python": new.python})
    if old.packages and new.packages:
        yield from _unequal(Cause.PACKAGES, old.packages, new.packages)
    names = ("engine", "image_id", "base_id", "environment", "libc", "timezone", "locale")
    yield from _known(Cause.IMAGE, *({name: getattr(side, name) for name in names} for side in (old, new)))
    if old.variables and new.variables:
        bounds = {*old.threads, *new.threads}  # told with the threads
        mine, theirs = set(old.variables) - bounds, set(new.variables) - bounds
        yield from (Difference(Cause.IMAGE, f"${name}", "set", None) for name in sorted(mine - theirs))
        yield from (Difference(Cause.IMAGE, f"${name}", None, "set") for name in sorted(theirs - mine))


def _bounds(old: Capture, new: Capture) -> Iterator[Difference]:
    if old.software.python and new.software.python:  # both were seen from inside
        told = dict.fromkeys((*new.software.threads, *old.software.threads))
        yield from _unequal(Cause.THREADS, *({name: _threads(side, name) for name in told} for side in (old, new)))
    yield from _known(Cause.THREADS, {"blas": _list(old.software.blas)}, {"blas": _list(new.software.blas)})
    yield from _known(Cause.THREADS, *({name: getattr(side.software, name) for name in _LATER} for side in (old, new)))
    yield from _unequal(Cause.THREADS, {"cpus": old.resources.cpus}, {"cpus": new.resources.cpus})
    asked = [
        {name: value for name, value in asdict(side.resources).items() if name != "cpus"} | {"network": side.network}
        for side in (old, new)
    ]
    yield from _unequal(Cause.HARDWARE, *asked)
    names = ("system", "cpu", "cores", "driver")
    yield from _known(Cause.HARDWARE, *({name: getattr(side.machine, name) for name in names} for side in (old, new)))
    yield from _unequal(Cause.HARDWARE, {"gpus": _list(old.machine.gpus)}, {"gpus": _list(new.machine.gpus)})


def _threads(capture: Capture, name: str) -> str | None:
    """What a variable bounds threads to; without it, libraries take as many as there are cores."""
    return capture.software.threads.get(name) or (str(capture.machine.cores) if capture.machine.cores else None)


def _unequal(cause: Cause, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*new, *old)):
        mine, theirs = old.get(name), new.get(name)
        if repr(mine) != repr(theirs) or (name in old) != (name in new):  # NaN is NaN, and 1 is not 1.0
            yield Difference(cause, name, mine, theirs)


def _known(cause: Cause, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    names = [name for name in new if old.get(name) and new[name]]
    yield from _unequal(cause, {name: old[name] for name in names}, {name: new[name] for name in names})


def _words(capture: Capture) -> str:
    return " ".join(capture.command)


def _list(items: tuple[str, ...]) -> str:
    return ", ".join(items)


def _told(software: Software) -> dict[str, Any]:
    return {name: value for name, value in asdict(software).items() if value or name not in _LATER}


def _made(kind: type[Any], data: Mapping[str, Any]) -> Any:
    """`kind` from the keys that it has; lists become tuples."""
    names = [item.name for item in fields(kind) if item.name in data]
    return kind(**{name: tuple(data[name]) if isinstance(data[name], list) else data[name] for name in names})
