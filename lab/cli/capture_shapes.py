"""A capture as the facts and the table that `lab runs show` tells. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from lab.domain.capture import Capture
from lab.domain.resources import format_size

#: Outputs that are listed; the rest is counted.
MOST_OUTPUTS = 20
_HASH = 16  # digits of a hash that are shown


def facts(capture: Capture) -> list[tuple[str, str]]:
    """(what, value); an empty value is not told."""
    software, machine = capture.software, capture.machine
    base = f" on {software.base} {_short(software.base_id)}".rstrip() if software.base else ""
    return [
        ("input id", capture.input_id),
        ("branch", f"{capture.code.branch}  {capture.code.remote}".strip()),
        ("patch", _patch(capture)),
        ("left out", ", ".join(capture.code.skipped[:10]) + (", …" if len(capture.code.skipped) > 10 else "")),
        ("image id", f"{_short(software.image_id)}{base}"),
        ("python", ", ".join(filter(None, (software.python, software.libc)))),
        ("packages", str(len(software.packages) or "")),
        ("blas", ", ".join(software.blas)),
        ("threads", ", ".join(f"{name}={value}" for name, value in software.threads.items())),
        ("locale", ", ".join(filter(None, (software.locale, software.timezone)))),
        ("machine", _machine(capture)),
        ("gpu", ", ".join((*machine.gpus, f"driver {machine.driver}" if machine.driver else "")).strip(", ")),
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


def _machine(capture: Capture) -> str:
    machine = capture.machine
    cores = f"{machine.cores} cores" if machine.cores else ""
    memory = format_size(machine.memory) if machine.memory else ""
    return ", ".join(filter(None, (machine.cpu, cores, memory, machine.system)))


def _short(digest: str) -> str:
    """A hash as people tell it, without the kind of hash."""
    return digest.rpartition(":")[2][:_HASH]
