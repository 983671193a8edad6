"""`ws.batch`: whole tables through a registered model, on both engines."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from demonstration import Shown

from lab.domain.batch import BatchRequest
from lab.domain.runs import RunStatus
from lab.errors import ConflictError, LabError, NotFoundError, UsageError

PATIENCE = 120.0


def silent(_line: str) -> None:
    """Progress that nobody reads."""


def predict(shown: Shown, source: str, target: Path, folder: Path, chunk: int = 100) -> Path:
    ws = shown.ws
    run = ws.batch.launch(BatchRequest("digits@champion", source, target, chunk), folder, silent)
    return ws.batch.fetch(ws.runs.wait(run.id, timeout=PATIENCE), target)


def test_a_table_is_predicted_by_a_run(shown: Shown, tmp_path: Path) -> None:
    ws = shown.ws
    rows = ws.datasets.preview(ws.datasets.get("digits/holdout"), 1)[0]
    target = predict(shown, "digits/holdout@v1", tmp_path / "out.parquet", tmp_path)
    found = pl.read_parquet(target)
    assert found.columns[: len(rows)] == list(rows)
    assert found.height == 355
    # The same model has answered for the same rows over HTTP in the demonstration.
    assert (found["prediction"] == found["label"]).mean() == pytest.approx(shown.report.accuracy)
    run = ws.runs.list().items[0]
    assert (run.entry, run.status, run.datasets) == ("predict", RunStatus.FINISHED, {"holdout": "v1"})
    assert run.params["model"] == "digits:v1"
    assert run.metrics["rows"].last == 355
    assert run.code == ws.models.get("digits:v1").manifest, "its code is the model"
    assert not list(ws.home.run(run.id).artifacts.glob(".*")), "no pieces are left"


def test_a_file_that_lies_there_becomes_a_version(shown: Shown, tmp_path: Path) -> None:
    ws = shown.ws
    table = tmp_path / "new rows.csv"
    _, inside = ws.datasets.mount(ws.datasets.get("digits/holdout@v1"))
    table.write_bytes(b"".join(inside.read_bytes().splitlines(keepends=True)[:4]))
    target = predict(shown, table.name, tmp_path / "out.csv", tmp_path)
    assert len(target.read_text().splitlines()) == 4
    run = ws.runs.list().items[0]
    (name,) = run.datasets
    version = ws.datasets.get(f"{run.project}/{name}@{run.datasets[name]}")
    assert version.rows == 3
    with pytest.raises(ConflictError, match="is there already"):
        predict(shown, table.name, target, tmp_path)


def test_a_table_that_does_not_fit_fails_with_the_reason(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    with pytest.raises(LabError, match=r"nothing was predicted: the input lacks \d+ column"):
        predict(shown, "odd.csv", tmp_path / "out.parquet", tmp_path)
    assert not (tmp_path / "out.parquet").exists()


def test_what_cannot_be_is_told_before_anything_runs(shown: Shown, tmp_path: Path) -> None:
    before = shown.ws.runs.list().total
    with pytest.raises(UsageError, match="does not say what to write"):
        predict(shown, "digits/holdout", tmp_path / "out.xlsx", tmp_path)
    with pytest.raises(NotFoundError, match="no folder"):
        predict(shown, "digits/holdout", tmp_path / "no" / "out.csv", tmp_path)
    with pytest.raises(NotFoundError, match="no file and no dataset"):
        predict(shown, "nothing", tmp_path / "out.csv", tmp_path)
    with pytest.raises(UsageError, match="are none"):
        predict(shown, "digits/holdout", tmp_path / "out.csv", tmp_path, chunk=0)
    assert shown.ws.runs.list().total == before
