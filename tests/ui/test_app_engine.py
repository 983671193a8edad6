"""An engine that goes away while the app is open, and comes back: told of calmly, while all else works on."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from screen_app import opened, press, see, shown, until

from lab.engine.base import Engine


class Cable:
    """A socket of our own that passes everything on to the engine's, and can be cut and plugged in again."""

    def __init__(self, front: Path, back: str) -> None:
        self._front, self._back = front, back
        self._ends: list[socket.socket] = []

    def plug_in(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._front))
        listener.listen(64)
        self._ends = [listener]
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        self._front.unlink()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._back)
                self._ends += [client, engine]
                for pair in ((client, engine), (engine, client)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cable(docker_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cable]:
    back = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not back.startswith("unix://"):
        pytest.skip("the engine is not on a socket of this machine")
    folder = Path(tempfile.mkdtemp(prefix="lab-"))  # the path of a socket must be short
    cable = Cable(folder / "s", back.removeprefix("unix://"))
    cable.plug_in()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/s")
    monkeypatch.setenv("LAB_ENGINE", "docker")
    monkeypatch.setattr("lab.ui.app.PERIOD", 0.3)
    yield cable
    with contextlib.suppress(OSError):
        cable.cut()
    shutil.rmtree(folder)


async def test_an_engine_that_goes_away_is_told_of_until_it_is_back(
    lab_home: Path, project: Path, cable: Cable
) -> None:
    async with opened(lab_home, project, (120, 40)) as (app, pilot):
        info = await app.bridge.ask(lambda ws: ws.engine().available())
        assert info.name == "docker"
        cable.cut()
        await see(pilot, "docker does not answer since", "what runs and serves goes on")
        await press(pilot, "3", "12 runs", "docker does not answer")
        await press(pilot, "2", "digits", "docker does not answer")
        await press(pilot, "n", "Snapshot data")
        await press(pilot, "escape", "docker does not answer")
        cable.plug_in()
        await see(pilot, "docker answers again")
        await until(pilot, lambda: "does not answer" not in shown(app), "the line is gone")
        assert not [job.line for job in app.jobs.all if job.title == "unexpected error"]
