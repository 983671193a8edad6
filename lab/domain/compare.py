"""Runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.dataclass import dataclass
from lab.domain.runs import Run
from lab.domain.seeds import SeedGroup
from lab.domain.verdicts import Outcome, Verdict, tell

if TYPE_CHECKING:  # a comparison of numbers does without
    from lab.domain.diffs import DatasetDiff

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Row:
    """One key with a value per run, in the order of the runs; `None` where a run has none."""

    key: str
    values: tuple[Value, ...]
    differs: bool


@dataclass(frozen=True)
class DataDifference:
    """A dataset that two runs saw in different versions ("" for none), and what lies between them; `note` says why
    that is not known."""

    name: str
    old: str
    new: str
    diff: DatasetDiff | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """For `json.dumps`; NaN and infinities are strings."""
        told = self.diff.to_json() if self.diff is not None else None
        return {"name": self.name, "old": self.old, "new": self.new, "note": self.note, "diff": told}


@dataclass(frozen=True)
class Comparison:
    """What is the same and what differs between runs; `baseline` is the id that the others are measured against.

    `groups` are the runs by all but their seeds; `verdicts` judge every group but the baseline's on every metric.
    """

    runs: tuple[Run, ...]
    baseline: str
    params: tuple[Row, ...]
    metrics: tuple[Row, ...]
    datasets: tuple[Row, ...]
    environment: tuple[Row, ...]
    code_same: bool
    groups: tuple[SeedGroup, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def base_group(self) -> int:
        """The index of the group that the baseline is in."""
        return next((at for at, one in enumerate(self.groups) if self.baseline in one.ids), 0)

    @property
    def seeded(self) -> bool:
        """Whether any runs differ by their seeds alone."""
        return any(len(one.runs) > 1 for one in self.groups)

    def of_groups(self, row: Row) -> tuple[tuple[Value, ...], ...]:
        """The distinct values that each group's runs have in `row`, in their order."""
        found = []
        for one in self.groups:
            values = {repr(value): value for run, value in zip(self.runs, row.values, strict=True) if run.id in one.ids}
            found.append(tuple(values.values()))
        return tuple(found)

    def of(self, metric: str) -> tuple[Verdict, ...]:
        """The verdicts on one metric."""
        return tuple(one for one in self.verdicts if one.metric == metric)

    def sentence(self, verdict: Verdict) -> str:
        """The verdict in words, not cleaned; of several groups it says which one is meant."""
        label = self.groups[verdict.group].label
        text = tell(verdict, label, self.groups[verdict.baseline].label)
        named = len(self.groups) == 2 or text.startswith(label) or verdict.outcome not in (Outcome.NOISE, Outcome.NONE)
        return text if named else f"{label}: {text}"
