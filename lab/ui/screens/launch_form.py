"""The launch form: fields from an entry's parameters, and the run or sweep that they mean. Pure functions."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import field

from lab.dataclass import dataclass
from lab.domain.axes import Axis, Choices, axis_text, param_text, parse_axis, parse_seeds
from lab.domain.datasets import DatasetVersion, meant
from lab.domain.directions import Direction
from lab.domain.launch import LaunchRequest
from lab.domain.names import check_name
from lab.domain.param_spec import ParamSpec, Value, Values, reads
from lab.domain.runs import Param
from lab.domain.seeds import is_seed
from lab.domain.sweeps import Method, Pruner, SweepPlan, make_plan, parse_policy
from lab.domain.text import count_of
from lab.errors import LabError, UsageError
from lab.ui.render.number import format_duration

__all__ = [
    "Known",
    "extra_axes",
    "launch_command",
    "launch_fields",
    "name_trouble",
    "param_text",
    "params_like",
    "plan_of",
    "plan_sentence",
    "request_of",
]

ENGINES = ("as set", "docker", "process")
METHODS = ("grid", "random", "adaptive")

#: Of more versions so many are named.
_TOLD = 8
_PARAM, _DATA, _SEED = "param.", "data.", "seed"
_SEVERAL = "several make a sweep: 0.1,0.01  2..8  0..1:0.25  1e-4..1:log"


@dataclass(frozen=True)
class Known:
    """What there is of a dataset."""

    versions: Sequence[DatasetVersion] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)

    def trouble(self, value: Value) -> str | None:
        """What is wrong with a version that was typed."""
        if not value or meant(self.versions, self.aliases, str(value)) is not None:
            return None
        there = [*self.aliases, *(version.label for version in self.versions if not version.retired)]
        return f"no such version; there are: {', '.join(there[:_TOLD]) or 'none'}{', …' if there[_TOLD:] else ''}"


def launch_fields(base: LaunchRequest, datasets: Mapping[str, Known] | None = None) -> list[ParamSpec]:
    """One field per parameter, then what else a launch may say; what only a sweep needs comes last. `datasets` are
    those that the entry sees."""
    known = {**dict.fromkeys(base.data), **(datasets or {})}
    fields = [_param_field(name, value) for name, value in base.params.items()]
    fields += [
        ParamSpec("extra", "more parameters", value="", help="others, as name=value name=value", validate=_check_extra),
        # One question for it: where there is a parameter of that name, several values of that are several seeds.
        *([] if _SEED in base.params else [
            ParamSpec(_SEED, "seed", value="" if base.seed is None else str(base.seed), validate=_check_seeds,
                      help="0..4 or 1,5,9 for several", empty="0")
        ]),
        *(ParamSpec(f"{_DATA}{name}", f"data {name}", value=base.data.get(name, ""), empty="latest",
                    help="a version: v2, an alias, or the beginning of its hash", validate=one.trouble if one else None)
          for name, one in known.items()),
        ParamSpec("name", "name", value=base.name, help="of the run or sweep", empty="one is made up",
              validate=_check_run_name),
        ParamSpec("tags", "tags", value=" ".join(base.tags), help="words with blanks between them"),
        ParamSpec("engine", "engine", "choice", base.engine if base.engine in ENGINES else ENGINES[0], ENGINES),
        ParamSpec("method", "sweep by", "choice", METHODS[0], METHODS, help="where a parameter has several values"),
        ParamSpec("trials", "trials", "number", "", validate=_whole, help="points of a random or adaptive sweep"),
        ParamSpec("jobs", "runs at a time", "number", "", validate=_whole, help="of a sweep", empty="as many as fit"),
        ParamSpec("metric", "sweep's metric", value="", help="`loss min` or `reward max` says the way"),
        ParamSpec("early", "stop hopeless", "bool", False),
        ParamSpec("policy", "on failure", value="continue", validate=reads(lambda text: parse_policy([text])),
              help="continue, stop, or retry 2"),
    ]  # fmt: skip
    return fields


def params_like(params: Mapping[str, Param], others: Mapping[str, Param]) -> dict[str, Param]:
    """The parameters of an entry with the values that a run of it had; what the run has besides is left out, and so is
    what would be no number where the entry has one."""
    return {name: _fitting(value, others.get(name)) for name, value in params.items()}


def _fitting(own: Param, other: Param) -> Param:
    if isinstance(own, float) and isinstance(other, int) and not isinstance(other, bool):
        return float(other)
    return other if other is not None and (own is None or type(own) is type(other)) else own


def _param_field(name: str, value: Param) -> ParamSpec:
    if isinstance(value, bool):
        return ParamSpec(f"{_PARAM}{name}", name, "bool", value)
    text = "" if value is None else param_text(value)
    kind = int if isinstance(value, int) else float if isinstance(value, float) else None
    what = {int: "a whole number; ", float: "a number; ", None: ""}[kind]
    check = reads(lambda text: _typed(name, text, kind))
    told = f"{what}{_SEVERAL}"
    return ParamSpec(f"{_PARAM}{name}", name, value=text, validate=check, help=told, optional=kind is None)


def _typed(name: str, text: str, kind: type | None) -> Axis:
    """The axis in `text`, of numbers where the parameter is one. Raises UsageError."""
    axis = parse_axis(name, text)
    if kind is None:
        return axis
    if not isinstance(axis, Choices):
        if kind is int and not axis.whole:
            raise UsageError("whole numbers are needed")
        return axis
    if not all(isinstance(value, int | kind) and not isinstance(value, bool) for value in axis.values):
        raise UsageError("a whole number is needed" if kind is int else "a number is needed")
    return Choices(tuple(kind(value) for value in axis.values))


def _whole(value: Value) -> str | None:
    return None if isinstance(value, int) and value >= 0 else "a whole number is needed"


def _seeds(text: str) -> tuple[int, ...]:
    return parse_seeds(text) if text.strip() else ()


def _check_seeds(value: Value) -> str | None:
    return None if reads(_seeds)(value) is None else "a whole number, or several: 0..4 or 1,5,9"


def _check_extra(value: Value) -> str | None:
    return reads(extra_axes)(value)


def _check_run_name(value: Value) -> str | None:
    return name_trouble("run", str(value)) if value else None


def name_trouble(kind: str, name: str) -> str | None:
    """What is wrong with a name, None if nothing."""
    try:
        check_name(kind, name)
    except LabError as error:
        return error.hint
    return None


def extra_axes(text: str) -> dict[str, Axis]:
    """`lr=0.1 kind=forest,mlp` as what each goes through. Raises UsageError for a word without `=`."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError("a quote is not closed") from error
    axes: dict[str, Axis] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UsageError(f"{word!r} is not name=value")
        axes[name] = parse_axis(name, value) if value else Choices((None,))
    return axes


def _axes(base: LaunchRequest, values: Values) -> dict[str, Axis]:
    """What each parameter goes through; most through one value. Raises UsageError."""
    axes: dict[str, Axis] = {}
    for name, default in base.params.items():
        value = values.get(f"{_PARAM}{name}", default)
        if isinstance(default, bool):
            axes[name] = Choices((value,))
        elif default is None and value in ("", None):
            axes[name] = Choices((None,))
        else:
            kind = int if isinstance(default, int) else float if isinstance(default, float) else None
            axes[name] = _typed(name, str(value), kind)
    return {**axes, **extra_axes(str(values.get("extra", "")))}


def _single(axis: Axis) -> bool:
    return isinstance(axis, Choices) and len(axis.values) == 1


def request_of(base: LaunchRequest, values: Values) -> LaunchRequest:
    """`base` with what the form says; parameters with several values are left to `plan_of`."""
    seeds, engine = _seeds(str(values.get(_SEED, ""))), str(values.get("engine", ENGINES[0]))
    fixed = {name: axis.values[0] for name, axis in _axes(base, values).items() if _single(axis)}
    if seeds:  # parameters that seed are left to it, unless they were typed
        fixed = {name: value for name, value in fixed.items() if not (is_seed(name) and value == base.params.get(name))}
    return LaunchRequest(
        entry=base.entry,
        params=fixed,
        seed=seeds[0] if seeds else None,
        name=str(values.get("name", "")),
        tags=tuple(str(values.get("tags", "")).split()),
        data={key.removeprefix(_DATA): str(value) for key, value in values.items() if key.startswith(_DATA) and value},
        engine="" if engine == ENGINES[0] else engine,
        cpus=base.cpus,
        memory=base.memory,
        gpus=base.gpus,
    )


def plan_of(base: LaunchRequest, values: Values) -> SweepPlan | None:
    """The plan of a form in which a parameter or the seed has several values, None where none has.

    Raises UsageError for a plan that makes no sense.
    """
    space = {name: axis for name, axis in _axes(base, values).items() if not _single(axis)}
    seeds = _seeds(str(values.get(_SEED, "")))
    if not space and len(seeds) < 2:
        return None
    trials, jobs = values.get("trials"), values.get("jobs")
    metric, _, goal = str(values.get("metric", "")).strip().partition(" ")
    method = str(values.get("method", METHODS[0]))
    return make_plan(
        space,
        seeds,
        method="" if trials and method == Method.GRID else method,
        trials=trials if isinstance(trials, int) else 0,
        jobs=jobs if isinstance(jobs, int) else 0,
        metric=metric,
        goal=goal.strip(),
        on_failure=parse_policy([str(values.get("policy", "continue"))]),
        pruner=Pruner.MEDIAN if values.get("early") else Pruner.NONE,
    )


def plan_sentence(base: LaunchRequest, values: Values, seconds: float | None) -> str:
    """How many runs a form means and how long they take, where `seconds` are what one takes. Raises UsageError for a
    plan that makes no sense."""
    plan = plan_of(base, values)
    runs = plan.total if plan else 1
    what = count_of(runs, "run")
    if plan and plan.seeds and len(plan.seeds) > 1:
        what += f" ({count_of(runs // len(plan.seeds), 'point')} × {len(plan.seeds)} seeds)"
    what += f", {plan.method.value}" if plan and plan.method is not Method.GRID else ""
    if seconds is None:
        return f"{what}; how long one takes is known once some have finished"
    side_by_side = min(runs, max(1, plan.jobs)) if plan else 1
    told = f"{what}, about {format_duration(math.ceil(runs / side_by_side) * seconds)}"
    if plan is None or runs == 1:
        return told
    if side_by_side > 1:
        return f"{told} {side_by_side} at a time"
    return f"{told} one after the other{'' if plan.jobs else ', less where several fit'}"


def launch_command(
    request: LaunchRequest, defaults: Mapping[str, Param] | None = None, plan: SweepPlan | None = None
) -> str:
    """The shell command of a request or sweep; parameters that are as in `defaults` are left out."""
    defaults = defaults or {}
    words = ["lab", "run", request.entry]
    for name, value in request.params.items():
        if name not in defaults or defaults[name] != value or type(defaults[name]) is not type(value):
            words += ["-p", f"{name}={param_text(value)}"]
    words += _plan_words(plan) if plan else [] if request.seed is None else ["--seed", str(request.seed)]
    words += ["--name", request.name] if request.name else []
    for tag in request.tags:
        words += ["--tag", tag]
    for dataset, version in request.data.items():
        words += ["--data", f"{dataset}@{version}"]
    words += ["--engine", request.engine] if request.engine else []
    return shlex.join(words)


def _plan_words(plan: SweepPlan) -> list[str]:
    words = [word for name, axis in plan.space.items() for word in ("-p", f"{name}={axis_text(axis)}")]
    words += ["--seed", ",".join(map(str, plan.seeds))] if plan.seeds else []
    words += ["--sweep", plan.method.value] if plan.method is not Method.GRID else []
    words += ["--trials", str(plan.trials)] if plan.trials else []
    words += ["--jobs", str(plan.jobs)] if plan.jobs else []
    words += ["--metric", plan.metric] if plan.metric else []
    if plan.metric and plan.goal is not Direction.UNKNOWN:
        words += ["--goal", "max" if plan.goal is Direction.HIGHER else "min"]
    words += ["--early-stop"] if plan.pruner is Pruner.MEDIAN else []
    words += ["--on-failure", *plan.on_failure.text.split()] if plan.on_failure.what != "continue" else []
    return words
