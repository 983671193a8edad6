"""Captures: their id, their JSON, and what of them differs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.domain.capture import Capture, Cause, Machine, Output, Software, differences
from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, DataInput, LargeFile, Submodule

WHOLE = Capture(
    run="abcd1234",
    entry="train",
    command=("python", "train.py"),
    code=CodeSnapshot(
        "t" * 64,
        3,
        100,
        commit="c" * 40,
        dirty=True,
        branch="main",
        untracked=("new.py",),
        patch="p" * 64,
        patch_tree="b3:p",
        submodules=(Submodule("libs/a", "s" * 40, True),),
        lfs=(LargeFile("big.bin", "o" * 64, 9, True),),
    ),
    data={"sales": DataInput("sales", "v2", "m" * 64)},
    params={"lr": 0.1, "name": "NaN", "flag": True, "none": None},
    seed=7,
    software=Software(
        engine="docker",
        image="lab-env:1",
        image_id="sha256:1",
        python="3.12.1",
        packages={"numpy": "2.0"},
        blas=("openblas",),
        threads={"OMP_NUM_THREADS": "2"},
        variables=("PATH",),
        blas_name="scipy-openblas",
        blas_version="0.3.31",
        blas_threads=2,
    ),
    machine=Machine("Linux 6.1 x86_64", "A processor", 4, 2 << 30),
    outputs=(Output("model/model.skops", "model", 12, "a" * 64),),
    missing=("nothing",),
)


def test_a_capture_survives_json() -> None:
    told = json.loads(json.dumps(WHOLE.to_json()))
    assert Capture.from_json({**told, "later": 1}) == WHOLE
    assert told["input_id"] == WHOLE.input_id
    assert told["partial"] is False


def test_a_run_of_an_earlier_version_keeps_its_id() -> None:
    code = {"tree": "t", "files": 1, "size": 1}
    old = {"run": "r", "entry": "train", "command": ["python"], "code": code}
    assert Capture.from_json(old).input_id.startswith("3a3139d95e69f4a9")
    told = {
        **old,
        "software": {"engine": "docker", "python": "3.11", "blas": ["a"], "threads": {"OMP_NUM_THREADS": "2"}},
    }
    assert Capture.from_json(told).input_id.startswith("176a1f6dd63cd42f")


def test_another_library_of_linear_algebra_is_a_cause() -> None:
    other = replace(WHOLE, software=replace(WHOLE.software, blas_version="0.3.30", blas_threads=4))
    found = [(item.cause, item.name, item.old, item.new) for item in differences(WHOLE, other)]
    assert found == [(Cause.THREADS, "blas_version", "0.3.31", "0.3.30"), (Cause.THREADS, "blas_threads", 2, 4)]
    unknown = replace(WHOLE, software=replace(WHOLE.software, blas_name="", blas_version="", blas_threads=0))
    assert differences(WHOLE, unknown) == ()


def test_threads_that_were_pinned_to_what_they_were_are_no_cause() -> None:
    free = replace(WHOLE, software=replace(WHOLE.software, threads={}, variables=("PATH",)))
    variables = ("MKL_NUM_THREADS", "PATH")
    pinned = replace(WHOLE.software, threads={"MKL_NUM_THREADS": "4"}, variables=variables)
    elsewhere = replace(WHOLE, software=pinned, machine=replace(WHOLE.machine, cores=2))
    assert [(item.cause, item.name) for item in differences(free, elsewhere)] == [(Cause.HARDWARE, "cores")]
    other = replace(elsewhere, software=replace(pinned, threads={"MKL_NUM_THREADS": "2"}))
    (threads, _) = differences(free, other)
    assert (threads.name, threads.old, threads.new) == ("MKL_NUM_THREADS", "4", "2")


def test_the_id_is_of_content_and_not_of_names() -> None:
    renamed = replace(
        WHOLE,
        run="other",
        code=replace(WHOLE.code, commit="d" * 40, branch="side", dirty=False, patch="e" * 64, untracked=()),
        data={"sales": DataInput("sales", "v9", "m" * 64)},
        params=dict(reversed(WHOLE.params.items())),
        software=replace(WHOLE.software, image="lab-env:2"),
        outputs=(),
        missing=(),
    )
    assert renamed.input_id == WHOLE.input_id


@pytest.mark.parametrize(
    "changed",
    [
        replace(WHOLE, seed=8),
        replace(WHOLE, params={**WHOLE.params, "lr": 0.2}),
        replace(WHOLE, code=replace(WHOLE.code, tree="u" * 64)),
        replace(WHOLE, code=replace(WHOLE.code, skipped=("big.bin",))),
        replace(WHOLE, data={"sales": DataInput("sales", "v2", "n" * 64)}),
        replace(WHOLE, machine=replace(WHOLE.machine, cpu="Another")),
        replace(WHOLE, software=replace(WHOLE.software, packages={"numpy": "2.1"})),
        replace(WHOLE, resources=Resources(cpus=1.0)),
        replace(WHOLE, network=True),
    ],
)
def test_another_input_has_another_id(changed: Capture) -> None:
    assert changed.input_id != WHOLE.input_id
    assert differences(WHOLE, changed)


def test_the_likeliest_cause_comes_first() -> None:
    other = replace(
        WHOLE,
        code=replace(WHOLE.code, tree="u" * 64),
        data={"sales": DataInput("sales", "v3", "n" * 64), "extra": DataInput("extra", "v1", "o" * 64)},
        params={"lr": 0.2, "name": "NaN", "flag": True},
        seed=8,
        software=replace(
            WHOLE.software,
            packages={"numpy": "2.1", "scipy": "1.0"},
            image_id="sha256:2",
            threads={"OMP_NUM_THREADS": "4"},
        ),
        machine=replace(WHOLE.machine, cpu="Another"),
    )
    found = differences(WHOLE, other)
    assert [(item.cause, item.name, item.old, item.new) for item in found] == [
        (Cause.CODE, "tree", "t" * 64, "u" * 64),
        (Cause.DATA, "sales", "v2", "v3"),
        (Cause.DATA, "extra", None, "v1"),
        (Cause.PARAMS, "lr", 0.1, 0.2),
        (Cause.PARAMS, "none", None, None),
        (Cause.SEED, "seed", 7, 8),
        (Cause.PACKAGES, "numpy", "2.0", "2.1"),
        (Cause.PACKAGES, "scipy", None, "1.0"),
        (Cause.IMAGE, "image_id", "sha256:1", "sha256:2"),
        (Cause.THREADS, "OMP_NUM_THREADS", "2", "4"),
        (Cause.HARDWARE, "cpu", "A processor", "Another"),
    ]


def test_what_one_side_does_not_know_is_no_difference() -> None:
    blind = replace(WHOLE, software=Software(engine="docker"), machine=Machine())
    assert differences(WHOLE, blind) == ()
    assert differences(blind, WHOLE) == ()


_WORDS = st.text("aé\N{GRINNING FACE}\ud800", max_size=4)


@settings(max_examples=30)
@given(st.dictionaries(_WORDS, st.one_of(_WORDS, st.integers(), st.floats(allow_nan=False), st.none())))
def test_equal_ids_mean_no_differences_in_params(params: dict[str, str | int | float | None]) -> None:
    one, two = replace(WHOLE, params=params), replace(WHOLE, params=dict(reversed(params.items())))
    assert one.input_id == two.input_id
    assert differences(one, two) == ()
