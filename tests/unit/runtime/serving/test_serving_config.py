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
    assert (config.token_file, config.run_dir) == (None, None)
    assert (config.max_body, config.max_rows) == (4 * 1024 * 1024, 10_000)
    assert (config.policies.unseen, config.policies.outside, config.policies.missing) == ("count", "count", "reject")
    assert (config.capture.rate, config.capture.bytes) == (0.1, 64 * 1024 * 1024)


@pytest.mark.parametrize("value", ["x", "-1", "65536", "1.5", "१", "1e3"])
def test_a_port_that_is_none_is_an_error(value: str) -> None:
    with pytest.raises(ConfigError, match="LAB_PORT"):
        read_config({"LAB_PORT": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("LAB_CAPTURE_RATE", value) for value in ("1.1", "-0.1", "nan", "x")),
        *((f"LAB_ON_{what}", "perhaps") for what in ("UNSEEN", "OUTSIDE", "MISSING")),
        ("LAB_CAPTURE_DAYS", "0"),
    ],
)
def test_settings_that_mean_nothing_are_errors_that_name_them(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        read_config({name: value})


def test_hosts_are_names_without_case_and_loopback_where_none_is_given() -> None:
    assert read_config({}).allowed_hosts == read_config({"LAB_ALLOWED_HOSTS": " , "}).allowed_hosts
    assert read_config({}).allowed_hosts == {"127.0.0.1", "localhost", "[::1]"}
    assert read_config({"LAB_ALLOWED_HOSTS": "Models.Lan, b"}).allowed_hosts == {"models.lan", "b"}


def test_the_requirements_are_readable_without_what_they_name() -> None:
    root = str(Path(lab.__file__).parents[1])
    source = "from lab.runtime.serving.requirements import SERVING_REQUIREMENTS as names; print(*names)"
    env = {"PYTHONPATH": root, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-S", "-c", source], env=env, capture_output=True, text=True, timeout=30, check=True
    )
    assert tuple(done.stdout.split()) == SERVING_REQUIREMENTS
    assert [line.split(">")[0] for line in SERVING_REQUIREMENTS] == [
        "numpy",
        "uvicorn",
        "httptools",
        "uvloop",
        "orjson",
    ]
