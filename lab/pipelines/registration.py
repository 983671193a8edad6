"""Registering a model against a dataset version: drift is measured from its rows, not from the run's example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.datasets import tables
from lab.domain.text import clean
from lab.errors import UsageError
from lab.runtime import profile

if TYPE_CHECKING:
    from lab.datasets.service import Datasets
    from lab.domain.datasets import DatasetVersion
    from lab.domain.models import ModelVersion
    from lab.registry.service import Models

#: Of more rows than this, evenly spaced ones are looked at.
MAX_ROWS = 100_000


class Registration:
    """The registry's door for those who name a dataset."""

    def __init__(self, models: Models, datasets: Datasets) -> None:
        self._models = models
        self._datasets = datasets

    def register(
        self, run_ref: str, name: str, reference: str, progress: Callable[[str], None] | None = None
    ) -> ModelVersion:
        """Like `Models.register`, with the profile of the dataset version `reference`.

        Raises UsageError if that is no table, or lacks columns that the model takes.
        """
        version = self._datasets.get(reference)
        return self._models.register(run_ref, name, progress, lambda inputs: self._profile(version, inputs))

    def _profile(self, version: DatasetVersion, inputs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        names = [str(given["name"]) for given in inputs]
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
        sampled = rows.gather_every(max(1, -(-rows.height // MAX_ROWS)))
        values = [_values(sampled[name], str(given["dtype"])) for name, given in zip(names, inputs, strict=True)]
        return {
            "v": 1,
            "rows": sampled.height,
            "source": version.ref,
            "columns": profile.columns(inputs, values),
        }


def _values(column: pl.Series, dtype: str) -> list[Any]:
    """As JSON's own types, for a column of the signature's type; what cannot be one counts as missing."""
    wanted: dict[str, pl.DataType] = {"float64": pl.Float64(), "int64": pl.Float64(), "bool": pl.Boolean()}
    return column.cast(wanted.get(dtype, pl.String()), strict=False).to_list()
