"""Searching, files and lineage."""

from __future__ import annotations

from lab.ui.actions.model import Action

ACTIONS: tuple[Action, ...] = (
    # Search
    Action("search.again", "Look for", "Type what to look for; enter looks everywhere", ("/",), ("search",), rank=1),
    Action("search.next_place", "Next place", "Only the hits in names, tags, params, …, or all", ("]",), ("search",),
           rank=2, label="Place"),
    Action("search.previous_place", "Previous place", "The place to the left", ("[",), ("search",)),
    Action("file.search", "Search", "Find a text in the file; n and N go on", ("/",), ("file",), rank=1),
    Action("file.copy", "Copy", "Copy the place or the lines in view", ("y",), ("file",), rank=2),
    # Lineage
    Action("lineage.files", "Files", "The files of data and code, or only how many there are", ("=",),
           ("lineage",), rank=1),
    Action("lineage.copy", "Copy", "Copy the command, rows, or the id of data or code", ("y",), ("lineage",), rank=2),
)  # fmt: skip
