"""`from lab import …`: what is there, and what a script that asks for it must wait for."""

from __future__ import annotations

import subprocess
import sys

import lab
from lab.runtime import tracking
from lab.workspace import Workspace


def loaded(code: str) -> set[str]:
    """The modules that are loaded after `code` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_every_public_name_is_there() -> None:
    assert (lab.track, lab.Workspace) == (tracking, Workspace)
    assert set(lab.__all__) <= set(dir(lab))
    assert not hasattr(lab, "Other")


def test_names_are_found_when_they_are_asked_for() -> None:
    assert {name for name in loaded("import lab") if name.startswith("lab")} == {"lab"}
    workspace = loaded("from lab import Workspace")
    assert "lab.workspace" in workspace
    assert workspace.isdisjoint({"polars", "numpy", "docker", "textual", "lab.experiments.frames"})
