from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.catalog.connection import Catalog
from lab.domain.event import Event
from lab.events import GOVERNANCE
from lab.journal import Journal, decode, read_lines, segments, verify
from lab.paths import LabHome


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def everything(home: LabHome) -> list[Event]:
    return [decode(line) for segment in segments(home) for line in read_lines(home, segment.name, 0)[0]]


def test_what_is_appended_is_read_back(home: LabHome) -> None:
    journal = Journal(home, GOVERNANCE)
    body = {"text": "line\nbreak \x1b[31m", "nested": {"list": [1, 2.5, None, True]}, "日本": "x"}
    event = journal.append("run.created", "r1", body)
    assert everything(home) == [event]
    (segment,) = home.journal.iterdir()
    assert segment.stat().st_mode & 0o777 == 0o600
    record = json.loads(segment.read_bytes())
    assert (record["v"], len(record["prev"])) == (1, 64)


def test_lone_surrogates_are_replaced_so_that_every_reader_takes_the_line(home: LabHome) -> None:
    journal = Journal(home, GOVERNANCE)
    journal.append("run.created", "r\udcff", {"name": "caf\udce9", "params": {"\ud800": ["\udfff", 1]}})
    (event,) = everything(home)
    assert (event.subject, event.body) == ("r?", {"name": "caf?", "params": {"?": ["?", 1]}})
    catalog = Catalog(home)
    assert catalog.rows("SELECT name FROM run_table") == [{"name": "caf?"}]
    assert catalog.damage() == []
    catalog.close()


def test_only_governance_is_chained(home: LabHome) -> None:
    journal = Journal(home, GOVERNANCE)
    journal.append("run.noted", "r1", {})
    assert "prev" not in json.loads(next(home.journal.iterdir()).read_bytes())


def test_a_value_that_json_cannot_hold_writes_nothing(home: LabHome) -> None:
    journal = Journal(home, GOVERNANCE)
    with pytest.raises(ValueError, match="JSON"):
        journal.append("run.ended", "r1", {"loss": float("nan")})
    assert everything(home) == []
    journal.append("run.ended", "r1", {"loss": "NaN"})
    assert [list(verify(home, segment.name)) for segment in segments(home)] == [[]]


def test_threads_share_a_segment_and_its_chain(home: LabHome) -> None:
    journal = Journal(home, GOVERNANCE)

    def work(name: str) -> None:
        for number in range(100):
            journal.append("run.created", f"{name}{number}", {"name": name})

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (segment,) = segments(home)
    events = everything(home)
    assert len({event.id for event in events}) == 400
    assert [event.id for event in events] == sorted(event.id for event in events)
    assert list(verify(home, segment.name)) == []


def test_a_forked_child_writes_a_segment_of_its_own(home: LabHome) -> None:
    journal = Journal(home, GOVERNANCE)
    journal.append("run.created", "parent", {})
    child = multiprocessing.get_context("fork").Process(target=journal.append, args=("run.created", "child", {}))
    child.start()
    child.join()
    assert child.exitcode == 0
    journal.append("run.created", "parent again", {})
    assert len(segments(home)) == 2
    assert {event.subject for event in everything(home)} == {"parent", "child", "parent again"}
    assert all(list(verify(home, segment.name)) == [] for segment in segments(home))


def test_a_segment_that_nobody_holds_is_gone_on_with_and_its_chain_too(home: LabHome) -> None:
    for number in range(20):
        journal = Journal(home, GOVERNANCE)
        journal.append("run.noted" if number % 3 else "run.created", f"r{number}", {})
        journal.close()
    (segment,) = segments(home)
    assert [event.subject for event in everything(home)] == [f"r{number}" for number in range(20)]
    assert list(verify(home, segment.name)) == []


def test_writers_at_one_time_have_a_segment_each_and_leave_them_to_the_next(home: LabHome) -> None:
    first, second = Journal(home, GOVERNANCE), Journal(home, GOVERNANCE)
    for journal in (first, second, first):
        journal.append("run.created", "r", {})
    assert len(segments(home)) == 2
    first.close()
    third = Journal(home, GOVERNANCE)
    third.append("run.created", "r", {})
    second.append("run.created", "r", {})
    assert len(segments(home)) == 2
    assert [list(verify(home, segment.name)) for segment in segments(home)] == [[], []]


@pytest.mark.parametrize("left", [b'{"torn', b"x" * (1024 * 1024) + b"\n"])
def test_a_torn_or_full_segment_is_left_as_it_is(home: LabHome, left: bytes) -> None:
    place = home.journal / "99990101T000000-1-00000000.jsonl"
    home.journal.mkdir(exist_ok=True)
    place.write_bytes(left)
    Journal(home, GOVERNANCE).append("run.created", "r", {})
    assert place.read_bytes() == left
    assert len(segments(home)) == 2


def test_what_is_no_segment_is_not_gone_on_with(home: LabHome, tmp_path: Path) -> None:
    home.journal.mkdir(exist_ok=True)
    elsewhere = tmp_path / "precious.txt"
    elsewhere.write_text("mine\n")
    (home.journal / "z.jsonl").symlink_to(elsewhere)
    os.mkfifo(home.journal / "y.jsonl")
    Journal(home, GOVERNANCE).append("run.created", "r", {})
    assert elsewhere.read_text() == "mine\n"
    assert len(everything(home)) == 1


def test_a_line_of_garbage_is_no_link_of_the_chain(home: LabHome) -> None:
    journal = Journal(home, GOVERNANCE)
    journal.append("run.created", "r1", {})
    journal.close()
    (path,) = home.journal.iterdir()
    with path.open("ab") as file:
        file.write(b'{"prev": "nonsense"}\n')
    Journal(home, GOVERNANCE).append("run.created", "r2", {})
    assert [damage.line for damage in verify(home, path.name)] == [2]


def test_reading_stops_at_the_last_line_break_and_goes_on_there(home: LabHome) -> None:
    journal = Journal(home, GOVERNANCE)
    journal.append("run.noted", "r1", {})
    (path,) = home.journal.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"half')
    lines, end = read_lines(home, path.name, 0)
    assert (len(lines), end) == (1, len(whole))
    assert read_lines(home, path.name, end) == ([], end)
    path.write_bytes(whole + whole)
    assert len(read_lines(home, path.name, end)[0]) == 1


@given(st.binary())
def test_decoding_anything_gives_an_event_or_a_reason(line: bytes) -> None:
    with contextlib.suppress(ValueError):  # and nothing else
        assert isinstance(decode(line), Event)


@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
    ),
    st.text(min_size=1),
)
def test_any_body_survives_the_journal(
    tmp_path_factory: pytest.TempPathFactory, body: dict[str, object], subject: str
) -> None:
    home = LabHome(tmp_path_factory.mktemp("j")).create()
    journal = Journal(home, GOVERNANCE)
    written = journal.append("run.created", subject, body)
    journal.close()
    assert everything(home) == [written]
    assert os.listdir(home.journal) == [segments(home)[0].name]
