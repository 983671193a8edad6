"""Registering a model against a dataset version: what drift is measured from, and the files that say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from demonstration import Shown

from lab.domain.launch import LaunchRequest
from lab.engine import home_id
from lab.errors import NotFoundError, UsageError
from lab.runtime.serving.live_profile import LiveProfile, Numeric
from lab.runtime.serving.model import load
from lab.runtime.serving.signature import Signature
from lab.workspace import Workspace

LAB_TOML = """\
[project]
name = "shop"
[datasets.sales]
path = "sales.csv"
[datasets.other]
path = "other.csv"
[datasets.note]
path = "note.txt"
[entries.train]
command = "python3 train.py"
"""
TRAIN = "from lab import track\ntrack.log(loss=1.0)\ntrack.model('saved')\n"
SIGNATURE: dict[str, Any] = {
    "v": 1,
    "framework": "python",
    "file": "predict.py",
    "inputs": [
        {"name": "amount", "dtype": "float64", "min": 1, "max": 2, "nullable": True},
        {"name": "city", "dtype": "string", "categories": ["Oslo"]},
        {"name": "mail", "dtype": "string", "pii": "hash"},
    ],
    "outputs": [{"name": "predictions", "dtype": "float64"}],
}
SALES = [f"{n if n % 10 else ''},{'Oslo' if n % 4 else 'Bergen'},p{n}@example.org,0" for n in range(1000)]


@dataclass(frozen=True)
class Shop:
    ws: Workspace
    run: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "saved").mkdir()
    (folder / "lab.toml").write_text(LAB_TOML)
    (folder / "train.py").write_text(TRAIN)
    (folder / "saved" / "signature.json").write_text(json.dumps(SIGNATURE))
    (folder / "saved" / "predict.py").write_text("")
    (folder / "saved" / "profile.json").write_text(
        json.dumps({"v": 1, "rows": 3, "columns": [], "outputs": {"kind": "opaque"}})
    )
    (folder / "sales.csv").write_text("\n".join(["amount,city,mail,extra", *SALES]) + "\n")
    (folder / "other.csv").write_text("amount\n1\n")
    (folder / "note.txt").write_bytes(b"\x00\x01")
    with Workspace(tmp_path_factory.mktemp("home"), folder, engine="process") as ws:
        for name in ("sales.csv", "other.csv", "note.txt"):
            ws.datasets.add(Path(name).stem, folder / name)
        run = ws.runs.wait(ws.runs.launch(LaunchRequest("train")).id, timeout=120)
        assert run.cause == "finished"
        yield Shop(ws, run.id)


def _files(ws: Workspace, ref: str, folder: Path) -> dict[str, Any]:
    ws.models.materialise(ws.models.get(ref), folder)
    return {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}


def test_the_profile_is_of_the_dataset_s_rows(shop: Shop, tmp_path: Path) -> None:
    version = shop.ws.registration.register(shop.run, "measured", "sales@v1")
    files = _files(shop.ws, version.id, tmp_path / "model")
    profile = files["profile.json"]
    assert (profile["rows"], profile["outputs"]) == (1000, {"kind": "opaque"})
    assert profile["source"].endswith("sales@v1")
    amount, city, mail = profile["columns"]
    assert (amount["missing"], amount["min"], amount["max"], sum(amount["counts"])) == (100, 1.0, 999.0, 900)
    assert city["categories"] == {"Bergen": 250, "Oslo": 750}
    assert mail == {"name": "mail", "missing": 0, "kind": "opaque"}
    assert "example.org" not in json.dumps(files)
    inputs = files["signature.json"]["inputs"]
    assert (inputs[0]["min"], inputs[0]["max"], inputs[1]["categories"]) == (1.0, 999.0, ["Bergen", "Oslo"])
    assert list(version.signature["inputs"]) == inputs
    live = LiveProfile(Signature.from_json(files["signature.json"]), profile)
    assert isinstance(live.columns[0], Numeric)
    assert live.columns[0].histogram.buckets == tuple(np.array(amount["edges"]))


def test_golden_rows_are_the_dataset_s_and_what_the_model_says_of_them(shown: Shown, tmp_path: Path) -> None:
    ws, said = shown.ws, list[str]()
    run = ws.models.get("digits:v1").run
    version = ws.registration.register(run, "judged", "digits/holdout@v1", said.append)
    assert any("20 reference rows of digits/holdout@v1 predicted" in line for line in said)
    folder = tmp_path / "judged"
    ws.models.materialise(version, folder)
    _, table = ws.datasets.mount(ws.datasets.get("digits/holdout@v1"))
    names = [column["name"] for column in version.signature["inputs"]]
    rows = {tuple(row) for row in pl.read_csv(table).select(pl.col(names).cast(pl.Float64)).rows()}
    golden = [json.loads(line) for line in (folder / "golden.jsonl").read_text().splitlines()]
    assert len(golden) == 20
    assert all(tuple(line["data"]) in rows for line in golden)
    model = load(folder, "")  # as a server does: it must predict all of them alike
    assert model.golden == 20
    assert model.predict([line["data"] for line in golden]).predictions.tolist() == [
        line["prediction"] for line in golden
    ]
    profile = json.loads((folder / "profile.json").read_text())
    assert (profile["rows"], sum(profile["outputs"]["categories"].values())) == (355, 355)
    assert sum(profile["score"]["counts"]) == 355
    assert not list(ws.home.tmp.glob(".golden-*"))
    assert not [job for job in ws.engine().list(home_id(ws.home)) if job.id.startswith("golden-")]
    renamed = tmp_path / "swapped.csv"
    renamed.write_text(",".join(names) + "\n" + ",".join("" for _ in names) + "\n")
    ws.datasets.add("hollow", renamed)
    hollow = ws.registration.register(run, "judged", "hollow", said.append)
    assert "the reference rows stay the run's own: no row has a value in every column" in said[-2]
    ws.models.materialise(hollow, tmp_path / "hollow")
    assert (tmp_path / "hollow" / "golden.jsonl").read_text() != (folder / "golden.jsonl").read_text()


def test_without_one_the_run_s_own_stays(shop: Shop, tmp_path: Path) -> None:
    plain = shop.ws.models.register(shop.run, "twice")
    assert _files(shop.ws, plain.id, tmp_path / "plain")["profile.json"]["rows"] == 3
    measured = shop.ws.registration.register(shop.run, "twice", "sales")
    assert (plain.number, measured.number) == (1, 2)
    assert shop.ws.registration.register(shop.run, "twice", "sales") == measured
    assert shop.ws.models.register(shop.run, "twice") == plain
    assert not list(shop.ws.home.tmp.glob(".reference-*"))


@pytest.mark.parametrize(
    ("reference", "error", "said"),
    [
        ("other", UsageError, "lacks 2 column.* city, mail"),
        ("note", UsageError, "is no table"),
        ("nothing", NotFoundError, "nothing"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_registered(
    shop: Shop, reference: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        shop.ws.registration.register(shop.run, "refused", reference)
    assert not shop.ws.models.versions("refused")


def test_the_command_line_says_it_too(shop: Shop) -> None:
    argv = [sys.executable, "-m", "lab", "models", "register", shop.run, "asked", "--reference", "sales", "--json"]
    env = os.environ | {"LAB_HOME": str(shop.ws.home.root)}
    done = subprocess.run(
        argv, cwd=shop.ws.datasets.project_root, env=env, capture_output=True, timeout=120, check=True
    )
    assert json.loads(done.stdout)["id"] == "asked:v1"
    argv[-2] = "other"
    done = subprocess.run(
        argv, cwd=shop.ws.datasets.project_root, env=env, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "city" in json.loads(done.stdout)["error"]["message"]
