"""What the requests are like, counted between the same edges as training was (`lab.runtime.profile`).

Counts only add up: windows are differences, and servers' counts may be summed.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.runtime.profile import CATEGORY, NUMERIC, category
from lab.runtime.serving.metrics import Family, Histogram, sample
from lab.runtime.serving.signature import Column, Row, Signature

if TYPE_CHECKING:
    from lab.runtime.serving.compute import Output

#: So many rows are counted at once, unless somebody asks before.
_TOGETHER = 256
_FALLBACK_BINS = 20


class Numeric:
    """A numeric column or output. `low` and `high`: the range in training, where it is known."""

    def __init__(self, name: str, edges: Sequence[float], low: float | None, high: float | None) -> None:
        self.name = name
        self.histogram = Histogram(edges)
        self.missing = 0
        self.outside = 0
        self._edges = self.histogram.buckets
        self._low = float("-inf") if low is None else low
        self._high = float("inf") if high is None else high

    def add_many(self, values: Any) -> None:
        array = np.array(values, dtype=float)
        present = array[~np.isnan(array)]
        self.missing += len(array) - len(present)
        self.outside += int(np.count_nonzero((present < self._low) | (present > self._high)))
        self.histogram.sum += float(present.sum())
        places = np.searchsorted(self._edges, present, side="left")
        for place, count in enumerate(np.bincount(places, minlength=len(self._edges) + 1).tolist()):
            self.histogram.counts[place] += count


class Categories:
    """A column or output of texts, classes or truth values; what training did not have is `unseen`."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.counts = dict.fromkeys(known, 0)
        self.missing = 0
        self.unseen = 0

    def add_many(self, values: Sequence[Any]) -> None:
        for value, count in Tally(values).items():
            key = category(value)
            if value is None:
                self.missing += count
            elif key in self.counts:
                self.counts[key] += count
            else:
                self.unseen += count


class Opaque:
    """A column of which only missing values are counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.missing = 0

    def add_many(self, values: Sequence[Any]) -> None:
        self.missing += sum(value is None for value in values)


Counter = Numeric | Categories | Opaque


class LiveProfile:
    """The counters of one server; touched by the event loop alone."""

    def __init__(self, signature: Signature, reference: Mapping[str, Any]) -> None:
        """`reference` is `profile.json`, or empty: then the signature's ranges and categories must do."""
        known = {str(column["name"]): column for column in reference.get("columns", ())}
        self.columns = [_counter(column, known.get(column.name, {})) for column in signature.columns]
        self.output = _output(signature, reference.get("outputs", {}))
        self._rows: list[Row] = []
        self._outputs: list[Output] = []
        score = reference.get("score", {})
        self.score = Numeric("score", score["edges"], None, None) if score.get("kind") == NUMERIC else None

    def count(self, rows: list[Row], output: Output) -> None:
        """Take in the rows of one request (n × columns) and what was predicted for them.

        Raises TypeError for predictions that are no numbers, of a model whose predictions were.
        """
        if isinstance(self.output, Numeric) and output.predictions.dtype.kind not in "fiub":
            raise TypeError("the model predicts something else than numbers")
        self._rows += rows
        self._outputs.append(output)
        if len(self._rows) >= _TOGETHER:
            self.settle()

    def settle(self) -> None:
        """Count what was taken in: many rows together cost a fifth of what each alone does."""
        rows, self._rows = self._rows, []
        outputs, self._outputs = self._outputs, []
        for counter, values in zip(self.columns, zip(*rows, strict=False), strict=False):
            counter.add_many(values)
        flat = [output.predictions for output in outputs if output.predictions.ndim == 1]
        if flat:
            self.output.add_many(np.concatenate(flat).tolist())
        chances = [output.probabilities for output in outputs if output.probabilities is not None]
        if self.score is not None and chances:
            self.score.add_many(np.concatenate(chances).max(axis=1))

    def families(self) -> list[Family]:
        self.settle()
        numeric = [counter for counter in self.columns if isinstance(counter, Numeric)]
        words = [counter for counter in self.columns if isinstance(counter, Categories)]
        values = "lab_feature_values"
        return [
            Family(
                values,
                "histogram",
                "Values of a numeric column, between the edges of training.",
                [line for item in numeric for line in item.histogram.lines(values, {"feature": item.name})],
            ),
            _counts("lab_feature_outside_total", "Values outside the range of training.", numeric, "outside"),
            Family(
                "lab_feature_categories_total",
                "counter",
                "Values of a column of categories, by category.",
                [
                    sample("lab_feature_categories_total", count, feature=item.name, category=key)
                    for item in words
                    for key, count in item.counts.items()
                ],
            ),
            _counts("lab_feature_unseen_total", "Categories that training did not have.", words, "unseen"),
            _counts("lab_feature_missing_total", "Missing values of a column.", self.columns, "missing"),
            *self._output_families(),
        ]

    def _output_families(self) -> list[Family]:
        families = []
        if isinstance(self.output, Numeric):
            lines = self.output.histogram.lines("lab_output_values")
            families.append(Family("lab_output_values", "histogram", "Predicted values.", lines))
        elif isinstance(self.output, Categories):
            name = "lab_output_classes_total"
            counts = [sample(name, count, **{"class": key}) for key, count in self.output.counts.items()]
            families.append(Family(name, "counter", "Predictions, by class.", counts))
        if self.score is not None:
            lines = self.score.histogram.lines("lab_output_score")
            families.append(Family("lab_output_score", "histogram", "Highest probability of a row.", lines))
        return families


def _counts(name: str, text: str, counters: Sequence[Counter], attribute: str) -> Family:
    samples = [sample(name, getattr(counter, attribute), feature=counter.name) for counter in counters]
    return Family(name, "counter", text, samples)


def _counter(column: Column, known: Mapping[str, Any]) -> Counter:
    if column.pii:
        return Opaque(column.name)
    if known.get("kind") == NUMERIC:
        return Numeric(column.name, known["edges"], known.get("min"), known.get("max"))
    if known.get("kind") == CATEGORY:
        return Categories(column.name, list(known["categories"]))
    if column.categories is not None:
        return Categories(column.name, sorted(column.categories))
    if column.dtype == "bool":
        return Categories(column.name, ("false", "true"))
    if column.dtype in ("int64", "float64"):
        return Numeric(column.name, _even_edges(column.low, column.high), column.low, column.high)
    return Opaque(column.name)


def _even_edges(low: float | None, high: float | None) -> list[float]:
    if low is None or high is None or not low < high:
        return []
    return [float(edge) for edge in np.linspace(low, high, _FALLBACK_BINS + 1)[1:-1]]


def _output(signature: Signature, known: Mapping[str, Any]) -> Counter:
    if known.get("kind") == NUMERIC:
        return Numeric("output", known["edges"], None, None)
    classes = list(known["categories"]) if known.get("kind") == CATEGORY else []
    if signature.classes or classes:
        return Categories("output", list(dict.fromkeys([*map(category, signature.classes), *classes])))
    if signature.task == "regression":
        return Numeric("output", (), None, None)
    return Opaque("output")
