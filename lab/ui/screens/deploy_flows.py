"""What is done to deployments from a screen: deploying and rolling out, going back, scaling, stopping, the token."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.domain.deployments import Deployment
from lab.domain.rollouts import RolloutPlan, Strategy, parse_seconds
from lab.errors import NotFoundError, UsageError
from lab.ui import actions
from lab.ui.jobs import Job
from lab.ui.render.number import format_duration
from lab.ui.screens.base import LabScreen
from lab.ui.screens.flows import confirm, metrics_text
from lab.ui.screens.launch_form import name_trouble
from lab.ui.screens.pick import Item, PickScreen
from lab.ui.widgets.forms import Field, FormScreen, Value, Values

if TYPE_CHECKING:
    from lab.workspace import Workspace

_AS_SET = "as set"


async def choose_and_deploy(screen: LabScreen, name: str = "") -> None:
    """Deploy one of all models, champions first; to the deployment `name`, if one is given."""
    models = await screen.ask(lambda ws: list(ws.models.list()))
    if not models:
        raise NotFoundError("there is no model to deploy", "register one: m on a finished run")
    items = [
        Item(f"{model.name}@{alias}", f"{model.name}@{alias}", help=f"v{number}")
        for model in models
        for alias, number in model.aliases.items()
    ]
    items += [Item(model.latest.id, model.latest.id, help=metrics_text(model.latest.metrics)) for model in models]
    ref = await screen.app.push_screen_wait(PickScreen("Deploy which version?", items))
    if ref is not None:
        await deploy(screen, ref, name)


async def deploy(screen: LabScreen, ref: str, name: str = "") -> None:
    """Ask how, then serve the version `ref`; where that name serves already, roll it out."""
    usual, idle = await screen.ask(lambda ws: (ws.deployments.plan, ws.deployments.idle))
    names = await screen.ask(lambda ws: {one.name: one for one in ws.deployments.list() if one.status.active})
    chosen = name or ref.partition(":")[0].partition("@")[0]
    form = FormScreen(f"Deploy {ref}", _fields(chosen, usual, idle), submit="Deploy", intro=_intro(names.get(chosen)))
    values = await screen.app.push_screen_wait(form)
    if values is not None:
        _start(screen, ref, values, usual)


def _intro(there: Deployment | None) -> str:
    if there is None:
        return "Serves predictions on 127.0.0.1, for this machine only."
    serves = f"{there.name} serves {there.model}:v{there.version}"
    return f"{serves}; it goes on until the new one has shown that it is as good."


def _fields(name: str, usual: RolloutPlan, idle: float) -> list[Field]:
    return [
        Field("name", "name", value=name, optional=False,
              validate=lambda value: name_trouble("deployment", str(value))),
        Field("strategy", "strategy", "choice", usual.strategy.value, tuple(one.value for one in Strategy)),
        Field("share", "canary %", "number", usual.share, help="of the requests, if the strategy is canary",
              validate=lambda value: None if isinstance(value, int) and 1 <= value <= 99 else "from 1 to 99"),
        Field("hold", "canary for", value=f"{usual.hold:g}s", help="60s, 10m", validate=_time_trouble),
        Field("mirror", "mirror for", value=f"{usual.mirror:g}s" if usual.mirror else "",
              help="a shadow answers live requests; empty: captured ones",
              validate=lambda value: _time_trouble(value) if value else None),
        Field("replicas", "servers", "number", help="empty: as many as there are", validate=_replicas_trouble),
        Field("idle", "sleep after", value=f"{idle:g}s" if idle else "", help="10m without a request; empty: never",
              validate=lambda value: _time_trouble(value) if value else None),
        Field("port", "port", "number", help="empty: the same as before, or a free one", validate=_port_trouble),
        Field("engine", "engine", "choice", _AS_SET, (_AS_SET, "docker", "process")),
    ]  # fmt: skip


def _port_trouble(value: Value) -> str | None:
    return None if isinstance(value, int) and 0 <= value < 65536 else "a whole number from 1024 to 65535"


def _replicas_trouble(value: Value) -> str | None:
    return None if isinstance(value, int) and value >= 1 else "one or more"


def _time_trouble(value: Value) -> str | None:
    try:
        parse_seconds(str(value))
    except UsageError as error:
        return error.message
    return None


def _start(screen: LabScreen, ref: str, values: Values, usual: RolloutPlan) -> None:
    name, engine = str(values["name"]), str(values.get("engine", _AS_SET))
    port, replicas = _number(values, "port"), _number(values, "replicas")
    idle = parse_seconds(str(values.get("idle") or "0"))
    plan = replace(
        usual,
        strategy=Strategy(str(values["strategy"])),
        share=_number(values, "share") or usual.share,
        hold=parse_seconds(str(values["hold"])),
        mirror=parse_seconds(str(values.get("mirror") or "0")),
        replicas=replicas or usual.replicas,
    )

    def begin(ws: Workspace, job: Job) -> Deployment:
        chosen = "" if engine == _AS_SET else engine
        return ws.deployments.deploy(ref, name=name, port=port, engine=chosen, plan=plan, idle=idle, progress=job.say)

    async def work(job: Job) -> str:
        deployment = await screen.lab.bridge.ask(lambda ws: begin(ws, job))
        return f"{deployment.name} serves {deployment.model}:v{deployment.version} at {deployment.url}"

    words = ["lab", "deploy", ref, "--name", name]
    if plan.strategy is Strategy.CANARY:
        words += ["--canary", str(plan.share), "--for", f"{plan.hold:g}s"]
    elif plan.strategy is Strategy.SHADOW and plan.mirror:
        words += ["--mirror", f"{plan.mirror:g}s"]
    elif plan.strategy is not usual.strategy:
        words += ["--strategy", plan.strategy.value]
    words += ["--replicas", str(replicas)] if replicas else []
    words += ["--idle", f"{idle:g}s"] if idle else []
    words += ["--port", str(port)] if port else []
    words += [] if engine == _AS_SET else ["--engine", engine]
    screen.lab.background(f"deploying {ref}", shlex.join(words), work)


def _number(values: Values, name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) else 0


async def roll_back(screen: LabScreen, deployment: Deployment) -> None:
    """Give the requests back to the version before, after one question."""
    history = await screen.ask(lambda ws: list(ws.deployments.history(deployment.id)))
    before = next((one.before for one in history if one.before), "")
    consequence = f"{before or 'The version before'} gets the requests again; nothing is lost meanwhile."
    if not await confirm(screen, f"Roll {deployment.name} back?", consequence, "Roll back", "B", deployment.name):
        return

    async def work(_: Job) -> str:
        now = await screen.lab.bridge.ask(lambda ws: ws.deployments.rollback(deployment.id))
        return f"{now.name} serves {now.model}:v{now.version} again"

    command = actions.command(actions.get("deployments.rollback"), id=deployment.name)
    screen.lab.background(f"rolling {deployment.name} back", command, work)


async def scale(screen: LabScreen, deployment: Deployment) -> None:
    """Ask for the number of servers."""
    field = Field("replicas", "servers", "number", deployment.replicas, optional=False, validate=_replicas_trouble)
    values = await screen.app.push_screen_wait(FormScreen(f"Servers of {deployment.name}", [field], submit="Scale"))
    if values is None:
        return
    wanted = _number(values, "replicas")

    async def work(_: Job) -> str:
        now = await screen.lab.bridge.ask(lambda ws: ws.deployments.scale(deployment.id, wanted))
        return f"{now.name} has {now.replicas} server{'' if now.replicas == 1 else 's'}"

    command = actions.command(actions.get("deployments.scale"), id=deployment.name, n=wanted)
    screen.lab.background(f"scaling {deployment.name}", command, work)


async def load_test(screen: LabScreen, deployment: Deployment, done: Callable[[], None]) -> None:
    """Ask how many clients for how long, then ask the deployment with a reference row; `done` is called at the end."""
    fields = [
        Field("connections", "clients at once", "number", 32, optional=False,
              validate=lambda value: None if isinstance(value, int) and 1 <= value <= 1000 else "from 1 to 1000"),
        Field("hold", "for", value="10s", optional=False, help="10s, 1m", validate=_time_trouble),
    ]  # fmt: skip
    intro = f"{deployment.name} is asked with a reference row as fast as it answers."
    values = await screen.app.push_screen_wait(FormScreen("Load test", fields, submit="Ask", intro=intro))
    if values is None:
        return
    connections, hold = _number(values, "connections"), parse_seconds(str(values["hold"]))

    async def work(job: Job) -> str:
        job.say(f"{connections} clients ask for {hold:g} s")
        test = await screen.lab.bridge.ask(
            lambda ws: ws.deployments.load_test(deployment.id, connections=connections, seconds=hold)
        )
        done()
        answered = f"{test.per_second:,.0f} requests a second, p95 {format_duration(test.p95)}"
        return f"{deployment.name}: {answered}" + (f", {test.failed:,} failed" if test.failed else "")

    command = actions.command(actions.get("deployments.bench"), id=deployment.name)
    command += f" --connections {connections} --for {hold:g}s"
    screen.lab.background(f"asking {deployment.name}", command, work)


async def stop(screen: LabScreen, deployment: Deployment) -> None:
    """Shut its servers down, after one question."""
    if not deployment.status.active:
        raise UsageError(f"{deployment.name} is not up: {deployment.status.value}", "D deploys a version")
    consequence = f"{deployment.url} answers no more. The model version stays."
    if not await confirm(screen, f"Stop {deployment.name}?", consequence, "Stop", "x", deployment.name):
        return

    async def work(_: Job) -> str:
        ended = await screen.lab.bridge.ask(lambda ws: ws.deployments.stop(deployment.id))
        return f"{ended.name} is {ended.status.value}"

    command = actions.command(actions.get("deployments.stop"), id=deployment.name)
    screen.lab.background(f"stopping {deployment.name}", command, work)
