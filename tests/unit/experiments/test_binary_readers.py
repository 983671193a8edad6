"""The parsers of binary files: right on real ones, and on any others at worst a reason."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from foreign import LOSS, SAMPLES, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.experiments.readers import protobuf
from lab.experiments.readers.base import ForeignRun, Source, Unreadable
from lab.experiments.readers.crc32c import crc32c, masked, masked_crcs
from lab.experiments.readers.tfevents import read_events
from lab.experiments.readers.tfrecords import Records
from lab.experiments.readers.tfscalars import laid_out
from lab.experiments.readers.wandb import Wandb

EVENTS = next((SAMPLES / "tensorboard" / "first").glob("*tfevents*"))
V2 = next((SAMPLES / "tensorboard" / "v2").glob("*tfevents*"))
(WANDB,) = SAMPLES.glob("wandb/*/*.wandb")

NO_PLACES = np.array([], dtype=np.int64)

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def events(tmp_path: Path, data: bytes) -> ForeignRun:
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(data)
    return read_events((path,), "x")


def wandb(tmp_path: Path, data: bytes) -> ForeignRun:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(data)
    (run,) = Wandb().read(Source("wandb", path, (path,), "x"))
    return run


def records(data: bytes) -> list[bytes]:
    """The TFRecords in `data`, each with its frame."""
    found, at = [], 0
    while at < len(data):
        size = 16 + struct.unpack_from("<Q", data, at)[0]
        found.append(data[at : at + size])
        at += size
    return found


def framed(message: bytes) -> bytes:
    size = struct.pack("<Q", len(message))
    return size + struct.pack("<I", masked(crc32c(size))) + message + struct.pack("<I", masked(crc32c(message)))


def scalar(tag: str, value: float, step: int) -> bytes:
    inner = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    return b"\x09" + struct.pack("<d", 1.5) + b"\x10" + number(step) + b"\x2a" + bytes([len(summary)]) + summary


def number(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def test_crc32c_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43


@given(st.lists(st.binary(max_size=300), max_size=40))
def test_many_at_once_as_one_by_one(messages: list[bytes]) -> None:
    assert masked_crcs(messages).tolist() == [masked(crc32c(message)) for message in messages]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    try:
        list(protobuf.fields(data))
    except ValueError:
        return


def test_a_torn_last_record_is_left_for_later(tmp_path: Path) -> None:
    data = EVENTS.read_bytes()
    whole = len(events(tmp_path, data).metrics["train/loss"].values)
    last = len(records(data)[-1])
    for cut in range(1, last + 1):
        run = events(tmp_path, data[:-cut])
        assert run.problems == ()
        assert len(run.metrics["train/loss"].values) == whole


def test_a_damaged_record_is_told_of_and_the_next_ones_are_read(tmp_path: Path) -> None:
    parts = [framed(scalar("loss", float(step), step)) for step in range(10)]
    parts[4] = parts[4][:20] + b"\xee" + parts[4][21:]
    run = events(tmp_path, b"".join(parts))
    assert list(run.metrics["loss"].values) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    place = sum(map(len, parts[:4]))
    assert [problem.reason for problem in run.problems] == [f"record at byte {place} is damaged: its checksum is wrong"]


def test_after_a_damaged_length_nothing_is_believed(tmp_path: Path) -> None:
    parts = [framed(scalar("loss", float(step), step)) for step in range(10)]
    for length in (b"\x01", b"\xff" * 8):
        bad = length + parts[4][len(length) :]
        run = events(tmp_path, b"".join([*parts[:4], bad, *parts[5:]]))
        assert list(run.metrics["loss"].values) == [0, 1, 2, 3]
        (problem,) = run.problems
        assert f"byte {sum(map(len, parts[:4]))}" in problem.reason


def test_negative_steps_large_records_and_many_tags(tmp_path: Path) -> None:
    image = framed(b"\x09" + bytes(8) + b"\x2a" + number(200_000) + bytes(200_000))
    data = framed(scalar("a", 1.0, -5)) + image + framed(scalar("b" * 100, 2.0, 1 << 40))
    run = events(tmp_path, data)
    assert list(run.metrics["a"].steps) == [-5]
    assert list(run.metrics["b" * 100].steps) == [float(1 << 40)]
    assert not run.problems


def test_more_records_than_a_batch(tmp_path: Path) -> None:
    run = events(tmp_path, b"".join(framed(scalar("loss", 0.5, step)) for step in range(20_000)))
    assert list(run.metrics["loss"].steps) == [float(step) for step in range(20_000)]


def test_the_quick_way_and_the_long_way_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = events(tmp_path, EVENTS.read_bytes())
    nothing = laid_out(Records(b"", NO_PLACES, NO_PLACES))
    monkeypatch.setattr("lab.experiments.readers.tfevents.laid_out", lambda found: nothing)
    slow = events(tmp_path, EVENTS.read_bytes())
    assert quick.metrics.keys() == slow.metrics.keys()
    for key, series in quick.metrics.items():
        assert same(list(series.values), list(slow.metrics[key].values))
        assert (list(series.steps), list(series.times)) == (
            list(slow.metrics[key].steps),
            list(slow.metrics[key].times),
        )


def test_values_of_both_layouts_stay_in_their_order(tmp_path: Path) -> None:
    def without_step(tag: str, value: float) -> bytes:
        whole = scalar(tag, value, 0)
        return whole[:9] + whole[11:]

    parts = [framed(without_step("loss", i) if i % 3 else scalar("loss", i, 0)) for i in range(50)]
    series = events(tmp_path, b"".join(parts)).metrics["loss"]
    assert list(series.values) == [float(i) for i in range(50)]
    assert set(series.steps) == {0.0}


def test_an_event_that_is_none_is_told_of_and_the_next_ones_are_read(tmp_path: Path) -> None:
    parts = [framed(scalar("loss", float(step), step)) for step in range(4)]
    run = events(tmp_path, b"".join([*parts[:2], *[framed(b"\x09\x00")] * 3, *parts[2:]]))
    assert list(run.metrics["loss"].values) == [0, 1, 2, 3]
    assert [problem.reason for problem in run.problems] == ["not an event: a field ends outside its message"]


def test_records_that_fill_more_than_one_portion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.experiments.readers.tfrecords._PORTION", 70_000)
    image = framed(b"\x2a" + number(300_000) + bytes(300_000))
    parts = [framed(scalar("loss", float(step), step)) for step in range(5000)]
    data = b"".join([*parts[:3000], image, *parts[3000:]])
    run = events(tmp_path, data)
    assert list(run.metrics["loss"].values) == [float(step) for step in range(5000)]
    assert not run.problems
    at = data.index(image)
    for cut in (at + 5, at + 12, at + 100_000):  # in the length, behind it, in the data of the large one
        run = events(tmp_path, data[:cut])
        assert (len(run.metrics["loss"].values), run.problems) == (3000, ())


@SLOW
@given(st.integers(0, 2**32), st.sampled_from([EVENTS, V2]))
def test_events_with_any_damage_give_a_run(tmp_path: Path, seed: int, sample: Path) -> None:
    run = events(tmp_path, damaged(sample.read_bytes(), seed))
    assert all(problem.reason for problem in run.problems)


@SLOW
@given(st.binary(max_size=200))
def test_events_with_right_frames_around_anything(tmp_path: Path, message: bytes) -> None:
    run = events(tmp_path, framed(message) + framed(scalar("loss", 1.0, 0)))
    assert run.problems or list(run.metrics["loss"].values)[-1] == 1.0


@SLOW
@given(st.integers(0, 2**32))
def test_wandb_with_any_damage_gives_a_run_or_a_reason(tmp_path: Path, seed: int) -> None:
    try:
        run = wandb(tmp_path, damaged(WANDB.read_bytes(), seed))
    except Unreadable as error:
        reasons = [str(error)]
    else:
        reasons = [problem.reason for problem in run.problems]
    assert all(reasons)


def test_a_torn_log_of_wandb_is_still_running(tmp_path: Path) -> None:
    data = WANDB.read_bytes()
    run = wandb(tmp_path, data[: len(data) * 2 // 3])
    values = list(run.metrics["train/loss"].values)
    assert run.status is not None
    assert run.status.active
    assert 0 < len(values) < 10
    assert same(values, LOSS[: len(values)])
    assert not run.problems


@pytest.mark.parametrize("data", [b"", b":W&", b"not a log of anything", bytes(100)])
def test_what_is_no_log_of_wandb_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unreadable):
        wandb(tmp_path, data)


def history(step: int) -> bytes:
    def item(key: str, value: object) -> bytes:
        text = json.dumps(value).encode()
        body = b"\x12" + number(len(key)) + key.encode() + b"\x82\x01" + number(len(text)) + text
        return b"\x0a" + number(len(body)) + body

    body = (
        item("loss", step / 7) + item("_step", step) + item("_timestamp", 1e9 + step) + item("pad", "x" * (step % 900))
    )
    return b"\x12" + number(len(body)) + body


def test_records_across_blocks_and_a_damaged_block(tmp_path: Path) -> None:
    log = bytearray(b":W&B\xe1\xbe\x00")
    for step in range(500):
        data, first = history(step), True
        while True:
            left = 32768 - len(log) % 32768
            if left < 7:
                log += bytes(left)
                continue
            part, data = data[: left - 7], data[left - 7 :]
            kind = (1 if not data else 2) if first else (4 if not data else 3)
            log += struct.pack("<IHB", zlib.crc32(part, zlib.crc32(bytes([kind]))), len(part), kind) + part
            first = False
            if not data:
                break
    assert len(log) > 4 * 32768
    run = wandb(tmp_path, bytes(log))
    assert list(run.metrics["loss"].values) == [step / 7 for step in range(500)]
    log[3 * 32768 - 500] ^= 0xFF
    run = wandb(tmp_path, bytes(log))
    kept = list(run.metrics["loss"].steps)
    assert 300 < len(kept) < 500
    assert kept[-1] == 499
    assert all(run.metrics["loss"].values[at] == step / 7 for at, step in enumerate(kept))
    assert [problem.reason for problem in run.problems if "damaged at byte" in problem.reason]


def damaged(data: bytes, seed: int) -> bytes:
    """`data` with bytes changed, cut out, doubled, or its end taken off."""
    chance = random.Random(seed)
    out = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(out)) if out else 0
        kind = chance.randrange(4)
        if kind == 0 and out:
            out[at] = chance.randrange(256)
        elif kind == 1:
            del out[at : at + chance.randint(1, 50)]
        elif kind == 2:
            out[at:at] = out[at : at + chance.randint(1, 50)]
        else:
            del out[max(7, at) :]
    return bytes(out)
