"""What is typed right behind the key that opens a dialog waits for the dialog, and is typed into it."""

from __future__ import annotations

from textual import events
from textual.app import App

#: So long, seconds, a dialog may take to be there; then what was typed for it is forgotten.
_PATIENCE = 10.0


class TypedAhead(App[int]):
    """Keys are held from `hold_keys` until `let_keys_go`: nothing of them is taken for a key of the screen below."""

    _held: list[events.Key] | None = None
    _holds = 0  # tells a hold from the one before

    async def on_event(self, event: events.Event) -> None:
        leaves = isinstance(event, events.Key) and event.key == "ctrl+q"
        if self._held is not None and isinstance(event, events.Key) and not event.is_forwarded and not leaves:
            self._held.append(event)
        else:
            await super().on_event(event)

    def hold_keys(self) -> int:
        """Begin to hold; returns what this hold is told by."""
        self._held, self._holds = [*(self._held or ())], self._holds + 1
        this = self._holds
        self.set_timer(_PATIENCE, lambda: self._forget(this))
        return this

    def let_keys_go(self, hold: int | None = None) -> None:
        """Type what was held, in its order, before anything that is typed from now on; with `hold` only if that is the
        last one."""
        if self._held is not None and hold in (None, self._holds):
            self.call_next(self._type_held)

    async def _type_held(self) -> None:
        held, self._held = self._held or [], None
        for event in held:  # one of them may open the next dialog, which the others are for
            if self._exit:  # another one has ended the app, and there is no screen any more
                return
            await self.on_event(event)

    def _forget(self, hold: int) -> None:
        if hold == self._holds:
            self._held = None
