"""The part of Lab that runs inside containers, copied into the lab home so that every engine can mount it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from lab.paths import LabHome

_PACKAGE = Path(__file__).resolve().parent.parent


def publish(home: LabHome) -> Path:
    """The folder to put on PYTHONPATH; it holds `lab/__init__.py` and `lab/runtime`. Made once per content."""
    files = sorted([_PACKAGE / "__init__.py", *(_PACKAGE / "runtime").rglob("*.py")])
    digest = hashlib.sha256()
    contents = [(path.relative_to(_PACKAGE.parent), path.read_bytes()) for path in files]
    for name, data in contents:
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    target = home.runtime / digest.hexdigest()[:16]
    if target.exists():
        return target
    home.runtime.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=home.runtime))
    try:
        for name, data in contents:
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(data)
        fresh.chmod(0o755)  # another uid reads it inside the container
        os.rename(fresh, target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.exists():  # not another process that was quicker
            raise
    return target
