"""What a run uses of the machine: as it goes on, and in all."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dataclass import dataclass


@dataclass(frozen=True)
class Usage:
    """In all: bytes, and seconds of processor time."""

    peak_memory: int
    cpu_time: float
    read_bytes: int = 0
    written_bytes: int = 0
    peak_gpu_memory: int = 0


@dataclass(frozen=True)
class Sample:
    """At one moment (`at`, seconds since the epoch): `cpu` in cores, memory in bytes (`peak`: the most so far),
    `read` and `write` in bytes a second, `cpu_time` in seconds so far, bytes printed so far (`log`). `limit` 0: none.

    `gpu` counts busy GPUs (1.5 is one and a half); None where there is none.
    """

    at: float
    cpu: float
    memory: int
    peak: int
    read: float
    write: float
    cpu_time: float
    limit: int = 0
    log: int = 0
    gpu: float | None = None
    gpu_memory: int = 0
    gpu_limit: int = 0

    @property
    def usage(self) -> Usage:
        """What was used up to this moment, as far as single looks can tell."""
        return Usage(self.peak, self.cpu_time, peak_gpu_memory=self.gpu_memory)


@dataclass(frozen=True)
class SystemHistory:
    """All looks at a run, oldest first; `limit` of its memory in bytes, 0 for none."""

    samples: Sequence[Sample]
    limit: int
