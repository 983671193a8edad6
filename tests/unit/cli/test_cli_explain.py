"""`lab explain`, in this process: it needs no lab home."""

from __future__ import annotations

import json

import pytest

from lab import learn
from lab.cli.main import run


def lab(*argv: str) -> int:
    return run(argv, lambda *_: 0)


def test_a_word_is_explained_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("explain", "population", "stability", "index") == 0
    text = capsys.readouterr().out
    assert text.startswith("PSI\n")
    assert "Why: " in text
    assert max(map(len, text.splitlines())) <= 100
    assert lab("explain", "psi", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == ["word", "also", "what", "why", "do"]
    assert lab("explain", "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"] == len(learn.words())
    assert lab("explain", "psy") == 3
    assert "did you mean psi?" in capsys.readouterr().err
