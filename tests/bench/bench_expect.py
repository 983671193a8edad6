"""Holding a table against its expectations."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from lab.datasets import tables
from lab.datasets.expectations import check
from lab.domain.expectations import ColumnRule, Expectations, RowsRule, Severity, UniqueRule

Figure = tuple[str, float, str, float]

ROWS = 1_000_000
NUMBERS = 15


def figures() -> list[Figure]:
    """Seconds for 35 checks on 1M rows × 20 columns, all holding, and with five that blame rows; best of three."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        _table().write_parquet(path)
        frame = tables.scan([(path.name, path)])
        return [
            ("35 checks on 1M × 20 rows", _seconds(frame, _expectations(10.0), ok=True), "s", 0.3),
            ("  five of them failing", _seconds(frame, _expectations(3.0), ok=False), "s", 0),
        ]


def _seconds(frame: pl.LazyFrame, expect: Expectations, *, ok: bool) -> float:
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        report = check(frame, expect, key=["id"])
        taken.append(time.perf_counter() - began)
        assert report.ok is ok
        assert len(report.results) == 35
    return min(taken)


def _table() -> pl.DataFrame:
    rng = np.random.default_rng(7)
    numbers = {f"x{i}": rng.normal(size=ROWS) for i in range(NUMBERS)}
    return pl.DataFrame(
        {
            "id": np.arange(ROWS),
            **numbers,
            "country": rng.choice(["CH", "DE", "FR"], ROWS),
            "shop": rng.integers(0, 1000, ROWS),
            "code": pl.select(pl.format("A-{}", pl.int_range(ROWS))).to_series(),
            "day": rng.integers(0, 365, ROWS),
        }
    )


def _expectations(widest: float) -> Expectations:
    def rules(**values: object) -> tuple[ColumnRule, ...]:
        return tuple(ColumnRule(rule, value, Severity.BLOCK) for rule, value in values.items())

    columns = {f"x{i}": rules(not_null=0.0, range=(-widest if i < 5 else -10.0, 10.0)) for i in range(NUMBERS)}
    return Expectations(
        rows=RowsRule(Severity.BLOCK, min=1000),
        columns={**columns, "id": rules(unique=True), "country": rules(values=("CH", "DE", "FR")),
                 "code": rules(pattern=r"A-\d+")},
        unique=UniqueRule(("id", "shop"), Severity.BLOCK),
    )  # fmt: skip


if __name__ == "__main__":
    for figure in figures():
        print(figure)
