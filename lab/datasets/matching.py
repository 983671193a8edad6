"""Which rows of two tables are the same one: by a key, declared or inferred, or by all that they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.dataclass import dataclass
from lab.datasets import tables
from lab.datasets.formats import column

_ID_WORDS = ("id", "uuid", "guid", "key", "pk")
_UNNAMED = 3  # rank of a column without such a name
_TRIES_MAX = 12  # columns that are looked at for a key
_LENGTH_MAX = 64  # characters that keys have on average at most
_COMMON_LEAST = 0.5  # of the smaller side's keys that must be in the other, for a column not named as a key

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Match:
    """Row numbers: `old[i]` and `new[i]` are the same row; those without a partner; those whose key tells nothing."""

    old: Rows
    new: Rows
    inserted: Rows
    deleted: Rows
    unclear_old: Rows
    unclear_new: Rows


def infer_key(old: pl.LazyFrame, new: pl.LazyFrame, columns: pl.Schema) -> str:
    """A column with a value in every row that no other row has, on both sides; `""` if there is none.

    Columns with the name of a key come first; others, integers or short text, count only if they hold mostly the
    same values on both sides. Raises NotATableError for what is broken inside.
    """
    tries = sorted(
        (name for name, dtype in columns.items() if dtype.is_integer() or dtype in (pl.String, pl.Binary)),
        key=_rank,
    )
    for name in tries[:_TRIES_MAX]:
        one = tables.collect(old.select(column(name)))[name]
        if not _identifies(one):
            continue
        other = tables.collect(new.select(column(name)))[name]
        if _identifies(other) and (_rank(name) < _UNNAMED or _mostly_common(one, other)):
            return name
    return ""


def _rank(name: str) -> int:
    """0 for a column named `id`, 1 for the like, 2 for one that ends with it (`customerId`), 3 for any other."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip()).lower()
    if snake in _ID_WORDS:
        return min(1, _ID_WORDS.index(snake))
    return 2 if snake.endswith(tuple("_" + word for word in _ID_WORDS)) else _UNNAMED


def _identifies(values: pl.Series) -> bool:
    if not len(values) or values.null_count():
        return False
    if values.dtype == pl.String and float(values.head(1000).str.len_chars().mean() or 0) > _LENGTH_MAX:  # type: ignore[arg-type]
        return False
    if values.dtype.is_integer() and values.dtype != pl.Int128 and _ascending(values.to_numpy()):
        return True
    return values.n_unique() == len(values)


def _mostly_common(one: pl.Series, other: pl.Series) -> bool:
    common = one.rename("key").to_frame().join(other.rename("key").to_frame(), on="key", how="semi").height
    return common >= _COMMON_LEAST * min(len(one), len(other))


def match(old: pl.DataFrame, new: pl.DataFrame) -> Match:
    """Match rows of two frames of key columns, of the same names and types.

    A key that is null (or NaN) in part, or that several rows of one side share, tells nothing: rows with it are
    unclear on both sides.
    """
    if len(old.columns) == 1:
        quick = _match_ascending(old.to_series(), new.to_series())
        if quick:
            return quick
    before, after = _numbered(old), _numbered(new)
    names = before.columns[:-1]
    vague = pl.concat([_shared_keys(before, names), _shared_keys(after, names)]).unique()
    clear_old, unclear_old = _parted(before, names, vague)
    clear_new, unclear_new = _parted(after, names, vague)
    joined = clear_old.join(clear_new, on=names, how="inner", suffix="_new", maintain_order="left")
    pairs_old, pairs_new = joined["row"].to_numpy(), joined["row_new"].to_numpy()
    return Match(
        pairs_old,
        pairs_new,
        inserted=np.setdiff1d(clear_new["row"].to_numpy(), pairs_new, assume_unique=True),
        deleted=np.setdiff1d(clear_old["row"].to_numpy(), pairs_old, assume_unique=True),
        unclear_old=unclear_old,
        unclear_new=unclear_new,
    )


def _match_ascending(old: pl.Series, new: pl.Series) -> Match | None:
    """Match integer keys that ascend on both sides, as they mostly do: no hashing needed."""
    if not old.dtype.is_integer() or old.dtype in (pl.Int128, pl.UInt128) or old.null_count() or new.null_count():
        return None
    one, other = old.to_numpy(), new.to_numpy()
    if not (_ascending(one) and _ascending(other)):
        return None
    if not len(other):
        hit = np.zeros(len(one), bool)
        at = np.zeros(len(one), np.int64)
    else:
        at = np.searchsorted(other, one)
        hit = other[np.minimum(at, len(other) - 1)] == one
    fresh = np.ones(len(other), bool)
    fresh[at[hit]] = False
    none = np.array([], np.int64)
    return Match(np.flatnonzero(hit), at[hit], np.flatnonzero(fresh), np.flatnonzero(~hit), none, none)


def match_contents(old: NDArray[Any], new: NDArray[Any]) -> tuple[Rows, Rows]:
    """Rows that only the new side has, and that only the old side has, by hashes of what they hold.

    Equal rows are counted: of three on one side and two on the other, one remains.
    """
    return _surplus(new, old), _surplus(old, new)


def _surplus(mine: NDArray[Any], theirs: NDArray[Any]) -> Rows:
    """Positions in `mine`, ascending, of what is not in `theirs` or there less often; the last of equal ones remain."""
    order = np.argsort(mine, kind="stable")
    ordered = mine[order]
    starts = np.searchsorted(ordered, ordered, "left")
    nth = np.arange(len(ordered)) - starts
    theirs = np.sort(theirs)
    there = np.searchsorted(theirs, ordered, "right") - np.searchsorted(theirs, ordered, "left")
    return np.sort(order[nth >= there])


def _ascending(values: NDArray[Any]) -> bool:
    return bool((values[1:] > values[:-1]).all())


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Keys, named by their place, with their `row` number; NaN is null."""
    keys = frame.rename({name: str(at) for at, name in enumerate(frame.columns)})
    keys = keys.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))
    return keys.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"))


def _shared_keys(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Keys that several rows share, each once."""
    if frame.select(pl.struct(names).n_unique()).item() == len(frame):
        return frame.select(names).clear()
    return frame.group_by(names).len("rows").filter(pl.col("rows") > 1).select(names)


def _parted(frame: pl.DataFrame, names: Sequence[str], vague: pl.DataFrame) -> tuple[pl.DataFrame, Rows]:
    """Rows whose key is clear, and the numbers of the others."""
    whole = frame.filter(pl.all_horizontal(pl.col(names).is_not_null()))
    clear = whole.join(vague, on=names, how="anti") if len(vague) else whole
    unclear = np.ones(len(frame), bool)
    unclear[clear["row"].to_numpy()] = False
    return clear, np.flatnonzero(unclear)
