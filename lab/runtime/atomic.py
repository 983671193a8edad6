"""JSON files that are whole or absent. Standard library only, and little of it: every run's start pays for it."""

from __future__ import annotations

import json
import os


def write_json(path: str | os.PathLike[str], value: object) -> None:
    """Write `value` so that `path` holds all of it or what it held before; on disk when this returns.

    Raises OSError, and ValueError for NaN and infinities.
    """
    folder, name = os.path.split(os.fspath(path))
    fresh = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(value, file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        if os.path.exists(fresh):
            os.unlink(fresh)
        raise
