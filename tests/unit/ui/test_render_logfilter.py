from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.ui.render import logfile, logfilter
from lab.ui.render.logfile import LogFile
from lab.ui.render.logfilter import FilteredLog


def everything(log: FilteredLog | LogFile) -> list[str]:
    while not log.complete:
        log.extend_back(logfile.BLOCK)
    return [log.line(number) for number in range(log.first, log.end)]


def plain(path: Path, text: str) -> list[str]:
    log = LogFile(path)
    try:
        return [line for line in everything(log) if text in (line.lower() if text == text.lower() else line)]
    finally:
        log.close()


LINES = (
    *(b"loss 0.1\n", b"Loss 0.2\n", b"nothing here\n", b"\n", b"\x1b[31mlo\x1b[0mss\n", b"10%\r99% loss\n"),
    *(b"loss\r50%\n", b"\xff loss \xe2\x82\xac\n", b"x" * 90 + b"loss\n", "ÄRGER loss\n".encode(), b"a\tloss\n"),
    b"loss without end",
)
LINE = st.sampled_from(LINES)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(LINE, max_size=30),
    later=st.lists(st.lists(LINE, max_size=12), max_size=3),
    text=st.sampled_from(["loss", "Loss", "s", "ärger", "0.2", "without"]),
)
def test_the_lines_are_those_that_hold_the_text(
    tmp_path: Path, before: list[bytes], later: list[list[bytes]], text: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logfile, "BLOCK", 64)
        path = tmp_path / "log"
        path.write_bytes(b"".join(before))
        log = LogFile(path)
        filtered = FilteredLog(log, text)
        for part in later:
            with path.open("ab") as file:
                file.write(b"".join(part))
            filtered.poll()
        assert everything(filtered) == plain(path, text)
        assert [log.line(filtered.number(at)) for at in range(filtered.first, filtered.end)] == everything(filtered)
        log.close()


def test_a_file_that_becomes_another_one_is_filtered_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"loss old\nother\n" * 50)
    log = LogFile(path)
    filtered = FilteredLog(log, "loss")
    assert len(everything(filtered)) == 50
    path.write_bytes(b"loss new\n")
    assert filtered.poll()
    assert everything(filtered) == ["loss new"]
    log.close()


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfilter, "MOST", 100)
    path = tmp_path / "log"
    path.write_text("".join(f"loss {number}\n" for number in range(50_000)))
    log = LogFile(path)
    filtered = FilteredLog(log, "loss")
    found = everything(filtered)
    assert found[-1] == "loss 49999"
    assert 100 <= len(found) < 20_000
    assert found == [f"loss {number}" for number in range(50_000 - len(found), 50_000)]
    log.close()


def test_a_search_goes_through_the_matches_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{'loss' if number % 10 == 0 else 'other'} {number}\n" for number in range(1000)))
    log = LogFile(path)
    filtered = FilteredLog(log, "loss")
    at, _ = filtered.search("90", filtered.end - 1, -1)
    assert at is not None
    assert filtered.line(at) == "loss 990"
    at, _ = filtered.search("90", at - 1, -1)
    assert at is not None
    assert filtered.line(at) == "loss 900"
    assert filtered.search("5", filtered.end, 1) == (None, None)
    log.close()
