"""Folders of other tools' results as runs of a lab: once, again, as they grow, and when parts cannot be read."""

from __future__ import annotations

import json
import os
import shutil
import struct
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from foreign import LOSS, age, lay_out, same

from lab.cli import main as cli
from lab.domain.imports import ImportReport, ImportRequest, Outcome
from lab.domain.query import RunQuery, parse_filter, parse_order
from lab.domain.runs import Run, RunStatus
from lab.errors import ConflictError, NotFoundError
from lab.experiments.readers.crc32c import crc32c, masked
from lab.workspace import Workspace


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home", tmp_path, engine="process") as opened:
        yield opened


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "study")


def quiet(_line: str) -> None:
    pass


def take(ws: Workspace, root: Path, **options: object) -> ImportReport:
    return ws.runs.imports.look(ImportRequest(root, **options), quiet)  # type: ignore[arg-type]


def the(ws: Workspace, tag: str, name: str = "") -> Run:
    found = ws.runs.list(RunQuery(parse_filter(f"tag:{tag}"), limit=100)).items
    (run,) = [run for run in found if name in ("", run.name)]
    return run


def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def event(tag: str, value: float, step: int, moment: float) -> bytes:
    """One scalar as a TFRecord."""
    inner = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    data = b"\x09" + struct.pack("<d", moment) + b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    size = struct.pack("<Q", len(data))
    return size + struct.pack("<I", masked(crc32c(size))) + data + struct.pack("<I", masked(crc32c(data)))


def test_a_mixed_folder_becomes_runs_of_one_table(ws: Workspace, study: Path) -> None:
    report = take(ws, study)
    assert (report.count(Outcome.NEW), report.unread, report.live) == (17, (), ())
    page = ws.runs.list(RunQuery(parse_filter("tag:imported"), limit=100))
    assert page.total == 17
    assert {run.id for run in page.items} == {item.id for item in report.items}
    assert {run.project for run in page.items} == {"study"}
    assert {run.engine for run in page.items} == {"imported"}
    for run in page.items:
        names = [name for name in ("train/loss", "train.loss", "loss", "train/box_loss") if name in run.metrics]
        for name in names:
            history = ws.runs.history(run.id, name)
            wanted = [struct.unpack("<f", struct.pack("<f", x))[0] for x in LOSS] if "tensorboard" in run.tags else LOSS
            assert same(list(history.values), wanted), (run.tags, name)
            summary = run.metrics[name]
            assert (summary.count, summary.last, summary.min, summary.max) == (10, wanted[-1], wanted[-1], 1.0)


def test_importing_again_adds_nothing_and_writes_nothing(ws: Workspace, study: Path) -> None:
    first = take(ws, study)
    events = sum(path.stat().st_size for path in ws.home.journal.iterdir())
    again = take(ws, study)
    assert [item.outcome for item in again.items] == [Outcome.UNCHANGED] * 17
    assert [item.id for item in again.items] == [item.id for item in first.items]
    # What is remembered of the sources is a cache: without it all is read again, and found to be the same.
    for state in ws.home.imports.iterdir():
        state.unlink()
    assert [item.outcome for item in take(ws, study).items] == [Outcome.UNCHANGED] * 17
    assert sum(path.stat().st_size for path in ws.home.journal.iterdir()) == events
    assert ws.runs.list().total == 17


def test_a_part_of_a_folder_gives_the_same_runs(ws: Workspace, study: Path) -> None:
    take(ws, study)
    for part in ("mlruns", "wandb", "mlflow/mlflow.db", "dvclive", "tensorboard/v2", "plain/history.csv"):
        report = take(ws, study / part)
        assert report.items
        assert {item.outcome for item in report.items} == {Outcome.UNCHANGED}, part


def test_a_dry_run_tells_and_changes_nothing(ws: Workspace, study: Path) -> None:
    report = take(ws, study, dry=True)
    assert report.count(Outcome.NEW) == 17
    assert list(ws.home.runs.iterdir()) == []
    assert not ws.home.imports.exists()
    assert ws.runs.list().total == 0


def test_a_source_that_grew_is_told_again(ws: Workspace, study: Path) -> None:
    take(ws, study / "mlruns")
    (path,) = study.glob("mlruns/*/*/metrics/train/loss")
    run_folder = path.parents[2]
    with open(path, "a") as file:
        file.write("1700000010000 0.05 10\n")
    (run_folder / "params" / "late").write_text("9")
    report = take(ws, study / "mlruns")
    assert report.count(Outcome.UPDATED) == 1
    run = the(ws, "imported", "first")
    assert run.metrics["train/loss"].last == 0.05
    assert run.metrics["train/loss"].count == 11
    assert run.params["late"] == 9
    assert list(ws.runs.history(run.id, "train/loss").steps)[-1] == 10.0


def test_what_the_user_wrote_stays(ws: Workspace, study: Path) -> None:
    take(ws, study / "mlruns")
    run = the(ws, "imported", "first")
    assert (run.notes, run.tags) == ("a note", ("imported", "mlflow", "stage=try"))
    ws.runs.tag(run.id, ["mine"])
    ws.runs.note(run.id, "better")
    path = next(path for path in study.glob("mlruns/*/*/metrics/acc") if "1700000000500" in path.read_text())
    with open(path, "a") as file:
        file.write("1700000010000 0.9 10\n")
    take(ws, study / "mlruns")
    run = ws.runs.get(run.id)
    assert (run.notes, run.tags) == ("better", ("mine",))


def test_the_index_made_anew_holds_the_same(ws: Workspace, study: Path) -> None:
    take(ws, study)
    (path,) = study.glob("mlruns/*/*/metrics/train/loss")
    with open(path, "a") as file:
        file.write("1700000010000 0.05 10\n")
    take(ws, study)
    before = ws.runs.list(RunQuery(limit=100)).items
    ws.rebuild()
    after = ws.runs.list(RunQuery(limit=100)).items
    assert [repr(run) for run in after] == [repr(run) for run in before]


def test_a_run_that_says_running_for_ever_is_lost(ws: Workspace, study: Path) -> None:
    take(ws, study)
    third = [run for run in ws.runs.list(RunQuery(limit=100)).items if run.name == "third"]
    assert [run.status for run in third] == [RunStatus.LOST, RunStatus.LOST]
    assert third[0].cause.startswith("lost: mlflow says running, but has written nothing since 20")


def live_run(study: Path) -> tuple[Path, Path]:
    """The MLflow run that never ended, as if it were being written now: its folder and a metric."""
    (meta,) = [path for path in study.glob("mlruns/*/*/meta.yaml") if "run_name: third" in path.read_text()]
    lines = meta.read_text().splitlines()
    now = int(time.time() * 1000)
    meta.write_text("\n".join(f"start_time: {now}" if line.startswith("start_time") else line for line in lines) + "\n")
    metric = meta.parent / "metrics" / "loss"
    metric.parent.mkdir(exist_ok=True)
    metric.write_text(f"{now} 1.0 0\n")
    return meta, metric


def test_a_live_run_is_running_grows_and_ends_without_another_import(ws: Workspace, study: Path) -> None:
    meta, metric = live_run(study)
    report = take(ws, study / "mlruns")
    assert len(report.live) == 1
    run = ws.runs.get(report.live[0])
    assert run.status is RunStatus.RUNNING
    assert run.metrics["loss"].last == 1.0
    with open(metric, "a") as file:
        file.write(f"{int(time.time() * 1000)} nan 1\n{int(time.time() * 1000)} 0.25 2\n")

    def grown() -> bool:
        ws.settle()
        return ws.runs.get(run.id).metrics["loss"].count == 3

    until(grown)
    assert same(list(ws.runs.history(run.id, "loss").values), [1.0, float("nan"), 0.25])
    with pytest.raises(ConflictError, match="imported"):
        ws.runs.stop(run.id)
    meta.write_text(
        meta.read_text()
        .replace("status: 1", "status: 3")
        .replace("end_time: null", f"end_time: {int(time.time() * 1000)}")
    )
    until(lambda: ws.settle() == [] and not ws.runs.get(run.id).status.active)
    ended = ws.runs.get(run.id)
    assert (ended.status, ended.cause) == (RunStatus.FINISHED, "finished, says mlflow")
    assert ended.metrics["loss"].count == 3
    assert not ws.home.run(run.id).events.exists()


def test_an_ended_run_that_was_resumed_is_running_again(ws: Workspace, study: Path) -> None:
    take(ws, study / "mlruns")
    meta, _ = live_run(study)
    report = take(ws, study / "mlruns")
    (id,) = report.live
    run = ws.runs.get(id)
    assert (run.status, run.cause, run.ended) == (RunStatus.RUNNING, "", None)
    meta.write_text(meta.read_text().replace("status: 1", "status: 4"))
    take(ws, study / "mlruns")
    assert ws.runs.get(id).status is RunStatus.FAILED


def test_a_live_run_whose_files_are_taken_away_is_lost_with_what_was_seen(ws: Workspace, study: Path) -> None:
    live_run(study)
    (id,) = take(ws, study / "mlruns").live
    os.rename(study, study.parent / "elsewhere")
    until(lambda: ws.settle() == [] and not ws.runs.get(id).status.active)
    run = ws.runs.get(id)
    assert (run.status, run.cause) == (RunStatus.LOST, "lost: the files that it was imported from are gone")
    assert list(ws.runs.history(id, "loss").values) == [1.0]


def test_following_ends_with_the_last_live_source(ws: Workspace, tmp_path: Path) -> None:
    study = lay_out(tmp_path / "live", "mlruns")
    meta, metric = live_run(study)
    reports: list[ImportReport] = []

    def write() -> None:
        for step in range(1, 4):
            seen = len(reports)
            until(lambda seen=seen: len(reports) > seen)  # type: ignore[misc]
            with open(metric, "a") as file:
                file.write(f"{int(time.time() * 1000)} {step / 4} {step}\n")
        meta.write_text(meta.read_text().replace("status: 1", "status: 3"))

    writer = threading.Thread(target=write)
    writer.start()
    for report in ws.runs.imports.follow(ImportRequest(study), quiet, lambda: False):
        reports.append(report)  # noqa: PERF402 (the writer waits for each)
    writer.join(10)
    assert reports[-1].live == ()
    third = the(ws, "imported", "third")
    assert (third.status, third.metrics["loss"].count) == (RunStatus.FINISHED, 4)


def test_a_silent_tool_is_live_while_it_writes(ws: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "tb" / "a" / "events.out.tfevents.1"
    path.parent.mkdir(parents=True)
    now = time.time()
    path.write_bytes(b"".join(event("loss", 1.0, step, now) for step in range(3)))
    report = take(ws, tmp_path / "tb")
    assert [item.status for item in report.items] == ["running"]
    with open(path, "ab") as file:
        file.write(event("loss", 0.5, 3, now)[:-3])
    assert ws.runs.get(report.live[0]).metrics["loss"].count == 3
    age(tmp_path / "tb", now - 3600)
    item = take(ws, tmp_path / "tb").items[0]
    assert (item.status, item.points) == ("finished", 3)
    assert ws.runs.get(item.id).cause == "imported: tensorboard does not say how it ended"


def test_imported_runs_are_found_compared_and_never_run(ws: Workspace, study: Path) -> None:
    take(ws, study)
    query = RunQuery(parse_filter("train/loss<0.2 model=forest tag:mlflow"), parse_order("acc"))
    found = ws.runs.list(query).items
    assert len(found) == 2
    comparison = ws.runs.compare([found[0].id, the(ws, "wandb").id])
    assert [row.key for row in comparison.metrics if row.key == "train/loss"] == ["train/loss"]
    wandb = the(ws, "wandb")
    assert "hello from the run" in ws.runs.logs.tail(wandb.id)
    assert list(ws.runs.logs.tail(found[0].id)) == []
    for act in (lambda: ws.runs.rerun(wandb.id), lambda: ws.runs.stop(wandb.id)):
        with pytest.raises(ConflictError):
            act()


def test_artifacts_stay_where_they_are_unless_copied(ws: Workspace, study: Path) -> None:
    take(ws, study / "mlruns")
    run = the(ws, "imported", "first")
    folder = ws.home.run(run.id)
    assert not folder.artifacts.exists()
    (artifact,) = json.loads(folder.origin.read_text())["artifacts"]
    assert Path(artifact).read_text() == "hello"
    take(ws, study / "mlruns", copy=True)
    assert (folder.artifacts / "artifacts" / "notes" / "hello.txt").read_text() == "hello"


def test_what_was_purged_stays_out_until_it_is_asked_for(ws: Workspace, study: Path) -> None:
    take(ws, study / "mlruns")
    run = the(ws, "imported", "first")
    done = ws.purge.apply(ws.purge.plan([run]))
    for _ in range(2):
        report = take(ws, study / "mlruns")
        assert [item.id for item in report.items if item.outcome is Outcome.PURGED] == [run.id]
        assert not ws.home.run(run.id).root.exists()
    for state in ws.home.imports.iterdir():
        state.unlink()
    assert take(ws, study / "mlruns").count(Outcome.PURGED) == 1, "also where it is read again"
    again = take(ws, study / "mlruns", again=True)
    assert [item.id for item in again.items if item.outcome is Outcome.NEW] == [run.id]
    assert the(ws, "imported", "first").metrics == run.metrics
    ws.store.restore(done.batch)
    assert the(ws, "imported", "first").name == run.name
    assert take(ws, study / "mlruns").count(Outcome.UNCHANGED) == len(again.items)


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_is_a_folder_that_was_put_away(ws: Workspace, study: Path, tmp_path: Path, kind: str) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "old-study"), kind, study))
    report = take(ws, archive)
    assert (report.count(Outcome.NEW), report.unread, report.live) == (17, (), ())
    assert {item.project for item in report.items} == {"old-study"}
    assert all(item.source.startswith(str(archive)) for item in report.items)
    mine = next(item for item in report.items if item.name == "first"
                and (ws.home.run(item.id).artifacts / "artifacts").exists())  # fmt: skip
    assert (ws.home.run(mine.id).artifacts / "artifacts" / "notes" / "hello.txt").read_text() == "hello"
    again = take(ws, archive)
    assert [item.id for item in again.items] == [item.id for item in report.items]
    assert again.count(Outcome.UNCHANGED) == 17
    assert list(ws.home.unpacked.iterdir()) == []
    archive.write_bytes(archive.read_bytes()[:500])
    assert [item.path for item in take(ws, archive).unread] == [str(archive)]


def test_the_project_is_the_folders_name_or_what_was_said(ws: Workspace, study: Path) -> None:
    take(ws, study)
    take(ws, study / "mlruns", project="digits")
    assert the(ws, "wandb").project == "study"
    assert {run.project for run in ws.runs.list(RunQuery(parse_filter("tag:mlflow"))).items} == {"study", "digits"}
    take(ws, study)
    assert ws.runs.list(RunQuery(parse_filter("project=digits"))).total == 3


def test_a_folder_that_is_not_there(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        take(ws, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert take(ws, tmp_path / "empty") == ImportReport((), ())


def test_hostile_names_are_shown_harmless(ws: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "evil\x1b[2J"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("step,\x1b]0;owned\x07loss,\u202egnp\n1,2,3\n")
    age(tmp_path / "in")
    (item,) = take(ws, tmp_path / "in").items
    run = ws.runs.get(item.id)
    assert not any(ord(char) < 32 or char == "\u202e" for text in (run.name, *run.metrics) for char in text)


def lab(home: Path, *words: str) -> tuple[int, dict[str, object], str]:
    """The command line with `--json`: exit code, document, narration."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        code = cli.run([*words, "--home", str(home), "--json"], lambda *_: 0)
    return code, json.loads(out.getvalue()), err.getvalue()


def test_the_command_lists_what_it_could_not_read(tmp_path: Path) -> None:
    study = lay_out(tmp_path / "study")
    home = tmp_path / "home"
    code, document, _ = lab(home, "import", str(study))
    assert (code, document["total"], document["new"], document["unread"]) == (0, 17, 17, [])
    (log,) = study.glob("wandb/*/*.wandb")
    data = bytearray(log.read_bytes())
    data[2000] ^= 0xFF
    log.write_bytes(data)
    (study / "mlflow" / "mlflow.db").write_bytes(b"SQLite format 3\0" + bytes(5000))
    (study / "sacred" / "1" / "run.json").write_text("{")
    for _ in range(2):  # what was not read is told each time
        code, document, _ = lab(home, "import", str(study))
        assert code == 1
        reasons = {Path(str(item["path"])).name: item["reason"] for item in document["unread"]}  # type: ignore[attr-defined]
        assert reasons[log.name].startswith("damaged at byte")
        assert "not JSON" in reasons["1"]
    code, document, _ = lab(home, "runs", "show", str(document["items"][0]["id"]))  # type: ignore[index]
    assert (code, document["engine"], document["command"]) == (0, "imported", None)
    code, document, _ = lab(home, "import", str(tmp_path / "nowhere"))
    assert code == 3
