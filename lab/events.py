"""The journal's vocabulary, and the bus that carries news inside one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from lab.domain.event import Event

PROJECT_ADDED = "project.added"

DATASET_ADDED = "dataset.added"  # a version: body holds dataset, project, path, number, manifest, files, bytes, …
DATASET_ALIASED = "dataset.aliased"  # number: None takes the alias away
# Marks of one version: body holds project, dataset, number and the mark's whole `value`.
DATASET_TAGGED = "dataset.tagged"
DATASET_NOTED = "dataset.noted"
DATASET_CHECKED = "dataset.checked"  # what its expectations said of it
DATASET_RETIRED = "dataset.retired"  # true: out of sight, and gc may have its bytes

RUN_CREATED = "run.created"
RUN_STARTED = "run.started"
RUN_STOP_REQUESTED = "run.stop_requested"  # reason: "" when the user asked
RUN_ENDED = "run.ended"  # status, cause, exit_code, authority, started, ended, metrics
RUN_TAGGED = "run.tagged"
RUN_NOTED = "run.noted"
RUN_RENAMED = "run.renamed"
RUN_STARRED = "run.starred"  # value: true or false
RUN_GUARD_FIRED = "run.guard_fired"  # guard, when, do, step, at, evidence
RUN_ARCHIVED = "run.archived"  # value: true, out of sight; false, back
RUN_PURGED = "run.purged"  # value: true, its folder went to the trash batch `batch`; false, it came back
RUN_PRUNED = "run.pruned"  # some files of it went to the trash: batch, files, bytes
RUN_REPRODUCED = "run.reproduced"  # badge, note (a sentence), by (ids of the runs that showed it)
RUN_CLAIMED = "run.claimed"  # by: the process that is about to start a queued run; "" gives it back
RUN_PLACED = "run.placed"  # place: seconds since the epoch, where it stands among those that wait
RUN_HELD = "run.held"  # value: true, not to start for now; false, to start
QUEUE_PAUSED = "queue.paused"  # value: true or false; the subject is "queue"
QUEUE_LIMITED = "queue.limited"  # value: how many runs go at a time, 0 for no limit; the subject is "queue"

SWEEP_CREATED = "sweep.created"  # name, project, entry, plan
SWEEP_HELD = "sweep.held"  # value: true, none of its runs is to start
SWEEP_STOPPED = "sweep.stopped"  # cause; of several the first holds

VIEW_SAVED = "view.saved"  # of the run table; the subject is "project/name"

MODEL_REGISTERED = "model.registered"  # a version
MODEL_ALIASED = "model.aliased"

DEPLOYMENT_CREATED = "deployment.created"
DEPLOYMENT_STATUS = "deployment.status"
DEPLOYMENT_RELEASED = "deployment.released"  # what it serves from now on: model, version, alias, image, replicas, port

# Of a rollout; the subject is its id.
ROLLOUT_STARTED = "rollout.started"  # deployment, number, model, version, alias, strategy, before
ROLLOUT_STEP = "rollout.step"  # step, ok, seconds, told, evidence
ROLLOUT_ENDED = "rollout.ended"  # outcome, cause; of several the first holds

#: Events that must survive a power cut and cannot be edited unseen: flushed to disk and hash-chained.
GOVERNANCE = frozenset(
    {
        PROJECT_ADDED,
        DATASET_ADDED,
        DATASET_ALIASED,
        DATASET_CHECKED,
        DATASET_RETIRED,
        RUN_CREATED,
        RUN_ENDED,
        RUN_PURGED,
        RUN_PRUNED,
        SWEEP_CREATED,
        MODEL_REGISTERED,
        MODEL_ALIASED,
        DEPLOYMENT_CREATED,
        DEPLOYMENT_STATUS,
        DEPLOYMENT_RELEASED,
        ROLLOUT_STARTED,
        ROLLOUT_ENDED,
    }
)

Listener = Callable[[Sequence[Event]], None]


class Bus:
    """Tells listeners of batches of new events, on the thread that found them.

    Listeners must be quick and must not raise; the screen's one only marks what to refresh.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add `listener`; call what is returned to take it off again."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unsubscribe

    def publish(self, events: Sequence[Event]) -> None:
        if events:
            for listener in self._listeners:
                listener(events)
