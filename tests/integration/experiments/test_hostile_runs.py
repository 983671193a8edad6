"""A run may write what it likes into its own folder; Lab believes none of it blindly and follows no link out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.domain.launch import LaunchRequest
from lab.domain.runs import Run, RunStatus
from lab.errors import IntegrityError, LabError
from lab.workspace import Workspace

OpenLab = Callable[[str], Workspace]


def finish(ws: Workspace, project: Path, script: str) -> Run:
    (project / "train.py").write_text("import json, os\nhere = os.environ['LAB_RUN_DIR']\n" + script)
    return ws.runs.wait(ws.runs.launch(LaunchRequest("train")).id, timeout=60)


def test_a_model_that_is_a_link_is_not_registered(open_lab: OpenLab, project: Path) -> None:
    lab = open_lab("process")
    run = finish(lab, project, "os.symlink('/etc', os.environ['LAB_MODEL_DIR'])")
    with pytest.raises(IntegrityError, match="link to elsewhere"):
        lab.models.register(run.id, "stolen")
    run = finish(
        lab,
        project,
        "os.mkdir(os.environ['LAB_MODEL_DIR']); os.symlink('/etc/passwd', os.environ['LAB_MODEL_DIR'] + '/x')",
    )
    with pytest.raises(LabError):
        lab.models.register(run.id, "stolen")
    assert lab.models.list() == []


def test_a_damaged_signature_is_refused(open_lab: OpenLab, project: Path) -> None:
    lab = open_lab("process")
    run = finish(
        lab,
        project,
        "d = os.environ['LAB_MODEL_DIR']; os.mkdir(d); open(d + '/signature.json', 'w').write('{\"v\": ')",
    )
    with pytest.raises(IntegrityError, match="not JSON"):
        lab.models.register(run.id, "broken")


@pytest.mark.parametrize(
    "events",
    [
        "b'\\xff\\xfe\\x00garbage\\n'",
        'b\'{"t": 1, "s": 1, "m": {"x": {"deep": [1]}}}\\n\'',
        "b'{\"m\": ' + b'[' * 100000 + b'\\n'",
        'b\'{"t": 1e999, "s": "NaN", "m": {"x": 1}}\\n\'',
        "b'[1, 2]\\nnull\\n42\\n\"text\"\\n'",
    ],
)
def test_garbage_metrics_lose_nothing_else(open_lab: OpenLab, project: Path, events: str) -> None:
    lab = open_lab("process")
    run = finish(
        lab,
        project,
        f"from lab import track\ntrack.log(good=1.5, step=1)\nopen(here + '/events.jsonl', 'ab').write({events})\n"
        "track.log(good=2.5, step=2)\n",
    )
    assert run.status is RunStatus.FINISHED
    assert run.metrics["good"].last == 2.5
    assert list(lab.runs.history(run.id, "good").values) == [1.5, 2.5]


def test_a_forged_exit_record_is_not_believed(open_lab: OpenLab, project: Path) -> None:
    lab = open_lab("process")
    run = finish(
        lab,
        project,
        "json.dump({'v': 1, 'exit_code': 'zero', 'signal': [], 'ended': 'now'}, open(here + '/exit.json', 'w'))\n"
        "import time; time.sleep(0.3)\nraise SystemExit(5)\n",
    )
    assert (run.status, run.cause) == (RunStatus.FAILED, "failed exit 5")


def test_hostile_names_pass_through_as_data(open_lab: OpenLab, project: Path) -> None:
    lab = open_lab("process")
    names = ["[/x]", "\x1b]52;c;aGk=\x07", "a'b\"c;--", "\u202eevil", "日本", "x" * 500]
    script = "from lab import track\n" + "".join(f"track.log(step=1, **{{{name!r}: 1.0}})\n" for name in names)
    run = finish(lab, project, script + f"print({names[1]!r})\n")
    assert run.status is RunStatus.FINISHED
    assert set(run.metrics) == set(names)
    for name in names:
        assert list(lab.runs.history(run.id, name).values) == [1.0]
