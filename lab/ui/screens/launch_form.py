"""The launch form: fields from an entry's parameters, and the request that the filled form means. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from lab.domain.launch import LaunchRequest
from lab.domain.names import check_name
from lab.domain.runs import Param
from lab.errors import LabError, UsageError
from lab.ui.widgets.forms import Field, Value, Values, parse_number

ENGINES = ("as set", "docker", "process")

_PARAM, _DATA = "param.", "data."
_WORDS: dict[str, Param] = {"true": True, "false": False, "null": None, "none": None, "": None}


def launch_fields(base: LaunchRequest, datasets: Sequence[str] = ()) -> list[Field]:
    """One field per parameter, typed as its default is, then what else a launch may say."""
    fields = [_param_field(name, value) for name, value in base.params.items()]
    fields += [
        Field("extra", "more parameters", value="", help="others, as name=value name=value", validate=_check_extra),
        Field("seed", "seed", "number", "" if base.seed is None else base.seed, validate=_whole,
              help="empty: the parameter `seed`, else 0"),
        *(Field(f"{_DATA}{name}", f"data {name}", value=base.data.get(name, ""), help="such as v2; empty: the latest")
          for name in dict.fromkeys([*datasets, *base.data])),
        Field("name", "name", value=base.name, help="empty: one is made up", validate=_check_run_name),
        Field("tags", "tags", value=" ".join(base.tags), help="words with blanks between them"),
        Field("engine", "engine", "choice", base.engine if base.engine in ENGINES else ENGINES[0], ENGINES),
    ]  # fmt: skip
    return fields


def _param_field(name: str, value: Param) -> Field:
    if isinstance(value, bool):
        return Field(f"{_PARAM}{name}", name, "bool", value)
    if isinstance(value, int):
        return Field(f"{_PARAM}{name}", name, "number", value, validate=_whole, help="a whole number", optional=False)
    if isinstance(value, float):
        return Field(f"{_PARAM}{name}", name, "number", value, help="a number", optional=False)
    return Field(f"{_PARAM}{name}", name, value="" if value is None else value)


def _whole(value: Value) -> str | None:
    return None if isinstance(value, int) else "a whole number is needed"


def _check_extra(value: Value) -> str | None:
    try:
        extra_params(str(value))
    except UsageError as error:
        return error.message
    return None


def _check_run_name(value: Value) -> str | None:
    return name_trouble("run", str(value)) if value else None


def name_trouble(kind: str, name: str) -> str | None:
    """What is wrong with a name, None if nothing."""
    try:
        check_name(kind, name)
    except LabError as error:
        return error.hint
    return None


def extra_params(text: str) -> dict[str, Param]:
    """`lr=0.1 kind=forest` as typed values. Raises UsageError for a word without `=`."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError("a quote is not closed") from error
    params: dict[str, Param] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UsageError(f"{word!r} is not name=value")
        number = parse_number(value)
        params[name] = _WORDS.get(value.lower(), value if number is None else number)
    return params


def request_of(base: LaunchRequest, values: Values) -> LaunchRequest:
    """`base` with what the form says. A text parameter that had no value and was left empty stays without one."""
    params: dict[str, Param] = {}
    for name, default in base.params.items():
        value = values.get(f"{_PARAM}{name}", default)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        params[name] = None if default is None and value == "" else value
    seed, engine = values.get("seed"), str(values.get("engine", ENGINES[0]))
    return LaunchRequest(
        entry=base.entry,
        params={**params, **extra_params(str(values.get("extra", "")))},
        seed=seed if isinstance(seed, int) else None,
        name=str(values.get("name", "")),
        tags=tuple(str(values.get("tags", "")).split()),
        data={key.removeprefix(_DATA): str(value) for key, value in values.items() if key.startswith(_DATA) and value},
        engine="" if engine == ENGINES[0] else engine,
        cpus=base.cpus,
        memory=base.memory,
        gpus=base.gpus,
    )


def launch_command(request: LaunchRequest, defaults: Mapping[str, Param] | None = None) -> str:
    """The shell command of a request; parameters that are as in `defaults` are left out."""
    defaults = defaults or {}
    words = ["lab", "run", request.entry]
    for name, value in request.params.items():
        if name not in defaults or defaults[name] != value or type(defaults[name]) is not type(value):
            words += ["-p", f"{name}={param_text(value)}"]
    words += [] if request.seed is None else ["--seed", str(request.seed)]
    words += ["--name", request.name] if request.name else []
    for tag in request.tags:
        words += ["--tag", tag]
    for dataset, version in request.data.items():
        words += ["--data", f"{dataset}@{version}"]
    words += ["--engine", request.engine] if request.engine else []
    return shlex.join(words)


def param_text(value: Param) -> str:
    """A parameter as it is typed after `-p name=`: text that reads as another type is quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and (value.lower() in _WORDS or parse_number(value) is not None):
        return f"'{value}'"
    return str(value)
