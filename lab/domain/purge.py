"""What it would mean to purge runs: what goes, how much is free then, and what stays for what reason."""

from __future__ import annotations

from lab.dataclass import dataclass
from lab.domain.resources import format_size
from lab.domain.runs import Run
from lab.domain.text import count_of
from lab.errors import ConflictError


@dataclass(frozen=True)
class Candidate:
    """A run, the bytes of the disk that are free without it, and why it must stay (nothing, and it goes). `names` are
    the files of it that go, relative to its folder; None for the whole folder."""

    run: Run
    bytes: int
    needs: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class PurgePlan:
    """`bytes` are those of the run folders and of code that only these runs need: files in the store that have no
    other name anywhere. `young` is code of theirs that was stored within a day: it stays for `lab gc`."""

    goes: tuple[Candidate, ...]
    stays: tuple[Candidate, ...]
    bytes: int
    files: int
    code: int = 0  # of `bytes`, what is in the store
    young: int = 0
    forced: bool = False


@dataclass(frozen=True)
class Purged:
    """What went to the trash as `batch`, or for ever where `erased`."""

    batch: str
    runs: tuple[Run, ...]
    bytes: int
    files: int
    erased: bool


def refusal(plan: PurgePlan) -> ConflictError:
    """Why the runs that stay cannot be purged."""
    told = "; ".join(f"{item.run.name}: {item.needs[0]}" for item in plan.stays[:3])
    more = f" (and {len(plan.stays) - 3} more)" if len(plan.stays) > 3 else ""
    running = all(item.run.status.active for item in plan.stays)
    hint = "stop it first: lab runs stop" if running else "leave it out, or --force"
    return ConflictError(f"cannot be purged: {told}{more}", hint)


def size_sentence(plan: PurgePlan) -> str:
    """`frees 1.2 GB: 3 runs, 412 files`."""
    return f"frees {format_size(plan.bytes)}: {count_of(len(plan.goes), 'run')}, {count_of(plan.files, 'file')}"
