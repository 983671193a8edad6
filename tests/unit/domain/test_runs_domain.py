from __future__ import annotations

import pytest

from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, DataInput, Run, RunSpec, RunStatus, ending_of


def test_a_spec_survives_json() -> None:
    spec = RunSpec(
        id="r1", name="n", project="p", entry="train", command=("python", "train.py"), params={"lr": 0.1, "on": True},
        seed=3, datasets={"d": DataInput("d", "v1", "b3:1")},
        code=CodeSnapshot("b3:2", 3, 4, "abc", True, ("big.bin",)),
        engine="docker", image="x", environment="y", resources=Resources(cpus=1.5), network=False, created=1.5,
        sweep="s", tags=("a", "b"),
    )  # fmt: skip
    assert RunSpec.from_json(spec.to_json()) == spec
    assert RunSpec.from_json({**spec.to_json(), "from_the_future": 1}) == spec


@pytest.mark.parametrize(
    ("asked", "status", "cause"),
    [
        ({"exit_code": 0}, RunStatus.FINISHED, "finished"),
        ({"exit_code": 3}, RunStatus.FAILED, "failed exit 3"),
        ({"exit_code": 139, "signal": 11}, RunStatus.FAILED, "failed by signal 11"),
        ({"exit_code": 137, "signal": 9, "out_of_memory": True, "memory": 512 << 20}, RunStatus.FAILED,
         "out of memory (limit 512 MB)"),
        ({"exit_code": 0, "out_of_memory": True}, RunStatus.FINISHED,
         "finished, but a child process ran out of memory"),
        ({"exit_code": 143, "signal": 15, "stop_requested": True}, RunStatus.STOPPED, "stopped by user"),
        ({"exit_code": 1, "stop_requested": True}, RunStatus.STOPPED, "stopped by user"),
        ({"exit_code": 0, "stop_requested": True}, RunStatus.FINISHED, "finished"),
        ({"exit_code": 137, "interruption": "engine restarted"}, RunStatus.INTERRUPTED,
         "interrupted: engine restarted"),
    ],
)  # fmt: skip
def test_endings_are_told_truly(asked: dict[str, object], status: RunStatus, cause: str) -> None:
    ending = ending_of(**asked)  # type: ignore[arg-type]
    assert (ending.status, ending.cause) == (status, cause)


def test_a_clock_that_jumps_back_gives_no_negative_duration() -> None:
    run = Run("r", "r", "p", "t", RunStatus.RUNNING, started=100.0)
    assert run.duration(90.0) == 0.0
    assert run.duration(130.0) == 30.0
    assert Run("r", "r", "p", "t", RunStatus.CREATED).duration(5.0) is None
