"""Engines for the tests. The ones marked `engine` need Docker: without it they are skipped, or fail where it is
required (`LAB_REQUIRE_ENGINE=1`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from support import docker_or_skip, remove_jobs

from lab.engine import connect
from lab.engine.base import Engine, Environment, Prepared
from lab.paths import LabHome

# How long examples take to make tells of the machine, not of what is tested.
settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lab")


@pytest.fixture(scope="session")
def engine_home(tmp_path_factory: pytest.TempPathFactory) -> LabHome:
    """One lab home for all tests of a session that need an engine but no home of their own."""
    return LabHome(tmp_path_factory.mktemp("lab-home")).create()


@pytest.fixture(scope="session")
def docker_engine(engine_home: LabHome) -> Iterator[Engine]:
    engine = docker_or_skip(engine_home)
    yield engine
    remove_jobs(engine, engine_home)
    engine.close()


@pytest.fixture(scope="session")
def process_engine(engine_home: LabHome) -> Iterator[Engine]:
    engine = connect("process", engine_home)
    yield engine
    remove_jobs(engine, engine_home)


@pytest.fixture(scope="session")
def docker_base(docker_engine: Engine) -> Prepared:
    """The image of an environment that asks for nothing: the base itself."""
    return docker_engine.prepare(Environment(), print)


@pytest.fixture(scope="session")
def process_base(process_engine: Engine) -> Prepared:
    """A virtual environment with nothing but the standard library."""
    return process_engine.prepare(Environment(), print)
