"""Environment variables that make other tracking tools write into the run's folder, without a server or a network."""

from __future__ import annotations


def environment(folder: str) -> dict[str, str]:
    """By name; `folder` is where they may write, as the run sees it. A script that says otherwise has its way."""
    return {
        "MLFLOW_TRACKING_URI": f"{folder}/mlruns",
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "WANDB_MODE": "offline",
        "WANDB_DIR": folder,
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",  # Lab has the log
        "WANDB_DATA_DIR": f"{folder}/wandb-data",
        "WANDB_CACHE_DIR": f"{folder}/wandb-cache",
        "TRACKIO_DIR": f"{folder}/trackio",
        "TENSORBOARD_LOGGING_DIR": f"{folder}/tensorboard",  # of the Hugging Face trainer
        "DVC_NO_ANALYTICS": "true",
        "DVC_STUDIO_OFFLINE": "true",
    }
