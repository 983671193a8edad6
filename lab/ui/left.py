"""Faults that only say that a screen was left while something on it still went on, or is only just being opened."""

from __future__ import annotations

from textual.css.query import NoMatches
from textual.dom import NoScreen
from textual.message import Message
from textual.message_pump import MessagePump
from textual.widget import Widget


class OutlivesLeaving(MessagePump):
    """Goes on after such a fault. Textual ends the loop in which one is raised: a screen would never answer again, and
    the app would end without a word."""

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except (NoMatches, NoScreen) as error:
            if not was_left(error):
                raise


def was_left(error: BaseException) -> bool:
    """Whether `error` is that of a widget which looks for others and is itself not there, or not yet: a screen may be
    taken away between any two keys, and keys may reach it before what is on it."""
    if not isinstance(error, NoMatches | NoScreen):
        return False
    place = error.__traceback__
    while place is not None:
        node = place.tb_frame.f_locals.get("self")
        if isinstance(node, Widget) and not _is_there(node):
            return True
        place = place.tb_next
    return False


def _is_there(node: Widget) -> bool:
    """Whether it is mounted, and part of a screen that can still be gone back to."""
    try:
        screen = node.screen
    except NoScreen:
        return False
    return node.is_attached and node.is_mounted and any(screen in stack for stack in node.app._screen_stacks.values())
