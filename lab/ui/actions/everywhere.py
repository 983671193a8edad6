"""What can be done wherever one is, and what is the same on many screens."""

from __future__ import annotations

from lab.ui.actions.model import MODES, SCREENS, Action


def _go(screen: str, number: int) -> Action:
    title = SCREENS[screen]
    return Action(f"go.{screen}", title, f"The {title} screen", (str(number),))


ACTIONS: tuple[Action, ...] = (
    *(_go(screen, number) for number, screen in enumerate(MODES, 1)),
    Action("go.last", "Last view", "Back and forth between the last two views, also one that was closed", ("-",)),
    Action("app.back", "Back", "Clear the filter, close, or go back; never quits", ("escape",)),
    Action("app.leave", "Back or quit", "Go back; on a main screen, quit", ("q",), rank=99, label="Quit"),
    Action("view.alone", "Full screen", "Only the pane that has the focus; again: all of them", ("f",)),
    Action("view.larger", "Larger", "More room for the pane that has the focus; kept for the next time", ("+",)),
    Action("view.smaller", "Smaller", "Less room for the pane that has the focus", ("_",)),
    Action("app.jump", "Jump", "A letter on every pane and tab: press it to be there", ("ctrl+o",)),
    Action("app.command", "Command line", "Type where to go: `runs lr<0.01`, `view NAME`, `run NAME`, `q`", (":",)),
    Action("app.palette", "Palette", "Search all actions and objects", ("ctrl+p",)),
    Action("app.search", "Search everything", "A text in names, params, notes, columns, code, differences and logs",
           ("ctrl+f",), cli="lab search {text}"),
    Action("app.explain", "Explain", "This screen and the number under the cursor: what it is, what to do", ("f1",),
           cli="lab explain {word}"),
    Action("app.help", "Help", "Every key of this screen; enter runs it", ("?",), rank=98),
    Action("app.log", "Command log", "The `lab` command behind everything done here", ("@",)),
    Action("app.refresh", "Refresh", "Read everything afresh", ("ctrl+r",)),
    Action("app.undo", "Undo", "Take back the last edit: name, note, tag, star, archiving, removing, alias, promotion",
           ("z",), cli="lab undo", risk="writes"),
    Action("app.redo", "Redo", "Do again what was undone", ("Z",), cli="lab undo --redo", risk="writes"),
    Action("app.theme", "Theme", "Choose the colours: each theme is shown while the cursor is on it", ("f8",)),
    Action("app.suspend", "Suspend", "Back to the shell; `fg` returns", ("ctrl+z",)),
)  # fmt: skip

#: On several screens alike.
SHARED: tuple[Action, ...] = (
    Action("view.export", "Export", "Write the table as CSV, Parquet, JSON, HTML or SVG, the chart as SVG or PNG",
           ("ctrl+s",),
           ("home", "data", "runs", "models", "deployments", "queue", "sweeps", "run", "relations", "dataset", "diff",
            "disk", "search", "lineage")),
    Action("view.find", "Find", "A text in any column; n and N go on. Where / filters, // finds", ("/",),
           ("home", "queue", "sweeps", "compare", "dataset", "diff", "disk", "lineage")),
    Action("object.copy", "Copy", "Copy the id, the cell, rows or the command, by desktop, tmux or terminal", ("y",),
           ("home", "runs", "run", "relations", "changes", "reproduction", "data", "dataset", "diff", "models",
            "deployments", "queue", "sweeps", "compare", "disk", "search")),
)  # fmt: skip
