"""What a comparison and the parameters' screen can do."""

from __future__ import annotations

from lab.ui.actions.model import Action

ACTIONS: tuple[Action, ...] = (
    # Compare
    Action("compare.next_metric", "Next metric", "Draw the next metric of all runs", ("m",), ("compare",),
           rank=1, label="Metric"),
    Action("compare.previous_metric", "Previous metric", "Draw the metric before", ("M",), ("compare",)),
    Action("compare.pin", "Pin baseline", "Measure the others against the run of this column", ("p",), ("compare",),
           rank=2, label="Baseline"),
    Action("compare.seeds", "More seeds", "Launch the seeds that a verdict lacks; asks first", ("A",), ("compare",),
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
    Action("compare.export", "Export", "All as HTML or Markdown; the chart, points or matrix in sight as SVG or PNG",
           ("ctrl+s",), ("compare",), "lab runs compare {ids} --export {path}", "writes", 6),
    Action("compare.register", "Register model", "Put the model of this column's run into the registry", ("R",),
           ("compare",), "lab models register {id} {name}", "writes", 7, "Register"),
    # Parameters
    Action("relations.next_metric", "Next metric", "The next metric", ("m",), ("relations",), rank=1, label="Metric"),
    Action("relations.previous_metric", "Previous metric", "The metric before", ("M",), ("relations",)),
    Action("relations.better", "Better", "Higher or lower is better, for this metric", ("b",), ("relations",), rank=2),
)  # fmt: skip
