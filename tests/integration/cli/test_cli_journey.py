"""The program as a person or a script uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from documents import (
    CHECK,
    COMPARISON,
    DATASET,
    DATASET_ADDED,
    DATASET_DETAIL,
    DEPLOYMENT,
    ERROR,
    LOG,
    MODEL,
    MODEL_DETAIL,
    MODEL_VERSION,
    REPLAY,
    RUN,
    RUN_DETAIL,
    document,
    listing,
    maybe,
    number,
    shape,
    text,
    whole,
)
from lab_program import Lab, until

# -- beginning -------------------------------------------------------------------------------------


def test_empty_lists_say_what_to_do_next(lab: Lab, tmp_path: Path) -> None:
    for noun, hint in (
        ("runs", "lab run"),
        ("data", "lab data add"),
        ("models", "register"),
        ("deployments", "deploy"),
    ):
        done = lab("--home", str(tmp_path / "fresh"), noun, "ls")
        assert done.stdout == ""
        assert "yet" in done.stderr
        assert hint in done.stderr
        assert '"items": [], "total": 0' in lab("--home", str(tmp_path / "fresh"), noun, "ls", "--json").stdout


def test_init_writes_a_lab_toml_once(lab: Lab, tmp_path: Path) -> None:
    keys = shape({"id": text, "name": text, "path": text, "root": text})
    made = lab.json(keys, "-C", str(tmp_path), "init", "new")
    assert made == {"id": "new", "name": "new", "path": str(tmp_path / "new/lab.toml"), "root": str(tmp_path / "new")}
    assert "[project]" in (tmp_path / "new" / "lab.toml").read_text()
    refused = lab("init", str(tmp_path / "new"), code=4)
    assert "is there already" in refused.stderr
    assert len(refused.stderr.splitlines()) == 2


def test_a_wrong_lab_toml_is_told_with_its_line(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text('[project]\nname = "x"\n[resources]\nmemry = "1g"\n')
    (tmp_path / "go.py").write_text("")
    done = lab("-C", str(tmp_path), "run", "go.py", code=2)
    assert "lab.toml:4" in done.stderr
    assert "memory" in done.stderr


def test_data_is_versioned_when_it_changes(lab: Lab) -> None:
    table = lab.folder / "data" / "table.csv"
    first = lab.json(DATASET_ADDED, "data", "add", "table", "data/table.csv", "-m", "as it came")
    assert (first["version"], first["new"], first["rows"], first["message"]) == (1, True, 2, "as it came")
    again = lab.json(DATASET_ADDED, "data", "add", "table", "data/table.csv")
    assert (again["version"], again["new"]) == (1, False)
    table.write_text(table.read_text() + "5,6\n")
    done = lab("data", "add", "table", "data/table.csv")
    assert done.stdout.startswith("table@v2  1 file, ")
    assert [item["version"] for item in lab.json(listing(DATASET), "data", "ls")["items"]] == [2]
    detail = lab.json(DATASET_DETAIL, "data", "show", "table@v1")
    assert detail["rows"] == 2
    assert [column["name"] for column in detail["columns"]] == ["a", "b"]
    assert [item["version"] for item in detail["versions"]] == [2, 1]
    shown = lab("data", "show", "table").stdout
    assert "table@v2" in shown
    assert "1, 3, 5" in shown


def test_data_paths_count_from_the_folder_that_is_asked_for(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "here.csv").write_text("x\n1\n")
    added = lab.json(DATASET_ADDED, "-C", str(tmp_path), "data", "add", "here", "here.csv")
    assert added["rows"] == 1
    assert lab("data", "add", "gone", "nothing.csv", code=3).stderr.startswith("lab: ")


# -- runs ------------------------------------------------------------------------------------------


def test_wait_tells_the_fate_of_a_run(lab: Lab) -> None:
    started = lab.json(RUN, "run", "train", "-p", "lr=0.5", "--name", "first", "--tag", "best", "--seed", "7")
    ended = lab.json(RUN, "runs", "wait", "first")
    assert ended["id"] == started["id"]
    assert (ended["status"], ended["cause"], ended["exit_code"]) == ("finished", "finished", 0)
    assert (ended["seed"], ended["tags"], ended["params"]["lr"]) == (7, ["best"], 0.5)
    assert ended["metrics"]["loss"] == pytest.approx(0.5 / 3)
    assert ended["duration"] > 0


def test_wait_exits_with_the_fate_of_the_run(lab: Lab) -> None:
    assert lab.json(RUN, "run", "train", "--name", "second", "-p", "lr=0.25", "--wait")["status"] == "finished"
    broken = lab.json(RUN, "run", "train", "--name", "third", "-p", "kind=broken", "--wait", code=1)
    assert (broken["status"], broken["cause"], broken["exit_code"]) == ("failed", "failed exit 3", 3)
    done = lab("run", "train.py", "-p", "kind=broken", "-p", "lr=1", "--wait", code=1)
    assert "failed exit 3" in done.stdout
    assert "lab runs logs" in done.stderr


def test_follow_shows_the_log_and_then_the_fate(lab: Lab) -> None:
    done = lab("run", "train", "--name", "fourth", "--follow")
    assert done.stdout.splitlines()[:4] == ["step 0 of 4 lines", "step 1 of 4 lines", "step 2 of 4 lines", "red title"]
    assert "fourth  finished" in done.stdout
    assert "fourth" in done.stderr.splitlines()[-1]
    beside = lab("run", "train", "--name", "fifth", "--follow", "--json")
    assert beside.stdout.startswith('{"id"')
    assert "step 2 of 4 lines" in beside.stderr


def test_runs_are_filtered_sorted_and_paged(lab: Lab) -> None:
    everything = lab.json(listing(RUN), "runs", "ls")
    assert everything["total"] == len(everything["items"]) == 6
    assert names(lab, "status:failed") == {"third", everything_named(everything, "broken", 1)}
    assert names(lab, "lr>=0.25", "status:finished") == {"first", "second"}
    assert names(lab, "tag:best") == {"first"}
    assert names(lab, "status:finished lr<0.2") == {"fourth", "fifth"}
    by_loss = lab.json(listing(RUN), "runs", "ls", "--sort", "-loss", "--limit", "2", "--offset", "1")
    losses = [run["metrics"]["loss"] for run in by_loss["items"]]
    assert losses == sorted(losses, reverse=True)
    assert (len(losses), by_loss["total"]) == (2, 6)
    assert lab("runs", "ls", "nothing-like-this").stderr.startswith("no run matches")


def names(lab: Lab, *words: str) -> set[str]:
    return {run["name"] for run in lab.json(listing(RUN), "runs", "ls", *words)["items"]}


def everything_named(page: dict[str, Any], kind: str, lr: float) -> str:
    return next(run["name"] for run in page["items"] if run["params"]["kind"] == kind and run["params"]["lr"] == lr)


def test_the_table_fits_and_keeps_names_whole(lab: Lab) -> None:
    for columns in ("40", "80", "200"):
        lines = lab("runs", "ls", COLUMNS=columns).stdout.splitlines()
        assert len(lines) == 7
        assert any(line.startswith("fourth ") for line in lines)
        if columns != "40":
            assert max(map(len, lines)) <= int(columns)
    picked = lab("runs", "ls", "--columns", "name,lr,kind,status", "--sort", "name").stdout.splitlines()
    assert picked[0].split() == ["NAME", "lr", "kind", "STATUS"]
    assert ["first", "0.5", "plain", "finished"] in [line.split() for line in picked]
    assert "did you mean status" in lab("runs", "ls", "--columns", "statsu", code=2).stderr


def test_a_run_is_shown_whole(lab: Lab) -> None:
    detail = lab.json(RUN_DETAIL, "runs", "show", "first")
    assert detail["datasets"] == {"table": "v2"}
    assert detail["inputs"]["table"]["version"] == "v2"
    assert detail["summaries"]["loss"]["count"] == 3
    assert detail["summaries"]["loss"]["max"] == 0.5
    assert detail["command"] == ["python3", "train.py"]
    assert Path(detail["folder"]).is_dir()
    shown = lab("runs", "show", "first").stdout
    assert "table@v2" in shown
    assert "0.166667" in shown


def test_logs_whole_and_their_end(lab: Lab) -> None:
    whole_log = lab.json(LOG, "runs", "logs", "first")
    assert whole_log["items"][0] == "step 0 of 4 lines"
    assert whole_log["total"] == 4
    assert lab("runs", "logs", "first", "--tail", "1").stdout == "red title\n"
    assert lab("runs", "logs", "first", "--tail", "1", "--follow").stdout == "red title\n"
    assert lab("runs", "logs", "first", "--head", "2").stdout == "step 0 of 4 lines\nstep 1 of 4 lines\n"
    assert lab("runs", "logs", "first", "--grep", "STEP [12]").stdout == ""
    assert lab("runs", "logs", "first", "--grep", "step [12]", "--tail", "1").stdout == "step 2 of 4 lines\n"
    assert lab.json(LOG, "runs", "logs", "first", "--grep", "red", "--since", "1h")["items"] == ["red title"]
    timed = json.loads(lab("runs", "logs", "first", "--times", "--json").stdout)
    assert [one["line"] for one in timed["items"]] == whole_log["items"]
    times = [one["at"] for one in timed["items"] if one["at"] is not None]
    assert times == sorted(times)
    assert lab("runs", "logs", "first", "--times", "--tail", "1").stdout.endswith("  red title\n")
    system = json.loads(lab("runs", "system", "first", "--json").stdout)
    assert system["total"] == len(system["items"])
    assert all(one["memory"] >= 0 and one["at"].endswith("Z") for one in system["items"])
    assert lab("runs", "system", "first").returncode == 0
    files = json.loads(lab("runs", "files", "first", "--json").stdout)
    assert {"spec.json", "stdout.log"} <= {one["path"] for one in files["items"]}
    assert "stdout.log" in lab("runs", "files", "first").stdout
    assert "no regular expression" in lab("runs", "logs", "first", "--grep", "(", code=2).stderr
    assert "no time" in lab("runs", "logs", "first", "--since", "soon", code=2).stderr
    assert "no place beside" in lab("runs", "logs", "first", "--head", "1", "--follow", code=2).stderr


def test_guards_are_replayed_and_stop_runs(lab: Lab) -> None:
    found = lab.json(listing(REPLAY), "runs", "guard", "first", "--when", "loss < 0.2", "--when", "isnan(loss)")
    assert [(one["guard"], one["fired"], one["step"]) for one in found["items"]] == [
        ("loss < 0.2", True, 2.0), ("isnan(loss)", False, None),
    ]  # fmt: skip
    shown = lab("runs", "guard", "first", "--when", "loss < 0.2").stdout
    assert "loss was 0.166667 at step 2, below 0.2" in shown
    assert "  loss <\n        ^" in lab("runs", "guard", "first", "--when", "loss <", code=2).stderr
    assert "without guards" in lab("runs", "guard", "first", code=2).stderr
    done = lab("run", "forever", "--name", "guarded", "--guard", "elapsed > 1", "--wait", code=1)
    assert "stopped by guard 'elapsed > 1': elapsed was" in done.stdout
    detail = lab.json(RUN_DETAIL, "runs", "show", "guarded")
    assert (detail["status"], detail["guards"]) == ("stopped", ["elapsed > 1"])
    assert detail["firings"][0]["do"] == "stop"


def test_compare_shows_what_differs(lab: Lab) -> None:
    found = lab.json(COMPARISON, "runs", "compare", "first", "second", "--baseline", "second")
    assert found["baseline"] == found["runs"][1]["id"]
    rows = {row["key"]: row for row in found["params"]}
    assert rows["lr"] == {"key": "lr", "values": [0.5, 0.25], "differs": True}
    assert rows["kind"]["differs"] is False
    drawn = lab("runs", "compare", "first", "second").stdout
    assert "first *" in drawn
    assert "kind" not in drawn
    assert "kind" in lab("runs", "compare", "first", "second", "--all").stdout
    assert "two runs" in lab("runs", "compare", "first", code=2).stderr


def test_tags_and_notes_are_replaced(lab: Lab) -> None:
    assert lab.json(RUN, "runs", "tag", "second", "a", "b")["tags"] == ["a", "b"]
    assert lab.json(RUN, "runs", "tag", "second")["tags"] == []
    both = lab.json(listing(RUN), "runs", "tag", "second", "a", "b", "--also", "first")["items"]
    assert [one["tags"] for one in both] == [["a", "b"]] * 2
    added = lab.json(listing(RUN), "runs", "tag", "second", "b", "c", "--add", "--also", "first")["items"]
    assert [one["tags"] for one in added] == [["a", "b", "c"]] * 2
    assert lab("runs", "tag", "second", "a", "c", "--remove").stdout == "second  b\n"
    lab("runs", "tag", "second", "a", "--add", "--remove", code=2)
    lab("runs", "tag", "second")
    lab("runs", "tag", "first")
    lab("runs", "note", "second", "one")
    assert lab.json(RUN, "runs", "note", "second", "two", "--add")["notes"] == "one\ntwo"
    assert lab.json(RUN, "runs", "note", "second", "too", "slow")["notes"] == "too slow"
    assert lab("runs", "note", "second", "--", "--really").stdout == "second  --really\n"


def test_hostile_names_reach_no_terminal(lab: Lab) -> None:
    run = lab.json(RUN, "run", "train", "-p", "kind=hostile", "-p", "x=\x1b[2J\u202e", "--name", "hostile", "--wait")
    assert "NaN" in run["metrics"].values()
    for argv in (("ls",), ("ls", "evil"), ("show", "hostile"), ("logs", "hostile"), ("compare", "hostile", "first")):
        done = lab("runs", *argv)
        shown = done.stdout + done.stderr
        assert not [char for char in shown if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0]
        assert "\u202e" not in shown


# -- going on --------------------------------------------------------------------------------------


def test_run_returns_while_the_run_goes_on(lab: Lab) -> None:
    assert lab.json(RUN, "run", "forever", "--name", "brief")["status"] == "running"
    assert lab.json(RUN, "runs", "stop", "brief")["status"] == "stopped"


def test_ctrl_c_detaches_and_the_run_goes_on(lab: Lab) -> None:
    process = lab.start("run", "forever", "--name", "eternal", "--follow")
    assert process.stdout is not None
    assert process.stdout.readline() == "tick\n"
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "detached; the run goes on: lab runs logs eternal --follow"
    assert "Traceback" not in err
    assert lab.json(RUN_DETAIL, "runs", "show", "eternal")["status"] == "running"
    log = lab.folder.parent / "home" / "runs" / lab.json(RUN_DETAIL, "runs", "show", "eternal")["id"] / "stdout.log"
    size = log.stat().st_size
    until(lambda: log.stat().st_size > size)


def test_ctrl_c_while_waiting_prints_the_run_as_it_is(lab: Lab) -> None:
    process = lab.start("run", "forever", "--name", "endless", "--wait", "--json")
    assert process.stderr is not None
    line = process.stderr.readline()
    while "endless" not in line:
        assert line
        line = process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert document(out, RUN)["status"] == "running"
    assert lab.json(RUN, "runs", "stop", "endless")["status"] == "stopped"


def test_a_reader_of_a_log_may_go_away(lab: Lab) -> None:
    process = lab.start("runs", "logs", "eternal", "--follow")
    assert process.stdout is not None
    assert process.stdout.readline() == "tick\n"
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "")
    assert lab.json(RUN_DETAIL, "runs", "show", "eternal")["status"] == "running"


def test_waiting_may_have_an_end(lab: Lab) -> None:
    assert "still running" in lab("runs", "wait", "eternal", "--timeout", "0.2", code=1).stderr


def test_a_run_is_stopped_once(lab: Lab) -> None:
    stopped = lab.json(RUN, "runs", "stop", "eternal")
    assert (stopped["status"], stopped["cause"]) == ("stopped", "stopped by user")
    assert lab.json(ERROR, "runs", "stop", "eternal", code=4)["error"]["code"] == "conflict"
    assert lab("runs", "wait", "eternal", code=1).stdout.startswith("eternal  stopped by user")


def test_watch_sees_what_others_do_until_it_is_ended(lab: Lab) -> None:
    process = lab.start("watch", "--json")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("watching")
    run = lab.json(RUN, "run", "train", "--name", "watched")
    seen = process.stderr.readline()
    while seen and f"run.ended  {run['id']}" not in seen:
        seen = process.stderr.readline()
    assert seen
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith('{"events": ')


# -- models and deployments ------------------------------------------------------------------------


def test_a_model_is_registered_and_promoted(lab: Lab) -> None:
    run = lab.json(RUN, "run", "train", "-p", "kind=model", "--name", "modelled", "--wait")
    version = lab.json(MODEL_VERSION, "models", "register", "modelled", "small")
    assert (version["id"], version["run"], version["datasets"]) == ("small:v1", run["id"], {"table": "v2"})
    model = lab.json(MODEL, "models", "promote", "small:v1")
    assert model["aliases"] == {"champion": 1}
    assert lab.json(MODEL, "models", "promote", "small", "--alias", "rival")["aliases"]["rival"] == 1
    shown = lab.json(MODEL_DETAIL, "models", "show", "small@champion")
    assert (shown["id"], shown["aliases"]) == ("small:v1", ["champion", "rival"])
    assert "weights.txt" in [item["path"] for item in shown["files"]]
    assert lab.json(listing(MODEL), "models", "ls")["total"] == 1
    assert "champion v1" in lab("models", "ls").stdout
    assert "small:v1" in lab("models", "show", "small").stdout
    assert "saved no model" in lab("models", "register", "first", "small", code=3).stderr
    assert lab("models", "register", "third", "small", code=4).stderr.startswith("lab: run third is failed")
    assert lab("models", "promote", "small", "--alias", "v9", code=2).stderr


def test_deployments_that_are_not_there(lab: Lab, tmp_path: Path) -> None:
    assert lab.json(listing(DEPLOYMENT), "deployments", "ls") == {"items": [], "total": 0}
    for verb in ("show", "health", "stop", "logs"):
        assert "lab deployments ls" in lab("deployments", verb, "nope", code=3).stderr
    assert lab("deployments", "predict", "nope", "[[1]]", code=3).stderr.startswith("lab: no deployment")
    assert "not JSON" in lab("deployments", "predict", "nope", "-", stdin="{", code=2).stderr
    (tmp_path / "rows.csv").write_text("x\n1\n")
    assert "no deployment" in lab("deployments", "predict", "nope", str(tmp_path / "rows.csv"), code=3).stderr
    assert "not JSON" in lab("deployments", "predict", "nope", "no-such-file.csv", code=2).stderr
    assert "given twice" in lab("deployments", "predict", "nope", "{}", "--csv", "x.csv", code=2).stderr
    assert "no file" in lab("deployments", "predict", "nope", "--csv", "x.csv", code=3).stderr
    assert "--watch" in lab("deployments", "health", "nope", "--watch", "--json", code=2).stdout


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "code", "kind"),
    [
        (("runs", "show", "nope"), 3, "not_found"),
        (("runs", "logs", "nope"), 3, "not_found"),
        (("runs", "compare", "nope", "first"), 3, "not_found"),
        (("data", "show", "nope"), 3, "not_found"),
        (("data", "show", "table@v99"), 3, "not_found"),
        (("models", "show", "nope"), 3, "not_found"),
        (("models", "register", "nope", "x"), 3, "not_found"),
        (("deploy", "nope@champion"), 3, "not_found"),
        (("run", "nope.py"), 3, "not_found"),
        (("run", "train", "--data", "table@v99"), 3, "not_found"),
        (("runs", "show", "f"), 4, "conflict"),
        (("data", "add", "no/slash", "data"), 2, "usage"),
        (("run", "train", "-p", "lr"), 2, "usage"),
        (("run", "train", "--engine", "steam"), 2, "usage"),
        (("runs", "lss"), 2, "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_what_cannot_be_done_has_its_code(lab: Lab, argv: tuple[str, ...], code: int, kind: str) -> None:
    assert lab.json(ERROR, *argv, code=code)["error"]["code"] == kind
    plain = lab(*argv, code=code)
    assert plain.stdout == ""
    assert plain.stderr.startswith("lab: ")
    assert len(plain.stderr.splitlines()) <= 2


def test_an_engine_that_does_not_answer(lab: Lab) -> None:
    nowhere = {"DOCKER_HOST": "unix:///nonexistent.sock"}
    found = lab.json(ERROR, "run", "train", "--engine", "docker", code=5, **nowhere)
    assert found["error"]["code"] == "engine_unavailable"
    assert found["error"]["hint"]
    assert "process" in lab("run", "train", "--engine", "docker", code=5, **nowhere).stderr


def test_a_lab_home_that_cannot_be_is_an_error(lab: Lab) -> None:
    (lab.folder / "file").write_text("")
    assert "cannot use the lab home" in lab("--home", str(lab.folder / "file" / "home"), "runs", "ls", code=1).stderr


# -- the whole -------------------------------------------------------------------------------------


def test_a_run_is_launched_again(lab: Lab) -> None:
    first = lab.json(RUN_DETAIL, "runs", "show", "first")
    again = lab.json(RUN, "runs", "rerun", "first", "-p", "lr=0.125", "--wait")
    assert again["id"] != first["id"]
    assert (again["entry"], again["seed"], again["datasets"]) == (first["entry"], 7, first["datasets"])
    assert again["params"] == {**first["params"], "lr": 0.125}
    assert lab("runs", "rerun", "nobody", code=3).stdout == ""


def test_doctor_and_rebuild(lab: Lab) -> None:
    checks = lab.json(listing(CHECK), "doctor")
    assert {"lab home", "journal", "index", "engine"} <= {item["id"] for item in checks["items"]}
    before = lab.json(listing(RUN), "runs", "ls")
    rebuilt = lab.json(shape({"events": whole, "seconds": maybe(number)}), "rebuild")
    assert rebuilt["events"] > 20
    assert lab.json(listing(RUN), "runs", "ls") == before


def test_a_reader_that_goes_away_is_no_accident(lab: Lab) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*lab.command, "runs", "ls", "--json"],
        cwd=lab.folder,
        env=lab.environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""


def test_names_complete(lab: Lab) -> None:
    def offered(*words: str) -> list[str]:
        return lab("__complete", "--", *words).stdout.split()

    assert offered("ru") == ["run", "runs"]
    assert {"first", "fifth"} <= set(offered("runs", "show", "fi"))  # and a name that was drawn may begin so
    assert offered("runs", "show", "fift") == ["fifth"]
    assert offered("run", "") == ["train", "forever"]
    assert set(offered("run", "train", "-p", "")) == {"lr=", "kind="}
    assert offered("run", "train", "--engine", "p") == ["process"]
    assert offered("data", "show", "t") == ["table"]
    assert offered("data", "show", "table@") == ["table@v2", "table@v1"]
    assert "small@champion" in offered("deploy", "small")
    assert offered("models", "show", "small:") == ["small:v1"]
    assert "status:failed" in offered("runs", "ls", "status:")
    assert "loss" in offered("runs", "ls", "--sort", "l")
    assert offered("runs", "ls", "--off") == ["--offset"]
    assert offered("data", "add", "table", "") == []
    assert offered("--home", "/nonexistent", "runs", "show", "") == []


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("lab runs sh", "show"),
        ("lab data show table@v1", "v1"),
        ("lab models show small:", "v1"),
        ("lab models l", "lineage ls"),
    ],
)
def test_bash_replaces_the_word_that_it_sees(lab: Lab, tmp_path: Path, line: str, replies: str) -> None:
    """Readline takes what stands after `@` or `:` for the word; the reply must be that word's, not the whole."""
    program = tmp_path / "lab"
    program.write_text(f'#!/bin/sh\nexec {" ".join(lab.command)} "$@"\n')
    program.chmod(0o755)
    script = lab("completion", "bash").stdout + (
        f"COMP_WORDBREAKS=$' \\t\\n:=@'; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}\n"
        "_lab; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    path = f"{tmp_path}:{lab.environment['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=lab.folder,
        env={**lab.environment, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert sorted(done.stdout.split()) == replies.split(), done.stderr
