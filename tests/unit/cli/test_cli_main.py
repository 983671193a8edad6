"""Exit codes, and what is printed when something goes wrong."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
from documents import ERROR, document

from lab import __version__
from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.main import run
from lab.errors import (
    ConflictError,
    EngineError,
    EngineUnavailableError,
    GateRejectedError,
    IntegrityError,
    LabError,
    NotFoundError,
    SettingsError,
    UsageError,
)

CODES = {
    LabError: 1,
    EngineError: 1,
    UsageError: 2,
    SettingsError: 2,
    NotFoundError: 3,
    ConflictError: 4,
    EngineUnavailableError: 5,
    GateRejectedError: 6,
    IntegrityError: 7,
}
ERRORS = {error.__name__: error for error in CODES}

commands = Declarations("Test")


@commands.add("raise", help="raise", arguments=(argument("name"),))
def raise_it(context: Context, args: Namespace) -> int:
    if args.name == "interrupt":
        raise KeyboardInterrupt
    context.out.progress("working")
    raise ERRORS[args.name]("it went wrong", "mend it")


def no_app(home: Path | None, project_dir: Path, read_only: bool) -> int:
    raise AssertionError("the app is not to be opened")


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_has_its_exit_code_and_two_lines(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["raise", name], no_app, commands.all) == CODES[ERRORS[name]]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["working", "lab: it went wrong", "→ mend it"]


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_one_document_with_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["raise", name, "--json"], no_app, commands.all) == CODES[ERRORS[name]]
    found = document(capsys.readouterr().out, ERROR)
    assert found["error"] == {"code": ERRORS[name].code, "message": "it went wrong", "hint": "mend it"}


def test_ctrl_c_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["raise", "interrupt"], no_app, commands.all) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("argv", [["rusn", "--json"], ["--json", "runs", "ls", "--limit", "x"], ["--json"]])
def test_usage_errors_too_are_documents_with_json(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv, no_app) == 2
    assert document(capsys.readouterr().out, ERROR)["error"]["code"] == "usage"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"], no_app) == 0
    assert capsys.readouterr().out == f"lab {__version__}\n"


def test_without_a_command_the_app_is_opened_where_asked(tmp_path: Path) -> None:
    opened: list[tuple[Path | None, Path, bool]] = []

    def app(home: Path | None, project_dir: Path, read_only: bool) -> int:
        opened.append((home, project_dir, read_only))
        return 7

    assert run(["--home", "h", "-C", str(tmp_path)], app) == 7
    assert run(["--readonly", "-C", str(tmp_path)], app) == 7
    assert opened == [(Path("h"), tmp_path, False), (None, tmp_path, True)]


def test_an_error_of_the_app_is_told_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    def app(home: Path | None, project_dir: Path, read_only: bool) -> int:
        raise ConflictError("not now")

    assert run([], app) == 4
    assert "lab: not now" in capsys.readouterr().err
