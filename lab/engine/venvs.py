"""Virtual environments for the process engine: one per environment, named by the hash of what went in."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lab.engine import dependencies
from lab.engine.base import Environment, Prepared, Progress
from lab.engine.builds import Narration, build_folder, build_lock
from lab.engine.dependencies import Plan
from lab.engine.indexes import index_settings
from lab.errors import EngineError
from lab.paths import LabHome

_COMPLETE = ".lab-complete"  # written last: without it the folder is what a killed build left
_LOCKS = ".locks"  # beside what is built: several homes may share one folder of environments


class VenvBuilder:
    """Finds or makes `environments/<hash>` in one lab home."""

    def __init__(self, home: LabHome) -> None:
        self._home = home

    def prepare(self, environment: Environment, progress: Progress) -> Prepared:
        """The virtual environment for `environment`; an empty one has nothing but the standard library.

        `Prepared.image` is its path relative to the lab home. Raises EngineError when what is asked for cannot be
        installed.
        """
        begun = time.monotonic()
        plan = dependencies.plan(environment)
        python = _interpreter(plan.python)
        key = dependencies.environment_key(str(python), platform.platform(), plan.kind, plan.identity)
        venv = self._home.environments / key[:16]
        built = False
        if not (venv / _COMPLETE).exists():
            with build_lock(self._home.environments / _LOCKS, key, progress):
                if not (venv / _COMPLETE).exists():
                    self._build(plan, python, venv, progress)
                    built = True
        image = str(venv.relative_to(self._home.root))
        return Prepared(image, key, built, time.monotonic() - begun, image_id=key, base=str(python))

    def has(self, image: str) -> bool:
        """Whether the environment that `prepare` called so is there, whole."""
        return (self._home.root / image / _COMPLETE).exists()

    def _build(self, plan: Plan, python: Path, venv: Path, progress: Progress) -> None:
        if venv.exists():
            shutil.rmtree(venv)
        self._home.environments.mkdir(mode=0o700, parents=True, exist_ok=True)
        if plan.kind == dependencies.NOTHING:
            command = [str(python), "-m", "venv", "--without-pip", "--symlinks", str(venv)]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode != 0:
                said = (made.stderr or made.stdout).strip()[-500:]
                raise EngineError(f"{python} cannot make a virtual environment: {said}")
        else:
            progress(f"installing what {plan.source} asks for")
            self._install(plan, python, venv, Narration(progress))
        (venv / _COMPLETE).touch()

    def _install(self, plan: Plan, python: Path, venv: Path, narration: Narration) -> None:
        options = {
            "venv": str(venv),
            "cache": str(self._home.build_cache),
            "uv": shutil.which("uv") or "",
            "python": str(python),
            "shared": "",
        }
        settings = index_settings(os.environ, inside=False)
        with build_folder(self._home, plan, settings, options) as folder:
            command = [str(python), "-I", str(folder / "installer.py"), str(folder)]
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as installer:
                assert installer.stdout is not None
                for line in installer.stdout:
                    narration.line(line)
            if installer.returncode != 0:
                raise narration.failure(plan.source)


def _interpreter(version: str) -> Path:
    """The Python that environments are made from: this one, or the one of `version` (`3.12`) on the path.

    Raises EngineError when there is none of that version.
    """
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not version or version == ours:
        base = Path(sys.base_prefix) / "bin" / f"python{ours}"
        return base if base.exists() else Path(sys.executable)
    found = shutil.which(f"python{version}")
    if not found:
        raise EngineError(
            f"there is no Python {version} on this machine", f"install it, or ask for Python {ours} in the project"
        )
    return Path(found)
