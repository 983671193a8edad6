"""All readers, and the walk that asks each of them about every folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.domain.imports import Unread
from lab.experiments.readers.base import Reader, Source, Unreadable
from lab.experiments.readers.csv_files import Lightning, PlainCsv, Ultralytics
from lab.experiments.readers.dvclive import DvcLive
from lab.experiments.readers.files import walk
from lab.experiments.readers.guild import Guild
from lab.experiments.readers.huggingface import HuggingFace
from lab.experiments.readers.mlflow_db import MlflowDatabase
from lab.experiments.readers.mlflow_files import MlflowFiles
from lab.experiments.readers.sacred import Sacred
from lab.experiments.readers.tfevents import TensorBoard
from lab.experiments.readers.trackio import Trackio
from lab.experiments.readers.wandb import Wandb

#: In order: a folder that one of them has whole is not shown to those behind it.
READERS: tuple[Reader, ...] = (
    MlflowFiles(),
    Wandb(),
    Guild(),
    DvcLive(),
    Sacred(),
    MlflowDatabase(),
    Trackio(),
    TensorBoard(),
    HuggingFace(),
    Lightning(),
    Ultralytics(),
    PlainCsv(),
)


def sources(root: Path, unread: list[Unread]) -> Iterator[tuple[Reader, Source]]:
    """Every source below `root`, which may itself be one file. What cannot be looked into goes to `unread`."""
    for folder, below in walk(root, unread):
        for reader in READERS:
            try:
                found = reader.find(folder)
            except Unreadable as error:
                unread.append(Unread(str(folder.path), str(error)))
                continue
            for source in found.sources:
                yield reader, source
            if found.whole:
                below.clear()
                break
