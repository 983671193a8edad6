"""What every part of a screen uses: the app, the workspace, and work that goes on beside the screen."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual.widget import Widget

from lab.ui.painting import PaintedScreen

if TYPE_CHECKING:
    from lab.ui.app import LabApp
    from lab.workspace import Workspace

T = TypeVar("T")


def takes_letters(widget: Widget | None) -> bool:
    """Whether letters that are typed belong to this widget's text."""
    return widget is not None and widget.check_consume_key("a", "a")


class CoreScreen(PaintedScreen[None]):
    """A screen of this app."""

    #: Its id in `actions.SCREENS`.
    KIND: ClassVar[str] = ""

    @property
    def lab(self) -> LabApp:
        return cast("LabApp", self.app)

    async def ask(self, work: Callable[[Workspace], T]) -> T:
        """See `Bridge.ask`."""
        return await self.lab.bridge.ask(work)

    def start(self, work: Coroutine[Any, Any, Any], group: str = "action") -> None:
        """Do something asynchronous; the screen going away ends it, errors are shown."""
        self.run_worker(self.lab.guard(work), exit_on_error=False, group=group)
