"""The log of a run on its screen: searching, showing only some lines, coming to a place."""

from __future__ import annotations

from lab.errors import UsageError
from lab.ui.render.cells import cut, tidy
from lab.ui.screens.base import LabScreen
from lab.ui.screens.prompt import Prompt
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.log_view import LogView

#: The sign of the prompt that asks for a filter of the log.
_ONLY = "&"
#: That of the prompt that asks for a step.
_STEP = "step"
_UNKNOWN = "when this log was written line by line is not known"
#: Cells of what is told beside the tab's name.
_NOTE = 40


class RunLog(LabScreen):
    """A screen with tabs, one of which holds a log. A subclass calls `log_read` once the log is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._read = False
        self._sought = ""  # in the log, once it is shown

    @property
    def run_id(self) -> str:
        raise NotImplementedError

    @property
    def log_grows(self) -> bool:
        """Whether more may come."""
        raise NotImplementedError

    @property
    def tabs(self) -> Tabs:
        return self.query_one(Tabs)

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    async def _poll_log(self) -> None:
        if self.tabs.current == "logs":
            self.log_view.poll()
            self._note_log()

    def action_run_search(self) -> None:
        self.ask_filter(self.log_view.search_text, "a text in the log; capitals count if there are any")

    def action_run_filter(self) -> None:
        self.query_one(Prompt).ask(_ONLY, self.log_view.filter_text, "only lines with this text")

    def action_run_to_step(self) -> None:
        self.query_one(Prompt).ask(_STEP, "", "a step that was logged: what was printed then")

    async def _to_step(self, text: str) -> None:
        try:
            step = float(text)
        except ValueError:
            raise UsageError(f"{text!r} is no step", "write a number, such as 120") from None
        run = self.run_id
        offset = await self.ask(lambda ws: ws.runs.logs.at_step(run, step))
        self.log_view.go_to_byte(offset)
        if not self.log_view.timed:
            self.lab.tell(f"{_UNKNOWN}: this is its beginning")

    def prompt_done(self, sign: str, text: str) -> None:
        if sign == _STEP:
            if text.strip():
                self.start(self._to_step(text))
            return
        view = self.log_view
        if sign == _ONLY:
            view.filter(text)
            self._note_log()
        else:
            view.search(text)

    def _note_log(self) -> None:
        """Beside the tab's name: what the log is filtered by and searched for, and whether its end is kept in view."""
        view = self.log_view
        count, all_known = view.matches
        told = [f"{_ONLY}{view.filter_text} {count:,}{'' if all_known else '…'}"] if view.filter_text else []
        told += [f"/{view.search_text}"] if view.search_text else []
        told += ["following" if view.follow else "not following"] if self.log_grows else []
        self.tabs.note("logs", cut(tidy("  ".join(told)), _NOTE))

    def show_log(self, text: str) -> None:
        """The log, at the last line with `text`; as soon as it is read."""
        self._sought = text
        self.show_tab("logs")
        if self._read:
            self.log_read()

    def log_read(self) -> None:
        """The log is shown: go to what was sought."""
        self._read = True
        if self._sought:
            self.log_view.search(self._sought)
            self._sought = ""

    def on_log_view_search_ended(self, event: LogView.SearchEnded) -> None:
        if not event.found:
            self.lab.tell(f"nothing in the log has {event.text!r}")
        elif event.around:
            self.lab.tell(f"no more {event.text!r} that way: from the other end again")

    def on_log_view_times_missing(self) -> None:
        self.lab.tell(_UNKNOWN)

    def close_inner(self) -> bool:
        view = self.log_view
        if self.tabs.current == "logs" and (view.search_text or view.filter_text):
            if view.search_text:
                view.clear_search()
            else:
                view.filter("")
                self._note_log()
            return True
        return False
