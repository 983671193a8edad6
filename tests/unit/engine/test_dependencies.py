from __future__ import annotations

import pytest

from lab.engine.base import Environment
from lab.engine.dependencies import LOCK, NOTHING, PROJECT, REQUIREMENTS, environment_key, plan
from lab.errors import EngineError

PROJECT_FILE = b'[project]\nname = "p"\nversion = "1"\ndependencies = ["six"]\n'
TOOLS_ONLY = b"[tool.ruff]\nline-length = 100\n"


def files(**content: bytes) -> Environment:
    names = {"lock": "uv.lock", "project": "pyproject.toml", "reqs": "requirements.txt", "conda": "environment.yml"}
    return Environment(files=tuple((names[key], data) for key, data in content.items()))


@pytest.mark.parametrize(
    ("environment", "kind", "source"),
    [
        (files(), NOTHING, ""),
        (files(lock=b"version = 1", project=PROJECT_FILE, reqs=b"six"), LOCK, "uv.lock"),
        (files(project=PROJECT_FILE, reqs=b"six"), PROJECT, "pyproject.toml"),
        (files(project=TOOLS_ONLY, reqs=b"six"), REQUIREMENTS, "requirements.txt"),
        (files(project=TOOLS_ONLY), NOTHING, ""),
        (files(project=b'[project]\nname = "p"\nversion = "1"\n'), NOTHING, "pyproject.toml"),
        (
            files(project=b'[project]\nname = "p"\nversion = "1"\ndynamic = ["dependencies"]\n'),
            PROJECT,
            "pyproject.toml",
        ),
        (files(reqs=b"# nothing\n\n"), NOTHING, "requirements.txt"),
        (files(reqs=b"six", conda=b"dependencies:\n  - numpy\n"), REQUIREMENTS, "requirements.txt"),
        (files(conda=b"dependencies:\n  - python=3.11\n"), NOTHING, "environment.yml"),
    ],
)
def test_one_file_decides(environment: Environment, kind: str, source: str) -> None:
    found = plan(environment)
    assert (found.kind, found.source) == (kind, source)


def test_only_what_decides_about_packages_is_in_the_identity() -> None:
    plain, linted = plan(files(project=PROJECT_FILE)), plan(files(project=PROJECT_FILE + TOOLS_ONLY))
    assert plain.identity == linted.identity
    indexed = plan(files(project=PROJECT_FILE + b'[[tool.uv.index]]\nname = "x"\nurl = "https://x.example"\n'))
    assert indexed.identity != plain.identity
    assert plan(files(reqs=b"six")).identity != plan(files(reqs=b"six==1")).identity


def test_keys_are_stable_and_differ_by_every_part() -> None:
    assert environment_key("a", "b") == environment_key("a", "b")
    assert len({environment_key("a", "b"), environment_key("ab", ""), environment_key("b", "a")}) == 3
    assert len(environment_key("a")) == 64


def test_conda_files_in_the_plain_form() -> None:
    text = b"""
name: study
channels: [conda-forge]
dependencies:   # what we need
  - python=3.11.4
  - conda-forge::numpy=1.26
  - pandas>=2,<3
  - scikit-learn==1.5.0=py311_0
  - pytorch
  - pip
  - pip:
    - "skops>=0.10"
    - git+https://example.org/x.git#egg=x
  - scipy = 1.11.*
variables:
  A: b
"""
    found = plan(files(conda=text))
    assert found.python == "3.11"
    assert found.files["requirements.txt"].decode().splitlines() == [
        "numpy==1.26.*",
        "pandas>=2,<3",
        "scikit-learn==1.5.0",
        "torch",
        "skops>=0.10",
        "git+https://example.org/x.git#egg=x",
        "scipy==1.11.*",
    ]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (files(conda=b"dependencies:\n  - cudatoolkit=11\n  - gcc\n"), "cudatoolkit, gcc"),
        (files(conda=b"dependencies: [numpy]\n"), "one to a line"),
        (files(conda=b"dependencies:\n  numpy: 1\n"), "cannot read the line"),
        (files(project=b"[project\n"), r"pyproject\.toml cannot be read"),
        (files(project=b"\xff\xfe"), r"pyproject\.toml cannot be read"),
    ],
)
def test_what_is_not_understood_is_an_error(environment: Environment, message: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        plan(environment)
    assert caught.value.hint
