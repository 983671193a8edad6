"""`[deploy.server]`: from lab.toml to what a server finds in its environment, which it must understand."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.domain.deployments import ServerOptions
from lab.errors import SettingsError
from lab.runtime.serving.config import read_config
from lab.settings import load_project

TOML = """\
[project]
name = "p"
[deploy]
canary = 20
[deploy.server]
unseen = "reject"
outside = "warn"
missing = "count"
capture = 0.25
capture_size = "2m"
capture_days = 3
exact = true
"""


def test_a_server_understands_what_the_project_says(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(TOML)
    options = load_project(tmp_path).deploy.server
    config = read_config(options.variables())
    assert (config.policies.unseen, config.policies.outside, config.policies.missing) == ("reject", "warn", "count")
    assert (config.capture.rate, config.capture.bytes, config.capture.days) == (0.25, 2 << 20, 3)
    assert config.exact


def test_without_a_word_both_mean_the_same() -> None:
    assert read_config(ServerOptions().variables()) == read_config({})


@pytest.mark.parametrize(
    ("line", "said"),
    [("unseen = 'ignore'", "unseen"), ("capture = 2", "capture"), ("captur = 0.1", "captur"), ("exact = 1", "exact")],
)
def test_what_makes_no_sense_is_told_with_its_key(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "lab.toml").write_text(f"[project]\nname = 'p'\n[deploy.server]\n{line}\n")
    with pytest.raises(SettingsError, match=said):
        load_project(tmp_path)
