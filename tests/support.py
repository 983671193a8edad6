"""What tests of several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine import connect, home_id
from lab.engine.base import Engine
from lab.errors import EngineUnavailableError
from lab.paths import LabHome

_SHARED = Path(__file__).resolve().parent.parent / ".state"


def docker_or_skip(home: LabHome) -> Engine:
    """A Docker engine that answers. Without one the test is skipped, or fails if an engine is required."""
    engine = connect("docker", home)
    try:
        engine.available()
    except EngineUnavailableError as error:
        engine.close()
        reason = f"NO DOCKER ENGINE: {error.message}"
        if os.environ.get("LAB_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return engine


def remove_jobs(engine: Engine, home: LabHome) -> None:
    """Leave nothing running that a test started."""
    for job in engine.list(home_id(home)):
        engine.remove(job.id)


def share_environments(home: LabHome) -> LabHome:
    """Let a new home use virtual environments and packages that tests have made and got before: that they are made
    anew is for the tests of engines. Returns the home."""
    home.root.mkdir(parents=True, exist_ok=True)
    for place, name in ((home.environments, "environments"), (home.build_cache, "packages")):
        shared = _SHARED / name
        shared.mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(shared, target_is_directory=True)
    return home
