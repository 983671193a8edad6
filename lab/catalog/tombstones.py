"""Runs that were purged: what is left of them, and what needs a run so that it should not be."""

from __future__ import annotations

from collections.abc import Sequence

from lab.catalog.reader import Reader
from lab.catalog.statements import TRUTH, said
from lab.dataclass import dataclass

INGEST = (said("run.purged", "runs", "purge_event", purged=TRUTH, purge_batch="body->>'$.batch'", purged_at="ts"),)

_SHOWN = "SELECT id, name, purged_at, coalesce(purge_batch, '') AS batch FROM all_runs WHERE purged "
_EXACT = _SHOWN + "AND (id = $1 OR name = $1) ORDER BY purged_at DESC, id"
_ALL = _SHOWN + "ORDER BY purged_at DESC, id"
_NEEDS = """
    SELECT run, concat('model ', model, ':v', number, ' came from it') AS need FROM model_versions
    WHERE run IN (SELECT unnest($1::VARCHAR[]))
    UNION ALL
    SELECT m.run, concat('deployment ', d.name, ' serves ', d.model, ':v', d.version)
    FROM deployments AS d JOIN model_versions AS m ON d.model = m.model AND d.version = m.number
    WHERE m.run IN (SELECT unnest($1::VARCHAR[])) AND coalesce(d.status, '') NOT IN ('stopped', 'failed')
    UNION ALL
    SELECT reproduces, concat('run ', name, ' reproduces it') FROM run_table
    WHERE reproduces IN (SELECT unnest($1::VARCHAR[])) AND id NOT IN (SELECT unnest($1::VARCHAR[]))
    ORDER BY ALL
"""
_THEIRS = """
    SELECT manifest FROM (
        SELECT unnest([code, patch]) AS manifest FROM run_table WHERE id IN (SELECT unnest($1::VARCHAR[]))
    ) WHERE coalesce(manifest, '') <> ''
    EXCEPT (
        SELECT unnest([code, patch]) FROM run_table WHERE id NOT IN (SELECT unnest($1::VARCHAR[]))
        UNION ALL SELECT unnest(json_extract_string(datasets, '$.*.manifest')) FROM run_table
        UNION ALL SELECT id FROM dataset_table WHERE NOT retired
        UNION ALL SELECT manifest FROM model_versions
    )
    ORDER BY manifest
"""


@dataclass(frozen=True)
class Tombstone:
    """A purged run: when, seconds since the epoch, and the batch of the trash that its folder went to."""

    id: str
    name: str
    at: float
    batch: str


def find(catalog: Reader, text: str) -> list[Tombstone]:
    """Purged runs of exactly that id or name, the last purged first."""
    return [_stone(row) for row in catalog.rows(_EXACT, [text])]


def all_stones(catalog: Reader) -> list[Tombstone]:
    """Every purged run, the last purged first."""
    return [_stone(row) for row in catalog.rows(_ALL)]


def needs(catalog: Reader, runs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What came from each of these runs or reproduces it, as sentences; nothing for the others."""
    found: dict[str, list[str]] = {}
    for row in catalog.rows(_NEEDS, [list(runs)]):
        found.setdefault(row["run"], []).append(row["need"])
    return {run: tuple(told) for run, told in found.items()}


def code_of_these(catalog: Reader, runs: Sequence[str]) -> frozenset[str]:
    """Manifests of the code and the patches of these runs that nothing else needs."""
    return frozenset(row["manifest"] for row in catalog.rows(_THEIRS, [list(runs)]))


def _stone(row: dict[str, object]) -> Tombstone:
    return Tombstone(str(row["id"]), str(row["name"]), float(str(row["purged_at"])), str(row["batch"]))
