"""One box over everything: each place, what runs share, limits and time, and a lab of hostile names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from lab.cli.main import run as run_cli
from lab.domain.search import Hit, Place, SearchRequest, Step, parse_needle
from lab.errors import UsageError
from lab.events import (
    DATASET_ADDED,
    DATASET_NOTED,
    DEPLOYMENT_CREATED,
    MODEL_REGISTERED,
    RUN_CREATED,
    RUN_ENDED,
    RUN_NOTED,
    RUN_TAGGED,
)
from lab.journal import Journal
from lab.paths import LabHome
from lab.stores.snapshot import snapshot
from lab.workspace import Workspace

SHARED = "def helper():\n    return 'shared code'\n"


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    root = tmp_path_factory.mktemp("search")
    home = LabHome(root / "home").create()
    journal = Journal(home, ())
    codes = []
    for number, text in enumerate(("lr = 0.1  # first try\n", "lr = 0.2  # Second try\n", "lr = 0.2\nwarmup = 10\n")):
        folder = root / f"code-{number}"
        folder.mkdir()
        (folder / "train.py").write_text(text)
        (folder / "helper.py").write_text(SHARED)
        (folder / "weights.bin").write_bytes(b"\0shared code")
        codes.append(snapshot(folder, home).id)
    for number in range(6):
        name = f"run-{number}"
        journal.append(RUN_CREATED, name, {
            "name": f"calm-otter-{number}" if number else "otter", "project": "p", "entry": "train",
            "code": codes[min(number, 2)], "params": {"lr": 0.1 if number < 4 else 0.25, "model": f"Forest{number}"},
            "datasets": {}, "at": 1_700_000_000.0 + number,
        })  # fmt: skip
        journal.append(RUN_ENDED, name, {"ending": "finished", "authority": 3, "metrics": {}})
        home.run(name).root.mkdir()
        lines = [f"step {step} loss {step / 10}" for step in range(50)]
        home.run(name).stdout.write_text("\n".join([*lines, f"\x1b[31mWARN\x1b[0m end of {number}", ""]))
    journal.append(RUN_TAGGED, "run-1", {"tags": ["best", "paper"]})
    journal.append(RUN_TAGGED, "run-2", {"tags": ["paper"]})
    journal.append(RUN_NOTED, "run-3", {"notes": "first line\nOverfits after epoch 7, 100% sure"})
    journal.append(DATASET_ADDED, "p/prices", {
        "project": "p", "dataset": "prices", "number": 1, "id": "b3:1", "path": "x", "files": 1, "bytes": 1,
        "columns": [{"name": "net_price", "type": "float64"}, {"name": "day", "type": "date"}], "message": "as bought",
    })  # fmt: skip
    journal.append(DATASET_NOTED, "p/prices", {"project": "p", "dataset": "prices", "number": 1, "value": "holds VAT"})
    journal.append(MODEL_REGISTERED, "otter", {"model": "otter", "number": 1, "manifest": "b3:2", "run": "run-1"})
    journal.append(DEPLOYMENT_CREATED, "d1", {"name": "otter-live", "model": "otter", "version": 1})
    os.mkfifo(home.run("run-0").root / "pipe")
    home.run("run-0").stdout.unlink()
    (home.run("run-0").root / "stdout.log").symlink_to(root / "code-0" / "train.py")
    with Workspace(home.root, root, engine="process") as opened:
        yield opened
    journal.close()


def steps(ws: Workspace, text: str, *places: Place, limit: int = 100, seconds: float = 60.0) -> list[Step]:
    return list(ws.search.look(SearchRequest(parse_needle(text), places or tuple(Place), limit, seconds)))


def hits(ws: Workspace, text: str, *places: Place, limit: int = 100) -> list[Hit]:
    found = [hit for step in steps(ws, text, *places, limit=limit) for hit in step.hits]
    return sorted(found, key=lambda hit: hit.order)


def told(found: list[Hit]) -> list[tuple[str, str, str]]:
    return [(hit.place.value, hit.id, hit.where) for hit in found]


def test_names_exact_ones_first(ws: Workspace) -> None:
    found = hits(ws, "otter", Place.NAMES)
    assert [(hit.kind, hit.id) for hit in found[:3]] == [("model", "otter"), ("run", "run-0"), ("deployment", "d1")]
    assert [hit.id for hit in found[3:]] == ["run-5", "run-4", "run-3", "run-2", "run-1"], "the newest first"
    assert [hit.id for hit in hits(ws, "prices", Place.NAMES)] == ["p/prices"]
    assert [hit.id for hit in hits(ws, "run-4", Place.NAMES)] == ["run-4"], "ids are names too"


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("best", Place.TAGS, [("run-1", "tag", 1)]),
        ("paper", Place.TAGS, [("run-2", "tag", 2)]),
        ("lr=0.25", Place.PARAMS, [("run-5", "param", 2)]),
        ("forest3", Place.PARAMS, [("run-3", "param", 1)]),
        ("Forest3", Place.PARAMS, [("run-3", "param", 1)]),
        ("FOREST3", Place.PARAMS, []),
        ("/model=forest[12]/", Place.PARAMS, [("run-2", "param", 1), ("run-1", "param", 1)]),
        ("price", Place.COLUMNS, [("p/prices@v1", "column", 1)]),
        ("overfits", Place.NOTES, [("run-3", "note", 1)]),
        ("100%", Place.NOTES, [("run-3", "note", 1)]),
        ("vat", Place.NOTES, [("p/prices@v1", "note", 1)]),
        ("bought", Place.NOTES, [("p/prices@v1", "note", 1)]),
    ],
)
def test_what_the_index_knows(ws: Workspace, text: str, place: Place, expected: list[tuple[str, str, int]]) -> None:
    found = hits(ws, text, place)
    assert [(hit.id, hit.where, hit.runs) for hit in found] == expected
    for hit in found:
        assert hit.match.lower() == hit.excerpt.text[hit.excerpt.start : hit.excerpt.end].lower() != ""


def test_a_note_is_shown_at_its_line(ws: Workspace) -> None:
    (hit,) = hits(ws, "/epoch [0-9]/", Place.NOTES)
    assert hit.excerpt.text == "Overfits after epoch 7, 100% sure"
    assert hit.match == "epoch 7"


def test_code_that_runs_share_is_told_once(ws: Workspace) -> None:
    found = hits(ws, "shared code", Place.CODE)
    assert [(hit.where, hit.runs, hit.id, hit.line) for hit in found] == [("helper.py:2", 6, "run-5", 2)]
    assert ws.search.file(found[0].digest).read_text() == SHARED
    assert [(hit.where, hit.runs) for hit in hits(ws, "second", Place.CODE)] == [("train.py:1", 1)]
    assert [(hit.where, hit.runs) for hit in hits(ws, "/^warm.*10$/", Place.CODE)] == [("train.py:2", 4)]


def test_differences_tell_what_came_and_went(ws: Workspace) -> None:
    assert told(hits(ws, "second try", Place.DIFFS)) == [
        ("diffs", "run-2", "- train.py"),
        ("diffs", "run-1", "+ train.py"),
    ]
    assert told(hits(ws, "warmup", Place.DIFFS)) == [("diffs", "run-2", "+ train.py")]
    assert hits(ws, "shared", Place.DIFFS) == [], "what stays the same is no difference"


def test_logs_the_newest_first_at_their_last_lines(ws: Workspace) -> None:
    found = hits(ws, "/step 4[0-9] loss/", Place.LOGS)
    assert [(hit.id, hit.line) for hit in found] == [(f"run-{number}", 50) for number in (5, 4, 3, 2, 1)]
    (hit,) = hits(ws, "end of 3", Place.LOGS)
    assert (hit.where, hit.excerpt.text) == ("stdout.log:51", "WARN end of 3")


def test_limits_and_time_are_told(ws: Workspace) -> None:
    end = steps(ws, "loss", Place.LOGS, limit=4)[-1]
    assert (end.done, end.cut) == (True, "limit")
    assert len(hits(ws, "loss", Place.LOGS, limit=4)) == 4
    out_of_time = steps(ws, "loss", Place.CODE, Place.DIFFS, Place.LOGS, seconds=1e-9)
    assert [(step.place, step.cut) for step in out_of_time if step.done] == [
        (Place.CODE, "time"), (Place.DIFFS, "time"), (Place.LOGS, "time"),
    ]  # fmt: skip
    whole = steps(ws, "nothing has this", Place.LOGS)[-1]
    assert (whole.files, whole.total, whole.cut, whole.hits) == (6, 6, "", ())
    assert whole.bytes > 4000


def test_a_search_that_nobody_asks_on_has_ended(ws: Workspace) -> None:
    walk = ws.search.look(SearchRequest(parse_needle("loss"), tuple(Place), 100, 60.0))
    assert next(walk).place is Place.NAMES
    walk.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["/(/", "/a{2,1}/", "/(?<=x)y/"])
def test_what_is_no_regular_expression_is_told_before_anything_is_read(ws: Workspace, text: str) -> None:
    with pytest.raises(UsageError, match="regular expression"):
        steps(ws, text)


@pytest.mark.parametrize("text", ["'; DROP TABLE runs; --", "%", "_", "[[name]]", "$1", "\\", "\x1b[2J"])
def test_whatever_is_looked_for_is_only_text(ws: Workspace, text: str) -> None:
    for step in steps(ws, text):
        assert step.cut == ""
    assert hits(ws, "otter", Place.NAMES)


def test_a_purged_run_is_found_no_more(ws: Workspace) -> None:
    plan = ws.purge.plan([ws.runs.get("run-4")])
    done = ws.purge.apply(plan)
    assert "run-4" not in {hit.id for hit in hits(ws, "otter")}
    assert hits(ws, "end of 4", Place.LOGS) == []
    ws.store.restore(done.batch)
    assert [hit.id for hit in hits(ws, "end of 4", Place.LOGS)] == ["run-4"]


def test_the_command_line(ws: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    def cli(*argv: str) -> int:
        return run_cli(["--home", str(ws.home.root), "--project-dir", str(ws.projects.folder), *argv], lambda *_: 0)

    assert cli("search", "end of", "--in", "logs,names", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["total"] == len(document["items"]) == 5
    first = document["items"][0]
    assert {key: first[key] for key in ("place", "kind", "id", "where", "line", "runs", "object")} == {
        "place": "logs", "kind": "run", "id": "run-5", "where": "stdout.log:51", "line": 51, "runs": 1, "object": None,
    }  # fmt: skip
    assert first["text"][first["start"] : first["end"]] == "end of"
    assert document["places"]["logs"]["files"] == 6
    assert cli("search", "shared code") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "helper.py:2" in lines[0]
    assert "(6 runs)" in lines[0]
    assert cli("search", "nothing has this") == 0
    assert "nothing found" in capsys.readouterr().err
    assert cli("search", "x", "--in", "everywhere") == 2
    assert cli("search", "") == 2
