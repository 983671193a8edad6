"""Watching a path: when it is looked at, by what, and what is said."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.datasets import watch
from lab.datasets.watch import LONGEST, POLLING, QUIET, SAFETY, DatasetWatch, Pulse
from lab.domain.watched import Watched
from lab.errors import ConflictError, LabError

DEADLINE = 30.0


def test_a_change_is_looked_at_once_it_is_quiet() -> None:
    pulse = Pulse(looked=0.0)
    assert not pulse.due(10.0)
    pulse.change(10.0)
    pulse.change(11.0)
    assert not pulse.due(11.0 + QUIET - 0.1)
    assert pulse.due(11.0 + QUIET)
    pulse.look(14.0)
    assert not pulse.due(20.0)


def test_a_steady_writer_is_looked_at_all_the_same() -> None:
    pulse = Pulse(looked=0.0)
    now = 1.0
    while not pulse.due(now) and now < 1000:
        pulse.change(now)
        now += QUIET / 2
    assert now == pytest.approx(1.0 + LONGEST, abs=QUIET)


def test_without_any_event_it_is_looked_at_now_and_then() -> None:
    pulse = Pulse()
    assert pulse.due(0.0), "the first look is at once"
    pulse.look(0.0)
    assert not pulse.due(SAFETY - 1)
    assert pulse.due(SAFETY)
    pulse.hears = False
    assert pulse.due(POLLING)


class Room:
    """Hears the looks of one watch over `path`."""

    def __init__(self, path: Path, lock: Path) -> None:
        self.path = path
        self.looks: list[bool] = []
        self.said: list[str] = []
        self.answer: Callable[[bool], None] = lambda _: None
        self.changed = threading.Condition()
        self.service = DatasetWatch(
            lambda: [Watched("p", path.parent, "d", path)], self._look, self._say, lock, clock=time.monotonic
        )

    def _look(self, watched: Watched, force: bool) -> None:
        assert watched.path == self.path
        with self.changed:
            self.looks.append(force)
            self.changed.notify_all()
        self.answer(force)

    def _say(self, sentence: str) -> None:
        with self.changed:
            self.said.append(sentence)
            self.changed.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE), (self.looks, self.said)

    @contextmanager
    def running(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self.service.run, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(DEADLINE)
            assert not thread.is_alive()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "QUIET", 0.2)
    monkeypatch.setattr(watch, "_TICK", 0.02)
    monkeypatch.setattr(watch, "_REREAD", 0.1)


@pytest.mark.usefixtures("quick")
def test_a_new_file_below_the_folder_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    room = Room(folder, tmp_path / "lock")
    with room.running():
        room.wait(lambda: bool(room.looks))  # the watch is set before the first look
        before = len(room.looks)
        (folder / "deep" / "new.csv").write_text("a\n1\n")
        room.wait(lambda: len(room.looks) > before)


@pytest.mark.usefixtures("quick")
def test_a_lone_file_that_is_replaced_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("a\n1\n")
    room = Room(file, tmp_path / "lock")
    with room.running():
        room.wait(lambda: bool(room.looks))
        before = len(room.looks)
        (tmp_path / "other").write_text("a\n2\n")
        os.replace(tmp_path / "other", file)
        room.wait(lambda: len(room.looks) > before)


@pytest.mark.usefixtures("quick")
def test_a_folder_that_goes_and_comes_back_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    room = Room(folder, tmp_path / "lock")
    with room.running():
        room.wait(lambda: bool(room.looks))
        folder.rename(tmp_path / "elsewhere")
        room.wait(lambda: any("is gone" in sentence for sentence in room.said))
        folder.mkdir()
        before = len(room.looks)
        room.wait(lambda: len(room.looks) > before)
        settled = len(room.looks)
        (folder / "new.csv").write_text("a\n")
        room.wait(lambda: len(room.looks) > settled)


@pytest.mark.usefixtures("quick")
def test_files_being_written_are_tried_again_and_at_last_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LONGEST", 1.0)
    folder = tmp_path / "data"
    folder.mkdir()
    room = Room(folder, tmp_path / "lock")

    def busy(force: bool) -> None:
        if not force:
            raise ConflictError("being written")

    room.answer = busy
    with room.running():
        room.wait(lambda: True in room.looks)
    assert room.looks.index(True) >= 2, "it was tried patiently first"
    assert not room.said


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_taken_is_said_and_the_watch_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    room = Room(folder, tmp_path / "lock")

    def fail(_: bool) -> None:
        raise LabError("cannot read a.csv")

    room.answer = fail
    with room.running():
        room.wait(lambda: any("cannot read a.csv" in sentence for sentence in room.said))
        before = len(room.looks)
        (folder / "b.csv").write_text("x")
        room.wait(lambda: len(room.looks) > before)


@pytest.mark.usefixtures("quick")
def test_when_the_system_watches_no_more_it_polls_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLLING", 0.2)
    folder = tmp_path / "data"
    folder.mkdir()
    room = Room(folder, tmp_path / "lock")

    class Full:
        def schedule(self, *_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(room.service, "_observe", Full)
    with room.running():
        room.wait(lambda: len(room.looks) >= 5)
    assert [sentence for sentence in room.said if "fs.inotify" in sentence] == room.said
    assert len(room.said) == 1


@pytest.mark.usefixtures("quick")
def test_one_watches_and_the_next_takes_over(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    one, other = Room(folder, tmp_path / "lock"), Room(folder, tmp_path / "lock")
    with one.running():
        one.wait(lambda: bool(one.looks))
        with other.running():
            (folder / "a").write_text("x")
            before = len(one.looks)
            one.wait(lambda: len(one.looks) > before)
            assert not other.looks
    third = Room(folder, tmp_path / "lock")
    with third.running():
        third.wait(lambda: bool(third.looks))
