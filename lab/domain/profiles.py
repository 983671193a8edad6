"""What is in a dataset's files: the shape of every column of a table, or counts and sizes of images and other files.

A profile never holds values of a column that looks like personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from lab.dataclass import dataclass
from lab.domain.numbers import decode_float, jsonable

#: The shares of values below a column's quantiles, in percent.
QUANTILES = (1, 5, 25, 50, 75, 95, 99)

#: Shown in place of values that look personal.
MASKED = "•••"

#: `kind` of a column.
NUMBER, TEXT, BOOLEAN, TIME, NESTED, OTHER = "number", "text", "boolean", "time", "nested", "other"

#: Written with every profile; one of another format is computed anew.
FORMAT = 1

_T = TypeVar("_T")


@dataclass(frozen=True)
class Histogram:
    """Equally wide bins: `len(edges) == len(counts) + 1`; a bin holds its lower edge, the last one both."""

    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Pii:
    """A column that looks personal: what it seems to hold, and the share of sampled values that match.

    `by_name` tells that the column's name says so; then `share` may be 0.
    """

    kind: str
    share: float
    by_name: bool = False


@dataclass(frozen=True)
class ColumnProfile:
    """One column. Names and values are as in the file: clean them to show.

    Numbers: `minimum` to `histogram` over finite values, `nans` and `infinities` counted apart, `quantiles` as many
    as QUANTILES. Times: `first`, `last` in ISO format, `histogram` over seconds since 1970 (UTC). Text: `first`,
    `last` in code point order; `lengths` are least, mean and greatest in characters. `distinct` counts values that
    are not null; it is -1 where it was not computed (nested types). `top` are the most frequent with their counts.
    """

    name: str
    type: str
    kind: str
    nulls: int = 0
    distinct: int = -1
    nans: int = 0
    infinities: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    sd: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Histogram = Histogram()
    top: tuple[tuple[str, int], ...] = ()
    first: str = ""
    last: str = ""
    lengths: tuple[float, ...] = ()
    constant: bool = False
    id_like: bool = False
    duplicate_of: str = ""
    pii: tuple[Pii, ...] = ()


@dataclass(frozen=True)
class Correlation:
    """Pearson's r of two numeric columns."""

    one: str
    other: str
    r: float


@dataclass(frozen=True)
class Leakage:
    """A column that alone nearly tells the label. `measure` is `U` or `eta2`, `score` is from 0 to 1."""

    column: str
    measure: str
    score: float


@dataclass(frozen=True)
class TableProfile:
    """Correlations, leakage and personal data were judged by `sampled` rows, which may be all of them."""

    rows: int
    duplicate_rows: int
    sampled: int
    columns: tuple[ColumnProfile, ...]
    correlations: tuple[Correlation, ...] = ()
    label: str = ""
    leakage: tuple[Leakage, ...] = ()


@dataclass(frozen=True)
class FileGroup:
    """Files of one suffix, or images of one format."""

    name: str
    count: int
    bytes: int


@dataclass(frozen=True)
class ImagesProfile:
    """Pictures of a folder. `sizes`, `widths` and `heights` are quantiles as in QUANTILES, in bytes and pixels.

    `dimensions` are the most frequent (width, height, count); `broken` are names of files that are no pictures.
    """

    count: int
    formats: tuple[FileGroup, ...]
    sizes: tuple[float, ...] = ()
    widths: tuple[float, ...] = ()
    heights: tuple[float, ...] = ()
    dimensions: tuple[tuple[int, int, int], ...] = ()
    broken_count: int = 0
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """A table's, a folder of images', or (neither of both) files by suffix, largest first. `notes` are sentences."""

    files: int
    bytes: int
    groups: tuple[FileGroup, ...]
    table: TableProfile | None = None
    images: ImagesProfile | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For `json.dumps`; NaN and infinities are strings."""
        return {"format": FORMAT, **jsonable(asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Profile:
        """Inverse of `to_json`. Raises ValueError for what is no profile, or one of another format."""
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"profile format {data['format']!r} is not {FORMAT}")
            return Profile(
                files=int(data["files"]),
                bytes=int(data["bytes"]),
                groups=_each(FileGroup, data["groups"]),
                table=None if data["table"] is None else _table(data["table"]),
                images=None if data["images"] is None else _images(data["images"]),
                notes=tuple(map(str, data["notes"])),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no profile: {error!r}") from error


def _table(data: Mapping[str, Any]) -> TableProfile:
    return TableProfile(
        **{
            **_known(TableProfile, data),
            "columns": tuple(_column(item) for item in data["columns"]),
            "correlations": tuple(
                Correlation(item["one"], item["other"], decode_float(item["r"])) for item in data["correlations"]
            ),
            "leakage": _each(Leakage, data["leakage"]),
        }
    )


def _column(data: Mapping[str, Any]) -> ColumnProfile:
    histogram = data["histogram"]
    return ColumnProfile(
        **{
            **_known(ColumnProfile, data),
            **{name: _number(data[name]) for name in ("minimum", "maximum", "mean", "sd")},
            "quantiles": _floats(data["quantiles"]),
            "lengths": _floats(data["lengths"]),
            "histogram": Histogram(_floats(histogram["edges"]), tuple(map(int, histogram["counts"]))),
            "top": tuple((str(value), int(count)) for value, count in data["top"]),
            "pii": _each(Pii, data["pii"]),
        }
    )


def _images(data: Mapping[str, Any]) -> ImagesProfile:
    return ImagesProfile(
        **{
            **_known(ImagesProfile, data),
            "formats": _each(FileGroup, data["formats"]),
            **{name: _floats(data[name]) for name in ("sizes", "widths", "heights")},
            "dimensions": tuple((int(width), int(height), int(count)) for width, height, count in data["dimensions"]),
            "broken": tuple(map(str, data["broken"])),
        }
    )


def _number(value: object) -> float | None:
    return value if value is None or isinstance(value, int) else decode_float(value)


def _floats(values: Sequence[object]) -> tuple[float, ...]:
    return tuple(decode_float(value) for value in values)


def _each(make: Callable[..., _T], items: Sequence[Mapping[str, Any]]) -> tuple[_T, ...]:
    return tuple(make(**item) for item in items)


def _known(of: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: data[field.name] for field in fields(of)}
