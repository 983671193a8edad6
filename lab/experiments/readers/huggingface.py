"""`trainer_state.json` of Hugging Face's Trainer: `log_history` has an entry for each time that it logged.

Each checkpoint repeats what the ones before it have, so the latest state of an output folder is the run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from lab.domain.imports import Unread
from lab.domain.runs import RunStatus
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import json_object
from lab.experiments.readers.values import leaf, number

_STATE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-\d+")
_PARAMS = ("max_steps", "num_train_epochs", "train_batch_size", "logging_steps", "eval_steps", "save_steps")


class HuggingFace:
    tool = "huggingface"

    def find(self, folder: Folder) -> Found:
        if _CHECKPOINT.fullmatch(folder.path.name) and not folder.top:
            return Found()
        folders = sorted(name for name in folder.folders if _CHECKPOINT.fullmatch(name))
        states = [folder.path / name / _STATE for name in folders]
        files = [path for path in states if path.is_file() and not path.is_symlink()]
        if _STATE in folder.files:
            files.append(folder.path / _STATE)
        return Found((Source(self.tool, folder.path, tuple(files), folder.label),) if files else ())

    def read(self, source: Source) -> Iterator[ForeignRun]:
        problems, latest, reached = [], None, -math.inf
        for path in source.files:
            try:
                state = json_object(path)
            except Unreadable as error:
                problems.append(Unread(str(path), str(error)))
                continue
            step = number(state.get("global_step"))
            if step is not None and step >= reached:
                latest, reached = state, step
        if latest is None:
            raise Unreadable(problems[0].reason if problems else "no state of a training in it")
        entries = latest.get("log_history")
        metrics = Metrics()
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                step = number(entry.get("step"))
                for key, value in entry.items():
                    known = number(value)
                    if known is not None and key != "step":
                        metrics.add(str(key), known, math.nan if step is None else step)
        wanted = number(latest.get("max_steps"))
        done = wanted is not None and 0 < wanted <= reached
        yield ForeignRun(
            name=source.label,
            status=RunStatus.FINISHED if done else None,
            params={key: leaf(latest[key]) for key in _PARAMS if key in latest},
            metrics=metrics.series(),
            problems=tuple(problems),
        )
