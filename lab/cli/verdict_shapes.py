"""The JSON shapes of comparisons, seed groups, verdicts and what changed; see `lab.cli.shapes`. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from lab.cli.shapes import Shape, run_shape
from lab.domain.compare import Comparison, Row
from lab.domain.seeds import SeedGroup
from lab.domain.verdicts import Verdict, stats

if TYPE_CHECKING:  # a comparison would wait for them
    from lab.domain.changes import Changes, DiffLine, ValueChange
    from lab.domain.diffs import FileChange


def comparison_shape(comparison: Comparison, now: float) -> Shape:
    """Rows have one value per run, in the order of `runs`; `groups` are the runs by all but their seeds."""

    def rows(rows: Sequence[Row]) -> list[Shape]:
        return [{"key": row.key, "values": list(row.values), "differs": row.differs} for row in rows]

    metrics = [row.key for row in comparison.metrics]
    return {
        "runs": [run_shape(run, now) for run in comparison.runs],
        "baseline": comparison.baseline,
        "params": rows(comparison.params),
        "metrics": rows(comparison.metrics),
        "datasets": rows(comparison.datasets),
        "environment": rows(comparison.environment),
        "code_same": comparison.code_same,
        "groups": [group_shape(one, metrics) for one in comparison.groups],
        "verdicts": [verdict_shape(comparison, one) for one in comparison.verdicts],
    }


def group_shape(group: SeedGroup, metrics: Iterable[str]) -> Shape:
    """`runs` are ids; `n` counts the seeds with a final value, `sd` is that of a sample (n - 1), null for no seeds."""
    summaries = {name: stats(group, name) for name in metrics}
    return {
        "label": group.label,
        "runs": list(group.ids),
        "seeds": [list(seed) for seed in group.seeds],
        "metrics": {
            name: {"n": one.n, "mean": one.mean if one.n else None, "sd": one.sd if one.n > 1 else None,
                   "left_out": one.left_out}
            for name, one in summaries.items()
        },
    }  # fmt: skip


def verdict_shape(comparison: Comparison, verdict: Verdict) -> Shape:
    """`group` and `baseline` are places in `groups`; `more` is [baseline, group] or null."""
    return {
        **asdict(verdict),
        "outcome": verdict.outcome.value,
        "direction": verdict.direction.value,
        "n": list(verdict.n),
        "more": list(verdict.more) if verdict.more is not None else None,
        "sentence": comparison.sentence(verdict),
    }


def run_changes_shape(changed: Changes, diff: Sequence[DiffLine]) -> Shape:
    """`parent` is null for a first run; everything else is empty then. `diff` is one string per line."""
    parent, code = changed.parent, changed.code
    return {
        "id": changed.run.id,
        "name": changed.run.name,
        "parent": {"id": parent.id, "name": parent.name} if parent else None,
        "identical": changed.nothing if parent else None,
        "params": [_value(one) for one in changed.params],
        "datasets": [asdict(one) for one in changed.data],
        "code": {
            "same": code.same,
            "added": [_file(one) for one in code.added],
            "removed": [_file(one) for one in code.removed],
            "changed": [_file(one) for one in code.changed],
            "commits": list(code.commits),
            "partial": code.partial,
            "note": code.note,
            "diff": [diff_text(line) for line in diff],
        },
        "environment": [_value(one) for one in changed.environment],
        "packages": [_value(one) for one in changed.packages],
        "metrics": [{**asdict(one), "direction": one.direction.value} for one in changed.metrics],
    }


def _value(change: ValueChange) -> Shape:
    return {"key": change.name, "change": change.kind, "old": change.old, "new": change.new}


def _file(change: FileChange) -> Shape:
    return {"path": change.path, "old_bytes": change.old_size, "new_bytes": change.new_size}


def diff_text(line: DiffLine) -> str:
    """A line as a unified diff has it; not cleaned."""
    return {"file": f"=== {line.text}", "hunk": line.text, "note": f"({line.text})"}.get(
        line.kind, f"{line.kind}{line.text}"
    )
