"""`lab runs reproduce` and `rerun --captured` from the shell: documents and exit codes."""

from __future__ import annotations

from pathlib import Path

from documents import PREFLIGHT, REPRODUCTION, RUN
from lab_program import Lab

from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore


def test_every_exit_code(lab: Lab) -> None:
    lab("run", "train", "--name", "once", "--wait")
    check = lab.json(PREFLIGHT, "runs", "reproduce", "once", "--check")
    assert (check["ready"], check["missing"]) == (True, [])
    found = lab.json(REPRODUCTION, "runs", "reproduce", "once")
    assert (found["badge"], found["reproduced"], found["runs"][0]["agreement"]) == ("bitwise", True, "identical")
    assert lab.json(REPRODUCTION, "runs", "reproduce", "once", "--last")["runs"] == found["runs"]
    assert "reproduced, bitwise" in lab("runs", "reproduce", "once", "--last").stdout
    swapped = lab("runs", "reproduce", "once", "--swap", "params", "-p", "lr=0.5", code=1).stdout
    assert "params did it" in swapped
    assert "DIFFERS" in swapped
    lab("runs", "reproduce", "once", "--swap", "params", code=2)
    lab("runs", "reproduce", "once", "--check", "--repeat", "3", code=2)
    lab("runs", "reproduce", "once", "--tolerance", "much", code=2)
    listed = lab("runs", "ls", "badge:bitwise", "--columns", "name,badge").stdout
    assert listed.split() == ["NAME", "BADGE", "once", "bitwise"]
    assert "badge" in lab("runs", "show", "once").stdout

    again = lab.json(RUN, "runs", "rerun", "once", "--captured", "--wait")
    assert again["reproduces"] == found["id"]
    assert "as they are now" in lab("runs", "rerun", "once", "--wait").stderr

    home = LabHome(Path(lab.environment["LAB_HOME"]))
    objects = ObjectStore(home)
    for entry in ManifestStore(home).read(lab.json(_any, "runs", "show", "once")["code"]["tree"]).files:
        objects.path(entry.hash).unlink()
    assert "train.py" in lab("runs", "reproduce", "once", "--check", code=3).stdout
    assert "train.py" in lab("runs", "reproduce", "once", code=3).stderr


def _any(_: object) -> bool:
    return True
