"""Registering a model against a dataset version: drift is measured from its rows, not from the run's example, and the
rows that servers must predict as before come from it, with what the model says of them now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.datasets import tables
from lab.domain.text import clean, count_of
from lab.engine.base import Engine
from lab.errors import UsageError
from lab.paths import LabHome
from lab.pipelines import golden
from lab.registry.references import Referenced
from lab.runtime import profile

if TYPE_CHECKING:
    from lab.datasets.service import Datasets
    from lab.domain.datasets import DatasetVersion
    from lab.domain.models import ModelVersion
    from lab.registry.service import Models

#: Of more rows than this, evenly spaced ones are looked at, and of those so many are predicted.
MAX_ROWS, MAX_PREDICTED = 100_000, 5000

Progress = Callable[[str], None]


class Registration:
    """The registry's door for those who name a dataset."""

    def __init__(self, home: LabHome, models: Models, datasets: Datasets, engine_of: Callable[[str], Engine]) -> None:
        self._home = home
        self._models = models
        self._datasets = datasets
        self._engine_of = engine_of

    def register(self, run_ref: str, name: str, reference: str, progress: Progress | None = None) -> ModelVersion:
        """Like `Models.register`, with profile and golden rows from the dataset version `reference`.

        Raises UsageError if that is no table, lacks columns that the model takes, or has rows that the model cannot
        predict; EngineUnavailableError where no engine can ask it.
        """
        version = self._datasets.get(reference)
        tell = progress or _silent
        return self._models.register(
            run_ref, name, progress, lambda folder, inputs: self._look(version, folder, inputs, tell)
        )

    def _look(
        self, version: DatasetVersion, folder: Path, inputs: Sequence[Mapping[str, Any]], tell: Progress
    ) -> Referenced:
        sampled = self._sample(version, [str(given["name"]) for given in inputs])
        values = [_values(sampled[str(given["name"])], str(given["dtype"])) for given in inputs]
        found = {
            "v": 1,
            "rows": sampled.height,
            "source": version.ref,
            "columns": profile.columns(inputs, values),
        }
        rows = _rows(sampled, inputs)
        reason = _not_asked(folder, rows)
        if reason:
            tell(f"the reference rows stay the run's own: {reason}")
            return Referenced(found)
        said = golden.ask(self._home, self._engine_of(""), folder, rows, tell)
        tell(f"{count_of(len(said.golden), 'reference row')} of {version.ref} predicted")
        return Referenced({**found, **said.outputs}, said.golden)

    def _sample(self, version: DatasetVersion, names: Sequence[str]) -> pl.DataFrame:
        """The columns `names` of evenly spaced rows."""
        if not names:
            raise UsageError("the model does not say what its columns are", "save it with track.model(…, example=rows)")
        root, _ = self._datasets.mount(version)
        try:
            frame = tables.scan([(path, root / path) for path, _ in self._datasets.files(version)])
            missing = [name for name in names if name not in frame.collect_schema()]
            if missing:
                raise UsageError(
                    f"{version.ref} lacks {len(missing)} column(s) of the model: {clean(', '.join(missing[:8]), 400)}",
                    f"lab data show {version.ref} tells its columns",
                )
            rows = tables.collect(frame.select(names))
        except tables.NotATableError as error:
            raise UsageError(f"{version.ref} is no table: {error.message}", "name a dataset of rows") from error
        return rows.gather_every(max(1, -(-rows.height // MAX_ROWS)))


def _not_asked(folder: Path, rows: list[list[Any]]) -> str:
    """Why the model is not asked about the rows; "" if it is."""
    if not rows:
        return "no row has a value in every column that must have one"
    if not (folder / "requirements.txt").is_file():
        return "the model names no requirements, so nothing can open it"
    return ""


def _rows(sampled: pl.DataFrame, inputs: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Evenly spaced rows that the model takes, as JSON values in the order of its columns."""
    whole = pl.DataFrame([_column(sampled[str(given["name"])], str(given["dtype"])) for given in inputs])
    numbers = pl.col(pl.Float64)
    whole = whole.with_columns(pl.when(numbers.is_finite()).then(numbers))  # JSON has no others
    needed = [str(given["name"]) for given in inputs if given.get("nullable") is not True]
    whole = whole.drop_nulls(needed) if needed else whole
    return [list(row) for row in whole.gather_every(max(1, -(-whole.height // MAX_PREDICTED))).rows()]


def _silent(_line: str) -> None:
    """Progress that nobody reads."""


_TYPES: dict[str, pl.DataType] = {"float64": pl.Float64(), "int64": pl.Int64(), "bool": pl.Boolean()}


def _column(column: pl.Series, dtype: str) -> pl.Series:
    """Of the signature's type; what cannot be one counts as missing."""
    return column.cast(_TYPES.get(dtype, pl.String()), strict=False)


def _values(column: pl.Series, dtype: str) -> list[Any]:
    """As JSON's own types; whole numbers as any others, which they may be in a table."""
    return _column(column, "float64" if dtype == "int64" else dtype).to_list()
