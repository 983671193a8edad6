"""What a model takes and gives: `signature.json`, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NUMBER = frozenset({int, float})
ACCEPTED: dict[str, frozenset[type]] = {
    "bool": frozenset({bool}),
    "int64": NUMBER,
    "float64": NUMBER,
    "string": frozenset({str}),
}

#: What happens to a column's values where requests are kept.
PII_HASH, PII_DROP = "hash", "drop"

Row = list[Any]


@dataclass(frozen=True)
class Column:
    """`low` and `high` are the range in training, `categories` the texts seen there; None: not known."""

    name: str
    dtype: str
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    categories: frozenset[str] | None = None
    pii: str = ""

    @property
    def accepts(self) -> frozenset[type]:
        accepted = ACCEPTED[self.dtype]
        return accepted | {type(None)} if self.nullable else accepted


@dataclass(frozen=True)
class Twin:
    """A file with its sha256, and `of`: the sha256 of the model file that it was made from."""

    file: str
    sha256: str
    of: str


@dataclass(frozen=True)
class Signature:
    """No columns: the model did not say, any width is tried. `onnx` and `forest`: the model in other forms."""

    kind: str
    framework: str
    task: str
    columns: tuple[Column, ...]
    outputs: tuple[Mapping[str, Any], ...]
    classes: tuple[Any, ...]
    labels: tuple[str, ...]
    file: str
    sha256: str
    onnx: Twin | None = None
    forest: Twin | None = None
    names: tuple[str, ...] = field(init=False)
    numeric: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(column.name for column in self.columns))
        plain = all(column.accepts == NUMBER for column in self.columns)
        object.__setattr__(self, "numeric", plain)

    @property
    def positional(self) -> bool:
        """Whether the columns have no names of their own."""
        return all(name == f"x{index}" for index, name in enumerate(self.names))

    @classmethod
    def from_json(cls, data: Any) -> Signature:
        """Raises ValueError if `data` is not what `track.model` writes."""
        try:
            columns = tuple(_column(given) for given in data["inputs"])
            unknown = {column.dtype for column in columns} - set(ACCEPTED)
            if unknown or len({column.name for column in columns}) != len(columns):
                raise ValueError("signature.json names unknown types, or a column twice")
            return cls(
                kind=str(data.get("kind", "array")),
                framework=str(data["framework"]),
                task=str(data.get("task", "")),
                columns=columns,
                outputs=tuple(data.get("outputs", ())),
                classes=tuple(data.get("classes", ())),
                labels=tuple(map(str, data.get("labels", ()))),
                file=str(data["file"]),
                sha256=str(data.get("sha256", "")),
                onnx=_twin(data.get("onnx")),
                forest=_twin(data.get("forest")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("signature.json is not what track.model writes") from error


def _twin(given: Mapping[str, Any] | None) -> Twin | None:
    return Twin(str(given["file"]), str(given["sha256"]), str(given["of"])) if given else None


def _column(given: Mapping[str, Any]) -> Column:
    categories = given.get("categories")
    pii = given.get("pii")
    return Column(
        name=str(given["name"]),
        dtype=str(given["dtype"]),
        nullable=given.get("nullable") is True,
        low=_number(given.get("min")),
        high=_number(given.get("max")),
        categories=None if categories is None else frozenset(map(str, categories)),
        pii=PII_DROP if pii == PII_DROP else PII_HASH if pii else "",
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
