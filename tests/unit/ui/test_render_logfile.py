from __future__ import annotations

import os
import random
import tracemalloc
from pathlib import Path

import pytest

from lab.ui.render import logfile
from lab.ui.render.logfile import BLOCK, LogFile
from lab.ui.render.logline import MAX_LINE, plain_line


def everything(log: LogFile) -> list[str]:
    while log.extend_back(BLOCK * 8):
        pass
    return [log.line(number) for number in range(log.first, log.end)]


def test_opens_at_the_end_and_finds_the_rest_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"line {i}\n" for i in range(200_000)))
    log = LogFile(path)
    assert log.line(log.end - 1) == "line 199999"
    assert not log.complete
    assert everything(log) == [f"line {i}" for i in range(200_000)]
    assert log.complete


def test_a_million_lines_cost_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as file:
        for i in range(1_000_000):
            file.write(f"step {i} loss {i / 7:.6f} " + "x" * 60 + "\n")
    tracemalloc.start()
    log = LogFile(path)
    while log.extend_back(BLOCK * 8):
        pass
    assert log.end - log.first == 1_000_000
    assert log.line(log.first).startswith("step 0 ")
    assert log.line(log.first + 500_000).startswith("step 500000 ")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("seed", range(20))
def test_numbers_are_right_however_lines_fall_on_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(logfile, "BLOCK", 64)
    rng = random.Random(seed)
    path = tmp_path / "log"
    expected = [
        f"{i}:" + "y" * rng.choice((0, 0, 3, 10, 60, 63, 64, 65, 130, 300)) for i in range(rng.randrange(1, 60))
    ]
    cut = rng.randrange(len(expected) + 1)
    text = "\n".join(expected) + rng.choice(("", "\n"))
    at = min(len(text), sum(len(line) + 1 for line in expected[:cut]) + rng.randrange(3))
    path.write_text(text[:at])
    log = LogFile(path)
    with path.open("a") as file:
        while at < len(text):
            step = rng.randrange(1, 200)
            file.write(text[at : at + step])
            file.flush()
            at += step
            log.poll()
    assert everything(log) == expected
    for number in rng.sample(range(log.first, log.end), min(10, len(expected))):
        assert log.line(number) == expected[number - log.first]


def test_grows_and_keeps_numbers(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a\nb")
    log = LogFile(path)
    assert everything(log) == ["a", "b"]
    assert not log.poll()
    with path.open("a") as file:
        file.write("ut\nc\n")
    assert log.poll()
    assert everything(log) == ["a", "but", "c"]
    assert (log.line(-1), log.line(0)) == ("a", "but")


def test_truncated_and_replaced_files_are_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old 1\nold 2\n")
    log = LogFile(path)
    path.write_text("new\n")
    assert log.poll()
    assert everything(log) == ["new"]
    other = tmp_path / "other"
    other.write_text("another file, longer than the one before\n")
    os.replace(other, path)
    assert log.poll()
    assert everything(log) == ["another file, longer than the one before"]
    path.unlink()
    assert log.poll()
    assert not log.exists
    assert everything(log) == []


def test_a_missing_file_may_come(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path)
    assert not log.exists
    assert not log.poll()
    path.write_text("here\n")
    assert log.poll()
    assert everything(log) == ["here"]


def test_folders_and_pipes_are_no_logs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not LogFile(tmp_path).exists
    assert not LogFile(tmp_path / "pipe").exists


def test_ten_megabytes_in_one_line_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"z" * 10_000_000 + b"\nlast\n")
    tracemalloc.start()
    log = LogFile(path)
    lines = everything(log)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [lines[0], lines[2]] == ["first", "last"]
    assert len(lines[1]) == MAX_LINE
    assert peak < 3_000_000
    with path.open("ab") as file:
        file.write(b"q" * 5_000_000)
    log.poll()
    assert log.line(log.end - 1).startswith("qqq")
    with path.open("ab") as file:
        file.write(b"\nafter\nmore\n")
    log.poll()
    assert [line[:5] for line in everything(log)] == ["first", "zzzzz", "last", "qqqqq", "after", "more"]


def test_progress_bars_show_their_last_state(tmp_path: Path) -> None:
    assert plain_line(b"10%\r50%\r100%\r\n").text == "100%"
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"%d%%|####\r" % i for i in range(200_000)) + b"done\n")
    assert everything(LogFile(path)) == ["done"]


def test_binary_junk_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "log"
    data = random.Random(0).randbytes(500_000)
    path.write_bytes(data)
    log = LogFile(path)
    lines = everything(log)
    assert len(lines) == data.count(b"\n") + (not data.endswith(b"\n"))
    assert not [char for line in lines for char in line if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]


def test_escapes_vanish() -> None:
    assert (
        plain_line(b"\x1b[32mok\x1b[0m \x1b]52;c;AAAA\x07 \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\").text == "ok  link"
    )
    assert plain_line("a\x9b31mb\u202ec".encode()).text == "abc"
    assert plain_line(b"\x1b").text == ""


def test_search_goes_both_ways_through_blocks(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"line {i} {'NEEDLE' if i in (5, 90_000) else ''}\n" for i in range(100_000)))
    log = LogFile(path)

    def find(text: str, start: int, step: int) -> int | None:
        found, go_on = log.search(text, start, step, budget=BLOCK)
        while go_on is not None:
            found, go_on = log.search(text, go_on, step, budget=BLOCK)
        return found

    late = find("needle", log.end - 1, -1)
    assert late is not None
    assert log.line(late).startswith("line 90000 ")
    early = find("needle", late - 1, -1)
    assert early is not None
    assert log.line(early).startswith("line 5 ")
    assert find("needle", early - 1, -1) is None
    assert find("needle", early + 1, 1) == late
    assert find("needle", late + 1, 1) is None
    assert find("Needle", log.end - 1, -1) is None
