"""Writes the samples in this folder with the tools themselves; run it in an environment that has them all.

    python make.py FOLDER

Each tool logs the same run: `loss` of ten steps with one NaN and one infinity, and `acc` every fifth step. The
versions of the tools that wrote the samples kept here are in README.md.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LOSS = [1.0, 0.5, 1 / 3, 0.25, math.nan, 1 / 6, math.inf, 0.125, -math.inf, 0.1]
ACC = {0: 0.25, 5: 0.75}
PARAMS = {"lr": 0.1, "depth": 3, "model": "forest", "flag": True}
PACKAGES = ("mlflow", "wandb", "tensorboard", "tensorboardX", "dvclive", "sacred", "trackio")


def mlflow_store(uri: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("digits")
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params(PARAMS)
        mlflow.set_tags({"stage": "try", "mlflow.note.content": "a note"})
        for step, value in enumerate(LOSS):
            mlflow.log_metric("train/loss", value, step=step, timestamp=1_700_000_000_000 + step * 1000)
        for step, value in ACC.items():
            mlflow.log_metric("acc", value, step=step, timestamp=1_700_000_000_500 + step * 1000)
        mlflow.log_text("hello", "notes/hello.txt")
    client = mlflow.MlflowClient()
    failed = client.create_run(run.info.experiment_id, run_name="second")
    client.log_metric(failed.info.run_id, "acc", 0.5, step=1, timestamp=1_700_000_100_000)
    client.set_terminated(failed.info.run_id, "FAILED")
    client.create_run(run.info.experiment_id, run_name="third")


def wandb_run(root: Path) -> None:
    os.environ.update(WANDB_MODE="offline", WANDB_DIR=str(root), WANDB_SILENT="true", WANDB_DISABLE_GIT="true")
    import wandb

    run = wandb.init(
        project="digits", name="first", notes="a note", tags=["try"], config={**PARAMS, "net": {"width": 8}}, dir=str(root)
    )
    print("hello from the run")
    for step, value in enumerate(LOSS):
        run.log({"train/loss": value, **({"acc": ACC[step]} if step in ACC else {})})
    run.finish()


def tensorboardx(root: Path) -> None:
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(root / "first")) as writer:
        for step, value in enumerate(LOSS):
            writer.add_scalar("train/loss", value, step, walltime=1_700_000_000.0 + step)
        for step, value in ACC.items():
            writer.add_scalar("acc", value, step, walltime=1_700_000_000.5 + step)
        writer.add_hparams(PARAMS, {"score": 0.75}, name="hparams")
        writer.add_text("note", "words are no scalars", 0)


def tensorboard_v2(root: Path) -> None:
    """Scalars as tensors and hyperparameters, as TensorFlow 2 writes them."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import summary_v2
    from tensorboard.plugins.scalar import metadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    import numpy as np

    writer = EventFileWriter(str(root / "v2"))
    hparams = summary_v2.hparams_pb(PARAMS, trial_id="1")
    writer.add_event(Event(wall_time=1_700_000_000.0, summary=hparams))
    for step, value in enumerate(LOSS):
        summary = Summary()
        summary.value.add(
            tag="train/loss",
            tensor=make_tensor_proto(np.float32(value)),
            metadata=metadata.create_summary_metadata("", "") if step == 0 else None,
        )
        writer.add_event(Event(wall_time=1_700_000_000.0 + step, step=step, summary=summary))
    writer.close()


def dvclive_run(root: Path) -> None:
    from dvclive import Live

    with Live(str(root / "dvclive"), save_dvc_exp=False, report=None, dvcyaml=None, monitor_system=False) as live:
        live.log_params({**PARAMS, "net": {"width": 8}})
        for step, value in enumerate(LOSS):
            live.log_metric("train/loss", value)
            if step in ACC:
                live.log_metric("acc", ACC[step])
            live.next_step()


def sacred_run(root: Path) -> None:
    from sacred import SETTINGS, Experiment
    from sacred.observers import FileStorageObserver

    SETTINGS["CAPTURE_MODE"] = "sys"
    experiment = Experiment("digits", save_git_info=False)
    experiment.observers.append(FileStorageObserver(str(root)))
    experiment.add_config(PARAMS)

    @experiment.main
    def main(_run: object) -> float:
        print("hello from the run")
        for step, value in enumerate(LOSS):
            experiment.log_scalar("train.loss", value, step)
        for step, value in ACC.items():
            experiment.log_scalar("acc", value, step)
        return 0.75

    experiment.run()


def trackio_run(root: Path) -> None:
    os.environ["TRACKIO_DIR"] = str(root)
    import trackio

    trackio.init(project="digits", name="first", config=PARAMS)
    for step, value in enumerate(LOSS):
        trackio.log({"train/loss": value, **({"acc": ACC[step]} if step in ACC else {})}, step=step)
    trackio.finish()


def lightning_run(root: Path) -> None:
    """The files of Lightning's CSVLogger, by its own format: one row a step, empty where nothing was logged."""
    folder = root / "lightning_logs" / "version_0"
    folder.mkdir(parents=True)
    with open(folder / "metrics.csv", "w", newline="") as file:
        table = csv.DictWriter(file, ["acc", "epoch", "step", "train/loss"])
        table.writeheader()
        for step, value in enumerate(LOSS):
            table.writerow({"epoch": step // 5, "step": step, "train/loss": value})
            if step in ACC:
                table.writerow({"epoch": step // 5, "step": step, "acc": ACC[step]})
    (folder / "hparams.yaml").write_text(
        "lr: 0.1\ndepth: 3\nmodel: forest\nflag: true\noptimizer: !!python/object/apply:os.system ['echo owned']\n"
    )


def huggingface_run(root: Path) -> None:
    """The state that transformers' Trainer saves with each checkpoint."""
    history = [{"epoch": step / 5, "loss": value, "step": step} for step, value in enumerate(LOSS)]
    history += [{"epoch": step / 5, "eval_accuracy": value, "step": step} for step, value in ACC.items()]
    for last in (4, 9):
        folder = root / "outputs" / f"checkpoint-{last}"
        folder.mkdir(parents=True)
        state = {"epoch": last / 5, "global_step": last, "max_steps": 9, "num_train_epochs": 2, "train_batch_size": 8}
        state["log_history"] = [entry for entry in history if entry["step"] <= last]
        (folder / "trainer_state.json").write_text(json.dumps(state))


def ultralytics_run(root: Path) -> None:
    folder = root / "runs" / "detect" / "train"
    folder.mkdir(parents=True)
    rows = ["                  epoch,             time,   train/box_loss, metrics/mAP50(B)"]
    rows += [f"{step + 1:>23},{step * 1.5:>17},{value:>17},{step / 10:>17}" for step, value in enumerate(LOSS)]
    (folder / "results.csv").write_text("\n".join(rows) + "\n")
    (folder / "args.yaml").write_text("task: detect\nlr0: 0.01\nepochs: 10\nmodel: yolo11n.pt\n")


def plain_csv(root: Path) -> None:
    (root / "plain").mkdir(parents=True)
    rows = ["step,loss,word"] + [f"{step},{value},x" for step, value in enumerate(LOSS)]
    (root / "plain" / "history.csv").write_text("\n".join(rows) + "\n")
    (root / "plain" / "table.csv").write_text("a,b\n1,2\n")


def main() -> None:
    root = Path(sys.argv[1]).absolute()
    root.mkdir(parents=True, exist_ok=True)
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    os.chdir(root)
    mlflow_store(f"file://{root}/mlruns")
    (root / "mlflow").mkdir()
    mlflow_store(f"sqlite:///{root}/mlflow/mlflow.db")
    wandb_run(root)
    tensorboardx(root / "tensorboard")
    tensorboard_v2(root / "tensorboard")
    dvclive_run(root)
    sacred_run(root / "sacred")
    trackio_run(root / "trackio")
    lightning_run(root)
    huggingface_run(root)
    ultralytics_run(root)
    plain_csv(root)
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} missing")
    print(", ".join(found))


if __name__ == "__main__":
    main()
