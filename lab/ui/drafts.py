"""What was typed into forms that did not come to anything: there again when the same form is opened again."""

from __future__ import annotations

from textual.app import App

from lab.dataclass import dataclass

#: So many forms are remembered; of more, the oldest is forgotten.
_MOST = 50


@dataclass(frozen=True)
class Draft:
    """What stood in the fields of a form at first, what was typed, and why that is kept."""

    first: tuple[str, ...]
    texts: tuple[str, ...]
    why: str


class Drafts:
    """One draft per form, by its title."""

    def __init__(self) -> None:
        self._kept: dict[str, Draft] = {}

    def keep(self, title: str, draft: Draft) -> None:
        self._kept.pop(title, None)
        self._kept[title] = draft
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]

    def take(self, title: str, first: tuple[str, ...]) -> Draft | None:
        """The draft of a form, and forget it; None where the form begins with other values than it did then, since it
        is about something else now."""
        draft = self._kept.pop(title, None)
        return draft if draft is not None and draft.first == first else None


class Drafting(App[int]):
    """An app that remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts = Drafts()
