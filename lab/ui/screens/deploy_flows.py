"""What is done to deployments from a screen: deploying and rolling out, going back, scaling, stopping, the token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lab.domain.deployments import Deployment
from lab.domain.models import Model, ModelVersion
from lab.domain.param_spec import ParamSpec, reads
from lab.domain.rollouts import RolloutPlan, parse_seconds
from lab.domain.text import count_of
from lab.errors import NotFoundError, UsageError
from lab.ui import actions
from lab.ui.jobs import Job
from lab.ui.render.number import format_duration
from lab.ui.screens.base import LabScreen
from lab.ui.screens.deploy_form import (
    DeployRequest,
    deploy_command,
    deploy_request,
    deploy_sentence,
    deploy_specs,
    replicas_trouble,
    whole,
)
from lab.ui.screens.flows import confirm, metrics_text
from lab.ui.screens.pick import Item, PickScreen
from lab.ui.widgets.forms import FormScreen

if TYPE_CHECKING:
    from lab.workspace import Workspace


async def choose_and_deploy(screen: LabScreen, to: Deployment | None = None) -> None:
    """Deploy a version of any model, champions first; to `to` if that is given, with those of its model in front."""
    models, versions = await screen.ask(_versions)
    models.sort(key=lambda model: to is None or model.name != to.model)
    if not models:
        raise NotFoundError("there is no model to deploy", "register one: m on a finished run")
    items = [
        Item(f"{model.name}@{alias}", f"{model.name}@{alias}", help=f"v{number}")
        for model in models
        for alias, number in model.aliases.items()
    ]
    items += [Item(one.id, one.id, help=metrics_text(one.metrics)) for model in models for one in versions[model.name]]
    ref = await screen.app.push_screen_wait(PickScreen("Deploy which version?", items))
    if ref is not None:
        await deploy(screen, ref, to.name if to is not None else "")


def _versions(ws: Workspace) -> tuple[list[Model], dict[str, Sequence[ModelVersion]]]:
    """All models, and the versions of each, newest first."""
    models = list(ws.models.list())
    return models, {model.name: ws.models.versions(model.name) for model in models}


async def deploy(screen: LabScreen, ref: str, name: str = "") -> None:
    """Ask how, then serve the version `ref`; where that name serves already, roll it out."""
    usual, idle = await screen.ask(lambda ws: (ws.deployments.plan, ws.deployments.idle))
    names = await screen.ask(lambda ws: {one.name: one for one in ws.deployments.list() if one.status.active})
    chosen = name or ref.partition(":")[0].partition("@")[0]
    specs, intro = deploy_specs(chosen, usual, idle), _intro(names.get(chosen))
    form = FormScreen(f"Deploy {ref}", specs, submit="Deploy", intro=intro,
                      summary=lambda values: deploy_sentence(values, usual))  # fmt: skip
    values = await screen.app.push_screen_wait(form)
    if values is None:
        return
    asked, told = deploy_request(values, usual), deploy_sentence(values, usual)
    serving = names.get(asked.name)
    if serving is not None:
        consequence = f"{_serves(serving)} at {serving.url}. {told}."
        if not await confirm(screen, f"Roll {ref} out to {asked.name}?", consequence, "Roll out", "D", asked.name):
            form.keep("not rolled out")
            return
    _start(screen, ref, asked, usual, form.keep)


def _serves(there: Deployment) -> str:
    return f"{there.name} serves {there.model}:v{there.version}"


def _intro(there: Deployment | None) -> str:
    if there is None:
        return "Serves predictions on 127.0.0.1, for this machine only."
    return f"{_serves(there)}; it goes on until the new one has shown that it is as good."


def _start(
    screen: LabScreen, ref: str, asked: DeployRequest, usual: RolloutPlan, on_error: Callable[[str], object]
) -> None:
    def begin(ws: Workspace, job: Job) -> Deployment:
        return ws.deployments.deploy(
            ref, name=asked.name, port=asked.port, engine=asked.engine, plan=asked.plan, idle=asked.idle,
            progress=job.say,
        )  # fmt: skip

    async def work(job: Job) -> str:
        deployment = await screen.lab.bridge.ask(lambda ws: begin(ws, job))
        return f"{deployment.name} serves {deployment.model}:v{deployment.version} at {deployment.url}"

    screen.lab.background(f"deploying {ref}", deploy_command(ref, asked, usual), work, on_error)


async def roll_back(screen: LabScreen, deployment: Deployment) -> None:
    """Give the requests back to the version before, after one question. Raises ConflictError without one."""
    before = await screen.ask(lambda ws: ws.deployments.served_before(deployment.id))
    consequence = f"{before} gets the requests again; nothing is lost meanwhile."
    if not before:
        consequence = "Its first version is still being tried: that is given up, and nothing serves."
    if not await confirm(screen, f"Roll {deployment.name} back?", consequence, "Roll back", "B", deployment.name):
        return

    async def work(_: Job) -> str:
        now = await screen.lab.bridge.ask(lambda ws: ws.deployments.rollback(deployment.id))
        return f"{now.name} serves {now.model}:v{now.version} again"

    command = actions.command(actions.get("deployments.rollback"), id=deployment.name)
    screen.lab.background(f"rolling {deployment.name} back", command, work)


async def scale(screen: LabScreen, deployment: Deployment) -> None:
    """Ask for the number of servers."""
    field = ParamSpec("replicas", "servers", "number", deployment.replicas, optional=False, validate=replicas_trouble,
                      help="that answer for it, of the version that serves")  # fmt: skip
    form = FormScreen(f"Servers of {deployment.name}", [field], submit="Scale")
    values = await screen.app.push_screen_wait(form)
    wanted = whole(values or {}, "replicas")
    if values is None or wanted == deployment.replicas:
        return
    consequence = f"It has {deployment.replicas}. Requests that were taken are answered first."
    question = f"Let {count_of(wanted, 'server')} answer for {deployment.name}?"
    if not await confirm(screen, question, consequence, "Scale", "#", deployment.name):
        form.keep("not scaled")
        return

    async def work(_: Job) -> str:
        now = await screen.lab.bridge.ask(lambda ws: ws.deployments.scale(deployment.id, wanted))
        return f"{now.name} has {count_of(now.replicas, 'server')}"

    command = actions.command(actions.get("deployments.scale"), id=deployment.name, n=wanted)
    screen.lab.background(f"scaling {deployment.name}", command, work, form.keep)


async def load_test(screen: LabScreen, deployment: Deployment, done: Callable[[], None]) -> None:
    """Ask how many clients for how long, then ask the deployment with a reference row; `done` is called at the end."""
    fields = [
        ParamSpec("connections", "clients at once", "number", 32, optional=False,
              validate=lambda value: None if isinstance(value, int) and 1 <= value <= 1000 else "from 1 to 1000"),
        ParamSpec("hold", "for", value="10s", optional=False, help="10s, 1m", validate=reads(parse_seconds)),
    ]  # fmt: skip
    intro = f"{deployment.name} is asked with a reference row as fast as it answers."
    values = await screen.app.push_screen_wait(FormScreen("Load test", fields, submit="Begin", intro=intro))
    if values is None:
        return
    connections, hold = whole(values, "connections"), parse_seconds(str(values["hold"]))

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
