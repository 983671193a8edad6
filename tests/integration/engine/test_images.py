"""Environment images: what gets in, what must not, and what becomes of builds that are cut short."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from lab.domain.ids import short_id
from lab.engine import connect, home_id
from lab.engine.base import Engine, Environment, Prepared
from lab.engine.images import BASE_LABEL
from lab.engine.indexes import index_settings
from lab.errors import EngineError
from lab.paths import LabHome

pytestmark = pytest.mark.engine


@pytest.fixture
def api() -> Iterator[docker.APIClient]:
    client = docker.DockerClient.from_env().api
    yield client
    client.close()


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def engine(home: LabHome, docker_engine: Engine) -> Iterator[Engine]:
    engine = connect("docker", home)
    yield engine
    engine.close()


def requirements(*lines: str) -> Environment:
    """Lines that no other session has asked for, so that an image is really built."""
    return Environment(files=(("requirements.txt", "\n".join([f"# {short_id()}", *lines, ""]).encode()),))


def newest_layer(api: docker.APIClient, image: str) -> tarfile.TarFile:
    whole = io.BytesIO(b"".join(api.get_image(image)))
    with tarfile.open(fileobj=whole) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))  # type: ignore[arg-type]
        layer = outer.extractfile(manifest[0]["Layers"][-1]).read()  # type: ignore[union-attr]
    return tarfile.open(fileobj=io.BytesIO(layer))


def test_nothing_of_the_hosts_settings_is_in_the_image(
    engine: Engine, docker_base: Prepared, api: docker.APIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine index.example login somebody password open-sesame-1\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("UV_INDEX_COMPANY_PASSWORD", "open-sesame-2")
    monkeypatch.setenv("NO_PROXY", "open-sesame-3.example")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "open-sesame-4.example")
    lines: list[str] = []
    prepared = engine.prepare(requirements("six==1.17.0"), lines.append)
    assert prepared.built
    assert any("six" in line for line in lines)
    details, history = api.inspect_image(prepared.image), api.history(prepared.image)
    assert "sesame" not in json.dumps([details, history])
    assert not any(name in json.dumps([details["Config"], history]) for name in ("PIP_", "UV_", "PROXY", "SSL_CERT"))
    assert details["Config"]["Env"][0].startswith("PATH=/opt/venv/bin:")
    assert details["Config"]["Labels"][BASE_LABEL] == "0"
    assert not details["Config"].get("Entrypoint")
    with newest_layer(api, prepared.image) as layer:
        names = layer.getnames()
        assert {name for name in names if not name.startswith("opt/venv")} <= {"opt"}
        assert any(name.endswith("site-packages/six.py") for name in names)
        assert any("six.cpython-" in name and name.endswith(".pyc") for name in names)
        for member in layer.getmembers():
            if member.isfile():
                content = layer.extractfile(member).read()  # type: ignore[union-attr]
                assert b"open-sesame" not in content, member.name
                assert b"BEGIN CERTIFICATE" not in content, member.name


def test_nothing_stays_behind_a_build(
    engine: Engine, docker_base: Prepared, home: LabHome, api: docker.APIClient
) -> None:
    with pytest.raises(EngineError):
        engine.prepare(requirements("six==0.0.0"), lambda _: None)
    engine.prepare(requirements("six"), lambda _: None)
    assert list(home.build_cache.glob("build-*")) == []
    assert api.containers(all=True, filters={"name": f"lab-build-{home_id(home)[:8]}-"}) == []


def test_only_a_projects_dependencies_decide(engine: Engine, docker_base: Prepared) -> None:
    unique = int(short_id(), 36)
    project = f'[project]\nname = "p"\nversion = "1"\ndependencies = ["six==1.16.0", "six!=0.{unique}"]\n'.encode()
    declared = engine.prepare(Environment(files=(("pyproject.toml", project),)), lambda _: None)
    assert declared.built
    # A change that does not touch the dependencies needs no new image.
    same = project + b"\n[tool.ruff]\nline-length = 100\n"
    again = engine.prepare(Environment(files=(("pyproject.toml", same),)), lambda _: None)
    assert (again.image, again.built) == (declared.image, False)


def test_a_lock_is_installed_to_the_letter(
    engine: Engine, docker_base: Prepared, process_engine: Engine, engine_home: LabHome, tmp_path: Path
) -> None:
    process_engine.prepare(requirements("six"), lambda _: None)  # brings uv, if the machine has none
    uv = shutil.which("uv") or str(next(engine_home.build_cache.glob("tools/*/bin/uv")))
    project = f'[project]\nname = "p{short_id()}"\nversion = "1"\ndependencies = ["six>=1.10"]\n'
    (tmp_path / "pyproject.toml").write_text(project + 'requires-python = ">=3.9"\n')
    environ = {**os.environ, **index_settings(os.environ, inside=False).env}
    subprocess.run([uv, "lock", "-q", "--upgrade-package", "six==1.13.0"], cwd=tmp_path, env=environ, check=True)
    files = tuple((name, (tmp_path / name).read_bytes()) for name in ("pyproject.toml", "uv.lock"))
    lines: list[str] = []
    prepared = engine.prepare(Environment(files=files), lines.append)
    assert prepared.built
    assert any("six==1.13.0" in line for line in lines)


def test_a_killed_build_leaves_no_image_and_is_swept_by_the_next(
    home: LabHome, engine: Engine, docker_base: Prepared, api: docker.APIClient
) -> None:
    environment = requirements("six==1.15.0")
    code = f"""
import sys
from pathlib import Path
from lab.engine import connect
from lab.engine.base import Environment
from lab.paths import LabHome
connect("docker", LabHome(Path({str(home.root)!r}))).prepare({environment!r}, lambda line: print(line, flush=True))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        for line in builder.stdout:
            if "Resolved" in line:  # it is in the middle of installing
                break
        os.kill(builder.pid, signal.SIGKILL)
    images = {tag for image in api.images(name="lab-env") for tag in image["RepoTags"] or ()}
    left = api.containers(all=True, filters={"name": f"lab-build-{home_id(home)[:8]}-"})
    assert len(left) == 1
    key = left[0]["Names"][0].rpartition("-")[2]
    assert f"lab-env:{key}" not in images
    engine.prepare(requirements("six==1.14.0"), lambda _: None)  # another one: it sweeps what was left
    assert api.containers(all=True, filters={"name": f"lab-build-{home_id(home)[:8]}-"}) == []
    prepared = engine.prepare(environment, lambda _: None)
    assert prepared.built
    assert prepared.image == f"lab-env:{key}"


def test_a_base_that_cannot_be_had_is_an_error_with_a_way_out(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"registry\.invalid/nothing:1") as caught:
        engine.prepare(Environment(base="registry.invalid/nothing:1"), lambda _: None)
    assert "LAB_BASE_IMAGE" in caught.value.hint


def test_the_base_can_be_named_in_the_users_environment(
    engine: Engine, docker_base: Prepared, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"lab-test-base:{short_id()}"
    repository, tag = name.split(":")
    api.tag(docker_base.image, repository, tag)
    try:
        monkeypatch.setenv("LAB_BASE_IMAGE", name)
        prepared = engine.prepare(Environment(), lambda _: None)
        assert (prepared.image, prepared.note) == (name, "")
    finally:
        api.remove_image(name)


def test_when_the_default_base_cannot_be_pulled_a_local_one_serves(
    engine: Engine, docker_base: Prepared, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not api.images(filters={"label": f"{BASE_LABEL}=1"}):
        pytest.skip("no local base image on this engine")
    # A Python version that no registry has stands for a registry that is not reached.
    environment = Environment(python="3.0")
    lines: list[str] = []
    first = engine.prepare(environment, lines.append)
    assert "python:3.0-slim cannot be pulled" in first.note
    assert first.image in first.note
    assert first.note in lines
    again: list[str] = []
    second = engine.prepare(environment, again.append)
    assert (second.image, second.note) == (first.image, first.note)
    assert not any("pulling" in line for line in again), "the registry was not asked again"
