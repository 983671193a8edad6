"""A project's own pandera schema as one more expectation.

The schema is code, so it runs in a process of its own, with the project as its folder, for a limited time. What that
process answers is taken for text from outside, not for truth about anything but the schema.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lab
from lab.domain.expectations import SAMPLE_ROWS, PanderaRule, Result, Sample
from lab.domain.text import clean

#: Seconds that a schema may take.
TIMEOUT = 300.0

_ANSWER_MAX = 4 << 20  # bytes
_CHECKS_LISTED = 4


def run(
    rule: PanderaRule,
    project: Path,
    files: Sequence[tuple[str, Path]],
    key: Sequence[str] = (),
    timeout: float = TIMEOUT,
) -> Result:
    """What the schema says of the table in `files`, given as (name, where its content is).

    `project` is the folder that the schema's module is imported from. The sample's columns are the key, then
    `column`, `check` and `value`. Whatever goes wrong is a failed result with a sentence.
    """
    with tempfile.TemporaryDirectory(prefix="lab-pandera-") as folder:
        path = Path(folder, "answer.json")
        order = {
            "schema": rule.schema,
            "project": str(project.absolute()),
            "files": [(name, str(real.absolute())) for name, real in files],
            "key": list(key),
            "answer": str(path),
        }
        ended = _child(json.dumps(order), project, timeout)
        if ended is None:
            return _failed(rule, f"took longer than {timeout:g} s, and was stopped")
        answer = _answer(path)
    if answer is None:
        fate = f"by {signal.Signals(-ended).name}" if ended < 0 else f"with exit code {ended}"
        return _failed(rule, f"ended without an answer, {fate}")
    try:
        return _judged(rule, answer)
    except (KeyError, TypeError, ValueError, AttributeError):
        return _failed(rule, "gave an answer that is none")


def _child(order: str, project: Path, timeout: float) -> int | None:
    """Its exit code; None if it had to be stopped."""
    root = str(Path(lab.__file__).absolute().parent.parent)
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "lab.datasets.pandera_child"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        encoding="utf-8",
    )
    try:
        child.communicate(order, timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _stop(child)
    return child.returncode


def _stop(child: subprocess.Popen[str]) -> None:
    """End it, if it still runs, and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _answer(path: Path) -> Mapping[str, Any] | None:
    try:
        if path.stat().st_size > _ANSWER_MAX:
            return None
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _judged(rule: PanderaRule, answer: Mapping[str, Any]) -> Result:
    refused = answer.get("refused")
    if refused == "missing":
        reason = f"pandera is not installed beside Lab ({_text(answer['reason'])})"
        return _failed(rule, f"was not run: {reason}; install Lab with its extra: pip install 'lab[pandera]'")
    if refused == "table":
        return _failed(rule, f"was not run, for this is no table: {_text(answer['reason'])}")
    if refused:
        return _failed(rule, f"could not be run: {_text(answer['reason'])}")
    failures = int(answer["failures"])
    if not failures:
        sentence = f"{clean(rule.schema, 80)} holds"
        return Result("pandera", "", rule.severity, True, "holds", rule.schema, sentence, failing=0)
    checks = [(clean(str(column), 60), clean(str(check), 80), int(count)) for column, check, count in answer["checks"]]
    listed = ", ".join(f"{column} {check} ({count:,})" for column, check, count in checks[:_CHECKS_LISTED])
    more = ", …" if len(checks) > _CHECKS_LISTED else ""
    found = answer["sample"]
    sample = Sample(
        tuple(map(str, found["columns"])),
        tuple(tuple(None if cell is None else str(cell) for cell in row) for row in found["rows"][:SAMPLE_ROWS]),
        tuple(map(int, found["numbers"][:SAMPLE_ROWS])),
    )
    told = f"{failures:,} {'failure' if failures == 1 else 'failures'}"
    sentence = f"{clean(rule.schema, 80)}: {told}: {listed}{more}"
    return Result("pandera", "", rule.severity, False, told, rule.schema, sentence, failures, sample)


def _failed(rule: PanderaRule, why: str) -> Result:
    sentence = f"the schema {clean(rule.schema, 80)} {why}"
    return Result("pandera", "", rule.severity, False, "not checked", rule.schema, sentence)


def _text(value: object) -> str:
    return clean(str(value), 400)
