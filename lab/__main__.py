"""`lab` and `python -m lab`: the app without a command, the command line with one."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from lab.cli import main as cli
from lab.cli.context import AppDoors, KeyTable
from lab.errors import UsageError

#: Allocations between two garbage collections; the default collects dozens of times while modules load.
_GC_EVERY = 100_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run Lab with `argv` (default: the process's own) and return its exit code."""
    return cli.run(sys.argv[1:] if argv is None else list(argv), _open_app, app=AppDoors(_open_web, _keys))


def entry() -> None:
    """The program: run and end the process.

    The interpreter is not taken down piece by piece: all is closed by then, and it would cost a quick verb a tenth of
    its time.
    """
    gc.set_threshold(_GC_EVERY)
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _open_app(home: Path | None, project_dir: Path, read_only: bool) -> int:
    in_browser = "TEXTUAL_DRIVER" in os.environ
    if not in_browser and not (sys.stdin.isatty() and sys.stderr.isatty()):  # it reads the one and draws on the other
        raise UsageError("the app needs a terminal", "without one: lab status, and what lab --help lists")
    # Here and not above: the commands must not wait for the app's libraries.
    from lab.ui.app import run

    return run(home, project_dir, read_only=read_only)


def _keys(moved: Mapping[str, str]) -> KeyTable:
    from lab.ui.actions.keys import table

    return table(moved)


def _open_web(
    home: Path | None, project_dir: Path, *, port: int, read_only: bool, browse: bool, tell: Callable[[str, int], None]
) -> None:
    if find_spec("textual_serve") is None:
        raise UsageError("lab web needs textual-serve, which is not installed", "pip install 'lab[web]'")
    from lab.ui.web.server import serve

    serve(home, project_dir, port=port, read_only=read_only, browse=browse, tell=tell)


if __name__ == "__main__":
    entry()
