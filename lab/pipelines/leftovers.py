"""Jobs that an engine still has although what they were for has ended: their Lab process was killed in between."""

from __future__ import annotations

from lab.catalog import deployments as catalog_deployments
from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.engine import home_id
from lab.engine.base import Engine
from lab.errors import EngineUnavailableError
from lab.paths import LabHome


def sweep(home: LabHome, catalog: Catalog, engine: Engine) -> list[str]:
    """Remove the jobs of this home whose run or deployment has ended. Returns their ids.

    A job that the journal does not know is left alone. Does nothing while the engine does not answer.
    """
    try:
        jobs = engine.list(home_id(home))
        removed = []
        for job in jobs:
            run = catalog_runs.get(catalog, job.id)
            # Jobs of a deployment begin with its id.
            deployment = catalog_deployments.get(catalog, job.id.partition("-")[0])
            owner = run or deployment
            if owner is not None and not owner.status.active:
                engine.remove(job.id)
                removed.append(job.id)
    except EngineUnavailableError:
        return []
    return removed
