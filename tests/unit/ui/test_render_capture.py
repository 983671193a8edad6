"""A capture as rows of a page: everything that is known, and what is partial or missing plainly."""

from __future__ import annotations

from dataclasses import replace

from lab.cli import capture_shapes
from lab.domain.capture import Capture, Machine, Output, Software
from lab.domain.runs import CodeSnapshot, LargeFile, Submodule
from lab.ui.render.capture import capture_facts, partial_note

WHOLE = Capture(
    "r",
    "train",
    ("python", "train.py"),
    CodeSnapshot("t" * 64, 3, 2048, commit="c" * 40, dirty=True, branch="main", patch="d" * 64, untracked=("a", "b")),
    software=Software("docker", "lab-env:1", "sha256:" + "1" * 64, python="3.12.1", packages={"numpy": "2.0"}),
    machine=Machine("Linux 6.1", "A processor", 4, 2 << 30),
    outputs=(Output("artifacts/a.png", "artifact", 2048, "e" * 64), Output("model/m", "model", 1, "")),
)


def told(capture: Capture) -> dict[str, str]:
    return {pair.label: pair.value for pair in capture_facts(capture)}


def test_what_is_known_is_told() -> None:
    rows = told(WHOLE)
    assert rows["commit"] == "cccccccccccc with changes"
    assert rows["untracked"] == "2 files, in the snapshot"
    assert rows["image id"] == "1" * 16
    assert rows["cpu"] == "A processor"
    assert rows["artifact"] == f"artifacts/a.png  2 KB  {'e' * 16}"
    assert rows["input id"] == WHOLE.input_id
    assert partial_note(WHOLE) == ""
    assert "Not known" not in rows


def test_partial_code_and_gaps_are_never_silent() -> None:
    poor = replace(WHOLE, code=replace(WHOLE.code, skipped=("big.bin",)), missing=("image: unknown",), outputs=())
    rows = told(poor)
    assert rows["partial"] == "left out for their size: big.bin"
    assert rows["–"] == "image: unknown"
    assert partial_note(poor) == "code: partial (1 left out)"
    facts = dict(capture_shapes.facts(poor))
    assert (facts["left out"], facts["missing"]) == ("big.bin", "image: unknown")


def test_what_git_keeps_elsewhere_is_told() -> None:
    code = replace(
        WHOLE.code,
        submodules=(Submodule("lib", "a" * 40, dirty=True), Submodule("data", "")),
        lfs=(LargeFile("m.bin", "b" * 64, 5, pointer=True), LargeFile("n.bin", "c" * 64, 5)),
    )
    software = replace(WHOLE.software, blas_name="openblas", blas_version="0.3.30", blas_threads=2)
    rows = told(replace(WHOLE, code=code, software=software))
    assert rows["patch"] == f"{'d' * 16}, kept in the store"
    assert rows["submodules"] == "lib aaaaaaaaaaaa*, data not checked out"
    assert rows["large files"] == "2 files of Git LFS, 1 only as pointers"
    assert rows["blas"] == "openblas 0.3.30, 2 threads"
    assert rows["gpu"] == "none"


def test_models_come_first_and_many_outputs_are_counted() -> None:
    many = replace(WHOLE, outputs=(*(Output(f"code/{n}", "file", 1, "f" * 64) for n in range(50)), WHOLE.outputs[1]))
    assert capture_shapes.outputs(many)[0][0] == "model/m"
    assert len(capture_shapes.outputs(many)) == capture_shapes.MOST_OUTPUTS
    assert told(many)["and"] == "39 more"
