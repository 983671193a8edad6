"""What is to be installed, by a project's own files and by those that other tools name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.engine import dependencies
from lab.errors import SettingsError
from lab.experiments.environments import environment
from lab.settings import ImageSettings, ProjectSettings


def project(root: Path, requirements: str) -> ProjectSettings:
    return ProjectSettings(root, "p", image=ImageSettings(requirements=requirements))


def test_a_conda_environment_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text(
        "name: x\nchannels: [defaults]\ndependencies:\n  - python=3.10\n  - pip:\n    - numpy==2.0\n"
    )
    plan = dependencies.plan(environment(project(tmp_path, "conda.yaml")))
    assert (plan.python, plan.files["requirements.txt"]) == ("3.10", b"numpy==2.0\n")


def test_a_python_env_of_mlflow(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("scikit-learn\n# why\nnumpy==2.0\n")
    (tmp_path / "python_env.yaml").write_text(
        'python: "3.11.4"\nbuild_dependencies: [pip]\ndependencies:\n  - -r requirements.txt\n  - mlflow\n'
    )
    found = environment(project(tmp_path, "python_env.yaml"))
    assert found.files == (("requirements.txt", b"scikit-learn\n# why\nnumpy==2.0\nmlflow\n"),)
    assert found.python == "3.11"
    settings = replace(project(tmp_path, ""), image=ImageSettings(requirements="python_env.yaml", python="3.12"))
    assert environment(settings).python == "3.12"


def test_nothing_outside_the_project_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    inner = tmp_path / "project"
    inner.mkdir()
    (inner / "python_env.yaml").write_text("python: '3.11'\ndependencies: ['-r ../secret.txt']\n")
    with pytest.raises(SettingsError, match="no such file"):
        environment(project(inner, "python_env.yaml"))
