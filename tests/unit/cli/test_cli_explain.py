"""`lab explain`, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab import learn
from lab.cli.main import run
from lab.journal import Journal
from lab.paths import LabHome


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabHome:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return LabHome(tmp_path).create()


def lab(*argv: str) -> int:
    return run(argv, lambda *_: 0)


def test_a_word_is_explained_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("explain", "population", "stability", "index") == 0
    text = capsys.readouterr().out
    assert text.startswith("PSI\n")
    assert "Why: " in text
    assert max(map(len, text.splitlines())) <= 100
    assert lab("explain", "psi", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == ["word", "also", "what", "why", "do", "here"]
    assert lab("explain", "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"] == len(learn.words())
    assert lab("explain", "psy") == 3
    assert "did you mean psi?" in capsys.readouterr().err


def test_a_parameter_or_metric_is_told_by_the_runs_that_have_it(
    home: LabHome, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(home, ())
    for number, value in enumerate((0.5, 1.5, "NaN")):
        body = {"name": f"r{number}", "project": "x", "entry": "t", "params": {"k 1": number} if number else {}}
        journal.append("run.created", f"r{number}", body)
        metrics = {"mzz": {"last": value, "min": 0.25, "max": 2.0}, "val_loss": {"last": 1.0}}
        journal.append("run.ended", f"r{number}", {"ending": "finished", "started": 0.0, "metrics": metrics})
    journal.close()
    assert lab("explain", "k 1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["word"], told["what"]) == ("k 1", "")
    assert told["here"]["what"] == "A parameter of 2 of 3 runs, with 2 values from 1 to 2."
    assert '"k 1"=1' in told["here"]["do"]
    assert lab("explain", "mzz.max") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "all 3 runs: last values 0.5 to 1.5; over all steps 0.25 to 2; 1 ended as NaN or infinite." in text
    assert "does not tell whether more or less" in text
    assert lab("explain", "val_loss") == 0
    text = capsys.readouterr().out
    assert text.startswith("Loss\n")
    assert "Less of it is better, its name tells." in text
    assert lab("explain", "k1") == 3
    assert "nothing is written about 'k1'" in capsys.readouterr().err
