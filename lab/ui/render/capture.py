"""What went into a run, as rows of its page of facts. Pure functions; the values are not cleaned."""

from __future__ import annotations

from lab.domain.capture import Capture, Software
from lab.domain.text import count_of
from lab.ui.render.facts import Pair
from lab.ui.render.number import format_size

#: (label, value, token); a row without a value is a heading.
Fact = tuple[str, str, str]

_HASH, _MOST = 16, 12  # digits of a hash, and outputs, that are shown


def partial_note(capture: Capture) -> str:
    """What a partial snapshot of the code is told as; "" for a whole one."""
    return f"code: partial ({len(capture.code.skipped)} left out)" if capture.partial else ""


def capture_facts(capture: Capture) -> list[Pair]:
    """Code, environment, machine, outputs and what is not known."""
    parts = (_code, _environment, _machine, _outputs, _missing)
    return [
        Pair(label, value, token) if value else Pair(label) for part in parts for label, value, token in part(capture)
    ]


def _code(capture: Capture) -> list[Fact]:
    code = capture.code
    rows = [("Code", "", ""), ("files", f"{code.files}, {format_size(code.size)}", "")]
    if code.commit:
        rows.append(
            ("commit", f"{code.commit[:12]}{' with changes' if code.dirty else ''}", "warn" if code.dirty else "")
        )
    rows += [("branch", code.branch, ""), ("remote", code.remote, "")]
    if code.patch:
        rows.append(("patch", f"{_short(code.patch)}, kept in the store", ""))
    if code.untracked:
        rows.append(("untracked", f"{len(code.untracked)} files, in the snapshot", ""))
    if code.submodules:
        told = (
            f"{one.path} {one.commit[:12] or 'not checked out'}{'*' if one.dirty else ''}" for one in code.submodules
        )
        rows.append(("submodules", ", ".join(told), "warn" if any(one.dirty for one in code.submodules) else ""))
    if code.lfs:
        pointers = sum(one.pointer for one in code.lfs)
        large = f"{count_of(len(code.lfs), 'file')} of Git LFS" + (f", {pointers} only as pointers" if pointers else "")
        rows.append(("large files", large, "warn" if pointers else ""))
    if code.partial:
        rows.append(("partial", f"left out for their size: {', '.join(code.skipped[:5])}", "fail"))
    return [row for row in rows if row[1] or row[0] == "Code"]


def _environment(capture: Capture) -> list[Fact]:
    software = capture.software
    rows = [
        ("input id", capture.input_id, ""),
        ("command", " ".join(capture.command), ""),
        ("image id", _short(software.image_id), ""),
        ("base", f"{software.base} {_short(software.base_id)}".strip(), ""),
        ("python", ", ".join(filter(None, (software.python, software.libc))), ""),
        ("packages", str(len(software.packages) or ""), ""),
        ("blas", _blas(software), ""),
        ("threads", ", ".join(f"{name}={value}" for name, value in software.threads.items()), ""),
        ("locale", ", ".join(filter(None, (software.locale, software.timezone))), ""),
    ]
    return [("Environment", "", ""), *(row for row in rows if row[1])]


def _blas(software: Software) -> str:
    threads = count_of(software.blas_threads, "thread") if software.blas_threads else ""
    name = " ".join(filter(None, (software.blas_name, software.blas_version)))
    return ", ".join(filter(None, (name, threads, *software.blas)))


def _machine(capture: Capture) -> list[Fact]:
    machine = capture.machine
    rows = [
        ("cpu", machine.cpu, ""),
        ("cores", str(machine.cores or ""), ""),
        ("memory seen", format_size(machine.memory) if machine.memory else "", ""),
        ("system", machine.system, ""),
        ("gpu", ", ".join(machine.gpus) or ("none" if machine.system else ""), ""),
        ("driver", machine.driver, ""),
    ]
    told = [row for row in rows if row[1]]
    return [("Machine", "", ""), *told] if told else []


def _outputs(capture: Capture) -> list[Fact]:
    order = {"model": 0, "artifact": 1, "file": 2}
    listed = sorted(capture.outputs, key=lambda one: order.get(one.kind, 3))
    rows = [(one.kind, f"{one.path}  {format_size(one.size)}  {one.sha256[:_HASH]}", "") for one in listed[:_MOST]]
    if len(listed) > _MOST:
        rows.append(("and", f"{len(listed) - _MOST} more", "muted"))
    return [("Outputs", "", ""), *rows] if rows else []


def _missing(capture: Capture) -> list[Fact]:
    return [("Not known", "", ""), *(("–", text, "warn") for text in capture.missing)] if capture.missing else []


def _short(digest: str) -> str:
    return digest.rpartition(":")[2][:_HASH]
