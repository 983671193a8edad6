"""Runs by kinship: the one before, those that are nearly the same, and several at once."""

from __future__ import annotations

from collections.abc import Sequence

from lab.catalog import runs
from lab.catalog.reader import Reader
from lab.domain.runs import Run

_BEFORE = """
    SELECT id FROM run_table
    WHERE project = $1 AND entry = $2 AND id <> $3 AND (created < $4 OR (created = $4 AND id < $3))
    ORDER BY created DESC, id DESC LIMIT 1
"""
_ALIKE = """
    SELECT id FROM run_table WHERE project = $1 AND entry = $2 AND code = $3 AND image = $4 ORDER BY created, id
    LIMIT 1000
"""

_EXACT = """
    SELECT id, name FROM run_table
    WHERE id IN (SELECT unnest($1::VARCHAR[])) OR name IN (SELECT unnest($1::VARCHAR[]))
"""

_REPRODUCTIONS = """
    SELECT id FROM run_table WHERE reproduces = $1 AND coalesce(swapped, '') = '' ORDER BY created DESC, id LIMIT 100
"""


def reproductions(catalog: Reader, run_id: str) -> list[str]:
    """Ids of the runs that ran this one again with nothing changed, the latest hundred, oldest first."""
    return [row["id"] for row in catalog.rows(_REPRODUCTIONS, [run_id])][::-1]


def exact(catalog: Reader, refs: Sequence[str]) -> dict[str, str]:
    """Of `refs` those that are the id or name of exactly one run, with its id, by one query."""
    found: dict[str, set[str]] = {}
    for row in catalog.rows(_EXACT, [list(refs)]):
        for text in (row["id"], row["name"]):
            found.setdefault(text, set()).add(row["id"])
    return {ref: next(iter(found[ref])) for ref in refs if len(found.get(ref, ())) == 1}


def before(catalog: Reader, run: Run) -> str:
    """The id of the last earlier run of the same entry in the same project, "" if there is none."""
    found = catalog.rows(_BEFORE, [run.project, run.entry, run.id, run.created])
    return found[0]["id"] if found else ""


def alike(catalog: Reader, run: Run) -> list[Run]:
    """Runs of the same entry with the same code and image, at most a thousand, oldest first."""
    found = catalog.rows(_ALIKE, [run.project, run.entry, run.code, run.image])
    return runs.get_many(catalog, [row["id"] for row in found])
