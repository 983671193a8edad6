"""Who saw which content, in the index."""

from __future__ import annotations

from collections.abc import Sequence

from lab.catalog.reader import Reader

_RUNS = """
    SELECT id FROM all_runs
    WHERE list_has_any(json_extract_string(datasets, '$.*.manifest'), $1::VARCHAR[]) ORDER BY created, id
"""
_MODELS = "SELECT model, number FROM model_versions WHERE run IN (SELECT unnest($1::VARCHAR[])) ORDER BY ALL"
_INPUTS = """
    SELECT DISTINCT unnest(json_extract_string(datasets, '$.*.manifest')) AS manifest FROM all_runs
    WHERE id IN (SELECT unnest($1::VARCHAR[])) ORDER BY manifest
"""
# What a holder is called: by its name, and where others have the same one, by its id behind it.
_CALLED = "CASE WHEN count(*) OVER (PARTITION BY name) > 1 THEN concat(name, ' (', id, ')') ELSE name END"
_HELD = """
    WITH called AS (SELECT *, $called AS owner FROM run_table)
    SELECT 'dataset' AS kind, concat(project, '/', dataset, '@v', number) AS owner, id AS manifest
    FROM dataset_table WHERE NOT retired
    UNION ALL SELECT 'run', owner, code FROM called WHERE coalesce(code, '') <> ''
    UNION ALL SELECT 'run', owner, patch FROM called WHERE coalesce(patch, '') <> ''
    UNION ALL SELECT 'run', owner, unnest(json_extract_string(datasets, '$.*.manifest')) FROM called
    UNION ALL SELECT 'model', concat(model, ':v', number), manifest FROM model_versions
""".replace("$called", _CALLED)
_FOLDERS = """
    SELECT 'run' AS kind, id, $called AS owner FROM run_table
    UNION ALL SELECT 'deployment', id, $called FROM deployments WHERE created IS NOT NULL
""".replace("$called", _CALLED)
_SEEN = "SELECT DISTINCT unnest(json_extract_string(datasets, '$.*.manifest')) AS manifest FROM run_table"
_KNOWN = "SELECT DISTINCT id AS manifest FROM dataset_table"


def runs_that_saw(catalog: Reader, manifests: Sequence[str]) -> list[str]:
    """Ids of the runs that had one of these contents among their datasets, oldest first."""
    return [row["id"] for row in catalog.rows(_RUNS, [list(manifests)])]


def models_of(catalog: Reader, runs: Sequence[str]) -> list[tuple[str, int]]:
    """(model, number) of every version that came from one of these runs."""
    return [(row["model"], row["number"]) for row in catalog.rows(_MODELS, [list(runs)])]


def inputs_of(catalog: Reader, runs: Sequence[str]) -> list[str]:
    """Manifests of all datasets that these runs saw."""
    return [row["manifest"] for row in catalog.rows(_INPUTS, [list(runs)]) if row["manifest"]]


def folder_owners(catalog: Reader) -> dict[tuple[str, str], str]:
    """(kind, id) → what it is called among the holders, of every run and deployment."""
    return {(row["kind"], row["id"]): row["owner"] for row in catalog.rows(_FOLDERS)}


def seen_manifests(catalog: Reader) -> set[str]:
    """Manifests of all datasets that any run saw."""
    return {row["manifest"] for row in catalog.rows(_SEEN)}


def holders(catalog: Reader) -> list[tuple[str, str, str]]:
    """(kind, name, manifest) of everything that needs a content of the store; kinds are dataset, run and model. Runs of
    one name have their ids behind it."""
    return [(row["kind"], row["owner"], row["manifest"]) for row in catalog.rows(_HELD) if row["manifest"]]


def dataset_manifests(catalog: Reader) -> list[str]:
    """The content of every dataset version that ever was, retired ones included."""
    return [row["manifest"] for row in catalog.rows(_KNOWN)]
