"""One rollout from its first step to its last.

Each step is kept in the deployment's state before the router hears of it, and told in the journal with its numbers
after; whatever goes wrong in between is taken back (lab.serving.undoing).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from lab.domain.canary import Verdict
from lab.domain.deployments import DeploymentStatus, ServerOptions
from lab.domain.ids import short_id
from lab.domain.models import ModelVersion
from lab.domain.rollouts import Outcome, RolloutPlan, Step, Strategy, steps_of
from lab.domain.text import clean
from lab.errors import ConflictError, EngineError, GateRejectedError, LabError
from lab.events import ROLLOUT_STARTED, ROLLOUT_STEP
from lab.serving import gates, mirroring, tokens
from lab.serving.gates import Sources, Trial
from lab.serving.parts import Parts, address
from lab.serving.state import Release, State
from lab.serving.undoing import end, swap_back, undo

_SETTLE_SECONDS = 20.0  # in which all servers must be seen up after the switch; a busy machine checks late
_ANSWER_SECONDS = 5.0
_POLL = 0.05
_PORTS_TRIED = 5


class Rolling:
    """Drives a rollout; the caller holds the deployment's lock. `tell` hears what happens, a line at a time."""

    def __init__(
        self,
        parts: Parts,
        state: State,
        version: ModelVersion,
        alias: str,
        plan: RolloutPlan,
        tell: Callable[[str], None],
        free_port: Callable[[Collection[int]], int],
        options: ServerOptions | None = None,
    ) -> None:
        """`free_port` is asked for the address of a deployment that has none, and told of those that were refused."""
        self._parts = parts
        self._state = state
        self._version = version
        self._plan = plan
        self._tell = tell
        self._free_port = free_port
        self._chosen = False  # whether the address is of Lab's choice
        given = (options or ServerOptions()).variables()
        self._green = Release(state.releases + 1, version.model, version.number, alias, "", options=given)
        self._switched = False

    @property
    def first(self) -> bool:
        return self._state.live is None

    def run(self) -> State:
        """The state afterwards. Raises GateRejectedError when a gate said no, and whatever else went wrong, after
        everything has been taken back."""
        steps = steps_of(self._plan.strategy, first=self.first, mirrored=self._plan.mirror > 0)
        self._begin()
        try:
            for step in steps:
                self._check_abort()
                self.perform(step)
        except LabError as error:
            self._take_back(error.message)
            raise
        except BaseException:
            self._take_back("it was interrupted")
            raise
        if self._plan.strategy is Strategy.SHADOW and not self.first:
            return undo(self._parts, self._state, "compared; nothing changed", Outcome.COMPARED)
        return end(self._parts, self._state, Outcome.DONE)

    def perform(self, step: Step) -> None:
        """Do one step and tell of it. Raises GateRejectedError if its verdict is red."""
        work = {
            Step.BUILD: self._build,
            Step.START: self._start,
            Step.READY: self._ready,
            Step.PROBE: self._probe,
            Step.REPLAY: self._replay,
            Step.MIRROR: self._mirror,
            Step.CANARY: self._canary,
            Step.SWITCH: self._switch,
            Step.KEEP: self._settle,
        }[step]
        begun = time.monotonic()
        try:
            verdict = work()
        except LabError as error:
            self._note(step, Verdict(False, error.message.splitlines()[0]), time.monotonic() - begun)
            raise
        self._note(step, verdict, time.monotonic() - begun)
        if not verdict.ok:
            raise GateRejectedError(
                f"{self._green.ref} was not taken by deployment {self._state.name}: {verdict.told}",
                f"lab deployments history {self._state.name}",
            )

    # -- telling ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        parts, live = self._parts, self._state.live
        self._keep(replace(self._state, rollout=short_id(), releases=self._green.number, green=self._green, share=0))
        parts.folder(self._state).abort.unlink(missing_ok=True)
        body = {
            "deployment": self._state.id,
            "number": self._green.number,
            "model": self._green.model,
            "version": self._green.version,
            "alias": self._green.alias,
            "strategy": self._plan.strategy.value,
            "before": live.ref if live else "",
        }
        parts.journal.append(ROLLOUT_STARTED, self._state.rollout, body)
        if live is None:
            parts.released(self._state, self._green)
            parts.say(self._state, DeploymentStatus.STARTING)
        parts.catalog.refresh()

    def _note(self, step: Step, verdict: Verdict, seconds: float) -> None:
        told = clean(verdict.told, 400)
        body = {"step": step.value, "ok": verdict.ok, "seconds": round(seconds, 4), "told": told}
        self._parts.journal.append(ROLLOUT_STEP, self._state.rollout, {**body, "evidence": dict(verdict.evidence)})
        self._parts.catalog.refresh()
        self._tell(f"{step.value}: {told}")

    def _keep(self, state: State) -> None:
        self._state = self._parts.keep(state)
        self._green = state.green or self._green

    def _check_abort(self) -> None:
        if self._parts.folder(self._state).abort.exists():
            raise ConflictError("it was rolled back by hand", f"lab deployments history {self._state.name}")

    def _take_back(self, cause: str) -> None:
        if self._switched and self._state.warm is not None and self._state.warm_until:
            self._state = swap_back(self._parts, self._state, cause)
        elif not self._switched:
            self._state = undo(self._parts, self._state, cause)
        else:
            self._state = end(self._parts, self._state, Outcome.DONE, cause)

    # -- steps --------------------------------------------------------------------------------------

    def _build(self) -> Verdict:
        state = self._state
        image, how = self._parts.servers.build(state, self._green.number, self._version, self._tell)
        green = replace(self._green, image=image)
        if self.first:
            state = self._parts.routers.choose(state, image, self._tell)
            # Not before: another Lab may take a port while an environment is built.
            self._chosen = not state.port
            state = replace(state, port=state.port or self._free_port(()))
        self._keep(replace(state, green=green))
        if self.first:
            self._parts.released(self._state, green)
        return Verdict(True, f"{how} {image}", {"image": image, "router": state.router})

    def _start(self) -> Verdict:
        parts, live = self._parts, self._state.live
        if self._state.token:
            tokens.create(parts.folder(self._state))
        before = self._state.warm
        if before is not None and self._state.warm_until:  # there is room for two versions, not for three
            parts.servers.stop(self._state, before)
            self._keep(replace(self._state, warm_until=0.0))
        count = self._plan.replicas or (len(live.servers) if live else 1)
        # Kept before anything starts, so that whoever has to take it back knows what to end.
        self._keep(replace(self._state, green=parts.servers.place(self._state, self._green, count)))
        if live is not None and self._plan.strategy is Strategy.RECREATE:
            parts.servers.stop(self._state, live)
        parts.servers.start(self._state, self._green)
        self._open_address()
        return Verdict(True, f"{count} beside the old one" if live else f"{count} up", {"replicas": count})

    def _open_address(self) -> None:
        """Let the router run; where Lab chose the port and another program was quicker, at another one."""
        refused: list[int] = []
        while True:
            try:
                self._parts.routers.ensure(self._state)
                return
            except ConflictError:
                refused.append(self._state.port)
                if not self._chosen or len(refused) >= _PORTS_TRIED:
                    raise
            self._keep(replace(self._state, port=self._free_port(refused)))
            self._parts.released(self._state, self._green)

    def _ready(self) -> Verdict:
        state = self._state
        seconds = self._parts.servers.await_ready(
            state,
            self._green,
            lambda slot: self._parts.ready(state, slot),
            self._plan.ready_seconds,
            self._check_abort,
        )
        return Verdict(True, f"after {seconds:.2f} s, reference rows re-predicted", {"seconds": seconds})

    def _trial(self, slot: int) -> Trial:
        where = address(self._state)
        return Trial(
            lambda method, path, body: self._parts.client.request(where, method, path, body, timeout=10.0, slot=slot)
        )

    def _probe(self) -> Verdict:
        golden = self._parts.servers.folder(self._state, self._green).model / "golden.jsonl"
        tried = [gates.probe(self._trial(server.slot), golden, self._plan.budget) for server in self._green.servers[:1]]
        return gates.worst(tried)

    def _replay(self) -> Verdict:
        live = self._state.live
        if live is None:
            return Verdict(True, "there is nobody to compare with")
        folder = self._parts.servers.folder(self._state, live)
        folders = [folder.run(index) for index in range(len(live.servers))]
        trial = self._trial(self._green.servers[0].slot)
        return gates.replay(trial, folders, live.version, self._plan.budget)

    def _mirror(self) -> Verdict:
        live = self._state.live
        if live is None:
            return Verdict(True, "there is nobody to compare with")
        self._tell(f"mirror: copies of live requests for {self._plan.mirror:g} s")
        where, parts = address(self._state), self._parts
        own = tokens.own_headers(parts.folder(self._state))
        return mirroring.mirror(
            self._trial(self._green.servers[0].slot),
            lambda: mirroring.fetch(parts.client, where, live.slots, own),
            self._sources(),
            (live.slots, self._green.slots),
            self._plan.mirror,
            self._plan.budget,
            self._check_abort,
        )

    def _sources(self) -> Sources:
        state, parts = self._state, self._parts

        def page(slot: int) -> str:
            return parts.page(state, slot)

        return Sources(lambda: parts.routers.stats(state), page, lambda: self._deaths(page))

    def _canary(self) -> Verdict:
        live = self._state.live
        if live is None:
            return Verdict(True, "there is nobody to compare with")
        self._keep(replace(self._state, share=self._plan.share))
        self._parts.routers.apply(self._state)
        self._tell(f"canary: {self._plan.share} % of the requests for {self._plan.hold:g} s")
        verdict = gates.canary(
            self._sources(),
            live.slots,
            self._green.slots,
            self._plan.hold,
            self._plan.budget.p95_ratio,
            self._check_abort,
        )
        return replace(verdict, evidence={**verdict.evidence, "share": self._plan.share})

    def _deaths(self, page: Callable[[int], str]) -> int:
        """How often servers of the new version have died: by the engine, and by what they say themselves."""
        own = sum(gates.single(page(server.slot), "lab_worker_restarts_total") for server in self._green.servers)
        return self._parts.servers.restarts(self._state, self._green) + int(own)

    def _switch(self) -> Verdict:
        parts, before = self._parts, self._state.live
        warm = time.time() + self._plan.warm
        if before is None or self._plan.strategy is Strategy.RECREATE:
            warm = 0.0  # no servers are left of it
        self._await_seen()
        begun = time.perf_counter()
        self._keep(self._state.promoted(warm))
        self._switched = True
        parts.routers.apply(self._state)
        took = time.perf_counter() - begun
        parts.released(self._state, self._green)
        parts.say(self._state, DeploymentStatus.READY, ready=time.time())
        return Verdict(True, f"everything goes to {self._green.ref}", {"seconds": took})

    def _settle(self) -> Verdict:
        """Whether the new version still answers now that everything goes to it."""
        self._await_seen()
        ready, reason = self._parts.ready(self._state, timeout=_ANSWER_SECONDS)
        if not ready:
            return Verdict(False, f"it does not answer after the switch: {reason}")
        kept = f"{self._state.warm.ref} is kept warm for {self._plan.warm:g} s" if self._state.warm else "ready"
        return Verdict(True, kept, {"warm": self._plan.warm})

    def _await_seen(self) -> None:
        """Wait until the router's own checks see all servers up. Raises EngineError if they do not."""
        slots = self._green.slots
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            stats = self._parts.routers.stats(self._state)
            down = [slot for slot in slots if slot not in stats or not stats[slot].up]
            if not down:
                return
            if time.monotonic() > deadline:
                raise EngineError(f"the router does not reach server {down[0]} of {self._green.ref}", "deploy again")
            time.sleep(_POLL)
