"""A capture as the facts and the table that `lab runs show` tells. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.domain.capture import Capture
from lab.domain.resources import format_size
from lab.domain.runs import Submodule
from lab.domain.text import count_of

#: Outputs that are listed; the rest is counted.
MOST_OUTPUTS = 20
_HASH = 16  # digits of a hash that are shown


def facts(capture: Capture) -> list[tuple[str, str]]:
    """(what, value); an empty value is not told."""
    software = capture.software
    base = f" on {software.base} {_short(software.base_id)}".rstrip() if software.base else ""
    return [
        ("input id", capture.input_id),
        ("branch", f"{capture.code.branch}  {capture.code.remote}".strip()),
        ("patch", _patch(capture)),
        ("submodules", _listed(f"{one.path} {_module(one)}" for one in capture.code.submodules)),
        ("git lfs", _listed(f"{one.path} {_short(one.oid)}" for one in capture.code.lfs)),
        ("left out", ", ".join(capture.code.skipped[:10]) + (", …" if len(capture.code.skipped) > 10 else "")),
        ("image id", f"{_short(software.image_id)}{base}"),
        ("python", ", ".join(filter(None, (software.python, software.libc)))),
        ("packages", str(len(software.packages) or "")),
        ("blas", _blas(capture)),
        ("threads", ", ".join(f"{name}={value}" for name, value in software.threads.items())),
        ("locale", ", ".join(filter(None, (software.locale, software.timezone)))),
        ("machine", _machine(capture)),
        ("gpu", _gpu(capture)),
        ("missing", "; ".join(capture.missing)),
    ]


def outputs(capture: Capture) -> Sequence[Sequence[str]]:
    """Rows of path, kind, size and the beginning of the hash; models first."""
    order = {"model": 0, "artifact": 1, "file": 2}
    listed = sorted(capture.outputs, key=lambda one: order.get(one.kind, 3))
    return [[one.path, one.kind, format_size(one.size), one.sha256[:_HASH]] for one in listed[:MOST_OUTPUTS]]


def _patch(capture: Capture) -> str:
    parts = [f"code.patch {_short(capture.code.patch)}" if capture.code.patch else ""]
    if capture.code.untracked:
        parts.append(f"{len(capture.code.untracked)} untracked")
    return ", ".join(filter(None, parts))


def _module(one: Submodule) -> str:
    """The commit of a submodule, with a star where its files differ from that."""
    return f"{one.commit[:12] or 'not checked out'}{'*' if one.dirty else ''}"


def _listed(items: Iterable[str]) -> str:
    told = list(items)
    return ", ".join(told[:10]) + (f", and {len(told) - 10} more" if len(told) > 10 else "")


def _blas(capture: Capture) -> str:
    software = capture.software
    threads = count_of(software.blas_threads, "thread") if software.blas_threads else ""
    name = " ".join(filter(None, (software.blas_name, software.blas_version)))
    return ", ".join(filter(None, (name, threads, *software.blas)))


def _gpu(capture: Capture) -> str:
    """What the run saw; nothing where nobody looked."""
    machine = capture.machine
    if not machine.gpus:
        return "none" if machine.system else ""
    return ", ".join((*machine.gpus, f"driver {machine.driver}" if machine.driver else "")).strip(", ")


def _machine(capture: Capture) -> str:
    machine = capture.machine
    cores = f"{machine.cores} cores" if machine.cores else ""
    memory = format_size(machine.memory) if machine.memory else ""
    return ", ".join(filter(None, (machine.cpu, cores, memory, machine.system)))


def _short(digest: str) -> str:
    """A hash as people tell it, without the kind of hash."""
    return digest.rpartition(":")[2][:_HASH]
