"""Tables: profile, rows that changed, drift, counting rows. Alone: `python tests/bench/bench_data.py --rows 100000`."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from lab.datasets import distributions, drift, profile, rows, schema, tables
from lab.datasets.alike import Alike, align
from lab.datasets.diff import compare
from lab.domain.diffs import Side, SideFile

Figure = tuple[str, float, str, float]

_ROWS = 1_000_000
_SAMPLE = 100_000


def figures(count: int = _ROWS) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        old, new = _versions(Path(folder), count)
        csv = Path(folder, "old.csv")
        pl.read_parquet(old).write_csv(csv)
        counted = _median(lambda: schema.inspect([("old.csv", csv)]))
        found = compare(_side("v1", old), _side("v2", new))
        assert found.rows is not None
        assert (found.rows.inserted, found.rows.deleted, found.rows.changed) == (
            count // 200,
            count // 200,
            count // 100,
        )
        return [
            (
                f"profile of {count:,} rows × 20 columns",
                _median(lambda: profile.compute([("t.parquet", old)])),
                "s",
                1.3,
            ),
            (f"rows that changed of two versions, {count:,} each", _median(lambda: _row_diff(old, new)), "s", 0.8),
            (
                "the whole diff, with all distributions",
                _median(lambda: compare(_side("v1", old), _side("v2", new)), 1),
                "s",
                0,
            ),
            (f"drift of a sample of {_SAMPLE:,} rows", _median(lambda: _drift(old, new)), "s", 1.2),
            (f"count the rows of a CSV of {csv.stat().st_size >> 20} MB", counted, "s", 0),
        ]


def _versions(folder: Path, count: int) -> tuple[Path, Path]:
    """Two Parquet files: 0.5 % of the rows deleted, as many inserted, 1 % changed in one column."""
    draw = np.random.default_rng(0)
    columns: dict[str, object] = {"id": np.arange(count)}
    columns |= {f"x{number}": draw.normal(size=count).round(6) for number in range(12)}
    columns |= {f"n{number}": draw.integers(0, 10 ** (number + 2), count) for number in range(4)}
    columns |= {
        f"c{number}": np.char.add("value ", draw.integers(0, size, count).astype(str))
        for number, size in enumerate((4, 500, 100_000))
    }
    old = pl.DataFrame(columns)
    order = draw.permutation(count)
    part = count // 200
    kept = np.ones(count, bool)
    kept[order[:part]] = False
    moved = old["x7"].to_numpy().copy()
    moved[order[part : 3 * part]] += 100
    new = pl.concat([old.with_columns(x7=moved).filter(kept), old.head(part).with_columns(pl.col("id") + count)])
    old.write_parquet(folder / "old.parquet")
    new.write_parquet(folder / "new.parquet")
    return folder / "old.parquet", folder / "new.parquet"


def _side(label: str, path: Path) -> Side:
    return Side(label, [SideFile("t.parquet", path.name, path.stat().st_size, path)])


def _both(old: Path, new: Path) -> Alike:
    return align(tables.scan([("t.parquet", old)]), tables.scan([("t.parquet", new)])).hold()


def _row_diff(old: Path, new: Path) -> object:
    return rows.compare_rows(_both(old, new))


def _drift(old: Path, new: Path) -> object:
    """Both files read, and every column of as many rows of each measured."""
    both = _both(old, new)
    one, other = (_sampled(tables.collect(frame)) for frame in (both.old, both.new))
    found = [distributions.column_drift(one[name], other[name]) for name in both.columns if name != "id"]
    assert all(drifted.psi is not None and drifted.psi < drift.PSI_MODERATE for drifted in found)
    return found


def _sampled(frame: pl.DataFrame) -> pl.DataFrame:
    chosen = np.random.default_rng(0).choice(len(frame), min(_SAMPLE, len(frame)), replace=False)
    return frame[np.sort(chosen)]


def _median(work: Callable[[], object], times: int = 3) -> float:
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=_ROWS)
    for name, value, unit, target in figures(parser.parse_args().rows):
        print(f"{name:56} {value:>8.3f} {unit:2} " + (f" ≤ {target:g} {unit}" if target else ""))
