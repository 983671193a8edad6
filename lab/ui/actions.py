"""Every action of the app, declared once as data.

Key bindings, the key bar, the `?` help, the command palette, the `@` command log and the cheat sheet in README all
come from `ACTIONS`; nothing else says which key does what. `WIDGET_ACTIONS` tells the same of keys that a widget
handles by itself wherever it is (tables, charts, logs).
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Risk = Literal["none", "writes", "destructive"]

#: In `Action.screens`: wherever one is.
EVERYWHERE = "*"

#: Screens by id: what the header calls them. The first five are reached by number.
SCREENS = {
    "home": "Home",
    "data": "Data",
    "runs": "Runs",
    "models": "Models",
    "deployments": "Deployments",
    "queue": "Queue",
    "sweeps": "Sweeps",
    "run": "Run",
    "changes": "Changes",
    "reproduction": "Reproduction",
    "compare": "Compare",
    "relations": "Parameters",
    "dataset": "Dataset",
    "diff": "Difference",
    "disk": "Disk",
    "search": "Search",
    "file": "File",
    "lineage": "Lineage",
}
MODES = ("home", "data", "runs", "models", "deployments")

#: Which widgets with keys of their own a screen holds.
WIDGETS: dict[str, tuple[str, ...]] = {
    "home": ("table",),
    "data": ("table",),
    "runs": ("table",),
    "models": ("table",),
    "deployments": ("table", "logs", "detail"),
    "queue": ("table",),
    "sweeps": ("table",),
    "run": ("table", "chart", "logs", "detail"),
    "changes": ("detail",),
    "compare": ("table", "chart", "detail", "relation"),
    "relations": ("relation",),
    "reproduction": ("detail",),
    "dataset": ("table", "detail"),
    "diff": ("table", "detail"),
    "disk": ("table",),
    "search": ("table",),
    "file": ("logs",),
    "lineage": ("table",),
}

#: The key bar shows at most this many actions.
BAR = 7
_LAST = 90  # actions of this rank and above end the key bar

_KEY_NAMES = {
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "question_mark": "?",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


@dataclass(frozen=True)
class Action:
    """One thing that a user can do.

    `keys` are single characters or Textual key names, the first one the one to show. `cli` is the command that does
    the same, with `{placeholders}`. `rank` orders the key bar (1 first, 0 not shown), `label` is its text there.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    screens: tuple[str, ...] = (EVERYWHERE,)
    cli: str = ""
    risk: Risk = "none"
    rank: int = 0
    label: str = ""

    @property
    def method(self) -> str:
        """The Textual action: `action_<method>` of a screen, or of the app for an action that is everywhere."""
        return self.id.replace(".", "_")

    @property
    def bar_label(self) -> str:
        return self.label or self.title


def _go(screen: str, number: int) -> Action:
    title = SCREENS[screen]
    return Action(f"go.{screen}", title, f"The {title} screen", (str(number),))


ACTIONS: tuple[Action, ...] = (
    *(_go(screen, number) for number, screen in enumerate(MODES, 1)),
    Action("go.last", "Last view", "Back and forth between the last two screens", ("-",)),
    Action("app.back", "Back", "Clear the filter, close, or go back; never quits", ("escape",)),
    Action("app.leave", "Back or quit", "Go back; on a main screen, quit", ("q",), rank=99, label="Quit"),
    Action("app.command", "Command line", "Type where to go: `runs lr<0.01`, `view NAME`, `run NAME`, `q`", (":",)),
    Action("app.palette", "Palette", "Search all actions and objects", ("ctrl+p",)),
    Action("app.search", "Search everything", "A text in names, params, notes, columns, code, differences and logs",
           ("ctrl+f",), cli="lab search {text}"),
    Action("app.help", "Help", "Every key of this screen; enter runs it", ("?",), rank=98),
    Action("app.log", "Command log", "The `lab` command behind everything done here", ("@",)),
    Action("app.refresh", "Refresh", "Read everything afresh", ("ctrl+r",)),
    Action("app.theme", "Dark or light", "Switch between the dark and the light theme"),
    Action("app.suspend", "Suspend", "Back to the shell; `fg` returns", ("ctrl+z",)),
    # Home
    Action("home.launch", "Launch a run", "Choose an entry and its parameters", ("n",), ("home",), "lab run {entry}",
           "writes", 1, "Launch"),
    Action("home.init", "Make a project", "Write a lab.toml for a folder", ("i",), ("home",), "lab init {folder}",
           "writes", 2, "Init project"),
    Action("home.demo", "Demonstration", "Train, compare, deploy and predict on real digits", ("D",), ("home",),
           "lab demo", "writes", 3, "Demo"),
    # Data
    Action("data.add", "Add or snapshot", "A new dataset, or a new version of this one", ("n",), ("data", "dataset"),
           "lab data add {name} {path}", "writes", 2, "Snapshot"),
    Action("data.diff", "Compare", "The two marked versions, or this one with the one before", ("c",),
           ("data", "dataset"), "lab data diff {refs}", rank=1, label="Diff"),
    Action("data.checkout", "Check out", "Bring a version back to the working copy, or to a folder", ("C",),
           ("data", "dataset"), "lab data checkout {ref}", "destructive", 3),
    Action("data.alias", "Alias", "Have a name such as baseline mean this version", ("a",), ("data", "dataset"),
           "lab data alias {ref} {alias}", "writes", 5),
    Action("data.tag", "Tags", "Set the version's tags", ("t",), ("data", "dataset"), "lab data tag {ref} {tags}",
           "writes"),
    Action("data.note", "Note", "Write a note on the version", ("A",), ("data", "dataset"),
           "lab data note {ref} {text}", "writes"),
    Action("data.profile", "Profile", "What is in it: columns, distributions, what is wrong", ("i",),
           ("data", "dataset"), "lab data profile {ref}"),
    Action("data.expect", "Expectations", "What is expected of it, and what was found", ("e",), ("data", "dataset"),
           "lab data expect {ref}"),
    Action("data.lineage", "Lineage", "Runs, models and deployments that saw it", ("l", "L"),
           ("data", "dataset"), "lab data lineage {ref}"),
    Action("data.verify", "Verify", "Compare its stored bytes with their hashes", ("V",), ("data", "dataset"),
           "lab data verify {ref}"),
    Action("data.repair", "Repair", "Verify, and bring good copies of what is damaged", ("M",), ("data", "dataset"),
           "lab data verify {ref} --repair", "writes"),
    Action("data.remove", "Remove", "Take the version out of sight; z brings it back", ("D",), ("data", "dataset"),
           "lab data rm {ref}", "destructive"),
    Action("data.restore", "Undo remove", "Bring a removed version back", ("z",), ("data", "dataset"),
           "lab data rm {ref} --undo", "writes"),
    Action("data.disk", "Disk", "What takes how much room, and what could be freed", ("d",), ("data",), "lab disk",
           rank=4),
    Action("data.filter", "Filter", "Show only names that contain a text", ("/",), ("data",)),
    Action("data.next_tab", "Next tab", "Versions, schema, preview, files", ("]",), ("data",)),
    Action("data.previous_tab", "Previous tab", "The tab to the left", ("[",), ("data",)),
    # Dataset detail
    Action("dataset.next_tab", "Next tab", "Profile, expectations, lineage, preview, files", ("]",), ("dataset",),
           rank=1, label="Tab"),
    Action("dataset.previous_tab", "Previous tab", "The tab to the left", ("[",), ("dataset",)),
    Action("dataset.older", "Older version", "The version before this one", ("<",), ("dataset",), rank=4,
           label="Older"),
    Action("dataset.newer", "Newer version", "The version after this one", (">",), ("dataset",)),
    Action("dataset.warnings", "Warnings", "All that is wrong or strange, in full", ("W",), ("dataset",)),
    Action("dataset.check", "Check now", "Hold the version against its expectations again", ("E",), ("dataset",),
           "lab data expect {ref}", "writes"),
    # Difference
    Action("diff.next_tab", "Next section", "Files, schema, rows, distributions", ("]",), ("diff",), rank=1,
           label="Section"),
    Action("diff.previous_tab", "Previous section", "The section to the left", ("[",), ("diff",)),
    Action("diff.swap", "Swap", "Old for new, and new for old", ("=",), ("diff",), rank=2),
    # Disk
    Action("disk.next_tab", "Next tab", "Who holds what, what could be freed, trash", ("]",), ("disk",), rank=1,
           label="Tab"),
    Action("disk.previous_tab", "Previous tab", "The tab to the left", ("[",), ("disk",)),
    Action("disk.collect", "Free space", "Move to the trash what nobody needs; asks first", ("F",), ("disk",),
           "lab gc --apply", "destructive", 2, "Free space"),
    Action("disk.restore", "Undo", "Bring back what the trash holds", ("z",), ("disk",), "lab gc --undo {batch}",
           "writes", 3),
    Action("disk.prune", "Prune", "Move to the trash what the project's `[retention]` lets go; asks first", ("P",),
           ("disk",), "lab runs prune --apply", "destructive", 4),
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
    Action("lineage.copy", "Copy", "Copy the command, or the id of data or code", ("y",), ("lineage",), rank=2),
    # Runs
    Action("runs.filter", "Filter", "`lr<0.01 and (status:failed or not tag:best)`, or a text", ("/",),
           ("runs",),
           "lab runs ls {filter}", rank=5),
    Action("runs.launch", "Launch a run", "Choose an entry and its parameters", ("n",), ("runs",), "lab run {entry}",
           "writes", 2, "Launch"),
    Action("runs.edit", "Edit and run", "Launch again with other parameters", ("R",), ("runs", "run"),
           "lab run {entry}", "writes", 6, "Edit+run"),
    Action("runs.again", "Run again", "Launch the same once more, with the code of now", ("r",), ("runs", "run"),
           "lab runs rerun {id}", "writes"),
    Action("runs.reproduce", "Reproduce", "Whether it comes out again: the verdict, what that takes, and doing it",
           ("V",), ("runs", "run"), "lab runs reproduce {id} --last"),
    Action("runs.compare", "Compare", "The marked runs side by side", ("c",), ("runs",), "lab runs compare {ids}",
           rank=3),
    Action("runs.relate", "Parameters", "All runs that fit the filter: a parameter against a metric", ("p",), ("runs",),
           "lab runs relate {filter} --metric {metric}"),
    Action("runs.stop", "Stop", "End the run; what it logged stays", ("x",), ("runs", "run"), "lab runs stop {id}",
           "destructive", 1),
    Action("runs.register", "Register model", "Put the run's model into the registry", ("m",), ("runs", "run"),
           "lab models register {id} {name}", "writes", 4, "Register"),
    Action("runs.tag", "Tags", "Set the run's tags", ("t",), ("runs", "run"), "lab runs tag {id} {tags}", "writes"),
    Action("runs.note", "Note", "Write a note on the run", ("A",), ("runs", "run"), "lab runs note {id} {text}",
           "writes"),
    Action("runs.rename", "Rename", "Give the run another name", ("e", "f2"), ("runs", "run"),
           "lab runs rename {id} {name}", "writes"),
    Action("runs.star", "Star", "Put a star on the run, or take it off; `starred:yes` finds it", ("b",),
           ("runs", "run"), "lab runs star {id}", "writes"),
    Action("runs.columns", "Columns", "Choose columns: any field, parameter, metric or its best, min, max, mean",
           ("#",), ("runs",)),
    Action("runs.column_left", "Column to the left", "Move the cursor's column to the left", ("shift+left",),
           ("runs",)),
    Action("runs.column_right", "Column to the right", "Move the cursor's column to the right", ("shift+right",),
           ("runs",)),
    Action("runs.hide_column", "Hide column", "Take the cursor's column away; `#` brings it back", ("H",), ("runs",)),
    Action("runs.pin_column", "Pin columns", "Keep the columns up to the cursor's in view; again: free them", ("P",),
           ("runs",)),
    Action("runs.describe", "Describe column", "How the cursor's column is spread over all runs that fit the filter",
           ("i", "h"), ("runs",), "lab runs describe {key} {filter}"),
    Action("runs.same", "Same value", "Only runs with the same in the cursor's column", (",",), ("runs",)),
    Action("runs.save_view", "Save view", "Keep filter, order and columns under a name; `:view NAME` opens it", ("W",),
           ("runs",), "lab runs view save {name} {filter}", "writes"),
    Action("runs.undo", "Undo", "Take back the last edit of a name, note, tag, star or archiving", ("z",),
           ("runs", "run"), "lab runs undo", "writes"),
    Action("runs.redo", "Redo", "Do again what was undone", ("Z",), ("runs", "run"), "lab runs undo --redo", "writes"),
    Action("runs.archive", "Archive", "Take the marked runs out of sight, or back; `archived:yes` finds them", ("D",),
           ("runs",), "lab runs archive {ids}", "writes"),
    Action("runs.purge", "Purge", "Move the marked runs to the trash; tells first what it frees and what must stay",
           ("X",), ("runs", "disk"), "lab runs purge {ids} --apply", "destructive"),
    Action("runs.queue", "Queue", "What waits, and why", ("w",), ("home", "runs", "sweeps"), "lab queue ls"),
    Action("runs.sweeps", "Sweeps", "Each sweep with its progress and best value", ("S",), ("home", "runs", "queue"),
           "lab sweeps ls"),
    # Queue
    Action("queue.up", "Up", "Start it before the one above", ("K", "shift+up"), ("queue",),
           "lab queue move {id} {n}", "writes", 1, "Earlier"),
    Action("queue.down", "Down", "Start it after the one below", ("J", "shift+down"), ("queue",),
           "lab queue move {id} {n}", "writes", 2, "Later"),
    Action("queue.first", "First", "Start it before all others", ("T",), ("queue",), "lab queue move {id} 1",
           "writes"),
    Action("queue.hold", "Pause or resume", "Let the marked runs wait whatever room there is, or no longer", ("p",),
           ("queue",), "lab queue pause {ids}", "writes", 3, "Pause"),
    Action("queue.pause", "Pause the queue", "Start nothing more, or go on; what runs is left alone", ("P",),
           ("queue",), "lab queue pause", "writes", 4, "Pause all"),
    Action("queue.cancel", "Cancel", "Let the marked runs never start; asks first", ("x",), ("queue",),
           "lab queue cancel {ids}", "destructive", 5),
    # Sweeps
    Action("sweeps.stop", "Stop", "Start no more of its runs, and end those that run; asks first", ("x",), ("sweeps",),
           "lab sweeps stop {ref}", "destructive", 1),
    Action("sweeps.hold", "Pause or resume", "Start no more of its runs for now, or go on", ("p",), ("sweeps",),
           "lab sweeps pause {ref}", "writes", 2, "Pause"),
    Action("runs.lineage", "Lineage", "The data and code that it saw, file by file, and the models that came of it",
           ("L",), ("runs", "run"), "lab runs lineage {id}"),
    # Run detail
    Action("run.next_tab", "Next tab", "Metrics, logs, parameters, files, system", ("]",), ("run",),
           rank=1, label="Tab"),
    Action("run.previous_tab", "Previous tab", "The tab to the left", ("[",), ("run",)),
    Action("run.next_metric", "Next metric", "Draw the next metric", ("n",), ("run",), rank=2, label="Metric"),
    Action("run.previous_metric", "Previous metric", "Draw the metric before", ("N",), ("run",)),
    Action("run.search", "Search", "Find a text in the log; n and N go on", ("/",), ("run",), rank=4),
    Action("run.filter", "Only lines with", "Show only those lines of the log that hold a text; esc shows all", ("&",),
           ("run",), "lab runs logs {id} --grep {text}", rank=5, label="Only"),
    Action("run.changes", "What changed", "Everything that changed since the run before, code line by line", ("d",),
           ("run",), "lab runs diff {id}", rank=3, label="Changes"),
    # Reproduction
    Action("reproduction.run", "Run it again", "From its capture, once or several times, or with one thing from now",
           ("n",), ("reproduction",), "lab runs reproduce {id}", "writes", 1, "Reproduce"),
    Action("reproduction.compare", "Compare", "The run and those that ran it again side by side", ("c",),
           ("reproduction",), "lab runs compare {ids}", rank=2),
    # What changed
    Action("changes.next_file", "Next file", "Go to the next file of the code", ("n",), ("changes",), rank=1,
           label="File"),
    Action("changes.previous_file", "Previous file", "Go to the file before", ("N",), ("changes",)),
    Action("changes.brief", "Only the summary", "Without the text of the code, or with it", ("=",), ("changes",),
           rank=2, label="Code"),
    # Compare
    Action("compare.next_metric", "Next metric", "Draw the next metric of all runs", ("m",), ("compare",),
           rank=1, label="Metric"),
    Action("compare.previous_metric", "Previous metric", "Draw the metric before", ("M",), ("compare",)),
    Action("compare.pin", "Pin baseline", "Measure the others against the run of this column", ("p",), ("compare",),
           rank=2, label="Baseline"),
    Action("compare.seeds", "More seeds", "Launch the seeds that a verdict lacks; asks first", ("+",), ("compare",),
           "lab runs reseed {ids}", "writes", 3, "Seeds"),
    Action("compare.apart", "Seeds apart", "A column per run, or one per group of seeds", ("e",), ("compare",)),
    Action("compare.better", "Better", "Higher or lower is better, for this metric", ("b",), ("compare",)),
    Action("compare.same", "All rows", "Show also the rows that do not differ", ("=",), ("compare",), rank=4),
    Action("compare.next_tab", "Next tab", "Table, chart, samples that flipped, classes, changes, parameters", ("]",),
           ("compare",), rank=5, label="Tab"),
    Action("compare.previous_tab", "Previous tab", "The tab to the left", ("[",), ("compare",)),
    Action("compare.next_other", "Next run", "Hold the next run against the baseline", ("o",), ("compare",),
           rank=1, label="Other run"),
    Action("compare.previous_other", "Previous run", "Hold the run before against the baseline", ("O",), ("compare",)),
    Action("compare.next_section", "Next section", "In Changes: the next part or file", ("}",), ("compare",)),
    Action("compare.previous_section", "Previous section", "In Changes: the part or file before", ("{",),
           ("compare",)),
    Action("compare.export", "Export", "Write all of it as one HTML or Markdown file", ("ctrl+s",), ("compare",),
           "lab runs compare {ids} --export {path}", "writes", 6),
    Action("compare.register", "Register model", "Put the model of this column's run into the registry", ("R",),
           ("compare",), "lab models register {id} {name}", "writes", 7, "Register"),
    # Parameters
    Action("relations.next_metric", "Next metric", "The next metric", ("m",), ("relations",), rank=1, label="Metric"),
    Action("relations.previous_metric", "Previous metric", "The metric before", ("M",), ("relations",)),
    Action("relations.better", "Better", "Higher or lower is better, for this metric", ("b",), ("relations",), rank=2),
    # Models
    Action("models.promote", "Promote", "Make this version the champion", ("P",), ("models",),
           "lab models promote {ref}", "destructive", 1),
    Action("models.deploy", "Deploy", "Serve this version on a local port", ("D",), ("models",),
           "lab deploy {ref}", "writes", 2),
    Action("models.lineage", "Lineage", "What did this model see: run, data, code; and where it serves", ("L",),
           ("models",), "lab models lineage {ref}", rank=3),
    Action("models.filter", "Filter", "Show only names that contain a text", ("/",), ("models",), rank=4),
    # Deployments
    Action("deployments.predict", "Predict", "Send rows to the model and see its answer", ("p",), ("deployments",),
           "lab deployments predict {id}", rank=1),
    Action("deployments.logs", "Logs", "What the server writes, live", ("l",), ("deployments",),
           "lab deployments logs {id}", rank=2),
    Action("deployments.deploy", "Deploy", "Serve a model version, or roll one out to this deployment", ("D",),
           ("deployments",), "lab deploy {ref}", "writes", 3),
    Action("deployments.stop", "Stop", "Shut the server down", ("x",), ("deployments",),
           "lab deployments stop {id}", "destructive", 4),
    Action("deployments.rollback", "Roll back", "Give the requests back to the version that served before", ("B",),
           ("deployments",), "lab deployments rollback {id}", "destructive", 5),
    Action("deployments.scale", "Servers", "How many servers answer for it", ("S",), ("deployments",),
           "lab deployments scale {id} {n}", "writes"),
    Action("deployments.lineage", "Lineage", "The model that it serves, and what that saw", ("L",), ("deployments",),
           "lab deployments lineage {id}"),
    Action("deployments.filter", "Filter", "Show only names that contain a text", ("/",), ("deployments",)),
    Action("deployments.next_tab", "Next tab", "Health, rollouts, logs", ("]",), ("deployments",)),
    Action("deployments.previous_tab", "Previous tab", "Health, rollouts, logs", ("[",),
           ("deployments",)),
    # Copying
    Action("object.copy", "Copy", "Copy the id, the cell, rows or the command, by desktop, tmux or terminal", ("y",),
           ("runs", "run", "relations", "changes", "reproduction", "data", "dataset", "diff", "models",
            "deployments")),
)  # fmt: skip


_TABLE, _CHART, _LOGS, _DETAIL, _RELATION = ("table",), ("chart",), ("logs",), ("detail",), ("relation",)

#: Keys that a widget handles by itself while it has the focus; `screens` holds the widget instead.
WIDGET_ACTIONS: tuple[Action, ...] = (
    Action("table.up", "Up", "Row up", ("up", "k"), _TABLE),
    Action("table.down", "Down", "Row down", ("down", "j"), _TABLE),
    Action("table.page_up", "Page up", "Page up", ("pageup",), _TABLE),
    Action("table.page_down", "Page down", "Page down", ("pagedown",), _TABLE),
    Action("table.first", "First row", "First row", ("home", "g"), _TABLE),
    Action("table.last", "Last row", "Last row", ("end", "G"), _TABLE),
    Action("table.left", "Column left", "Column cursor to the left", ("left",), _TABLE),
    Action("table.right", "Column right", "Column cursor to the right", ("right",), _TABLE),
    Action("table.select", "Open", "Open what the cursor is on", ("enter",), _TABLE),
    Action("table.mark", "Mark", "Mark the row; marked metrics are drawn together", ("space",), _TABLE),
    Action("table.range", "Mark a range", "Begin a range; again: mark it", ("v",), _TABLE),
    Action("table.mark_all", "Mark all", "Mark all rows that fit the filter", ("*",), _TABLE),
    Action("table.invert", "Invert marks", "Marked ones unmarked, the others marked", ("!",), _TABLE),
    Action("table.unmark", "Clear marks", "No row marked", ("u",), _TABLE),
    Action("table.sort", "Sort by column", "Sort by the cursor's column; again: the other way", ("s",), _TABLE),
    Action("chart.log_y", "Log y", "Logarithmic y axis", ("l",), _CHART),
    Action("chart.axis", "X axis", "Step, time, or number of the value", ("a",), _CHART),
    Action("chart.rougher", "Less smooth", "Smooth the curves less", ("(",), _CHART),
    Action("chart.smoother", "Smoother", "Smooth the curves more", (")",), _CHART),
    Action("chart.zoom_out", "Zoom out", "Zoom out", ("<",), _CHART),
    Action("chart.zoom_in", "Zoom in", "Zoom in, around the crosshair", (">",), _CHART),
    Action("chart.fit", "Fit", "Show everything", ("0",), _CHART),
    Action("chart.left", "Crosshair left", "Crosshair to the left: the legend shows values there", ("left",), _CHART),
    Action("chart.right", "Crosshair right", "Crosshair to the right", ("right",), _CHART),
    Action("chart.next", "Next series", "Bring the next curve to the front", ("n",), _CHART),
    Action("chart.previous", "Previous series", "Bring the curve before to the front", ("N",), _CHART),
    Action("relation.view", "Points or lines", "A point per run, or a line over parallel axes", ("v",), _RELATION),
    Action("relation.next_axis", "Next parameter", "The next parameter on the x axis, the strongest first", ("x",),
           _RELATION),
    Action("relation.previous_axis", "Previous parameter", "The parameter before on the x axis", ("X",), _RELATION),
    Action("relation.next_shade", "Next shade", "Shade the points by the next parameter or metric", ("c",), _RELATION),
    Action("relation.previous_shade", "Previous shade", "Shade by the one before", ("C",), _RELATION),
    Action("relation.log", "Log metric", "Logarithmic axis of the metric", ("l",), _RELATION),
    Action("relation.left", "Previous run", "The cursor on the run before", ("left", "up", "k"), _RELATION),
    Action("relation.right", "Next run", "The cursor on the next run: its name and values", ("right", "down", "j"),
           _RELATION),
    Action("relation.open", "Open run", "Open the run under the cursor", ("enter",), _RELATION),
    Action("log.up", "Up", "Line up", ("up", "k"), _LOGS),
    Action("log.down", "Down", "Line down", ("down", "j"), _LOGS),
    Action("log.page_up", "Page up", "Page up", ("pageup",), _LOGS),
    Action("log.page_down", "Page down", "Page down", ("pagedown",), _LOGS),
    Action("log.first", "First line", "First line", ("home", "g"), _LOGS),
    Action("log.last", "Last line", "Last line, and follow", ("end", "G"), _LOGS),
    Action("log.left", "Left", "Scroll to the left", ("left",), _LOGS),
    Action("log.right", "Right", "Scroll to the right", ("right",), _LOGS),
    Action("log.follow", "Follow", "Keep the end in view, or no longer", ("s",), _LOGS),
    Action("log.next", "Next match", "Next match of the search", ("n",), _LOGS),
    Action("log.previous", "Previous match", "Match before", ("N",), _LOGS),
    Action("detail.up", "Up", "Line up", ("up", "k"), _DETAIL),
    Action("detail.down", "Down", "Line down", ("down", "j"), _DETAIL),
    Action("detail.page_up", "Page up", "Page up", ("pageup",), _DETAIL),
    Action("detail.page_down", "Page down", "Page down", ("pagedown",), _DETAIL),
    Action("detail.first", "Top", "To the top", ("home", "g"), _DETAIL),
    Action("detail.last", "Bottom", "To the bottom", ("end", "G"), _DETAIL),
)  # fmt: skip

_BY_ID = {action.id: action for action in ACTIONS}
#: Ids of the actions that change anything, and what Textual calls them.
WRITING = {action.id: action.method for action in ACTIONS if action.risk != "none"}


def get(action_id: str) -> Action:
    """The action of that id. Raises KeyError for an unknown one."""
    return _BY_ID[action_id]


def of_screen(screen: str) -> tuple[Action, ...]:
    """Actions that belong to one screen, without those that are everywhere."""
    return tuple(action for action in ACTIONS if screen in action.screens)


def everywhere() -> tuple[Action, ...]:
    return tuple(action for action in ACTIONS if EVERYWHERE in action.screens)


def bar(screen: str, room: int = BAR, hidden: Collection[str] = ()) -> tuple[Action, ...]:
    """What the key bar shows on a screen, at most `room`: the most important first, help and leave always last."""
    ranked = [a for a in (*of_screen(screen), *everywhere()) if a.rank and a.keys and a.id not in hidden]
    ranked.sort(key=lambda action: action.rank)
    last = [action for action in ranked if action.rank >= _LAST]
    return tuple([action for action in ranked if action.rank < _LAST][: room - len(last)] + last)


def bindings(actions: Iterable[Action]) -> list[BindingType]:
    """Textual bindings, each with an id so that a keymap can move it."""
    return [
        Binding(",".join(_binding_key(key) for key in action.keys), action.method, action.title, show=False,
                id=action.id, tooltip=action.help, priority=action.id == "app.palette")
        for action in actions
        if action.keys
    ]  # fmt: skip


def _binding_key(key: str) -> str:
    return "comma" if key == "," else key


def key_text(key: str) -> str:
    """A key as people call it: `esc`, `ctrl+r`, `?`."""
    return _KEY_NAMES.get(key, key)


def command(action: Action, **values: object) -> str:
    """The shell command behind an action, every value quoted; a list becomes several words, an empty one none."""
    words = []
    for word in action.cli.split(" "):
        if word.startswith("{") and word.endswith("}"):
            value = values.get(word[1:-1], "")
            parts = [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)] if value else []
            words += [shlex.quote(part) for part in parts]
        else:
            words.append(word)
    return " ".join(words)


def cheat_sheet() -> str:
    """All keys as Markdown tables, for README."""
    parts = [("Everywhere", everywhere())]
    parts += [(SCREENS[screen], of_screen(screen)) for screen in SCREENS]
    parts += [(title, tuple(a for a in WIDGET_ACTIONS if widget in a.screens)) for widget, title in _WIDGET_TITLES]
    return "\n".join(_table(title, actions) for title, actions in parts)


_WIDGET_TITLES = (
    ("table", "In every table"),
    ("chart", "In a chart"),
    ("logs", "In logs"),
    ("relation", "In points and lines of runs"),
    ("detail", "In a panel of facts"),
)


def _table(title: str, actions: tuple[Action, ...]) -> str:
    lines = [f"**{title}**", "", "| key | does | command |", "| --- | --- | --- |"]
    for action in actions:
        if action.keys:
            keys = " ".join(f"`{key_text(key)}`" for key in dict.fromkeys(map(key_text, action.keys)))
            lines.append(f"| {keys} | {action.help} | {f'`{action.cli}`' if action.cli else ''} |")
    return "\n".join([*lines, ""])
