"""The run table from the shell: filters, groups, edits, views, SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from documents import EDIT, QUERY_ERROR, RUN, RUN_GROUP, RUN_SHOWN, SQL, VIEW, Check, listing
from lab_program import Lab

from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome


@pytest.fixture
def table(lab: Lab, tmp_path: Path) -> Lab:
    """Six runs of two models and three seeds in a lab home of their own."""
    home = LabHome(tmp_path / "table").create()
    journal = Journal(home, GOVERNANCE)
    for model, base in (("forest", 0.8), ("linear", 0.5)):
        for seed in range(3):
            id = f"{model}{seed}"
            body = {"name": f"{model}-{seed}", "project": "small", "entry": "train", "seed": seed}
            journal.append("run.created", id, {**body, "params": {"model": model, "lr": 0.1 / (seed + 1)}})
            score = base + seed / 20
            acc = {"last": score, "min": score / 2, "max": 0.9, "mean": score, "count": 3}
            ended = {"ending": "finished", "authority": 3, "started": 100.0, "ended": 160.0 + seed}
            journal.append("run.ended", id, {**ended, "metrics": {"acc": acc}})
    journal.close()
    return Lab(lab.folder, {**lab.environment, "LAB_HOME": str(home.root)})


def names(table: Lab, *argv: str, run: Check = RUN) -> list[str]:
    return [one["name"] for one in table.json(listing(run), "runs", "ls", *argv)["items"]]


def test_words_of_the_shell_make_one_filter(table: Lab) -> None:
    assert names(table, "model=forest", "and", "(seed=0", "or", "acc>0.89)", "--sort", "seed") == [
        "forest-0",
        "forest-2",
    ]
    assert names(table, "seed=0 or seed=1", "model=linear", "--sort", "seed") == ["linear-0", "linear-1"]
    assert names(table, "not", "model", "in", "(forest,", "mlp)", "--sort=-acc") == ["linear-2", "linear-1", "linear-0"]
    assert names(table, "--sort", "-model,seed", "--limit", "4") == ["linear-0", "linear-1", "linear-2", "forest-0"]
    shown = table("runs", "ls", "acc.min<0.3", "--columns", "name,acc.min,acc.best", "--sort", "acc.min").stdout
    assert shown.split()[:6] == ["NAME", "acc.min", "acc.best", "linear-0", "0.25", "0.9"]


def test_errors_point_at_the_place(table: Lab) -> None:
    refused = table("runs", "ls", "lr<0.1", "and", "(seed>many)", code=2)
    lines = refused.stderr.splitlines()
    assert lines[0] == "lab: 'many' is not a number"
    assert lines[1][lines[2].index("^") :] == "many)"
    error = table.json(QUERY_ERROR, "runs", "ls", "lr<0.1 and (seed>many)", code=2)["error"]
    assert error["position"] == 17
    assert "did you mean acc.min?" in table("runs", "ls", "ac.mim>3").stderr
    assert "did you mean failed?" in table("runs", "ls", "status:faild").stderr


def test_all_that_fit_become_a_file(table: Lab, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    words = ("runs", "ls", "model=forest", "--sort", "seed", "--columns", "name,acc,lr", "--limit", "1")
    told = json.loads(table(*words, "--export", str(file), "--json").stdout)
    assert (told["runs"], told["columns"]) == (3, ["name", "acc", "lr", "id"])
    assert file.read_text().splitlines()[:2] == ["name,acc,lr,id", "forest-0,0.8,0.1,forest0"]
    assert "there already" in table(*words, "--export", str(file), code=4).stderr
    table(*words, "--export", str(tmp_path / "runs.html"), "--force")
    assert ".parquet" in table(*words, "--export", "runs.doc", code=2).stderr


def test_curves_become_a_file(table: Lab, tmp_path: Path) -> None:
    folder = LabHome(tmp_path / "table").run("forest0")
    folder.root.mkdir(parents=True)
    points = [{"t": 100.0 + step, "s": step, "m": {"acc": 0.5 + step / 100}} for step in range(20)]
    folder.events.write_text("".join(json.dumps(point) + "\n" for point in points))
    file = tmp_path / "acc.svg"
    told = json.loads(table("runs", "plot", "forest-0", "--metric", "acc", "-o", str(file), "--json").stdout)
    assert (told["runs"], told["lines"]) == (["forest0"], [{"name": "forest-0", "points": 20}])
    assert "<path" in file.read_text()
    table("runs", "plot", "forest-0", "-o", str(file), code=4)
    table("runs", "plot", "forest-0", "-o", str(tmp_path / "acc.png"), "--smooth", "0.5", "--log", "--axis", "time")
    assert (tmp_path / "acc.png").read_bytes().startswith(b"\x89PNG")
    assert "they have: acc" in table("runs", "plot", "forest-0", "--metric", "los", code=3).stderr
    assert table("runs", "plot", "forest-0", "--smooth", "1", code=2).stderr
    assert ".svg, .png" in table("runs", "plot", "forest-0", "-o", "acc.gif", code=2).stderr


def test_every_value_of_a_metric(table: Lab, tmp_path: Path) -> None:
    folder = LabHome(tmp_path / "table").run("forest0")
    folder.root.mkdir(parents=True)
    folder.events.write_text('{"t": 100.5, "s": 0, "m": {"acc": 0.5}}\n{"t": 101.5, "s": 1, "m": {"acc": 0.75}}\n')
    (found,) = json.loads(table("runs", "values", "forest-0", "acc", "--json").stdout)["items"]
    assert found == {"metric": "acc", "steps": [0.0, 1.0], "values": [0.5, 0.75],
                     "times": ["1970-01-01T00:01:40.500000Z", "1970-01-01T00:01:41.500000Z"]}  # fmt: skip
    assert "0.75" in table("runs", "values", "forest-0").stdout
    assert "there are: acc" in table("runs", "values", "forest-0", "loss", code=3).stderr


def test_groups_with_their_spread(table: Lab) -> None:
    found = table.json(listing(RUN_GROUP), "runs", "ls", "--group-by", "model", "--sort", "-acc")["items"]
    assert [(group["name"], group["n"]) for group in found] == [("forest", 3), ("linear", 3)]
    assert found[0]["metrics"]["acc"]["mean"] == pytest.approx(0.85)
    assert "0.85 ± 0.05" in table("runs", "ls", "--group-by", "model", "--columns", "acc").stdout
    both = table.json(listing(RUN_GROUP), "runs", "ls", "seed<2", "--group-by", "model,seed", "--limit", "3")
    assert (len(both["items"]), both["total"]) == (3, 4)
    assert "model=forest lr=0.1" in table("runs", "ls", "--group-by", "seeds").stdout


def test_edits_can_be_undone_and_are_remembered(table: Lab) -> None:
    assert table.json(RUN, "runs", "rename", "forest-0", "baseline")["name"] == "baseline"
    assert "linear1" in table("runs", "rename", "baseline", "linear-1", code=4).stderr
    assert table("runs", "rename", "baseline", "no/such", code=2).stderr
    assert table.json(RUN, "runs", "star", "baseline")["starred"]
    assert names(table, "starred:yes") == ["baseline"]
    assert not table.json(RUN, "runs", "unstar", "baseline")["starred"]
    assert table.json(listing(RUN), "runs", "archive", "baseline", "linear-2")["total"] == 2
    assert len(names(table)) == 4
    assert sorted(names(table, "archived:yes")) == ["baseline", "linear-2"]
    assert len(names(table, "archived:any")) == 6
    table("runs", "unarchive", "baseline")
    edits = table.json(listing(EDIT), "runs", "history", "forest0")["items"]
    assert [(edit["what"], edit["before"], edit["after"]) for edit in edits] == [
        ("name", "forest-0", "baseline"),
        ("starred", False, True),
        ("starred", True, False),
        ("archived", False, True),
        ("archived", True, False),
    ]
    assert "forest-0" in table("runs", "history", "baseline").stdout


def test_views_are_kept_by_project(table: Lab) -> None:
    saved = table.json(
        VIEW, "runs", "view", "save", "good", "acc>0.8", "or", "seed=0", "--sort", "-acc", "--columns", "acc"
    )
    assert saved["filter"] == "acc>0.8 or seed=0"
    assert names(table, "--view", "good", run=RUN_SHOWN) == ["forest-2", "forest-1", "forest-0", "linear-0"]
    assert names(table, "model=forest", "--view", "good", "--sort", "acc", run=RUN_SHOWN)[0] == "forest-0"
    assert "acc" in table("runs", "ls", "--view", "good").stdout.splitlines()[0]
    assert table.json(listing(VIEW), "runs", "view", "ls")["total"] == 1
    assert "did you mean good?" in table("runs", "ls", "--view", "god", code=3).stderr
    assert table("__complete", "--", "runs", "ls", "--view", "").stdout.split() == ["good"]
    assert table("runs", "view", "save", "wrong", "acc>x", code=2).stderr
    table("runs", "view", "rm", "good")
    assert table.json(listing(VIEW), "runs", "view", "ls")["items"] == []


def test_sql_is_read_only(table: Lab) -> None:
    answer = table.json(SQL, "runs", "sql", "select name, seed from runs where seed > 0 order by name", "--limit", "3")
    assert (answer["columns"], answer["total"], answer["cut"]) == (["name", "seed"], 3, True)
    assert answer["items"][0] == {"name": "forest-1", "seed": 1}
    assert "refused" in table("runs", "sql", "copy runs to 'x.csv'", code=2).stderr
    assert "disabled" in table("runs", "sql", "select * from read_text('/etc/passwd')", code=2).stderr
    assert json.loads(table("runs", "sql", "nonsense", "--json", code=2).stdout)["error"]["code"] == "usage"
