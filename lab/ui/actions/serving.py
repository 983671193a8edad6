"""What can be done with models and deployments."""

from __future__ import annotations

from lab.ui.actions.model import Action

ACTIONS: tuple[Action, ...] = (
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
    Action("deployments.scale", "Servers", "How many servers answer for it", ("#",), ("deployments",),
           "lab deployments scale {id} {n}", "writes"),
    Action("deployments.gates", "Gates", "What a new version must keep to before it gets requests", ("E",),
           ("deployments",), "lab gates", "writes"),
    Action("deployments.bench", "Load test", "Ask it as fast as it answers, and keep what came of it", ("b",),
           ("deployments",), "lab deployments bench {id}", "writes"),
    Action("deployments.lineage", "Lineage", "The model that it serves, and what that saw", ("L",), ("deployments",),
           "lab deployments lineage {id}"),
    Action("deployments.filter", "Filter", "Show only names that contain a text", ("/",), ("deployments",)),
    Action("deployments.next_tab", "Next tab", "Health, rollouts, canary, load tests, logs", ("]",), ("deployments",)),
    Action("deployments.previous_tab", "Previous tab", "Health, rollouts, canary, load tests, logs", ("[",),
           ("deployments",)),
)  # fmt: skip
