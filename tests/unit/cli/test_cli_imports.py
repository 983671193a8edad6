"""What commands load: nothing that they do not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "docker",
    "polars",
    "sklearn",
    "pyarrow",
    "numpy",
    "_duckdb",
    "textual",
    "rich",
    "watchdog",
    "blake3",
    "requests",
    "asyncio",
    "lab.rooms",
    "lab.workspace",
    "lab.ui",
}

ROOT = Path(__file__).parents[3]


def loaded(code: str, *argv: str, home: Path) -> set[str]:
    """Modules in `sys.modules` after `code`, in a process of its own."""
    script = (
        f"import sys, json\nsys.argv = ['lab', *{list(argv)!r}]\n{code}\n"
        "print('\\n' + json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LAB_HOME": str(home), "LAB_ENGINE": "process"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True, cwd=home.parent
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_lab_loads_only_the_standard_library(tmp_path: Path) -> None:
    before = loaded("", home=tmp_path / "home")
    new = {name.partition(".")[0] for name in loaded("import lab", home=tmp_path / "home") - before}
    assert new - {"lab"} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        ("runs", "--help"),
        ("run", "--help"),
        ("--version",),
        ("rusn",),
        ("runs", "ls", "--limit", "x"),
        ("completion", "bash"),
        ("__complete", "--", "runs", ""),
        ("__complete", "--", "runs", "show", ""),
        ("deployments", "health", "x", "--watch", "--json"),
    ],
    ids=" ".join,
)
def test_help_and_usage_errors_load_nothing_heavy(argv: tuple[str, ...], tmp_path: Path) -> None:
    home = tmp_path / "home"
    modules = loaded("from lab.__main__ import main\nmain()", *argv, home=home)
    assert not HEAVY & modules
    assert not home.exists()


def test_listing_runs_loads_no_heavy_library_but_the_index(tmp_path: Path) -> None:
    modules = loaded("from lab.__main__ import main\nmain()", "runs", "ls", home=tmp_path / "home")
    assert "_duckdb" in modules
    assert not {"duckdb", "lab.cli.models", "lab.cli.runs", "lab.cli.completion"} & modules
    assert not {"lab.domain.verdicts", "lab.domain.changes", "lab.domain.diffs", "lab.domain.profiles"} & modules
    assert not {"docker", "polars", "sklearn", "pyarrow", "numpy", "textual", "rich", "requests"} & modules


@pytest.mark.parametrize(
    "argv", [(), ("--readonly",), ("--home", "elsewhere"), ("-C", "elsewhere"), ("--version",)], ids=" ".join
)
def test_the_app_loads_no_command(argv: tuple[str, ...], tmp_path: Path) -> None:
    code = "import lab.__main__ as m\nm._open_app = lambda *_: 0\nm.main()"
    modules = loaded(code, *argv, home=tmp_path / "home")
    assert not {"lab.cli.runs", "lab.cli.data", "lab.settings", "tomllib"} & modules


def test_options_before_a_command_load_no_other_command(tmp_path: Path) -> None:
    code = "from lab.__main__ import main\nmain()"
    modules = loaded(code, "--json", "--home", str(tmp_path / "home"), "runs", "ls", home=tmp_path / "home")
    assert "lab.cli.runlists" in modules
    assert "lab.cli.data" not in modules
