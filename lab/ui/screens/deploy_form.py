"""The deploy form: what it asks for, and the rollout and command that its values mean. Pure functions."""

from __future__ import annotations

import shlex
from dataclasses import replace

from lab.dataclass import dataclass
from lab.domain.param_spec import ParamSpec, Value, Values, reads
from lab.domain.rollouts import RolloutPlan, Strategy, parse_seconds
from lab.ui.screens.launch_form import ENGINES, name_trouble


@dataclass(frozen=True)
class DeployRequest:
    """How a version is to be deployed. `port` 0 is any, `idle` 0 never sleeps, `engine` "" as it is set."""

    name: str
    plan: RolloutPlan
    port: int = 0
    idle: float = 0.0
    engine: str = ""


def deploy_specs(name: str, usual: RolloutPlan, idle: float) -> list[ParamSpec]:
    """Filled with how things are usually deployed here."""
    return [
        ParamSpec("name", "name", value=name, optional=False,
                  validate=lambda value: name_trouble("deployment", str(value))),
        ParamSpec("strategy", "strategy", "choice", usual.strategy.value, tuple(one.value for one in Strategy),
                  help="blue-green: all at once when it is ready; canary: a share first; shadow: copies only; "
                       "recreate: a short pause"),
        ParamSpec("share", "canary %", "number", usual.share, help="of the requests, if the strategy is canary",
                  validate=lambda value: None if isinstance(value, int) and 1 <= value <= 99 else "from 1 to 99"),
        ParamSpec("hold", "canary for", value=f"{usual.hold:g}s", help="60s, 10m", validate=reads(parse_seconds)),
        ParamSpec("mirror", "mirror for", value=f"{usual.mirror:g}s" if usual.mirror else "",
                  help="how long a shadow answers copies of live requests", empty="captured requests instead",
                  validate=lambda value: reads(parse_seconds)(value) if value else None),
        ParamSpec("replicas", "servers", "number", help="that answer for it", validate=replicas_trouble,
                  empty="as many as there are"),
        ParamSpec("idle", "sleep after", value=f"{idle:g}s" if idle else "", help="10m without a request",
                  validate=lambda value: reads(parse_seconds)(value) if value else None, empty="never"),
        ParamSpec("port", "port", "number", help="of the address on 127.0.0.1", validate=_port_trouble,
                  empty="as before, or a free one"),
        ParamSpec("engine", "engine", "choice", ENGINES[0], ENGINES),
    ]  # fmt: skip


def replicas_trouble(value: Value) -> str | None:
    return None if isinstance(value, int) and value >= 1 else "one or more"


def _port_trouble(value: Value) -> str | None:
    return (
        None
        if isinstance(value, int) and (value == 0 or 1024 <= value < 65536)
        else "a whole number from 1024 to 65535"
    )


def whole(values: Values, name: str) -> int:
    """A number that was asked for, 0 where it was left empty."""
    value = values.get(name)
    return value if isinstance(value, int) else 0


def deploy_request(values: Values, usual: RolloutPlan) -> DeployRequest:
    """What the values of `deploy_specs` mean. Raises UsageError for a time that cannot be read."""
    plan = replace(
        usual,
        strategy=Strategy(str(values["strategy"])),
        share=whole(values, "share") or usual.share,
        hold=parse_seconds(str(values["hold"])),
        mirror=parse_seconds(str(values.get("mirror") or "0")),
        replicas=whole(values, "replicas") or usual.replicas,
    )
    engine, idle = str(values.get("engine", ENGINES[0])), parse_seconds(str(values.get("idle") or "0"))
    return DeployRequest(str(values["name"]), plan, whole(values, "port"), idle, "" if engine == ENGINES[0] else engine)


def deploy_sentence(values: Values, usual: RolloutPlan) -> str:
    """What will happen, in a line. Raises UsageError."""
    asked = deploy_request(values, usual)
    plan = asked.plan
    way = {
        Strategy.CANARY: f"{plan.share} % of the requests for {plan.hold:g} s, then all",
        Strategy.SHADOW: f"copies of {'live' if plan.mirror else 'captured'} requests only, until you decide",
        Strategy.RECREATE: "the old one stops first: a short pause",
    }.get(plan.strategy, "all requests at once, when it is ready and keeps to its gates")
    return f"{asked.name}: {way}"


def deploy_command(ref: str, asked: DeployRequest, usual: RolloutPlan) -> str:
    """The shell command that does the same; what is as usual is left out."""
    words = ["lab", "deploy", ref, "--name", asked.name]
    if asked.plan.strategy is Strategy.CANARY:
        words += ["--canary", str(asked.plan.share), "--for", f"{asked.plan.hold:g}s"]
    elif asked.plan.strategy is Strategy.SHADOW and asked.plan.mirror:
        words += ["--mirror", f"{asked.plan.mirror:g}s"]
    elif asked.plan.strategy is not usual.strategy:
        words += ["--strategy", asked.plan.strategy.value]
    words += ["--replicas", str(asked.plan.replicas)] if asked.plan.replicas != usual.replicas else []
    words += ["--idle", f"{asked.idle:g}s"] if asked.idle else []
    words += ["--port", str(asked.port)] if asked.port else []
    words += ["--engine", asked.engine] if asked.engine else []
    return shlex.join(words)
