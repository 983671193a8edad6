"""`lab` and `python -m lab`: the app without a command, the command line with one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lab.cli import main as cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run Lab with `argv` (default: the process's own) and return its exit code."""
    return cli.run(sys.argv[1:] if argv is None else list(argv), _open_app)


def _open_app(home: Path | None, project_dir: Path) -> int:
    # Here and not above: the commands must not wait for the app's libraries.
    from lab.ui.app import run

    return run(home, project_dir)


if __name__ == "__main__":
    sys.exit(main())
