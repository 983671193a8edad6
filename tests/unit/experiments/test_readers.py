"""Every reader on what its tool really wrote, and on what nobody should have written."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from foreign import LOSS, PARAMS, SAMPLES, lay_out, read_all, same

from lab.domain.imports import Unread
from lab.domain.runs import RunStatus
from lab.experiments.readers import sqlite
from lab.experiments.readers.base import METRICS_MAX, ForeignRun, Metrics, Unreadable
from lab.experiments.readers.files import load, yaml_object
from lab.experiments.readers.find import sources
from lab.experiments.readers.values import PARAMS_MAX, flat, word


def one(root: Path, name: str = "", tool: str = "") -> ForeignRun:
    found, unread = read_all(root)
    (run,) = [run for of, run in found if name in ("", run.name) and tool in ("", of)]
    assert not unread
    return run


SINGLE = [struct.unpack("<f", struct.pack("<f", value))[0] for value in LOSS]


@pytest.mark.parametrize(
    ("folder", "tool", "name", "metric", "status"),
    [
        ("mlruns", "mlflow", "first", "train/loss", RunStatus.FINISHED),
        ("mlflow", "mlflow", "first", "train/loss", RunStatus.FINISHED),
        ("wandb", "wandb", "first", "train/loss", RunStatus.FINISHED),
        ("tensorboard", "tensorboard", "tensorboard/first", "train/loss", None),
        ("tensorboard", "tensorboard", "tensorboard/v2", "train/loss", None),
        ("dvclive", "dvclive", "dvclive", "train/loss", None),
        ("sacred", "sacred", "digits-1", "train.loss", RunStatus.FINISHED),
        ("trackio", "trackio", "first", "train/loss", None),
        ("lightning_logs", "lightning", "lightning_logs/version_0", "train/loss", None),
        ("outputs", "huggingface", "outputs", "loss", RunStatus.FINISHED),
        ("runs", "ultralytics", "runs/detect/train", "train/box_loss", None),
        ("plain", "csv", "plain/history", "loss", None),
    ],
)
def test_values_steps_and_status_are_exact(
    tmp_path: Path, folder: str, tool: str, name: str, metric: str, status: RunStatus | None
) -> None:
    run = one(lay_out(tmp_path, folder), name, tool)
    series = run.metrics[metric]
    assert same(list(series.values), SINGLE if tool == "tensorboard" else LOSS)
    first = 1 if tool == "ultralytics" else 0  # epochs count from one
    assert list(series.steps) == [float(step + first) for step in range(10)]
    assert run.status is status
    assert run.problems == ()


@pytest.mark.parametrize("folder", ["mlruns", "mlflow", "wandb", "dvclive", "trackio", "lightning_logs"])
def test_parameters_keep_their_kind(tmp_path: Path, folder: str) -> None:
    found, _ = read_all(lay_out(tmp_path, folder))
    params = next(run.params for _, run in found if run.params)
    assert {key: params[key] for key in PARAMS} == PARAMS
    assert all(type(params[key]) is type(value) for key, value in PARAMS.items())


@pytest.mark.parametrize("folder", ["mlruns", "mlflow"])
def test_mlflow_tells_names_tags_notes_times_and_endings(tmp_path: Path, folder: str) -> None:
    found, _ = read_all(lay_out(tmp_path, folder))
    runs = {run.name: run for _, run in found if run.group == "digits"}
    assert {name: run.status for name, run in runs.items()} == {
        "first": RunStatus.FINISHED,
        "second": RunStatus.FAILED,
        "third": RunStatus.RUNNING,
    }
    first = runs["first"]
    assert (first.tags, first.notes, len(first.uid)) == (("stage=try",), "a note", 32)
    assert list(first.metrics["acc"].times) == [1_700_000_000.5, 1_700_000_005.5]
    assert first.started is not None
    assert first.ended is not None
    assert 0 < first.ended - first.started < 60


def test_artifacts_are_found_where_the_store_is_now(tmp_path: Path) -> None:
    run = one(lay_out(tmp_path, "mlruns"), "first")
    assert [path.name for path in run.artifacts] == ["hello.txt"]
    assert tmp_path in run.artifacts[0].parents


def test_a_database_cannot_name_files_elsewhere_as_artifacts(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "in", "mlflow")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("mine")
    with sqlite3.connect(root / "mlflow" / "mlflow.db") as con:
        con.execute("UPDATE runs SET artifact_uri = ?", [f"file://{secret}"])
    con.close()
    assert one(root, "first").artifacts == ()


def test_a_database_is_neither_written_nor_joined_by_other_files(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "mlflow", "trackio")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}
    read_all(root)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()} == before


def test_what_stands_only_in_the_log_of_a_database_is_read(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "trackio")
    con = sqlite3.connect(root / "trackio" / "digits.db")
    con.execute("PRAGMA journal_mode = WAL")
    con.execute("PRAGMA wal_autocheckpoint = 0")
    con.execute(
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) SELECT run_id, timestamp, run_name, 99, ? "
        "FROM metrics LIMIT 1",
        ['{"late": 7.5}'],
    )
    con.commit()
    assert list(one(root).metrics["late"].values) == [7.5]
    con.close()


def test_wandb_tells_all_that_a_run_was(tmp_path: Path) -> None:
    run = one(lay_out(tmp_path, "wandb"))
    assert (run.name, run.group, run.tags, run.notes, run.exit_code) == ("first", "digits", ("try",), "a note", 0)
    assert run.params["net.width"] == 8
    assert run.log is not None
    assert "hello from the run" in run.log.read_text()
    times = list(run.metrics["train/loss"].times)
    assert times == sorted(times)
    assert run.started is not None
    assert run.started < times[0] < run.started + 60


def test_tensorboard_hyperparameters_and_their_verdict(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "tensorboard")
    old = one(root, "tensorboard/first/hparams")
    assert (dict(old.params), old.status) == (PARAMS, RunStatus.FINISHED)
    assert dict(one(root, "tensorboard/v2").params) == PARAMS
    assert "note/text_summary" not in one(root, "tensorboard/first").metrics


def test_a_tag_of_python_in_yaml_does_nothing(tmp_path: Path) -> None:
    run = one(lay_out(tmp_path, "lightning_logs"))
    assert run.params["optimizer"] == '["echo owned"]'


def test_yaml_whose_merges_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    lines = ["base: &base", *(f"  k{n}: {n}" for n in range(1000)), *(f"m{n}:\n  <<: *base" for n in range(1000))]
    path.write_text("\n".join(lines))
    with pytest.raises(Unreadable, match="merged keys"):
        yaml_object(path)


def test_yaml_that_doubles_at_every_level_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    lines = ["l0: &l0 {a0: 1, b0: 2}"]
    lines += [f"l{n}: &l{n} {{<<: [*l{n - 1}, *l{n - 1}], c{n}: 1}}" for n in range(1, 40)]
    path.write_text("\n".join(lines))
    with suppress(Unreadable):  # what some versions of the parser make of it would grow without end
        assert len(yaml_object(path)["l39"]) == 41
    path.write_text(
        "a: &a [x, x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1 or ''}, *a{n - 1 or ''}]" for n in range(1, 40))
    )
    assert all(len(str(value)) <= 10_000 for value in flat(yaml_object(path)).values())


def test_of_several_checkpoints_the_last_is_the_run(tmp_path: Path) -> None:
    run = one(lay_out(tmp_path, "outputs"))
    assert list(run.metrics["eval_accuracy"].values) == [0.25, 0.75]
    assert run.params["max_steps"] == 9


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_is_read_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    path = tmp_path / "x.db"
    writer = sqlite3.connect(path, isolation_level=None)
    assert writer.execute(f"PRAGMA journal_mode={mode}").fetchone() == (mode,)
    writer.execute("CREATE TABLE metrics (value INTEGER)")
    writer.execute("INSERT INTO metrics VALUES (0)")
    plain, busy = sqlite._copy_file, 3

    def copied(part: Path, target: Path) -> None:
        nonlocal busy
        plain(part, target)
        if mode == "wal" or busy:
            writer.execute("INSERT INTO metrics SELECT max(value) + 1 FROM metrics")
            busy -= 1

    monkeypatch.setattr(sqlite, "_copy_file", copied)
    with sqlite.snapshot(path) as con:
        values = [value for (value,) in con.execute("SELECT value FROM metrics ORDER BY value")]
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert values == list(range(len(values)))
    assert len(values) >= (1 if mode == "wal" else 4)
    busy = 1 << 20
    assert sqlite.tables(path) == {"metrics"}
    if mode == "delete":
        with pytest.raises(sqlite.Restless, match="written all the time"), sqlite.snapshot(path):
            pass
    writer.close()


def test_a_log_that_begins_anew_is_copied_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode=wal")
    writer.execute("CREATE TABLE metrics (value INTEGER)")
    plain, copies = sqlite._copy_file, list[str]()

    def copied(part: Path, target: Path) -> None:
        plain(part, target)
        copies.append(part.name)
        if len(copies) == 1:
            writer.execute("INSERT INTO metrics VALUES (1)")
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            writer.execute("INSERT INTO metrics VALUES (2)")

    monkeypatch.setattr(sqlite, "_copy_file", copied)
    with sqlite.snapshot(path) as con:
        assert con.execute("SELECT value FROM metrics").fetchall() == [(1,), (2,)]
    assert copies == ["x.db", "x.db-wal"] * 2
    writer.close()


def test_a_table_of_data_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("step,value\n5,1\n3,2\n4,1\n")
    (tmp_path / "words.csv").write_text("step,word\n1,a\n2,b\n")
    (tmp_path / "plain.csv").write_text("a,b\n1,2\n")
    assert read_all(tmp_path) == ([], [])


def test_guild_runs(tmp_path: Path) -> None:
    own = tmp_path / "runs" / ("ab" * 16) / ".guild"
    (own / "attrs").mkdir(parents=True)
    (own / "opref").write_text("guildfile:/x abc digest '' train\n".replace("''", "x"))
    for name, value in {
        "flags": "lr: 0.1\ndepth: 3\n", "started": "1700000000000000", "stopped": "1700000009000000",
        "exit_status": "0", "label": "best", "tags": "[a, b]",
    }.items():  # fmt: skip
        (own / "attrs" / name).write_text(value)
    events = next((SAMPLES / "tensorboard" / "first").glob("*tfevents*"))
    shutil.copy(events, own / events.name)
    run = one(tmp_path)
    assert (run.name, run.uid, run.tags, run.status) == ("best", "ab" * 16, ("a", "b"), RunStatus.FINISHED)
    assert (run.started, run.ended) == (1_700_000_000.0, 1_700_000_009.0)
    assert (run.params, len(run.metrics["train/loss"].values)) == ({"lr": 0.1, "depth": 3}, 10)


def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    root = tmp_path / "in"
    (root / "a").mkdir(parents=True)
    (tmp_path / "away.csv").write_text("step,loss\n1,2\n")
    os.symlink(tmp_path / "away.csv", root / "a" / "link.csv")
    os.mkfifo(root / "a" / "pipe.csv")
    os.symlink(tmp_path, root / "up")
    assert read_all(root) == ([], [])
    with pytest.raises(Unreadable):
        load(root / "a" / "link.csv")
    with pytest.raises(Unreadable, match="not a regular file"):
        load(root / "a" / "pipe.csv")


def repr_of(content: bytes) -> str:
    return repr(content[:12])


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"\xff\xfe garbage \n\n", b"{", b"[1, 2]\n", b"a: [\n", b"[" * 100_000], ids=repr_of
)
def test_garbage_is_a_reason_and_never_a_crash(tmp_path: Path, content: bytes) -> None:
    lay_out(tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.write_bytes(content)
    unread: list[Unread] = []
    for reader, source in sources(tmp_path, unread):
        try:
            list(reader.read(source))
        except Unreadable as error:
            unread.append(Unread(str(source.path), str(error)))
    assert all(item.reason for item in unread)


def test_half_a_file_is_read_up_to_its_end(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "mlruns", "dvclive", "plain", "lightning_logs")
    for name in ("mlruns/*/*/metrics/train/loss", "dvclive/plots/metrics/train/loss.tsv", "plain/history.csv"):
        (path,) = root.glob(name)
        path.write_bytes(path.read_bytes()[:-2])
        runs, _ = read_all(root / name.split("/")[0])
        ((run, series),) = [(run, item) for _, run in runs for key, item in run.metrics.items() if "loss" in key]
        assert same(list(series.values), LOSS[:-1])
        assert not run.problems


def test_lines_that_are_none_are_counted(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "mlruns")
    (path,) = root.glob("mlruns/*/*/metrics/train/loss")
    path.write_bytes(b"1 0.5 1\nbroken\n2 0.25\n3 0.75 3 data abc\n")
    run = one(root, "first")
    assert list(run.metrics["train/loss"].values) == [0.5, 0.25, 0.75]
    assert [problem.reason for problem in run.problems] == ["1 lines are not 'time value step'"]


def test_numbers_that_are_none_in_a_database_do_no_harm(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "mlflow")
    con = sqlite3.connect(root / "mlflow" / "mlflow.db")
    con.execute("PRAGMA ignore_check_constraints = ON")
    con.execute("UPDATE metrics SET value = 'word', step = 'far' WHERE step = 3")
    con.commit()
    con.close()
    values = list(one(root, "first").metrics["train/loss"].values)
    assert same(values, [*LOSS[:3], math.nan, *LOSS[4:]])


def test_too_much_is_refused(tmp_path: Path) -> None:
    metrics = Metrics()
    for index in range(METRICS_MAX):
        metrics.add(str(index), 1.0)
    with pytest.raises(Unreadable, match="metrics"):
        metrics.add("one more", 1.0)
    assert len(flat({str(index): 1 for index in range(2 * PARAMS_MAX)})) == PARAMS_MAX
    path = tmp_path / "big"
    path.write_bytes(b"x" * 100)
    with pytest.raises(Unreadable, match="larger"):
        load(path, 99)


def test_words_become_numbers_only_where_nothing_is_lost() -> None:
    assert [word(text) for text in ("3", "0.1", "1e-05", "True")] == [3, 0.1, 1e-05, True]
    assert [word(text) for text in ("03", "1.10", "1e-5", "true", "nan", "1_0")] == [
        "03", "1.10", "1e-5", "true", "nan", "1_0",
    ]  # fmt: skip


def test_deep_settings_end_somewhere() -> None:
    deep: dict[str, object] = {}
    for _ in range(500):
        deep = {"a": deep}
    assert len(flat(json.loads(json.dumps(deep)))) == 1
