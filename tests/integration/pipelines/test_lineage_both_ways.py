"""From whatever end it is asked: data files and code, the run, its models, what serves them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from lab.cli.main import run as run_cli
from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, DataInput, RunSpec
from lab.events import DEPLOYMENT_CREATED, DEPLOYMENT_STATUS, MODEL_REGISTERED, RUN_CREATED, RUN_ENDED
from lab.journal import Journal
from lab.stores import runfolder
from lab.stores.snapshot import snapshot
from lab.ui.render.origins import origin_heading, origin_rows
from lab.workspace import Workspace


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    root = tmp_path_factory.mktemp("lineage")
    project = root / "shop"
    (project / "data").mkdir(parents=True)
    for number in range(12):
        (project / "data" / f"part-{number:02}.csv").write_text(f"a,b\n{number},1\n")
    (project / "train.py").write_text("print('x')\n")
    with Workspace(root / "home", project, engine="process") as opened:
        version, _ = opened.datasets.add("prices", "data")
        opened.datasets.add("same-bytes", "data")
        code = snapshot(project, opened.home, ["data"])
        data = {"prices": DataInput("prices", "v1", version.id), "lost": DataInput("lost", "v3", "b3:" + "0" * 64)}
        spec = RunSpec(
            id="run-1", name="calm-otter", project="shop", entry="train", command=("python", "train.py"), params={},
            seed=1, datasets=data, code=CodeSnapshot(code.id, 1, 11, "abcdef1234567890", True), engine="process",
            image="", environment="", resources=Resources(), network=False, created=time.time(),
        )  # fmt: skip
        runfolder.create(opened.home.run("run-1"))
        runfolder.write_spec(opened.home.run("run-1"), spec)
        journal = Journal(opened.home, ())
        inputs = {name: vars(item) for name, item in data.items()}
        journal.append(RUN_CREATED, "run-1", {"name": "calm-otter", "project": "shop", "entry": "train",
                                              "code": code.id, "params": {}, "datasets": inputs})  # fmt: skip
        journal.append(RUN_ENDED, "run-1", {"ending": "finished", "authority": 3, "metrics": {}})
        for number in (1, 2):
            journal.append(MODEL_REGISTERED, "price", {"model": "price", "number": number, "manifest": f"b3:{number}",
                                                       "run": "run-1", "framework": "sklearn"})  # fmt: skip
        journal.append(MODEL_REGISTERED, "alien", {"model": "alien", "number": 1, "manifest": "b3:9", "run": "gone"})
        for name, status in (("live", "ready"), ("past", "stopped")):
            journal.append(DEPLOYMENT_CREATED, name, {"name": name, "model": "price", "version": 2, "port": 8100})
            journal.append(DEPLOYMENT_STATUS, name, {"status": status})
        journal.close()
        opened.refresh()
        yield opened


def tree(ws: Workspace, kind: str, ref: str, *, files: bool = True) -> list[str]:
    get = {"run": ws.runs.get, "model": ws.models.get, "deployment": ws.deployments.get}[kind]
    found = getattr(ws.lineage, f"of_{kind}")(get(ref))
    rows = origin_rows(kind, found, time.time(), files=files)
    assert len({row.key for row in rows}) == len(rows)
    return [row.cells[0].text for row in rows]


def test_a_deployment_is_led_back_to_data_files_and_code(ws: Workspace) -> None:
    rows = tree(ws, "deployment", "live")
    code = ws.runs.spec("run-1").code.tree.removeprefix("b3:")[:10]
    assert rows[:6] == [
        "live",
        "└─ price:v2",
        "   └─ calm-otter",
        "      ├─ shop/prices@v1",
        "      │  ├─ part-00.csv",
        "      │  ├─ part-01.csv",
    ]
    assert rows[12:] == [
        "      │  └─ and 4 files more",
        f"      ├─ code {code}",
        "      │  └─ train.py",
        "      └─ b3:" + "0" * 64,
    ]
    assert len(tree(ws, "deployment", "live", files=False)) == 6


def test_a_run_is_led_on_to_what_came_of_it(ws: Workspace) -> None:
    rows = tree(ws, "run", "calm-otter", files=False)
    assert rows[0] == "calm-otter"
    assert rows[1] == "├─ shop/prices@v1"
    last = [row.strip("│├└─ ") for row in rows[-4:]]
    assert last[:2] == ["price:v1", "price:v2"]
    assert sorted(last[2:]) == ["live", "past"], "both serve the second"


def test_a_model_between_them(ws: Workspace) -> None:
    rows = [row.strip("│├└─ ") for row in tree(ws, "model", "price:v1", files=False)]
    assert rows[:3] == ["price:v1", "calm-otter", "shop/prices@v1"]
    assert "live" not in rows, "the other version serves"
    assert tree(ws, "model", "alien:v1") == ["alien:v1"], "its run was never here"
    found = ws.lineage.of_model(ws.models.get("alien:v1"))
    assert "not known" in "".join(text for text, _ in origin_heading("model", found))


def test_the_command_line_tells_the_same_from_every_end(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    def cli(*argv: str, code: int = 0) -> str:
        told = run_cli(["--home", str(ws.home.root), "--project-dir", str(ws.projects.folder), *argv], lambda *_: 0)
        assert told == code
        return capsys.readouterr().out

    shapes = [
        json.loads(cli(*argv, "--json"))
        for argv in (
            ("runs", "lineage", "calm-otter"),
            ("models", "lineage", "price:v2"),
            ("deployments", "lineage", "live"),
            ("data", "lineage", "prices@v1"),
        )
    ]
    assert len({tuple(sorted(shape)) for shape in shapes}) == 1, "one shape"
    for shape in shapes[:3]:
        assert [item["id"] for item in shape["versions"]] == ["shop/prices@v1"]
        assert [(item["name"], item["purged"]) for item in shape["runs"]] == [("calm-otter", False)]
        assert [(item["commit"], item["dirty"]) for item in shape["code"]] == [("abcdef1234567890", True)]
        assert len(shape["files"][shape["versions"][0]["manifest"]]) == 12
        assert [file["path"] for file in shape["files"][shape["code"][0]["manifest"]]] == ["train.py"]
        assert shape["unknown"] == ["b3:" + "0" * 64]
    assert [item["id"] for item in shapes[0]["models"]] == ["price:v1", "price:v2"]
    assert [item["name"] for item in shapes[2]["deployments"]] == ["live"]
    text = cli("deployments", "lineage", "live")
    assert "part-09.csv" in text
    assert "and 2 files more" in text
    assert "commit abcdef1234, and changes since" in text
    cli("runs", "lineage", "nothing", code=3)


def test_a_purged_run_is_told_still(ws: Workspace) -> None:
    done = ws.purge.apply(ws.purge.plan([ws.runs.get("calm-otter")], force=True))
    try:
        found = ws.lineage.of_deployment(ws.deployments.get("live"))
        assert [run.name for run in found.runs] == ["calm-otter"]
        assert found.purged == {"run-1"}
        assert [item.ref for item in found.versions] == ["shop/prices@v1"]
        rows = origin_rows("deployment", found, time.time(), files=False)
        assert [row.cells[2].text for row in rows if row.key == "run run-1"] == ["purged"]
    finally:
        ws.store.restore(done.batch)
    assert ws.runs.get("calm-otter")
