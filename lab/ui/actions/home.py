"""What Home can do."""

from __future__ import annotations

from lab.ui.actions.model import Action

ACTIONS: tuple[Action, ...] = (
    Action("home.launch", "Launch a run", "Choose an entry and its parameters", ("n",), ("home",), "lab run {entry}",
           "writes", 1, "Launch"),
    Action("home.init", "Make a project", "Write a lab.toml for a folder", ("i",), ("home",), "lab init {folder}",
           "writes", 2, "Init project"),
    Action("home.write", "Edit lab.toml", "The project's lab.toml in $EDITOR", ("e",), ("home",), risk="writes"),
    Action("home.demo", "Demonstration", "Train, compare, deploy and predict on real digits", ("D",), ("home",),
           "lab demo", "writes", 3, "Demo"),
)  # fmt: skip
