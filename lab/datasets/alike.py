"""Two tables brought to one shape: what became of the columns, and frames in which those of both are comparable."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from lab.dataclass import dataclass
from lab.datasets import tables
from lab.datasets.formats import NotATableError, column, exactly, wider
from lab.domain.datasets import Column
from lab.domain.diffs import Retyped, SchemaDiff
from lab.domain.text import clean

_RENAME_ROWS = 20_000  # rows at the beginning that tell whether a column was renamed
_RENAME_ALIKE = 0.9  # share of their values that are the same then
_RENAME_MOST = 30  # dropped or added columns beyond which nobody looks for renamed ones
_TYPE_MAX = 120


@dataclass(frozen=True)
class Alike:
    """Both sides with the columns that they share, named as on the new side and of one type each; `held` in memory."""

    schema: SchemaDiff
    old: pl.LazyFrame
    new: pl.LazyFrame
    columns: pl.Schema
    notes: tuple[str, ...] = ()
    held: bool = False

    def hold(self) -> Alike:
        """The same in memory. Raises NotATableError for what is broken inside."""
        return replace(self, old=tables.collect(self.old).lazy(), new=tables.collect(self.new).lazy(), held=True)


def align(old: pl.LazyFrame, new: pl.LazyFrame) -> Alike:
    """Compare the columns of two tables. Raises NotATableError for what is broken inside."""
    before, after = old.collect_schema(), new.collect_schema()
    dropped = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    renamed = _renamed(old, new, before, after, dropped, added)
    origin = {new_name: old_name for old_name, new_name in renamed} | {name: name for name in before if name in after}
    shared: dict[str, pl.DataType] = {}
    notes: list[str] = []
    for name in after:
        if name in origin:
            try:
                shared[name] = wider(name, before[origin[name]], after[name])
            except NotATableError:
                notes.append(f"Column {clean(name, 80)!r} is not compared: its types have nothing in common.")
    order = [name for name in before if name in after]
    schema = SchemaDiff(
        added=tuple(_column(name, after[name]) for name in added if name not in origin),
        dropped=tuple(_column(name, before[name]) for name in dropped if name not in dict(renamed)),
        retyped=tuple(
            Retyped(name, _type(before[origin[name]]), _type(after[name]))
            for name in after
            if name in origin and before[origin[name]] != after[name]
        ),
        renamed=tuple(renamed),
        reordered=order != [name for name in after if name in before],
    )
    return Alike(
        schema,
        old.select([_as(origin[name], dtype, before).alias(name) for name, dtype in shared.items()]),
        new.select([_as(name, dtype, after) for name, dtype in shared.items()]),
        pl.Schema(shared),
        tuple(notes),
    )


def _as(name: str, dtype: pl.DataType, schema: pl.Schema) -> pl.Expr:
    """A column in a type that values of both sides can be compared in."""
    value = column(name)
    if dtype in (pl.Categorical, pl.Enum):
        return value.cast(pl.String)
    return value if schema[name] == dtype else value.cast(dtype)


def _renamed(
    old: pl.LazyFrame, new: pl.LazyFrame, before: pl.Schema, after: pl.Schema, dropped: list[str], added: list[str]
) -> list[tuple[str, str]]:
    """Dropped and added columns of one type with nearly the same values in the first rows, each at most once."""
    if not dropped or not added or len(dropped) > _RENAME_MOST or len(added) > _RENAME_MOST:
        return []
    gone = tables.collect(old.select(exactly(dropped)).head(_RENAME_ROWS))
    come = tables.collect(new.select(exactly(added)).head(_RENAME_ROWS))
    found: list[tuple[str, str]] = []
    for one in dropped:
        taken = {new_name for _, new_name in found}
        likely = [other for other in added if other not in taken and after[other] == before[one]]
        scores = {other: _overlap(gone[one], come[other]) for other in likely}
        best = max(scores, key=lambda other: scores[other], default="")
        if best and scores[best] >= _RENAME_ALIKE:
            found.append((one, best))
    return found


def _overlap(one: pl.Series, other: pl.Series) -> float:
    """The share of values that both have, counting how often; 0 for nested types and where hardly anything is there."""
    one, other = one.rename("value").drop_nulls(), other.rename("value").drop_nulls()
    if one.dtype.is_nested() or one.n_unique() < 2 or not len(other):
        return 0.0
    both = one.value_counts(name="one").join(other.value_counts(name="other"), on="value")
    shared = both.select(pl.min_horizontal("one", "other").sum()).item()
    return float(shared) / max(len(one), len(other))


def _column(name: str, dtype: pl.DataType) -> Column:
    return Column(name, _type(dtype))


def _type(dtype: pl.DataType) -> str:
    return str(dtype)[:_TYPE_MAX]
