"""`python -m lab.runtime.batch` on models as runs save them, without a container."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from lab.runtime import batch as program
from lab.runtime import sklearn_model, tracking

TABLE = pl.DataFrame(
    {
        "code": ["007", "7", "07", "7"] * 25,
        "size": [float(row) for row in range(100)],
        "bought": [row % 4 == 0 for row in range(100)],
    }
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A classifier of words and numbers, and its folder. Codes that look like numbers are words to it."""
    codes = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["code"]), remainder="passthrough")
    inputs = TABLE.select("code", "size").to_pandas() if _has_pandas() else TABLE.select("code", "size")
    model = make_pipeline(codes, LogisticRegression(max_iter=500)).fit(inputs, TABLE["bought"].to_numpy())
    folder = tmp_path_factory.mktemp("shop")
    sklearn_model.save(model, folder, example=inputs, framework=None, labels=None)
    return model, folder


@pytest.fixture(scope="module")
def ridge(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    model = Ridge().fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])
    folder = tmp_path_factory.mktemp("ridge")
    sklearn_model.save(model, folder, example=[[0.0]], framework=None, labels=None)
    return model, folder


def _has_pandas() -> bool:
    try:
        import pandas  # noqa: F401
    except ImportError:
        return False
    return True


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Batch:
    """Runs the program on a model's folder, in this process, and looks at what it left."""

    def __init__(self, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.run = run
        self._patch, self._capsys = monkeypatch, capsys

    def __call__(self, model: Path, table: Path, output: str = "predictions.parquet", chunk: int = 30) -> Done:
        params = {"model": "m:v1", "input": "table", "output": output, "chunk": chunk}
        self._patch.chdir(model)
        self._patch.setenv("LAB_RUN_DIR", str(self.run))
        self._patch.setenv("LAB_DATA_TABLE", str(table))
        self._patch.setattr(tracking, "params", params)
        self._patch.setattr(tracking, "log", lambda **_: None)
        code = program.main()
        said = self._capsys.readouterr()
        return Done(code, said.out, said.err)

    @property
    def artifacts(self) -> list[str]:
        folder = self.run / "artifacts"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Batch:
    (tmp_path / "run").mkdir()
    return Batch(tmp_path / "run", monkeypatch, capsys)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl"])
def test_every_format_in_and_out(batch: Batch, shop: tuple[Any, Path], tmp_path: Path, ending: str) -> None:
    model, folder = shop
    table = tmp_path / f"table.{ending}"
    match ending:
        case "parquet":
            TABLE.write_parquet(table)
        case "jsonl":
            TABLE.write_ndjson(table)
        case _:
            TABLE.write_csv(table, separator="\t" if ending == "tsv" else ",")
    done = batch(folder, table, f"predictions.{ending}")
    assert done.code == 0, done.err
    assert "batch 4/4  100 of 100 rows" in done.out
    made = batch.run / "artifacts" / f"predictions.{ending}"
    types = {"code": pl.String}
    match ending:
        case "parquet":
            found = pl.read_parquet(made)
        case "jsonl":
            found = pl.read_ndjson(made)
        case _:
            found = pl.read_csv(made, separator="\t" if ending == "tsv" else ",", schema_overrides=types)
    assert found.select(TABLE.columns).equals(TABLE), "the input as it was, in its order"
    inputs = TABLE.select("code", "size").to_pandas() if _has_pandas() else TABLE.select("code", "size")
    assert found["prediction"].to_list() == model.predict(inputs).tolist()
    chances = model.predict_proba(inputs)
    assert found["probability_True"].to_list() == pytest.approx(chances[:, 1].tolist(), abs=1e-12)
    assert batch.artifacts == [made.name], "nothing else is left"


def test_a_folder_of_tables_is_one_table(batch: Batch, ridge: tuple[Any, Path], tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(3):
        pl.DataFrame({"x0": [float(number)], "prediction": ["mine"]}).write_parquet(folder / f"{number}.parquet")
    assert batch(ridge[1], folder).code == 0
    found = pl.read_parquet(batch.run / "artifacts" / "predictions.parquet")
    assert found["prediction"].to_list() == ["mine"] * 3, "a column of the input keeps its name"
    assert found["prediction_"].to_list() == pytest.approx(ridge[0].predict([[0.0], [1.0], [2.0]]).tolist())


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "size\n1.0\n", "the input lacks 1 column(s): code"),
        ("t.jsonl", '{"code": "7", "size": "secret"}\n', "1 column(s) are of another type: size (String, not float64)"),
        ("t.csv", "code,size\n7,1.0\n7,\n", "row 2: size is empty, and the model takes no empty values"),
        ("t.csv", "code,size\n", "the input has no rows"),
        ("t.xlsx", "x", "the input must be of one kind: .csv"),
    ],
)
def test_a_table_that_does_not_fit_is_told_and_nothing_is_left(
    batch: Batch, shop: tuple[Any, Path], tmp_path: Path, name: str, text: str, said: str
) -> None:
    table = tmp_path / name
    table.write_text(text)
    done = batch(shop[1], table)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert said in done.err
    assert "secret" not in done.err
    assert "Traceback" not in done.err
    assert batch.artifacts == []


def test_an_empty_value_late_in_a_table_takes_all_of_it_back(
    batch: Batch, shop: tuple[Any, Path], tmp_path: Path
) -> None:
    table = tmp_path / "t.parquet"
    TABLE.with_columns(size=pl.when(pl.col("size") == 95).then(None).otherwise(pl.col("size"))).write_parquet(table)
    done = batch(shop[1], table)
    assert "row 96: size is empty" in done.err
    assert batch.artifacts == []


def test_a_damaged_model_is_an_error(batch: Batch, ridge: tuple[Any, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in ridge[1].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with open(folder / "model.skops", "ab") as file:
        file.write(b"x")
    (tmp_path / "t.csv").write_text("x0\n1\n")
    done = batch(folder, tmp_path / "t.csv")
    assert (done.code, batch.artifacts) == (2, [])
    assert "sha256 is not the expected one" in done.err
