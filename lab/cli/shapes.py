"""The JSON shapes: a public contract (README, "JSON"). Keys are only ever added. Pure functions.

Times are RFC 3339 in UTC, durations seconds, sizes bytes; NaN and infinities become strings when printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lab.cli.formats import format_utc

if TYPE_CHECKING:  # a listing must not wait for nouns that it does not show
    from lab.domain.capture import Capture
    from lab.domain.checks import Check
    from lab.domain.datasets import Changes, Dataset, DatasetVersion
    from lab.domain.demo import DemoReport
    from lab.domain.deployments import Deployment, Health
    from lab.domain.groups import RunGroup
    from lab.domain.guards import Firing, Guard
    from lab.domain.models import Model, ModelVersion
    from lab.domain.runs import Edit, Run, RunSpec
    from lab.domain.views import RunView

Shape = dict[str, Any]


def listing(items: Iterable[Shape], total: int | None = None) -> Shape:
    """`total` is how many there are in all; by default as many as are listed."""
    listed = list(items)
    return {"items": listed, "total": len(listed) if total is None else total}


def run_shape(run: Run, now: float) -> Shape:
    """`duration` of a run that goes on is up to `now` (seconds since the epoch); `eta` are seconds until its end, null
    where nobody knows. `peak_memory` and `cpu_time` are null where nobody looked. `badge` is "" (its code is not in the
    lab), captured, rerunnable, bitwise, tolerance or failed; `reproduces` the id of the run that it runs again, or "".
    """
    return {
        "id": run.id,
        "name": run.name,
        "project": run.project,
        "entry": run.entry,
        "status": run.status.value,
        "cause": run.cause,
        "exit_code": run.exit_code,
        "engine": run.engine,
        "params": dict(run.params),
        "metrics": {name: summary.last for name, summary in run.metrics.items()},
        "datasets": dict(run.datasets),
        "tags": list(run.tags),
        "created": format_utc(run.created),
        "started": format_utc(run.started),
        "ended": format_utc(run.ended),
        "duration": run.duration(now),
        "seed": run.seed,
        "sweep": run.sweep,
        "notes": run.notes,
        "starred": run.starred,
        "archived": run.archived,
        "badge": run.badge.value,
        "reproduces": run.reproduces,
        "peak_memory": run.peak_memory,
        "cpu_time": run.cpu_time,
        "guards": list(run.guards),
        "eta": run.eta,
    }


def run_detail(
    run: Run,
    spec: RunSpec | None,
    folder: str,
    now: float,
    capture: Capture | None = None,
    firings: Sequence[Firing] = (),
) -> Shape:
    """A run with all that it was asked to do; `summaries` has last, min, max, mean, count and step of each metric,
    `capture` all that went into it and came out of it.

    What only `spec` knows is null when its file is gone.
    """
    return {
        **run_shape(run, now),
        "summaries": {name: summary._asdict() for name, summary in run.metrics.items()},
        "image": run.image,
        "folder": folder,
        "command": list(spec.shown) if spec else None,
        "code": asdict(spec.code) if spec else None,
        "inputs": {name: asdict(item) for name, item in spec.datasets.items()} if spec else None,
        "environment": spec.environment if spec else None,
        "resources": asdict(spec.resources) if spec else None,
        "network": spec.network if spec else None,
        "firings": [firing_shape(firing) for firing in firings],
        "capture": capture.to_json() if capture else None,
    }


def firing_shape(firing: Firing) -> Shape:
    return {
        "guard": firing.guard,
        "when": firing.when,
        "do": firing.do,
        "step": firing.step,
        "at": format_utc(firing.at),
        "evidence": firing.evidence,
    }


def replay_shape(run: Run, guard: Guard, firing: Firing | None) -> Shape:
    """What a guard would have done in a run; `step`, `at` and `evidence` are null where it would not have fired."""
    never = {"guard": guard.name, "when": guard.when, "do": guard.do, "step": None, "at": None, "evidence": None}
    return {"id": run.id, "name": run.name, "fired": firing is not None, **(firing_shape(firing) if firing else never)}


def run_group_shape(group: RunGroup, keys: Sequence[str]) -> Shape:
    """`sd` is null where there is but one value."""
    return {
        "name": group.name,
        "group": dict(zip(keys, group.values, strict=True)),
        "n": group.n,
        "runs": list(group.runs),
        "metrics": {name: asdict(spread) for name, spread in group.metrics.items()},
    }


def edit_shape(edit: Edit) -> Shape:
    return {"at": format_utc(edit.at), "what": edit.what, "before": edit.before, "after": edit.after}


def view_shape(view: RunView) -> Shape:
    return {"id": f"{view.project}/{view.name}", **asdict(view)}


def dataset_shape(dataset: Dataset) -> Shape:
    """`version` and `aliases` are version numbers."""
    latest = dataset.latest
    return {
        "id": dataset.id,
        "name": dataset.name,
        "project": dataset.project,
        "path": dataset.path,
        "version": latest.number,
        "versions": dataset.versions,
        "aliases": dict(dataset.aliases),
        "manifest": latest.id,
        "files": latest.files,
        "bytes": latest.bytes,
        "rows": latest.rows,
        "updated": format_utc(latest.created),
    }


def dataset_version_shape(version: DatasetVersion, aliases: Mapping[str, int] | None = None) -> Shape:
    """`aliases` are the dataset's; those that mean this version are told where they are given."""
    return {
        "id": f"{version.project}/{version.dataset}@{version.label}",
        "name": version.dataset,
        "project": version.project,
        "version": version.number,
        "manifest": version.id,
        "files": version.files,
        "bytes": version.bytes,
        "rows": version.rows,
        "columns": [{"name": column.name, "type": column.type} for column in version.columns],
        "message": version.message,
        "note": version.note,
        "tags": list(version.tags),
        "aliases": [name for name, number in sorted((aliases or {}).items()) if number == version.number],
        "verdict": version.verdict.value or None,
        "auto": version.auto,
        "removed": version.retired,
        "origin": dict(version.origin),
        "created": format_utc(version.created),
    }


def changes_shape(version: DatasetVersion, changes: Changes) -> Shape:
    """How a working copy differs from `version`."""
    return {
        "id": version.ref,
        "name": version.dataset,
        "version": version.number,
        "clean": changes.clean,
        "added": list(changes.added),
        "removed": list(changes.removed),
        "changed": list(changes.changed),
    }


def files_shape(files: Iterable[tuple[str, int]]) -> list[Shape]:
    return [{"path": path, "bytes": size} for path, size in files]


def model_version_shape(version: ModelVersion) -> Shape:
    return {
        "id": version.id,
        "model": version.model,
        "version": version.number,
        "framework": version.framework,
        "run": version.run,
        "project": version.project,
        "manifest": version.manifest,
        "bytes": version.bytes,
        "signature": dict(version.signature),
        "metrics": dict(version.metrics),
        "datasets": dict(version.datasets),
        "created": format_utc(version.created),
    }


def model_shape(model: Model) -> Shape:
    """`aliases` maps to version numbers."""
    return {
        "id": model.id,
        "name": model.name,
        "version": model.latest.number,
        "versions": model.versions,
        "aliases": dict(model.aliases),
        "latest": model_version_shape(model.latest),
    }


def deployment_shape(deployment: Deployment) -> Shape:
    return {
        "id": deployment.id,
        "name": deployment.name,
        "model": deployment.model,
        "version": deployment.version,
        "status": deployment.status.value,
        "url": deployment.url,
        "engine": deployment.engine,
        "replicas": deployment.replicas,
        "alias": deployment.alias,
        "cause": deployment.cause,
        "port": deployment.port,
        "image": deployment.image,
        "created": format_utc(deployment.created),
        "ready": format_utc(deployment.ready),
        "ended": format_utc(deployment.ended),
    }


def health_shape(deployment: Deployment, health: Health) -> Shape:
    """`id` is the deployment's; rates per second, latencies seconds, `cpu` cores, sizes bytes."""
    return {
        "id": deployment.id,
        "name": deployment.name,
        "at": format_utc(health.at),
        "live": health.live,
        "ready": health.ready,
        "reason": health.reason,
        "uptime": health.uptime,
        "requests": health.requests,
        "errors": health.errors,
        "rate": health.rate,
        "p50": health.p50,
        "p95": health.p95,
        "p99": health.p99,
        "in_flight": health.in_flight,
        "cpu": health.cpu,
        "rss": health.rss,
        "memory": health.memory,
        "memory_limit": health.memory_limit,
        "counters": dict(health.counters),
        "version": deployment.version,
        "alias": deployment.alias,
        "errors_4xx": health.errors_4xx,
        "errors_5xx": health.errors_5xx,
        "queued": health.queued,
        "batch": health.batch,
        "servers": health.servers,
        "servers_up": health.servers_up,
        "asleep": health.asleep,
        "restarts": health.restarts,
        "out_of_memory": health.out_of_memory,
        "last_errors": list(health.last_errors),
    }


def check_shape(check: Check) -> Shape:
    return {"id": check.name, "ok": check.ok, "detail": check.detail, "hint": check.hint}


def demo_shape(report: DemoReport) -> Shape:
    """Each step carries the ids of what it made beside its own fields."""
    return {
        "engine": report.engine,
        "steps": [_step(step.name, step.ok, step.seconds, step.detail, step.ids) for step in report.steps],
        "accuracy": report.accuracy,
        "metric": report.metric,
        "deployment": report.deployment,
    }


def _step(name: str, ok: bool, seconds: float, detail: str, ids: Mapping[str, Any]) -> Shape:
    return {**ids, "name": name, "ok": ok, "seconds": seconds, "detail": detail}
