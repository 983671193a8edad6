"""What a run sees of the software and the machine around it, for `capture.json`. Standard library only.

Nothing is imported or executed for it: names of files, the environment and what the kernel tells are enough.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import time

from lab.runtime.sampler import Group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What bounds the threads of numerical libraries.
_THREADS = (
    "OMP_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)
_LIBRARY = re.compile(r"lib.*(?:blas|mkl|blis|lapack|gomp|iomp).*", re.IGNORECASE)
_FOLDERS = ("numpy.libs", "scipy.libs", "scikit_learn.libs", "torch/lib", "mkl/lib")
#: Of numpy/__config__.py, as its build writes it.
_BLAS = re.compile(r'"blas":\s*\{\s*"name":\s*r?"([^"]{1,80})".*?"version":\s*r?"([^"]{0,80})"', re.DOTALL)
_MODEL = re.compile(r"^(?:model name|Model|cpu model|Hardware)\s*:\s*(.+)$", re.MULTILINE)
_NVIDIA = "/proc/driver/nvidia"


def describe(packages: dict[str, str]) -> dict[str, Any]:
    """`packages` are the installed distributions."""
    system = os.uname()
    return {
        "v": 1,
        "software": {
            "python": f"{platform.python_version()} ({platform.python_implementation()})",
            "libc": _libc(),
            "packages": packages,
            "blas": _libraries(),
            **_algebra(),
            "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
            "timezone": os.environ.get("TZ") or "/".join(time.tzname),
            "locale": next((os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "C"),
            "variables": sorted(os.environ),
        },
        "machine": {
            "system": f"{system.sysname} {system.release} {system.machine}",
            "cpu": _cpu(),
            "cores": _cores(),
            "memory": _memory(),
            "gpus": _gpus(),
            "driver": _driver(),
        },
    }


def _libc() -> str:
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        told = None
    return told or "-".join(filter(None, platform.libc_ver()))


def _libraries() -> list[str]:
    """Files of linear algebra and threads that wheels bring along; their names hold versions and hashes."""
    found: set[str] = set()
    for root in sys.path:
        for folder in _FOLDERS:
            try:
                names = os.listdir(os.path.join(root or ".", folder))
            except OSError:
                continue
            found.update(f"{folder}/{name}" for name in names if _LIBRARY.fullmatch(name))
    return sorted(found)


def _algebra() -> dict[str, Any]:
    """Name and version of the library of linear algebra that numpy was built with, and how many threads that uses here.
    Numpy is not imported for it: the file is read in which it keeps this."""
    for root in sys.path:
        found = _BLAS.search(_read(os.path.join(root or ".", "numpy", "__config__.py")))
        if found:
            return {"blas_name": found[1], "blas_version": found[2], "blas_threads": _blas_threads(found[1])}
    return {"blas_name": "", "blas_version": "", "blas_threads": 0}


def _blas_threads(name: str) -> int:
    """As the library itself counts; 0 where it does otherwise than the variables say.

    Sources: OpenBLAS, driver/others/memory.c, blas_get_cpu_number; oneMKL, "Techniques to Set the Number of Threads".
    """
    if "openblas" in name:
        asked = _asked("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
        return min(asked or _cores(), _cores())
    return min(_asked("MKL_NUM_THREADS", "OMP_NUM_THREADS"), _cores()) if "mkl" in name else 0


def _asked(*names: str) -> int:
    """The first of these variables that is a number above zero; 0 if none is."""
    values = (os.environ.get(name, "").split(",")[0].strip() for name in names)
    return next((int(value) for value in values if value.isascii() and value.isdigit() and int(value)), 0)


def _cpu() -> str:
    found = _MODEL.search(_read("/proc/cpuinfo"))
    return found[1].strip() if found else platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 0


def _memory() -> int:
    """Bytes that the run may use: its limit, or all of the machine's."""
    limit = Group().limit if os.environ.get("LAB_OWN_CGROUP") else 0
    total = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return limit or (int(total[1]) * 1024 if total else 0)


def _gpus() -> list[str]:
    try:
        cards = sorted(os.listdir(f"{_NVIDIA}/gpus"))
    except OSError:
        return []
    models = [_MODEL.search(_read(f"{_NVIDIA}/gpus/{card}/information")) for card in cards]
    return [model[1].strip() if model else "unknown" for model in models]


def _driver() -> str:
    found = re.search(r"Kernel Module\s+(?:for \S+\s+)?([\d.]+)", _read(f"{_NVIDIA}/version"))
    return found[1] if found else ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16)
    except OSError:
        return ""
