from __future__ import annotations

import json
import math
import os
import random
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab.catalog import histories
from lab.errors import IntegrityError, LabError
from lab.paths import RunFolder

HOSTILE = b"""{"t":1.0,"s":0,"m":{"loss":0.3,"acc":"NaN"}}
{"t":2.0,"s":1,"m":{"loss":"Infinity","acc":"-Infinity"}}
garbage
{"t":2.5,"s":2,"m":{"loss":"abc","acc":3}}
{"t":2.7,"m":{"loss":5}}
{"t":2.8,"s":3,"m":[1,2]}
[1,2,3]
"a string"
\x00\xff\xfe
{"t":2.9,"s":3,"m":{"loss":null}}
{"t":3.0,"s":5,"m":{"caf\xc3\xa9 'q' \\" %":7}}
{"t":3.1,"s":6,"m":{"loss":1}}{"t":3.1,"s":7,"m":{"loss":1}}

{"t":3.5,"k":"artifact","path":"x"}
{"t":3.6,"s":1,"m":{"loss":-2e300}}
{"t":4,"s":12,"m":{"loss":0.77"""

LOSS = ([0.0, 1.0, 2.0, 1.0], [1.0, 2.0, 2.7, 3.6], [0.3, math.inf, 5.0, -2e300])
ODD = "café 'q' \" %"


def same(found: object, expected: object) -> bool:
    """Equal, where NaN equals NaN."""
    return repr(found) == repr(expected)


def write_lines(path: Path, count: int, keys: int, seed: int = 0, start: float = 1e9) -> Path:
    rnd = random.Random(seed)
    with open(path, "w") as file:
        for i in range(count):
            values = {f"k{k}": rnd.random() for k in range(keys)}
            file.write(json.dumps({"t": start + i, "s": i, "m": values}) + "\n")
    return path


@pytest.fixture(params=["live", "ended"])
def hostile(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    lines = tmp_path / "events.jsonl"
    lines.write_bytes(HOSTILE)
    if request.param == "live":
        return lines
    table = tmp_path / "metrics.parquet"
    assert histories.write(lines, table) == 8
    return table


def test_only_whole_lines_of_metrics_count(hostile: Path) -> None:
    assert histories.keys(hostile) == ["acc", ODD, "loss"]
    assert histories.read(hostile, "loss") == LOSS
    assert histories.read(hostile, ODD) == ([5.0], [3.0], [7.0])
    assert same(histories.read(hostile, "acc")[2], [math.nan, -math.inf, 3.0])
    assert histories.read(hostile, "none' OR 1=1 --") == ([], [], [])


def test_summaries_are_over_finite_values_and_the_last_is_by_order_of_logging(hostile: Path) -> None:
    found = histories.summaries(hostile)
    assert (found["loss"].last, found["loss"].step, found["loss"].count) == (-2e300, 1.0, 4)
    assert (found["loss"].min, found["loss"].max) == (-2e300, 5.0)
    assert (found["acc"].last, found["acc"].min, found["acc"].max, found["acc"].mean) == (3.0, 3.0, 3.0, 3.0)


def test_a_metric_that_was_never_finite_has_nan_statistics(tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    lines.write_text('{"t":1,"s":1,"m":{"x":"NaN"}}\n{"t":2,"s":2,"m":{"x":"Infinity"}}\n')
    found = histories.summaries(lines)["x"]
    assert same((found.last, found.min, found.max, found.mean), (math.inf, math.nan, math.nan, math.nan))


def test_missing_steps_are_counted_per_metric(tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    lines.write_text('{"m":{"x":1,"y":1}}\n{"m":{"y":2}}\n{"m":{"x":3}}\n')
    assert histories.read(lines, "x") == ([0.0, 1.0], [0.0, 0.0], [1.0, 3.0])
    assert histories.read(lines, "y")[0] == [0.0, 1.0]


def test_parquet_holds_what_the_lines_hold_in_order(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "events.jsonl", 12_000, 4)
    table = tmp_path / "metrics.parquet"
    assert histories.write(lines, table) == 48_000
    for key in ("k0", "k3"):
        assert histories.read(table, key) == histories.read(lines, key)
    assert histories.read(table, "k0")[0] == [float(i) for i in range(12_000)]
    live, ended = histories.summaries(lines), histories.summaries(table)
    assert live.keys() == ended.keys()
    assert [live[key].mean for key in live] == pytest.approx([ended[key].mean for key in live])
    assert [(v.last, v.min, v.max, v.count, v.step) for v in live.values()] == [
        (v.last, v.min, v.max, v.count, v.step) for v in ended.values()
    ]


def test_write_leaves_nothing_but_the_table(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "events.jsonl", 10, 1)
    histories.write(lines, tmp_path / "metrics.parquet")
    histories.write(lines, tmp_path / "metrics.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "metrics.parquet"]


def test_a_run_that_logged_nothing_gets_an_empty_table(tmp_path: Path) -> None:
    table = tmp_path / "metrics.parquet"
    assert histories.write(tmp_path / "events.jsonl", table) == 0
    assert histories.keys(table) == []
    assert histories.read(table, "x") == ([], [], [])
    assert [len(column) for column in histories.overlay([table], "x")[0]] == [0, 0, 0]


_NAMES = st.sampled_from(
    ["loss", "Loss", "a b", 'q"x', "it's", "s", "t", "m", "seq", "é", "", "\x00z", "val/acc", "$1"]
)
_VALUES = st.one_of(
    st.floats(width=64).filter(math.isfinite),
    st.integers(-(2**70), 2**70),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "abc", None, True, [1], {"x": 1}]),
)
_LINES = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"t": st.sampled_from([1.5, None, "x"]), "m": st.dictionaries(_NAMES, _VALUES, max_size=4)},
            optional={"s": st.sampled_from([0, 1.5, None, "7", -3])},
        ).map(json.dumps),
        st.sampled_from(
            ['{"t": 1, "s": 2, "m": 7}', '{"m": null}', '{"s": 1, "m": {"a": 1, "a": 2}}', "torn {", "", "[1]"]
        ),
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(_LINES)
@example([json.dumps({"t": 1.0, "s": step, "m": {"loss": step / 7, "acc": "NaN"}}) for step in range(5)])
def test_lines_that_are_alike_are_read_as_any_others(lines: list[str]) -> None:
    """Names that cannot be columns, values that are no numbers, missing steps: both ways say the same."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "events.jsonl"
        source.write_text("".join(line + "\n" for line in lines))
        count = histories.write(source, folder / "any.parquet")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(histories, "_write_wide", lambda *_: None)
            assert histories.write(source, folder / "slow.parquet") == count
        names = histories.keys(folder / "slow.parquet")
        assert histories.keys(folder / "any.parquet") == names
        for key in names:
            assert same(histories.read(folder / "any.parquet", key), histories.read(folder / "slow.parquet", key))


def test_what_is_not_there_is_empty(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert histories.source(folder) == folder.events
    assert histories.keys(folder.events) == []
    assert histories.summaries(folder.events) == {}
    folder.events.write_text('{"t":1,"s":1,"m":{"x":1}}\n')
    histories.write(folder.events, folder.metrics)
    assert histories.source(folder) == folder.metrics


def test_a_line_too_long_for_the_reader_is_left_out(tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    with open(lines, "wb") as file:
        file.write(b'{"t":1,"s":0,"m":{"x":1}}\n')
        file.write(b"x" * 40_000_000 + b"\n")
        file.write(b'{"t":2,"s":1,"m":{"x":2}}\n')
    assert histories.read(lines, "x") == ([0.0, 1.0], [1.0, 2.0], [1.0, 2.0])
    assert histories.write(lines, tmp_path / "metrics.parquet") == 2
    assert list(histories.overlay([lines], "x")[0][2]) == [1.0, 2.0]


def test_a_folder_with_a_hostile_name(tmp_path: Path) -> None:
    folder = tmp_path / "we'ird [a]*?{b} \\x $points"
    folder.mkdir()
    lines = write_lines(folder / "events.jsonl", 3, 1)
    assert histories.write(lines, folder / "metrics.parquet") == 3
    assert len(histories.read(folder / "metrics.parquet", "k0")[0]) == 3
    assert len(histories.read(lines, "k0")[0]) == 3


def test_a_damaged_table_is_an_error_that_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    folder.mkdir()
    table = folder / "metrics.parquet"
    table.write_bytes(os.urandom(4096))
    with pytest.raises(IntegrityError, match=r"r1/metrics\.parquet"):
        histories.read(table, "x")


def test_a_table_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "events.jsonl", 3, 1)
    with pytest.raises(LabError, match="cannot write the metrics of run nowhere"):
        histories.write(lines, tmp_path / "nowhere" / "metrics.parquet")


def test_an_overlay_is_what_each_history_holds(tmp_path: Path) -> None:
    live = [write_lines(tmp_path / f"{n}.jsonl", 50 + 20_000 * (n % 2), 3, seed=n) for n in range(6)]
    ended = [lines.with_suffix(".parquet") for lines in live]
    for lines, table in zip(live, ended, strict=True):
        histories.write(lines, table)
    mixed = [live[0], ended[1], tmp_path / "missing.jsonl", live[3], ended[2], ended[1]]
    for paths in (ended, ended[::-1], live, mixed, mixed[::-1], []):
        found = histories.overlay(paths, "k1")
        assert [tuple(map(list, columns)) for columns in found] == [histories.read(path, "k1") for path in paths]
        for (steps, times, values), whole in zip(histories.overlay(paths, "k1", times=False), found, strict=True):
            assert (steps, values, len(times)) == (whole[0], whole[2], len(whole[1]))
            assert all(map(math.isnan, times))
    assert histories.overlay(mixed, "unknown") == [(array("d"),) * 3] * len(mixed)


def test_a_forked_child_reads_too(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "events.jsonl", 5_000, 4)
    assert len(histories.read(lines, "k0")[0]) == 5_000
    child = os.fork()
    if child == 0:
        os._exit(0 if len(histories.read(lines, "k0")[0]) == 5_000 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
