"""Captures are put together from a run's folder; what is missing or nonsense there is told, never an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lab.domain.capture import Output
from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, LargeFile, RunSpec, Submodule
from lab.experiments.captures import gather
from lab.paths import RunFolder
from lab.runtime import surroundings
from lab.stores import runfolder

SPEC = RunSpec(
    "r", "r", "p", "train", ("python", "train.py"), {"lr": 0.1}, 3, {}, CodeSnapshot("t", 1, 1, skipped=("big.bin",)),
    "docker", "lab-env:1", "e", Resources(), False, time.time(), image_id="sha256:1", base="b", base_id="sha256:2",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "r")
    runfolder.create(made)
    runfolder.write_spec(made, SPEC)
    return made


def test_what_a_run_sees_comes_back(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("LAB_SECRET_THING", "hidden")
    folder.capture.write_text(json.dumps(surroundings.describe({"numpy": "2.0"})))
    folder.outputs.write_text(
        json.dumps({"v": 1, "files": [{"path": "model/m", "kind": "model", "size": 3, "sha256": "ab"}], "more": 0})
    )
    found = gather(runfolder.read_spec(folder), folder, ended=True)
    assert found.software.python.startswith("3.")
    assert found.software.packages == {"numpy": "2.0"}
    assert found.software.threads["OMP_NUM_THREADS"] == "2"
    assert "LAB_SECRET_THING" in found.software.variables
    assert "hidden" not in json.dumps(found.to_json())
    assert found.machine.cores > 0
    assert found.machine.memory > 0
    assert found.machine.cpu
    assert found.outputs == (Output("model/m", "model", 3, "ab"),)
    assert found.partial
    assert found.missing == ("code: partial, 1 file over the caps left out",)
    assert found.input_id == gather(runfolder.read_spec(folder), folder, ended=False).input_id


def test_a_run_that_left_nothing_says_what_is_missing(folder: RunFolder) -> None:
    found = gather(SPEC, folder, ended=True)
    assert [text.split(":")[0] for text in found.missing] == [
        "its environment was not seen from inside",
        "its outputs were not listed",
        "code",
    ]
    running = gather(SPEC, folder, ended=False)
    assert len(running.missing) == 2, "a run that goes on has no outputs yet"


def test_the_exit_record_tells_packages_where_nothing_else_does(folder: RunFolder) -> None:
    folder.exit.write_text(json.dumps({"v": 1, "exit_code": 0, "python": "3.12.1", "packages": {"numpy": "2.0"}}))
    found = gather(SPEC, folder, ended=True)
    assert (found.software.python, found.software.packages) == ("3.12.1", {"numpy": "2.0"})


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"software": [], "machine": 3, "files": {}}',
        '{"software": {"packages": [1], "blas": {"a": 1}, "threads": 3, "python": 3}, "machine": {"cores": -1}}',
        '{"files": [3, {"kind": "model", "path": 4, "size": -1, "sha256": []}, {"kind": "odd"}]}',
    ],
)
def test_nonsense_does_no_harm(folder: RunFolder, text: str) -> None:
    folder.capture.write_text(text)
    folder.outputs.write_text(text)
    found = gather(SPEC, folder, ended=True)
    assert found.software.packages == {}
    assert found.machine.cores == 0
    assert all(isinstance(item.path, str) for item in found.outputs)


CONFIG = """
CONFIG = _cleanup({
    "Build Dependencies": {
        "blas": {
            "name": "%s",
            "found": bool("True".lower().replace("false", "")),
            "version": "0.3.31",
            "lib directory": r"/opt/x",
        },
        "lapack": {"name": "other", "version": "9"},
    },
})
"""


@pytest.mark.parametrize(
    ("name", "variables", "threads"),
    [
        ("scipy-openblas", {}, 4),
        ("scipy-openblas", {"OMP_NUM_THREADS": "3,1"}, 3),
        ("scipy-openblas", {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "2"}, 2),
        ("scipy-openblas", {"OPENBLAS_NUM_THREADS": "0", "OMP_NUM_THREADS": "64"}, 4),
        ("openblas", {"OPENBLAS_NUM_THREADS": "many"}, 4),
        ("mkl-sdl", {"MKL_NUM_THREADS": "2"}, 2),
        ("mkl-sdl", {}, 0),
        ("accelerate", {"OMP_NUM_THREADS": "3"}, 0),
    ],
)
def test_the_library_of_linear_algebra_and_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, variables: dict[str, str], threads: int
) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "numpy" / "__config__.py").write_text(CONFIG % name)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.setattr(surroundings, "_cores", lambda: 4)
    for variable in surroundings._THREADS:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    told = surroundings.describe({})["software"]
    assert (told["blas_name"], told["blas_version"], told["blas_threads"]) == (name, "0.3.31", threads)


def test_without_numpy_nothing_is_told_of_linear_algebra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    told = surroundings.describe({})["software"]
    assert (told["blas_name"], told["blas_version"], told["blas_threads"]) == ("", "", 0)


def test_the_installed_numpy_is_understood() -> None:
    """As it says itself, in a process of its own."""
    blas = "numpy.show_config(mode='dicts')['Build Dependencies']['blas']"
    script = f"import numpy; print({blas}['name'], {blas}['version'])"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    told = surroundings.describe({})["software"]
    assert [told["blas_name"], told["blas_version"]] == said
    assert 1 <= told["blas_threads"] <= (os.cpu_count() or 1)


def test_pointers_and_absent_submodules_are_told(folder: RunFolder) -> None:
    lfs = (LargeFile("a.bin", "0" * 64, 9, pointer=True), LargeFile("b.bin", "1" * 64, 9))
    code = replace(SPEC.code, skipped=(), lfs=lfs, submodules=(Submodule("libs/a", ""),))
    told = gather(replace(SPEC, code=code), folder, ended=False).missing
    assert [text for text in told if text.startswith("code")] == [
        "code: 1 file of Git LFS only as a pointer: git lfs pull before the launch",
        "code: a submodule was not checked out: git submodule update --init before the launch",
    ]
