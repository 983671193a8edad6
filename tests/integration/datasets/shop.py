"""The rows of the project's table, for tests and for the processes that they start."""

from __future__ import annotations

from pathlib import Path

ROWS = ["1,10,0", "2,20,1", "3,30,1", "4,40,0"]


def write_rows(project: Path, rows: list[str]) -> None:
    (project / "data" / "sales.csv").write_text("\n".join(["id,amount,bought", *rows]) + "\n")
