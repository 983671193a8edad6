"""What screens say of runs, comparisons, deployments and answers: pure functions."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest

from lab.domain.compare import Comparison
from lab.domain.compare import Row as Line
from lab.domain.datasets import Column, Dataset, DatasetVersion, Verdict
from lab.domain.deployments import Deployment, DeploymentStatus, Health
from lab.domain.guards import Firing
from lab.domain.metric_order import metric_order
from lab.domain.models import Model, ModelVersion
from lab.domain.payloads import from_json
from lab.domain.rollouts import Rollout, RolloutStep
from lab.domain.runs import MetricSummary, Param, Run, RunStatus
from lab.domain.standing import Standing
from lab.errors import UsageError
from lab.stores.run_files import list_files
from lab.ui.jobs import Job, status_row
from lab.ui.render.number import format_time
from lab.ui.render.predictions import answer_rows
from lab.ui.render.rows import Cell, Row
from lab.ui.render.status import mark
from lab.ui.screens.command_log import job_rows
from lab.ui.screens.compare_cells import compare_columns, compare_rows
from lab.ui.screens.data import dataset_row, schema_rows
from lab.ui.screens.deployment_cells import deployment_facts, deployment_row, rate_line, shown_status
from lab.ui.screens.home_cells import about, heading, home_lines, home_rows, notice_rows, opened_by
from lab.ui.screens.list_screen import fits
from lab.ui.screens.models import model_row, version_columns, version_facts, version_rows
from lab.ui.screens.predict import payload_text
from lab.ui.screens.run_cells import (
    headline,
    param_text,
    progress_text,
    run_columns,
    run_heading,
    run_row,
    run_summary,
)
from lab.ui.screens.run_metrics import listed_metrics
from lab.ui.screens.run_pages import PAGE, UNKNOWN, RunPages, pages_of

NOW = 1_800_000_000.0
SUMMARY = MetricSummary(0.9, 0.1, 0.95, 0.5, 12, 11.0)


def run(**changes: object) -> Run:
    base = Run(
        "r1", "calm-otter-42", "digits", "train", RunStatus.FINISHED, "finished", 0, "docker",
        params={"lr": 0.1, "epochs": 30}, metrics={"loss": SUMMARY, "accuracy": SUMMARY},
        created=NOW - 100, started=NOW - 90, ended=NOW - 30,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def text(row: Row) -> str:
    return " | ".join(cell.text for cell in row.cells)


def words(rows: list[list[tuple[str, str]]]) -> str:
    return "\n".join("".join(part for part, _ in row) for row in rows)


def test_a_row_has_a_cell_per_column() -> None:
    columns = run_columns(["lr", "missing"], ["accuracy", "missing"])
    row = run_row(run(), columns, NOW)
    cells = {column.id: cell.text for column, cell in zip(columns, row.cells, strict=True)}
    assert cells["status"] == "● finished"
    assert cells["created"] == "1m ago"
    assert cells["duration"] == "1m 00s"
    assert (cells["metric.accuracy"], cells["metric.missing"], cells["param.missing"]) == ("0.9000", "", "")
    assert cells["param.lr"] == "0.1"


def test_metrics_that_people_look_at_come_first() -> None:
    assert metric_order(["loss", "acc", "zeta", "val_accuracy"]) == ["val_accuracy", "acc", "loss", "zeta"]
    assert metric_order(["epochs", "rmse", "inf"]) == ["rmse", "epochs", "inf"]
    once = SUMMARY._replace(count=1)
    assert listed_metrics(run(metrics={"accuracy": once, "zeta": SUMMARY, "loss": SUMMARY})) == [
        "loss", "zeta", "accuracy",
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "shown"), [
    (0.001, "0.001"), (1e-05, "1e-05"), (3, "3"), (True, "true"), (None, "none"), ("mlp", "mlp"),
    (0.30000000000000004, "0.3"),
])  # fmt: skip
def test_parameters_are_shown_as_written(value: Param, shown: str) -> None:
    assert param_text(value) == shown


def test_progress_is_told_where_the_end_is_known() -> None:
    active = run(status=RunStatus.RUNNING, ended=None)
    assert progress_text(active).startswith("12/30")
    assert progress_text(replace(active, params={})) == "step 11"
    assert progress_text(replace(active, params={"epochs": True})) == "step 11"
    assert progress_text(replace(active, metrics={})) == "no metrics yet"
    assert "environment" in progress_text(replace(active, status=RunStatus.CREATED))
    assert progress_text(replace(active, eta=185.0)).endswith("ETA 3m 05s")
    assert progress_text(replace(active, metrics={}, eta=5.0)) == "no metrics yet  ETA 5.0s"


def test_the_heading_tells_the_cause_once() -> None:
    failed = words(run_heading(run(status=RunStatus.FAILED, cause="out of memory (limit 512 MB)"), NOW))
    assert "✖ failed" in failed
    assert failed.count("out of memory (limit 512 MB)") == 1
    assert words(run_heading(run(), NOW)).count("finished") == 1
    assert "accuracy 0.9000" in headline(run(), 1)
    assert any(pair.value == "r1" for pair in run_summary(run(), NOW))


def test_home_puts_what_is_urgent_first() -> None:
    deployment = Deployment("d1", "digits", "digits", 2, "", DeploymentStatus.READY, "docker", 8101, "i", NOW - 5)
    version = DatasetVersion("b3:0", "digits", "p", 2, NOW, 1, 2048, 10)
    standing = Standing(
        counts={"running": 1, "failed": 2, "finished": 1, "queued": 3},
        running=[run(id="a", status=RunStatus.RUNNING, ended=None)],
        waiting=[("calm", "waits for 1 of 2 cores: x uses 2"), ("brisk", ""), ("shy", "")],
        queue_eta=120.0,
        failed=[run(id="b", status=RunStatus.FAILED, cause="failed exit 3")],
        fired=[(Firing("e", "nan", "isnan(loss)", "stop", 3.0, NOW - 60, "loss was NaN at step 3"), run(id="e"))],
        latest=[run(id="c")],
        deployments=[deployment],
        datasets=[Dataset("p", "digits", "data/d.csv", version, 2)],
        models=1,
        free=10**9,
    )
    lines = home_lines(standing, {"d1": Health("d1", NOW, True, True, rate=12.0, p95=0.003)}, NOW)
    assert [(line.section, *opened_by(line.key)) for line in lines] == [
        ("NEEDS YOU", "disk", "all"),
        ("NEEDS YOU", "run", "b"),
        ("NEEDS YOU", "run", "e"),
        ("RUNNING", "run", "a"),
        ("WAITING", "queue", "all"),
        ("SERVING", "deployment", "d1"),
        ("LATELY", "run", "c"),
        ("DATA", "dataset", "p/digits"),
    ]
    rows = home_rows(lines)
    assert len({row.key for row in rows}) == len(rows)
    assert [row.cells[0].text for row in rows[:4]] == ["NEEDS YOU", "", "", "RUNNING"], "a section is named once"
    assert "failed exit 3" in text(rows[1])
    assert "guard 'nan': loss was NaN at step 3" in text(rows[2])
    assert "3 runs" in text(rows[4])
    assert "waits for 1 of 2 cores: x uses 2 (calm)   ETA 2m 00s for all" in text(rows[4])
    assert "12.0 requests/s" in text(rows[5]) or "12 requests/s" in text(rows[5])
    assert "r there runs it again" in words(about(lines[1]))
    top = heading(standing, NOW)
    assert "3 need you · 1 running · 3 waiting · 1 serving · 7 runs · 1 model · 1 dataset" in words([top])
    assert ("954 MB free", "warn bold") in top
    assert "22 need you" in words([heading(replace(standing, more_failed=19), NOW)])
    assert "nothing needs you" in words([heading(Standing({}, free=10**12), NOW)])


def test_notices_are_few_and_say_how_many_there_are() -> None:
    assert notice_rows([]) == []
    shown = words(notice_rows([f"n{number}" for number in range(9)]))
    assert "n8" in shown
    assert "n0" not in shown
    assert "6 more" in shown


def comparison() -> Comparison:
    runs = (run(id="a", name="one"), run(id="b", name="two"), run(id="c", name="three"))
    return Comparison(
        runs, "b",
        params=(Line("lr", (0.1, 0.2, None), True), Line("epochs", (3, 3, 3), False)),
        metrics=(Line("loss", (0.5, 0.4, None), True), Line("acc", (0.9, 0.9, math.nan), True)),
        datasets=(Line("digits", ("v1", "v1", "v2"), True),), environment=(Line("image", ("i", "i", "i"), False),),
        code_same=False,
    )  # fmt: skip


def test_a_comparison_is_against_the_baseline() -> None:
    rows = {row.key: [cell.text for cell in row.cells] for row in compare_rows(comparison(), everything=False)}
    assert rows["metric.loss"] == ["loss", "0.5000  +0.100 (+25.0%)", "0.4000", "–"]
    assert rows["metric.acc"] == ["acc", "0.9000  =", "0.9000", "nan"]
    assert rows["parameters.lr"] == ["lr", "0.1", "0.2", "–"]
    assert "parameters.epochs" not in rows
    assert "data.digits" in rows
    assert "code.differs" in rows
    everything = [row.key for row in compare_rows(comparison(), everything=True)]
    assert {"parameters.epochs", "environment.image"} <= set(everything)
    assert len(everything) == len(set(everything))
    titles = [column.title for column in compare_columns(comparison())]
    assert [title.endswith("(base)") for title in titles] == [False, False, True, False]


def test_pages_know_what_they_do_not_know() -> None:
    wanted: list[int] = []
    pages = RunPages(250, lambda one: Row(one.id, (Cell(one.notes),)), wanted.append)
    pages.put(0, [run(id=f"a{index}") for index in range(PAGE)])
    last = PAGE - 1
    keys = [f"a{last - 1}", f"a{last}", f"{UNKNOWN}{PAGE}", f"{UNKNOWN}{PAGE + 1}"]
    assert [row.key for row in pages.window(last - 1, 4)] == keys
    assert set(wanted) == {1}
    assert pages.find(f"a{last}") == last
    assert pages.get(f"{UNKNOWN}{PAGE}") is None
    pages.put(0, [run(id="b0")])
    assert pages.find(f"a{last}") is None
    assert pages.window(1, 1)[0].key.startswith(UNKNOWN)
    assert pages.window(249, 10)[0].key == f"{UNKNOWN}249"
    assert list(pages_of(0, last)) == [0]
    assert list(pages_of(-5, 2 * PAGE + 5)) == [0, 1, 2]


def test_pages_beside_each_other_are_taken_in_at_once() -> None:
    pages = RunPages(250, lambda one: Row(one.id, (Cell(one.notes),)), lambda page: None)
    pages.put_all(range(2, 4), [run(id=f"a{index}") for index in range(PAGE + 3)])
    assert pages.find("a0") == 2 * PAGE
    assert pages.find(f"a{PAGE + 2}") == 3 * PAGE + 2
    assert pages.find(f"a{PAGE + 3}") is None
    assert pages.window(2 * PAGE, 1) == [Row("a0", (Cell(""),))]
    pages.update(run(id="a0", notes="later"))
    pages.update(run(id="elsewhere", notes="later"))
    assert pages.window(2 * PAGE, 2) == [Row("a0", (Cell("later"),)), Row("a1", (Cell(""),))]
    known = pages.get("a0")
    assert known is not None
    assert known.notes == "later"
    assert pages.find("elsewhere") is None


def test_a_deployment_that_does_not_answer_is_not_called_ready() -> None:
    one = Deployment(
        "d", "n", "m", 1, "champion", DeploymentStatus.READY, "docker", 8101, "i", NOW - 60, ready=NOW - 58
    )
    silent = Health("d", NOW, live=False, ready=False, reason="does not answer")
    assert shown_status(one, silent) is DeploymentStatus.UNHEALTHY
    assert shown_status(one, None) is DeploymentStatus.READY
    assert shown_status(replace(one, status=DeploymentStatus.STOPPED), silent) is DeploymentStatus.STOPPED
    assert "▲ unhealthy" in text(deployment_row(one, silent, [], NOW))
    facts = {pair.label: pair.value for pair in deployment_facts(one, silent, [], NOW)}
    assert facts["not ready"] == "does not answer"
    busy = Health("d", NOW, True, True, rate=3.0, p50=0.001, p95=0.002, p99=0.004, rss=2**20,
                  memory_limit=2**30, cpu=0.5, requests=10, errors=1, uptime=60.0)  # fmt: skip
    facts = {pair.label: pair.value for pair in deployment_facts(one, busy, [1.0, 3.0], NOW)}
    assert "p95 2ms" in facts["latency"]
    assert facts["memory"] == "1 MB of 1 GB"
    assert "ready after" not in facts, "that of a later version is no time that it took"
    steps = (RolloutStep("canary", True, NOW - 5, 1.0, "50 % of the requests for 20 s"),)
    coming = Rollout("x", one.id, 2, one.model, one.version + 1, "", "canary", "", NOW - 14, steps=steps)
    assert f"{one.model}:v{one.version} › v{one.version + 1}" in text(deployment_row(one, busy, [], NOW, coming))
    rolling = {pair.label: pair.value for pair in deployment_facts(one, busy, [], NOW, (), coming)}
    told = f"{one.model}:v{one.version + 1}, canary, for 14s (canary: 50 % of the requests for 20 s)"
    assert rolling["rolling out"] == told
    other = replace(coming, model="other")
    assert f"{one.model}:v{one.version} › other:v" in text(deployment_row(one, busy, [], NOW, other))
    later = {pair.label: pair.value for pair in deployment_facts(replace(one, ready=NOW - 30), busy, [], NOW)}
    assert later["serves since"] == format_time(NOW - 30, NOW)
    assert rate_line([0.0, 0.0], 8) == ""
    assert rate_line([0.0, 1.0], 8).strip()


def test_versions_are_measured_against_the_champion() -> None:
    first = ModelVersion("m", 1, "b3:1", "sklearn", "r1", "p", NOW, 10, metrics={"acc": 0.8})
    second = replace(
        first, number=2, metrics={"acc": 0.9}, signature={"inputs": [{"name": "x", "dtype": "float64"}, 3]}
    )
    columns = version_columns(["acc"])
    rows = {row.key: text(row) for row in version_rows([second, first], {"champion": 1}, ["acc"], NOW)}
    assert "0.9000 +0.100" in rows["v2"]
    assert "champion" in rows["v1"]
    assert "+" not in rows["v1"]
    assert len(columns) == len(version_rows([first], {}, ["acc"], NOW)[0].cells)
    assert "x float64, 3" in words([[(pair.value, "")] for pair in version_facts(second)])
    assert "none" in text(model_row(Model("m", second, 2), NOW))
    assert "v1" in text(model_row(Model("m", second, 2, {"champion": 1}), NOW))


def test_data_rows() -> None:
    version = DatasetVersion("b3:0", "d", "p", 3, NOW - 60, 2, 2048, None, (Column("a", "int64"),), "why")
    one = Dataset("p", "d", "x.csv", version, 3, {"best": 3, "old": 1})
    assert text(dataset_row(one, None, NOW)).startswith("d | v3 @best |  | – | 2 KB")
    blocked = Dataset("p", "d", "x.csv", replace(version, verdict=Verdict.BLOCKED), 3)
    assert text(dataset_row(blocked, mark("warn", "changed"), NOW)).startswith("d | v3 ✖ | ▲ changed")
    assert [text(row) for row in schema_rows(version)] == ["a | int64"]


def test_answers_and_payloads() -> None:
    assert from_json('{"rows": [{"a": 1}]}') == {"rows": [{"a": 1}]}
    for wrong in ("", "[]", "1", "{"):
        with pytest.raises(UsageError):
            from_json(wrong)
    assert from_json(payload_text({"data": [[1, 2], [3, 4]]})) == {"data": [[1, 2], [3, 4]]}
    assert from_json(payload_text({"rows": [{"a": "\x1b"}], "more": 1})) == {"rows": [{"a": "\x1b"}], "more": 1}
    answer = {"predictions": [8, "[/x]"], "probabilities": [[0.1, 0.7, 0.2], "odd"], "model": "digits"}
    shown = words(answer_rows(answer, ["zero", "one"], 0.008))
    assert "one ▕" in shown or "one " in shown
    assert shown.index("one") < shown.index("#2") < shown.index("zero")
    assert "70.0%" in shown
    assert "model  digits" in shown
    assert "and 988 more" in words(answer_rows({"predictions": list(range(1000))}, [], 0.1))


def test_jobs_in_the_status_line_and_the_log() -> None:
    assert status_row([]) == []
    job = Job("launching train", "lab run train", "running")
    job.say("building \x1b[2J image\n")
    shown = words([status_row([job, Job("deploying", state="waiting")])])
    assert "launching train" in shown
    assert "building [2J image" in shown
    assert "+1 more" in shown
    rows = job_rows([job, Job("x", "", "failed", "boom")], time.time())
    assert [row.cells[1].text for row in rows] == ["failed", "running"]


def test_a_filter_of_words() -> None:
    assert fits("", "a")
    assert fits("DIG ml", "digits", "mlp")
    assert not fits("digits nope", "digits")


def test_files_of_a_run(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("x")
    (tmp_path / "artifacts" / "code").mkdir(parents=True)
    (tmp_path / "artifacts" / "code" / "a.png").write_text("xyz")
    (tmp_path / "stdout.log").symlink_to("/etc/passwd")
    found = {path: size for path, size, _ in list_files(tmp_path)}
    assert found.keys() == {"artifacts/code/a.png", "stdout.log"}
    assert found["artifacts/code/a.png"] == 3
    assert found["stdout.log"] == len("/etc/passwd")
    assert len(list_files(tmp_path, most=1)) == 1
