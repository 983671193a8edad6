from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.base import Mount
from lab.engine.translate import translator

MOUNTS = [
    Mount(Path("/h/run"), "/lab/run"),
    Mount(Path("/h/code"), "/lab/run/code"),
    Mount(Path("/h/rt"), "/lab/runtime"),
    Mount(Path("/h/with $1 \\2"), "/lab/odd"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/lab/run", "/h/run"),
        ("/lab/run/", "/h/run/"),
        ("/lab/run/out.txt", "/h/run/out.txt"),
        ("/lab/run/code/train.py", "/h/code/train.py"),
        ("/lab/run/codes", "/h/run/codes"),
        ("/lab/runtime/x", "/h/rt/x"),
        ("/lab/runs", "/lab/runs"),
        ("/lab/run-2", "/lab/run-2"),
        ("/lab/run.d", "/lab/run.d"),
        ("wrote to /lab/run.", "wrote to /h/run."),
        ("--out=/lab/run/x", "--out=/h/run/x"),
        ("/lab/run:/lab/runtime:/usr", "/h/run:/h/rt:/usr"),
        ("open('/lab/run/a'), open(\"/lab/run/code/b\")", "open('/h/run/a'), open(\"/h/code/b\")"),
        ("/home/lab/run", "/home/lab/run"),
        ("./lab/run", "./lab/run"),
        ("/lab/odd/x", "/h/with $1 \\2/x"),
        ("", ""),
    ],
)
def test_targets_become_sources(text: str, expected: str) -> None:
    assert translator(MOUNTS)(text) == expected


def test_without_mounts_nothing_changes() -> None:
    assert translator([])("/lab/run") == "/lab/run"
