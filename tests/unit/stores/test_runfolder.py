import json
import math
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, DataInput, MetricSummary, RunSpec
from lab.errors import ConflictError, IntegrityError, LabError, NotFoundError, UsageError
from lab.paths import RunFolder
from lab.stores.runfolder import (
    EventTail,
    ExitRecord,
    create,
    read_exit,
    read_params,
    read_spec,
    summarise,
    tail,
    write_spec,
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "runs" / "r1")
    create(made)
    return made


def spec(**params: object) -> RunSpec:
    return RunSpec(
        id="r1",
        name="calm-otter-42",
        project="digits",
        entry="train",
        command=("python", "train.py"),
        params=params,  # type: ignore[arg-type]
        seed=1,
        datasets={"sales": DataInput("sales", "v1", "b3:" + "0" * 64)},
        code=CodeSnapshot("b3:" + "1" * 64, 3, 100),
        engine="process",
        image="i",
        environment="e",
        resources=Resources(),
        network=False,
        created=1.5,
    )


def test_a_spec_comes_back(folder: RunFolder) -> None:
    asked = spec(lr=0.1, name="\ud800é", layers=3, flag=True)
    write_spec(folder, asked)
    read = read_spec(folder)
    assert read.params == {"lr": 0.1, "name": "?é", "layers": 3, "flag": True}
    assert read.command == asked.command
    assert read.datasets == asked.datasets
    assert read.resources == asked.resources
    assert read_params(folder) == read.params
    assert sorted(os.listdir(folder.root)) == ["params.json", "spec.json"]


def test_a_folder_is_made_once(folder: RunFolder) -> None:
    with pytest.raises(ConflictError):
        create(folder)


def test_a_parameter_that_json_lacks_is_refused(folder: RunFolder) -> None:
    with pytest.raises(UsageError):
        write_spec(folder, spec(lr=math.inf))
    assert os.listdir(folder.root) == []


def test_a_damaged_spec_is_told(folder: RunFolder) -> None:
    with pytest.raises(NotFoundError):
        read_spec(folder)
    write_spec(folder, spec())
    whole = folder.spec.read_bytes()
    for damaged in (b"", whole[:40], b"[]", b"{}", b"\xff", b'{"id":', b"[" * 100_000):
        folder.spec.write_bytes(damaged)
        with pytest.raises(IntegrityError, match="damaged"):
            read_spec(folder)


EXIT = {"v": 1, "exit_code": 3, "signal": 0, "oom": True, "started": 1.0, "ended": 3.5, "duration": 2.5}


def test_an_exit_record(folder: RunFolder) -> None:
    assert read_exit(folder) == (None, "")
    folder.exit.write_text(json.dumps({**EXIT, "python": "3.12.1", "packages": {"numpy": "2.1"}}))
    record, reason = read_exit(folder)
    assert record == ExitRecord(
        exit_code=3, oom=True, started=1.0, ended=3.5, duration=2.5, python="3.12.1", packages={"numpy": "2.1"}
    )
    assert reason == ""


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 200_000, b"{}", b'{"exit_code": "0"}'),
        *(b'{"exit_code": true}', b'{"exit_code": 256}', b'{"exit_code": -9}', b'{"exit_code": NaN}'),
        *(b'{"exit_code": 0, "signal": "9"}', b'{"exit_code": 1' + b"0" * 5000 + b"}", b" " * (9 << 20)),
    ],
    ids=lambda content: repr(content[:30]),
)
def test_a_hostile_exit_record_is_none_with_a_reason(folder: RunFolder, content: bytes) -> None:
    folder.exit.write_bytes(content)
    record, reason = read_exit(folder)
    assert record is None
    assert reason


def test_wrong_details_do_not_spoil_an_exit_record(folder: RunFolder) -> None:
    folder.exit.write_text(
        '{"exit_code": 1, "oom": "yes", "started": "NaN", "ended": -1, "packages": [1], "python": {}}'
    )
    assert read_exit(folder)[0] == ExitRecord(1, python="{}")


def test_links_and_pipes_are_never_followed(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"exit_code": 0}')
    folder.exit.symlink_to(tmp_path / "secret")
    assert read_exit(folder)[0] is None
    os.mkfifo(folder.events)
    follower = EventTail(folder.events)
    assert follower.poll() == []
    assert "regular" in follower.problem
    folder.stdout.symlink_to(tmp_path / "secret")
    with pytest.raises(LabError):
        tail(folder.stdout, 5)


@pytest.mark.parametrize(
    ("content", "count", "expected"),
    [
        (b"", 5, []),
        (b"a", 5, ["a"]),
        (b"a\n", 5, ["a"]),
        (b"a\nb\nc\n", 2, ["b", "c"]),
        (b"a\nb\nc", 2, ["b", "c"]),
        (b"a\n\n", 2, ["a", ""]),
        (b"a\nb\n", 0, []),
        (b"10%\r50%\r100%\nend\r\n", 5, ["100%", "end"]),
        (b"caf\xe9\n", 5, ["caf\ufffd"]),
    ],
)
def test_tail(tmp_path: Path, content: bytes, count: int, expected: list[str]) -> None:
    log = tmp_path / "log"
    log.write_bytes(content)
    assert tail(log, count) == expected


def test_tail_of_a_large_log_reads_only_its_end(tmp_path: Path) -> None:
    assert tail(tmp_path / "none", 5) == []
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(20 << 30)  # sparse
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(100_000)))
    started = time.monotonic()
    assert tail(log, 3) == ["line 99997", "line 99998", "line 99999"]
    assert len(tail(log, 20_000)) == 20_000
    assert time.monotonic() - started < 30


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["", "a", "long" * 9000]), max_size=30), st.integers(1, 40))
def test_tail_is_the_end_of_all_lines(tmp_path: Path, lines: list[str], count: int) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{line}\n" for line in lines))
    assert tail(log, count) == lines[-count:]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_events_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    follower = EventTail(path)
    assert follower.poll() == []
    append(path, b'{"t":1,"s":0,"m":{"loss":1}}\n{"t":2,"s":1,')
    assert follower.poll() == [{"t": 1, "s": 0, "m": {"loss": 1}}]
    assert follower.poll() == []
    append(path, b'"m":{"loss":"NaN"}}\n')
    assert follower.poll() == [{"t": 2, "s": 1, "m": {"loss": "NaN"}}]
    append(path, b'garbage\n\n[1]\n12\n\xff\n{"k":"model"} x\n  {"k":"artifact"}\r\n' + b"[" * 100_000 + b"\n")
    assert follower.poll() == [{"k": "artifact"}]
    assert follower.bad == 6
    assert EventTail(path, follower.offset).poll() == []


def test_a_torn_line_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = '{"t":1.5,"s":1,"m":{"é":0.25}}\n'.encode()
    for cut in range(len(line)):
        path.unlink(missing_ok=True)
        follower = EventTail(path)
        append(path, line + line[:cut])
        assert len(follower.poll()) == 1
        assert follower.poll() == []
        append(path, line[cut:])
        assert len(follower.poll()) == 1
        assert follower.bad == 0


def test_a_file_that_shrinks_or_is_replaced_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    follower = EventTail(path)
    append(path, b'{"s":1}\n{"s":2}\n')
    assert len(follower.poll()) == 2
    path.write_bytes(b'{"s":3}\n')
    assert follower.poll() == [{"s": 3}]
    (tmp_path / "new").write_bytes(b'{"s":4}\n{"s":5}\n')
    (tmp_path / "new").rename(path)
    assert follower.poll() == [{"s": 4}, {"s": 5}]
    path.unlink()
    assert follower.poll() == []


def test_an_endless_line_is_skipped_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, b'{"s":1}\n' + b"x" * (5 << 20))
    follower = EventTail(path)
    seen = follower.poll() + follower.poll()
    append(path, b'x\n{"s":2}\n')
    seen += follower.poll() + follower.poll()
    assert seen == [{"s": 1}, {"s": 2}]
    assert follower.bad == 1


def test_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [
        '{"t":1,"s":0,"m":{"loss":3,"acc":"NaN"}}',
        '{"t":2,"s":2,"m":{"loss":1.0,"acc":"-Infinity","big":1e400}}',
        "garbage",
        '{"t":3,"k":"model"}',
        '{"t":4,"s":1,"m":{"loss":2.0,"skip":true,"none":null,"text":"x","list":[1]}}',
        '{"t":5,"m":{"loss":"Infinity"}}',
        '{"t":6,"s":9,"m":{"torn":1',
    ]
    path.write_text("\n".join(lines))
    found = summarise(path)
    assert sorted(found) == ["acc", "big", "loss"]
    assert found["loss"] == MetricSummary(math.inf, 1.0, 3.0, 2.0, 4, 0.0)
    assert found["acc"].last == -math.inf
    assert math.isnan(found["acc"].mean)
    assert found["acc"].count == 2
    assert found["acc"].step == 2
    assert summarise(tmp_path / "none") == {}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_a_summary_agrees_with_the_numbers(tmp_path: Path, values: list[float]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps({"s": step, "m": {"x": value}}) + "\n" for step, value in enumerate(values)))
    summary = summarise(path)["x"]
    assert (summary.last, summary.min, summary.max) == (values[-1], min(values), max(values))
    assert (summary.count, summary.step) == (len(values), len(values) - 1)
    assert summary.min <= summary.mean <= summary.max
    if max(abs(value) for value in values) < 1e300:
        scale = max(abs(value) for value in values)
        assert summary.mean == pytest.approx(math.fsum(values) / len(values), rel=1e-9, abs=scale * 1e-12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=20), st.just(b'{"s":1,"m":{"a":1}}'), st.just(b"\n")), max_size=12))
def test_no_bytes_break_a_summary(tmp_path: Path, parts: list[bytes]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(parts))
    for summary in summarise(path).values():
        assert summary.count > 0


def test_names_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("w") as file:
        for number in range(12_000):
            file.write(f'{{"s":1,"m":{{"n{number}":1}}}}\n')
    assert len(summarise(path)) == 10_000
