"""The server's settings: defaults, and refusals that close rather than open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lab
from lab.runtime.serving.config import read_config
from lab.runtime.serving.errors import ConfigError
from lab.runtime.serving.requirements import SERVING_REQUIREMENTS


def test_an_empty_environment_means_the_container_s_defaults() -> None:
    config = read_config({})
    assert (config.model_dir, config.host, config.port) == (Path("/lab/model"), "0.0.0.0", 8080)
    assert (config.token, config.log, config.max_body, config.max_rows) == ("", None, 4 * 1024 * 1024, 10_000)


@pytest.mark.parametrize("value", ["x", "-1", "65536", "1.5", "१", "1e3"])
def test_a_port_that_is_none_is_an_error(value: str) -> None:
    with pytest.raises(ConfigError, match="LAB_PORT"):
        read_config({"LAB_PORT": value})


def test_a_token_is_read_from_its_file_and_its_absence_never_means_open(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("abc\n")
    assert read_config({"LAB_TOKEN_FILE": str(path)}).token == "abc"
    path.write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        read_config({"LAB_TOKEN_FILE": str(path)})
    with pytest.raises(ConfigError, match="LAB_TOKEN_FILE"):
        read_config({"LAB_TOKEN_FILE": str(tmp_path / "missing")})


def test_the_requirements_are_readable_without_what_they_name() -> None:
    root = str(Path(lab.__file__).parents[1])
    source = "from lab.runtime.serving.requirements import SERVING_REQUIREMENTS as names; print(*names)"
    env = {"PYTHONPATH": root, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-S", "-c", source], env=env, capture_output=True, text=True, timeout=30, check=True
    )
    assert tuple(done.stdout.split()) == SERVING_REQUIREMENTS
    assert [line.split(">")[0] for line in SERVING_REQUIREMENTS] == ["uvicorn", "httptools", "uvloop", "orjson"]
