"""What building an environment needs on any engine: a folder with everything the installer reads, one build at a
time, and an account of what went wrong."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.domain.text import clean
from lab.engine.base import Progress
from lab.engine.dependencies import Plan
from lab.engine.indexes import IndexSettings, hide_credentials
from lab.errors import EngineError
from lab.paths import LabHome

_INSTALLER = Path(__file__).with_name("installer.py")

_TAIL = 12


@contextmanager
def build_lock(locks: Path, key: str, progress: Progress) -> Iterator[None]:
    """Let one of the processes that lock in the folder `locks` at a time build the environment `key`; others wait."""
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (locks / f"env-{key}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is making this environment: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def lock_is_free(home: LabHome, key: str) -> bool:
    """Whether nobody builds the environment `key` now."""
    try:
        with (home.locks / f"env-{key}.lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


@contextmanager
def build_folder(home: LabHome, plan: Plan, settings: IndexSettings, options: Mapping[str, str]) -> Iterator[Path]:
    """A private folder as `installer.py` reads it, gone afterwards: it may hold logins of package indexes.

    `options` are the installer's: `venv`, `cache`, `uv`, `python`, `shared`.
    """
    home.build_cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=home.build_cache) as name:
        folder = Path(name)
        files = folder / "files"
        files.mkdir()
        shutil.copyfile(_INSTALLER, folder / "installer.py")
        for relative, data in plan.files.items():
            path = (files / relative).resolve()
            if not path.is_relative_to(files.resolve()):
                raise EngineError(f"the dependency file {relative} lies outside of the project")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        spec = {"kind": plan.kind, "source": plan.source, **options, "settings": dict(settings.env)}
        with open(os.open(folder / "plan.json", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(spec, file)
        if settings.bundle:
            shutil.copyfile(settings.bundle, folder / "bundle.pem")
        if settings.netrc:
            shutil.copyfile(settings.netrc, folder / "netrc")
        yield folder


class Narration:
    """Passes an installer's lines on as progress, safe to show, and keeps the last ones for an error."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tail: deque[str] = deque(maxlen=_TAIL)

    def line(self, raw: str) -> None:
        text = clean(hide_credentials(raw)).rstrip()
        if text.strip():
            self._tail.append(text)
            self._progress(text)

    @property
    def last(self) -> str:
        """The last line; "" where nothing was said."""
        return self._tail[-1].strip() if self._tail else ""

    def failure(self, source: str) -> EngineError:
        """Why what `source` asks for is not installed, by the installer's last words."""
        said = "\n".join(f"  {line}" for line in self._tail)
        return EngineError(
            f"what {source} asks for cannot be installed:\n{said}", f"mend {source}, or the way to the package index"
        )
