"""How busy NVIDIA's GPUs are, by the driver's own library: a look takes microseconds, `nvidia-smi` half a second."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

_NAMES = ("libnvidia-ml.so.1", "libnvidia-ml.so", "nvml.dll")


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))  # percent of the last sampling period


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def open_gpus(visible: str | None, load: Callable[[str], Any] = ctypes.CDLL) -> Callable[[], dict[str, float]]:
    """A function that tells of the visible GPUs what `sampler` notes; of none ({}) where there is no driver.

    `visible` is `CUDA_VISIBLE_DEVICES`: numbers choose, nothing means all, names (UUIDs) are taken for all.
    Source: NVML API reference, nvmlDeviceGetUtilizationRates and nvmlDeviceGetMemoryInfo.
    """
    library = _library(load)
    if library is None or library.nvmlInit_v2() != 0:
        return dict
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return dict
    handles = []
    for index in _chosen(visible, count.value):
        handle = ctypes.c_void_p()
        if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)) == 0:
            handles.append(handle)
    return lambda: _look(library, handles)


def _library(load: Callable[[str], Any]) -> Any:
    for name in _NAMES:
        try:
            return load(name)
        except OSError:
            continue
    return None


def _chosen(visible: str | None, count: int) -> list[int]:
    if visible is None:
        return list(range(count))
    words = [word.strip() for word in visible.split(",") if word.strip()]
    if not all(word.lstrip("-").isdigit() for word in words):
        return list(range(count))
    return [int(word) for word in words if 0 <= int(word) < count]


def _look(library: Any, handles: list[ctypes.c_void_p]) -> dict[str, float]:
    busy, used, total = 0.0, 0, 0
    for handle in handles:
        rates, memory = _Utilization(), _Memory()
        if library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(rates)) == 0:
            busy += rates.gpu / 100
        if library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0:
            used, total = used + memory.used, total + memory.total
    return {"gpu": round(busy, 3), "gpu_memory": used, "gpu_limit": total} if handles else {}
