"""What a command is given: the streams, and the workspace once it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lab.cli.declare import Command
from lab.cli.output import Output
from lab.dataclass import dataclass

if TYPE_CHECKING:
    from lab.workspace import Workspace


class OpenWeb(Protocol):
    """Serves the app to a browser; see `lab.ui.web.server.serve`."""

    def __call__(
        self, home: Path | None, project_dir: Path, *, port: int, read_only: bool, browse: bool,
        tell: Callable[[str, int], None],
    ) -> None: ...  # fmt: skip


class Bound(Protocol):
    """An action of the app and its keys; see `lab.ui.actions.keys.Bound`."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def keys(self) -> Sequence[str]: ...
    @property
    def moved(self) -> bool: ...
    @property
    def where(self) -> Sequence[str]: ...
    @property
    def command(self) -> str: ...


class KeyTable(Protocol):
    """All keys, and what is wrong with those that were moved."""

    @property
    def bound(self) -> Sequence[Bound]: ...
    @property
    def troubles(self) -> Sequence[str]: ...


#: The keys of the app, given those that the user moved.
TellKeys = Callable[[Mapping[str, str]], KeyTable]


@dataclass(frozen=True)
class AppDoors:
    """What commands may ask of the app, which they do not import."""

    web: OpenWeb | None = None
    keys: TellKeys | None = None


class Context:
    """One invocation. The workspace is opened at first use, so that help and usage errors load nothing."""

    def __init__(
        self,
        out: Output,
        home: Path | None,
        project_dir: Path | None,
        commands: Sequence[Command] = (),
        app: AppDoors | None = None,
    ) -> None:
        self.open_web = app.web if app else None
        self.keys = app.keys if app else None
        self.out = out
        self.commands = commands  # all there are, for completion
        self.home = home
        self.folder = (project_dir or Path.cwd()).absolute()
        self._opened: Workspace | None = None
        self._told = 0

    @property
    def ws(self) -> Workspace:
        return self.open()

    def open(self, engine: str = "") -> Workspace:
        """The workspace; `engine` counts when this is the call that opens it."""
        if self._opened is None:
            # Here and not above: it loads the catalog, which `lab --help` must not wait for.
            from lab.workspace import Workspace

            self._opened = Workspace(self.home, self.folder, engine=engine)
            self.tell_notices()
            self._tell_damage(self._opened.problems())
        return self._opened

    @cached_property
    def settled(self) -> Workspace:
        """The workspace, once it knows of the runs that ended while no Lab process looked."""
        for sentence in self.ws.settle():
            self.out.say(sentence)
        return self.ws

    def path(self, text: str) -> Path:
        """A path as typed: relative to `--project-dir` where that is given, as with `git -C`."""
        return self.folder / Path(text).expanduser()

    def close(self) -> None:
        """Give the workspace back; tells of what it has to say and of what did not end in time."""
        if self._opened is None:
            return
        self.tell_notices()
        for name in self._opened.close():
            self.out.say(f"{name} did not end in time")

    def tell_notices(self) -> None:
        """Say what the workspace has to tell and has not told yet."""
        notices = self._opened.notices if self._opened else []
        for notice in notices[self._told :]:
            self.out.say(notice)
        self._told = len(notices)

    def tell_driver(self) -> None:
        """Say who starts what waits, and see to it that somebody does."""
        if self.ws.queue.paused:
            self.out.say("the queue is paused: lab queue resume")
            return
        driven = self.ws.queue.driven
        if self.ws.leave_to_driver():
            who = "the Lab that is open" if driven else "a process in the background"
            self.out.say(f"{who} starts what waits, as soon as there is room")

    def _tell_damage(self, problems: list[str]) -> None:
        """One line, however much of the journal is damaged; what could be read is in use all the same."""
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self.out.say(f"the journal is damaged: {problems[0]}{more}; see 'lab doctor'")
