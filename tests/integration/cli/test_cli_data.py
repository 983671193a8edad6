"""Every verb about data, as typed: what it prints, its JSON, its exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab_program import Lab


def told(lab: Lab, *words: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = lab.json(lambda value: isinstance(value, dict), *words, code=code)
    return found


def said(lab: Lab, *words: str, code: int = 0) -> str:
    done = lab(*words, code=code)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def table(lab: Lab) -> Path:
    """The project's table, with two versions of it in the lab."""
    path = lab.folder / "data" / "table.csv"
    path.write_text("id,a,b\n" + "".join(f"{number},{number * 2},x{number % 3}\n" for number in range(1, 51)))
    told(lab, "data", "add", "table", "-m", "first")
    path.write_text("id,a,b\n" + "".join(f"{number},{number * 3},x{number % 4}\n" for number in range(2, 61)))
    told(lab, "data", "add", "table", "-m", "second")
    return path


def test_log_and_show_tell_what_changed(lab: Lab, table: Path) -> None:
    history = told(lab, "data", "log", "table")
    assert [item["rows"] for item in history["items"]] == [59, 50]
    text = said(lab, "data", "log", "table")
    assert "+9" in text
    assert "second" in text
    shown = told(lab, "data", "show", "table")
    assert (shown["links"], shown["folders"]) == ([], [])


def test_status_says_by_its_exit_code_whether_all_is_kept(lab: Lab, table: Path) -> None:
    assert told(lab, "data", "status", "table")["items"][0]["clean"] is True
    before = table.read_text()
    table.write_text(before + "99,1,new\n")
    changed = told(lab, "data", "status", code=1)["items"][0]
    assert changed["changed"] == ["table.csv"]
    assert "1 changed since v2" in said(lab, "data", "status", code=1)
    refused = told(lab, "data", "checkout", "table@v1", code=4)
    assert refused["error"]["code"] == "conflict"
    assert "--stash" in refused["error"]["hint"]
    table.write_text(before)
    assert told(lab, "data", "checkout", "table@v1")["stashed"] is None
    assert table.read_text().splitlines()[1] == "1,2,x1"
    told(lab, "data", "checkout", "table")


def test_diff_is_told_and_its_exit_code_says_whether_there_is_any(lab: Lab, table: Path) -> None:
    diff = told(lab, "data", "diff", "table@v1", "v2", "--key", "id", code=1)["diff"]
    assert (diff["rows"]["inserted"], diff["rows"]["deleted"], diff["rows"]["changed"]) == (10, 1, 49)
    text = said(lab, "data", "diff", "table", code=1)
    assert "v1 → v2" in text
    assert told(lab, "data", "diff", "table@v1", "table@v1")["diff"]["identical"] is True
    assert told(lab, "data", "diff", "table@v1", code=3)["error"]["code"] == "not_found"


def test_profile_names_every_column(lab: Lab, table: Path) -> None:
    found = told(lab, "data", "profile", "table")["profile"]
    assert [column["name"] for column in found["table"]["columns"]] == ["id", "a", "b"]
    text = said(lab, "data", "profile", "table")
    assert "x0 (15)" in text
    assert "looks like an identifier: id" in text


def test_the_first_rows(lab: Lab, table: Path) -> None:
    found = told(lab, "data", "head", "table@v1", "-n", "2")
    assert found["columns"] == ["id", "a", "b"]
    assert found["items"] == [{"id": "1", "a": "2", "b": "x1"}, {"id": "2", "a": "4", "b": "x2"}]
    assert found["total"] == 50
    assert len(said(lab, "data", "head", "table").splitlines()) == 21


def test_marks(lab: Lab, table: Path) -> None:
    assert told(lab, "data", "tag", "table@v1", "raw", "old")["tags"] == ["raw", "old"]
    assert told(lab, "data", "note", "table@v1", "looked at")["note"] == "looked at"
    assert told(lab, "data", "alias", "table@v1", "baseline")["aliases"] == ["baseline"]
    assert told(lab, "data", "show", "table@baseline")["version"] >= 1
    assert told(lab, "data", "rm", "table@v1", code=4)["error"]["code"] == "conflict"
    told(lab, "data", "alias", "table", "baseline", "--remove")
    assert told(lab, "data", "rm", "table@v1")["removed"] is True
    assert len(told(lab, "data", "log", "table")["items"]) == 1
    assert told(lab, "data", "rm", "table@v1", "--undo")["removed"] is False


def test_expectations_are_proposed_and_held(lab: Lab, table: Path) -> None:
    assert "nothing is expected" in said(lab, "data", "expect", "table")
    text = told(lab, "data", "expect", "table", "--infer")["toml"]
    toml = lab.folder / "lab.toml"
    before = toml.read_text()
    try:
        toml.write_text(before + text)
        assert told(lab, "data", "expect", "table")["report"]["ok"] is True
        toml.write_text(before + "\n[datasets.table.expect]\nrows = { min = 1000 }\n")
        assert told(lab, "data", "expect", "table", code=6)["report"]["blocked"] is True
        assert told(lab, "data", "alias", "table", "prod", code=6)["error"]["code"] == "gate_rejected"
    finally:
        toml.write_text(before)
    assert told(lab, "data", "expect", "table")["report"] is None


def test_to_a_remote_and_out_to_a_file(lab: Lab, table: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    assert told(lab, "data", "push", "table", "--remote", str(remote))["moved"]["files"] == 1
    assert told(lab, "data", "push", "table", "--remote", str(remote))["moved"]["skipped"] == 1
    (presence,) = told(lab, "data", "remote", "table", "--remote", str(remote))["items"]
    assert (presence["id"], presence["state"]) == ("small/table@v2", "both")
    assert told(lab, "data", "remote", "--remote", str(remote))["total"] == 1
    assert told(lab, "data", "pull", "table", "--remote", str(remote))["new"] is False
    assert Path(told(lab, "data", "export", "table", str(tmp_path / "t.parquet"))["path"]).stat().st_size > 0
    assert told(lab, "data", "export", "table", str(tmp_path / "t.parquet"), code=4)["error"]["code"] == "conflict"
    assert told(lab, "data", "push", "table", code=2)["error"]["code"] == "usage"
    assert told(lab, "data", "import", str(tmp_path), code=3)["error"]["code"] == "not_found"


def test_lineage_of_what_nobody_saw(lab: Lab, table: Path) -> None:
    found = told(lab, "data", "lineage", "table@v1")
    assert (found["runs"], len(found["versions"])) == ([], 1)
    assert told(lab, "data", "lineage", "table@v1", "nothing.csv", code=3)["error"]["code"] == "not_found"


def test_the_store_is_looked_after(lab: Lab, table: Path) -> None:
    verified = told(lab, "data", "verify")
    assert (verified["damaged"], verified["objects"] >= 2) == ([], True)
    assert told(lab, "data", "verify", "--quick")["bytes"] == 0
    plan = told(lab, "gc")
    assert plan["freed"] is None
    owners = [owner for cost in plan["plan"]["stays"] for owner in cost["owners"]]
    assert {"dataset small/table@v1", "dataset small/table@v2"} <= set(owners)
    assert told(lab, "data", "gc", "--trash")["total"] == 0
    assert told(lab, "gc", "--undo", "nothing", code=3)["error"]["code"] == "not_found"
    usage = told(lab, "disk")
    assert any(name.startswith("dataset small/table@v") for name in usage["owners"])
    assert "dataset small/table@v" in said(lab, "disk")


def test_rot_is_told_by_its_exit_code(lab: Lab, table: Path) -> None:
    store = Path(lab.environment["LAB_HOME"]) / "store" / "objects"
    victim = next(path for path in store.glob("*/*") if path.read_bytes().startswith(b"id,a,b"))
    good = victim.read_bytes()
    victim.chmod(0o644)
    victim.write_bytes(b"X" + good[1:])
    assert "needed by dataset small/table" in said(lab, "data", "verify", code=7)
    victim.write_bytes(good)
    victim.chmod(0o444)
    said(lab, "data", "verify")
