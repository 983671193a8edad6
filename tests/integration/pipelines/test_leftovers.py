from __future__ import annotations

from pathlib import Path

from lab.domain.launch import LaunchRequest
from lab.engine.base import Job, JobState
from lab.workspace import Workspace


def test_a_job_whose_run_has_ended_is_removed_and_others_stay(tmp_path: Path) -> None:
    project = tmp_path / "p"
    project.mkdir()
    (project / "lab.toml").write_text('[project]\nname = "p"\n[entries.t]\ncommand = "python3 t.py"\n')
    (project / "t.py").write_text("import time; time.sleep(600)\n")
    with Workspace(tmp_path / "home", project, engine="process") as ws:
        engine = ws.engine()
        stopped, going = ws.runs.launch(LaunchRequest("t")), ws.runs.launch(LaunchRequest("t"))
        labels = {"lab.home": ws.home.id_file.read_text().strip()}
        spec = ws.runs.spec(stopped.id)
        ws.runs.stop(stopped.id)
        # As if the Lab that stopped it had been killed before it let the engine forget: the job is there still.
        left = Job(stopped.id, spec.image, ("python3", "-c", "pass"), {}, "/", (), spec.resources, labels)
        engine.submit(left)
        stranger = Job("stranger1", spec.image, ("python3", "-c", "pass"), {}, "/", (), spec.resources, labels)
        engine.submit(stranger)
        assert ws.sweep() == [stopped.id]
        assert engine.status(stopped.id).state is JobState.GONE
        assert engine.status(going.id).state is JobState.RUNNING
        assert engine.status("stranger1").state is not JobState.GONE, "what the journal does not know is left alone"
        ws.runs.stop(going.id)
        engine.remove("stranger1")
