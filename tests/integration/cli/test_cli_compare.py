"""`lab runs compare --show`: what lies behind the numbers, as text and as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from compared import NEW, OLD, dataset, project, run

from lab.cli import main
from lab.workspace import Workspace


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Workspace(tmp_path / "home", project(tmp_path / "flowers"), engine="process") as ws:
        seen = dataset(ws)
        run(ws.home, "old", {"predictions.csv": OLD}, data=seen, params={"lr": 0.1})
        run(ws.home, "new", {"predictions.csv": NEW}, data=seen, params={"lr": 0.2})
        run(ws.home, "bare", {}, data=seen, params={"lr": 0.3})
    return tmp_path / "home"


def lab(home: Path, capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a command."""
    code = main.run(["--home", str(home), "runs", "compare", *argv], lambda *_: 0)
    return code, *capsys.readouterr()


def document(home: Path, capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    code, text, _ = lab(home, capsys, *argv, "--json")
    assert code == 0
    return json.load(io.StringIO(text))


def test_samples_are_told_for_each_run_against_the_baseline(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(home, capsys, "old", "new", "bare", "--show", "samples")
    good, lacking = found["sections"]["samples"]
    assert (good["name"], good["fixed"], good["broken"]) == ("new", 2, 1)
    assert good["rows"][0]["features"] == {"size": "1.5", "kind": "rose"}
    assert lacking["error"]["code"] == "not_found"
    assert "sections" not in document(home, capsys, "old", "new")
    code, text, said = lab(home, capsys, "old", "new", "--show", "samples", "--limit", "1")
    assert code == 0
    assert "2 fixed, 1 broken of 4 samples (p = 1); right 50.0% → 75.0%" in text
    assert "size 1.5, kind rose" in text
    assert "tulip taken for rose: 1 → 0 (-1)" in text
    assert "and 2 more" in said


def test_code_data_environment_and_files_lie_behind_the_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(tmp_path / "flowers")
    with Workspace(tmp_path / "home", root, engine="process") as ws:
        first = dataset(ws)
        (root / "flowers.csv").write_text("size,kind\n1.5,rose\n2.5,tulip\n")
        second = dataset(ws)
        run(ws.home, "old", {"c.yaml": "lr: 1\n"}, data=first, packages={"numpy": "2.0", "same": "1"})
        run(ws.home, "new", {"c.yaml": "lr: 2\n"}, data=second, packages={"numpy": "2.1", "same": "1"})
    found = document(tmp_path / "home", capsys, "old", "new", "--show", "all")
    assert found["environment"] != []
    (told,) = found["sections"]["environment"]
    assert told["packages"] == [{"key": "numpy", "change": "changed", "old": "2.0", "new": "2.1"}]
    (told,) = found["sections"]["data"]
    assert told["datasets"][0]["diff"]["rows"]["deleted"] == 2
    assert found["sections"]["code"][0]["same"] is True
    assert found["sections"]["files"][0]["files"][0]["diff"] == ["@@ -1,1 +1,1 @@", "-lr: 1", "+lr: 2"]
    code, text, _ = lab(tmp_path / "home", capsys, "old", "new", "--show", "all")
    assert code == 0
    for line in ("~ numpy  2.0 → 2.1", "2 deleted", "+lr: 2", "new against old: code"):
        assert line in text


def test_an_unknown_section_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = lab(home, capsys, "old", "new", "--show", "nothing")
    assert code == 2
    assert "samples" in said


def test_parameters_are_told_by_their_tie_to_a_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Workspace(tmp_path / "home", project(tmp_path / "flowers"), engine="process") as ws:
        for at in range(4):
            run(ws.home, f"r{at}", {}, params={"lr": at, "model": "ab"[at % 2]}, metrics={"loss": at / 10})
    home = tmp_path / "home"
    found = document(home, capsys, "r0", "r1", "r2", "r3", "--show", "params")["sections"]["params"]
    assert [(one["param"], one["best"]) for one in found["params"]] == [("lr", "0"), ("model", "a")]
    assert (found["params"][0]["rank"], found["direction"]) == (1.0, "lower")
    assert main.run(["--home", str(home), "runs", "relate", "lr>0", "--json"], lambda *_: 0) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["total"], told["params"][0]["best"]) == (3, "1")
    assert main.run(["--home", str(home), "runs", "relate"], lambda *_: 0) == 0
    assert "loss of 4 runs; lower is better" in capsys.readouterr().out
    assert main.run(["--home", str(home), "runs", "relate", "--metric", "nope"], lambda *_: 0) == 3


def test_a_report_stands_alone_and_overwrites_only_when_told(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, text = tmp_path / "report.html", tmp_path / "report.md"
    told = document(home, capsys, "old", "new", "--export", str(page))
    assert told["bytes"] == page.stat().st_size
    assert "2 fixed, 1 broken of 4 samples" in page.read_text()
    assert lab(home, capsys, "old", "new", "--export", str(page))[0] == 4
    assert lab(home, capsys, "old", "new", "--export", str(page), "--force")[0] == 0
    assert lab(home, capsys, "old", "new", "bare", "--export", str(text))[0] == 0
    assert "| tulip | 2 |" in text.read_text()
    assert lab(home, capsys, "old", "new", "--export", str(tmp_path / "report.pdf"))[0] == 2
    assert lab(home, capsys, "old", "new", "--export", str(tmp_path / "no" / "where.md"))[0] == 1


def test_of_many_runs_each_has_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Workspace(tmp_path / "home", project(tmp_path / "flowers"), engine="process") as ws:
        names = [run(ws.home, f"r{at}", {}, params={"lr": at}, metrics={"loss": at / 10}) for at in range(9)]
    path = tmp_path / "many.md"
    assert lab(tmp_path / "home", capsys, *names, "--export", str(path))[0] == 0
    lines = path.read_text().splitlines()
    assert "| run | loss |" in lines
    assert "| r3 | 0.3 (+0.3) ▼ |" in lines
    assert "| run | lr |" in lines
