"""Events may arrive in any order, in any batches, more than once: the index is the same."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab import events
from lab.catalog import (
    connection,
    datasets,
    deployments,
    filters,
    firings,
    ingest,
    models,
    projects,
    queue,
    rollouts,
    runs,
    sweeps,
    views,
)
from lab.catalog import index as index_module
from lab.catalog.connection import Catalog
from lab.catalog.index import Index
from lab.domain.event import Event
from lab.domain.ids import ulid
from lab.journal import _encode
from lab.paths import LabHome

TABLES = (
    "projects",
    "dataset_table",
    "dataset_aliases",
    "run_table",
    "all_runs",
    "edits",
    "run_firings",
    "run_views",
    "queue_marks",
    "sweeps",
    "model_versions",
    "model_aliases",
    "deployments",
    "rollouts",
    "rollout_steps",
)


def story() -> list[Event]:
    """Everything that can happen, to two subjects of each noun, with rivals for every value."""
    told: list[tuple[str, str, dict[str, Any]]] = []
    for run in ("a", "b"):
        told += [
            ("run.created", run, {"name": run, "project": "p", "entry": "t", "params": {"lr": 0.1, "model": "x"}}),
            ("run.started", run, {}),
            ("run.started", run, {}),
            ("run.tagged", run, {"tags": ["one"]}),
            ("run.tagged", run, {"tags": ["two", "three"]}),
            ("run.noted", run, {"notes": "first"}),
            ("run.noted", run, {"notes": "second"}),
            ("run.renamed", run, {"name": "first-name"}),
            ("run.renamed", run, {"name": "second-name"}),
            ("run.reproduced", run, {"badge": "rerunnable", "note": "all is there", "by": []}),
            ("run.reproduced", run, {"badge": "bitwise", "note": "reproduced", "by": ["r1"]}),
            ("run.starred", run, {"value": True}),
            ("run.starred", run, {"value": False}),
            ("run.archived", run, {"value": False}),
            ("run.archived", run, {"value": True}),
            ("run.purged", run, {"value": True, "batch": "one"}),
            ("run.purged", run, {"value": False, "batch": "one"}),
            ("run.purged", f"purged-{run}", {"value": True, "batch": "two"}),
            ("run.created", f"purged-{run}", {"name": "gone", "params": {"a": 1}}),
            ("run.pruned", run, {"batch": "three", "files": 2, "bytes": 5}),
            ("run.stop_requested", run, {"reason": "hopeless"}),
            ("run.stop_requested", run, {}),
            ("run.stop_requested", run, {"reason": "stopped by guard 'nan': loss was NaN"}),
            ("run.guard_fired", run, {"guard": "nan", "when": "isnan(loss)", "do": "stop", "step": 3, "evidence": "x"}),
            ("run.guard_fired", run, {"guard": "nan", "when": "isnan(loss)", "do": "stop", "step": 4, "evidence": "y"}),
            ("run.guard_fired", run, {"guard": "slow", "when": "elapsed>1h", "do": "mark", "at": 2.0}),
            ("run.claimed", run, {"by": "1:2@3"}),
            ("run.claimed", run, {"by": ""}),
            ("run.placed", run, {"place": 5.0}),
            ("run.placed", run, {"place": 4.5}),
            ("run.held", run, {"value": True}),
            ("run.held", run, {"value": False}),
            ("run.ended", run, {"ending": "lost", "authority": 1, "metrics": {"loss": {"last": 1.0}}}),
            ("run.ended", run, {"ending": "finished", "authority": 3, "metrics": {"loss": {"last": "NaN"}}}),
            (
                "run.ended",
                run,
                {
                    "ending": "failed",
                    "authority": 3,
                    "metrics": {"other": {"last": 3.0}},
                    "peak_memory": 7,
                    "cpu_time": 1.5,
                },
            ),
            ("run.ended", run, {"ending": "stopped", "authority": 2, "metrics": {}}),
            ("run.ended", f"again-{run}", {"ending": "failed", "authority": 2, "metrics": {}, "revised": True}),
            ("run.ended", f"again-{run}", {"ending": "running", "authority": 2, "metrics": {}, "revised": True}),
            ("run.ended", f"again-{run}", {"ending": "finished", "authority": 2, "metrics": {}}),
            ("run.created", f"again-{run}", {"name": "old", "params": {"a": 1}, "at": 5.0, "revised": True}),
            ("run.created", f"again-{run}", {"name": "new", "params": {"a": 2}, "at": 6.0, "revised": True}),
        ]
    told += [
        ("project.added", "p", {"root": "/one"}),
        ("project.added", "p", {"root": "/two"}),
        ("dataset.added", "p/d", {"project": "p", "dataset": "d", "number": 1, "id": "b3:1", "path": "x", "files": 1}),
        ("dataset.added", "p/d", {"project": "p", "dataset": "d", "number": 1, "id": "b3:2", "path": "y", "files": 2}),
        ("dataset.added", "p/d", {"project": "p", "dataset": "d", "number": 2, "id": "b3:3", "path": "x", "files": 1}),
        ("dataset.aliased", "p/d", {"project": "p", "dataset": "d", "alias": "prod", "number": 1}),
        ("dataset.aliased", "p/d", {"project": "p", "dataset": "d", "alias": "prod", "number": 2}),
        *(
            (f"dataset.{mark}", "p/d", {"project": "p", "dataset": "d", "number": number, "value": value})
            for number in (1, 2)
            for mark, values in {
                "tagged": (["raw"], ["clean", "small"]),
                "noted": ("first", "second"),
                "checked": ({"verdict": "ok"}, {"verdict": "blocked"}),
                "retired": (True, False),
            }.items()
            for value in values
        ),
        ("view.saved", "p/v", {"project": "p", "name": "v", "filter": "lr<1", "sort": "", "columns": ["lr"]}),
        ("view.saved", "p/v", {"project": "p", "name": "v", "filter": "lr<2", "sort": "-lr", "columns": []}),
        ("view.saved", "p/w", {"project": "p", "name": "w", "filter": "a"}),
        ("view.saved", "p/w", {"project": "p", "name": "w", "filter": "a", "removed": True}),
        ("run.created", "waits", {"name": "waits", "queued": True, "sweep": "s", "cpus": 2.0, "gpus": 1}),
        ("run.claimed", "waits", {"by": "1:2@3"}),
        ("run.claimed", "waits", {"by": ""}),
        ("queue.paused", "queue", {"value": True}),
        ("queue.paused", "queue", {"value": False}),
        ("queue.limited", "queue", {"value": 4}),
        ("queue.limited", "queue", {"value": 2}),
        *(
            (kind, sweep, body)
            for sweep in ("s1",)
            for kind, body in (
                ("sweep.created", {"name": "s", "project": "p", "entry": "t", "plan": {"jobs": 1}}),
                ("sweep.created", {"name": "other", "plan": {"jobs": 2}}),
                ("sweep.held", {"value": True}),
                ("sweep.held", {"value": False}),
                ("sweep.stopped", {"cause": "first"}),
                ("sweep.stopped", {"cause": "second"}),
            )
        ),
        ("model.registered", "m:v1", {"model": "m", "number": 1, "manifest": "b3:4", "run": "a", "metrics": {"x": 1}}),
        ("model.registered", "m:v1", {"model": "m", "number": 1, "manifest": "b3:5", "run": "b"}),
        ("model.aliased", "m", {"alias": "champion", "number": 1}),
        ("model.aliased", "m", {"alias": "champion", "number": 2}),
        ("deployment.created", "d1", {"name": "d", "model": "m", "version": 1, "engine": "docker", "port": 8100}),
        ("deployment.status", "d1", {"status": "ready", "ready": 5.0}),
        ("deployment.status", "d1", {"status": "stopped", "ended": 9.0}),
        ("deployment.released", "d1", {"model": "m", "version": 2, "alias": "", "image": "i", "replicas": 2}),
        ("deployment.released", "d1", {"model": "m", "version": 3, "port": 8200, "image": "i", "replicas": 3}),
        ("rollout.started", "o1", {"deployment": "d1", "number": 2, "model": "m", "version": 3, "strategy": "canary"}),
        ("rollout.step", "o1", {"step": "start", "ok": True, "seconds": 1.5, "told": "up", "evidence": {"n": 1}}),
        ("rollout.step", "o1", {"step": "probe", "ok": False, "seconds": 0.5, "told": "slow", "evidence": {}}),
        ("rollout.ended", "o1", {"outcome": "rolled back", "cause": "slow"}),
        ("rollout.ended", "o1", {"outcome": "done", "cause": ""}),
        ("something.new", "x", {"from": "a later Lab"}),
    ]
    return [Event(ulid(), 1000.0 + number, *event) for number, event in enumerate(told)]


EVENTS = story()


def tables(batches: list[list[Event]], bulk: int = ingest.BULK) -> dict[str, list[str]]:
    """What the index holds when each batch is a segment and taken in by itself, from `bulk` lines on as a bulk."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "BULK", bulk)
        home = LabHome(Path(folder, "home")).create()
        catalog = Catalog(home)
        for number, batch in enumerate(batches):
            lines = b"".join(_encode(event, None) + b"\n" for event in batch)
            (home.journal / f"{number:03}-1-x.jsonl").write_bytes(lines)
            catalog.refresh()
        found = {}
        for table in TABLES:
            columns = [row["column_name"] for row in catalog.rows("SELECT column_name FROM (DESCRIBE " + table + ")")]
            columns = [name for name in columns if name != "spot"]  # where a row lies, which is as it came
            rows = catalog.rows("SELECT * FROM " + table)
            found[table] = sorted(json.dumps([str(row[name]) for name in columns]) for row in rows)
        catalog.close()
        return found


EXPECTED = tables([EVENTS])


def test_the_story_ends_as_it_should() -> None:
    own = [row for row in EXPECTED["run_table"] if "again-" not in row and "waits" not in row]
    revised = [row for row in EXPECTED["run_table"] if "again-" in row]
    assert len(own) == len(revised) == 2
    assert all("finished" in row and "three" in row and "second" in row for row in own)
    assert all('"new"' in row and "6.0" in row and "finished" not in row for row in revised), "the last revision holds"
    assert all("second-name" in row and "false" in row.lower() for row in own)
    assert len(EXPECTED["edits"]) == 38
    assert sum("gone" in row for row in EXPECTED["all_runs"]) == 2, "a purged run leaves a tombstone"
    assert all("hopeless" in row and "4.5" in row for row in own)
    assert ["queued" in row for row in EXPECTED["run_table"] if "waits" in row] == [True], "its claim was given back"
    assert [row.split(", ")[:2] for row in sorted(EXPECTED["queue_marks"])] == [
        ['["jobs"', '"2"'],
        ['["paused"', '"0"'],
    ]
    assert all('"s"' in row and "first" in row and "second" not in row for row in EXPECTED["sweeps"])
    assert "lr<2" in EXPECTED["run_views"][0]
    assert "True" in EXPECTED["run_views"][1]
    assert "/two" in EXPECTED["projects"][0]
    assert len(EXPECTED["dataset_table"]) == 2
    assert "b3:1" in EXPECTED["dataset_table"][0]
    assert all("small" in row and "second" in row and "blocked" in row for row in EXPECTED["dataset_table"])
    assert "stopped" in EXPECTED["deployments"][0]
    assert "5.0" in EXPECTED["deployments"][0], "when it was ready is still known after it was stopped"
    (served,) = EXPECTED["deployments"]
    assert '"m", "3", "None", "docker", "8200", "i", "3"' in served, "the last release holds"
    assert "rolled back" in EXPECTED["rollouts"][0], "of several ends the first holds"
    assert len(EXPECTED["rollout_steps"]) == 2


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.permutations(EVENTS),
    st.lists(st.integers(0, len(EVENTS)), max_size=5),
    st.lists(st.sampled_from(EVENTS)),
    st.sampled_from([1, 5, ingest.BULK]),
)
def test_any_order_any_batches_any_repetition(
    order: list[Event], cuts: list[int], again: list[Event], bulk: int
) -> None:
    edges = [0, *sorted(cuts), len(order)]
    batches = [order[start:end] for start, end in pairwise(edges)]
    assert tables([*batches, [*again, *again]], bulk) == EXPECTED


def test_every_query_can_be_prepared(tmp_path: Path) -> None:
    modules = (
        connection, datasets, deployments, index_module, ingest, models, projects, queue, rollouts, runs, sweeps, views,
        filters, firings,
    )  # fmt: skip
    queries = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, str) and value.lstrip().startswith(("SELECT ", "WITH ", "INSERT ", "UPDATE ", "DELETE "))
    }
    index = Index(LabHome(tmp_path).create())
    index._con.execute(ingest.INCOMING)
    shown = set()
    parts = {f"lab.catalog.{name}" for name in ("runs._COLUMNS", "runs._SHOWN", "runs._PAGE", "queue._ASKED")}
    for name, sql in queries.items():
        whole = name not in parts
        if whole and "read_json" not in sql:
            index._con.execute("PREPARE q AS " + sql)
            shown.add(name)
    index.close()
    assert len(shown) > 25, "they are found by what they begin with"


def test_every_statement_can_be_prepared(tmp_path: Path) -> None:
    index = Index(LabHome(tmp_path).create())
    index._con.execute(ingest.INCOMING)
    for statement in ingest.STATEMENTS:
        index._con.execute("EXPLAIN " + statement.sql)
    index.close()
    kinds = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    assert {statement.type for statement in ingest.STATEMENTS} == kinds, "every kind of event is taken in"
