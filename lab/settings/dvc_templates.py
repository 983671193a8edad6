"""What a `dvc.yaml` says by templates: `${name}` in it, `foreach` and `matrix`, expanded as DVC does.

Names are looked up in `params.yaml`, in the files and values below `vars`, and among `item` and `key` of a stage that
is written once for many (dvc/parsing/__init__.py, context.py and interpolate.py of DVC 3). Pure functions.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Any

from lab.dataclass import dataclass
from lab.domain.commands import Part
from lab.domain.text import clean

_REFERENCE = re.compile(r"(?<!\\)\$\{(.*?)\}")
_NAME = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[[^.\[\]]+\])*")
_STAGES_MAX = 5_000

Keys = tuple[str, ...]
Load = Callable[[str], Any]


class TemplateError(Exception):
    """A template that cannot be understood. `keys` lead to it from the top, as far as they are known; `hint` mends."""

    def __init__(self, text: str, keys: Keys = (), hint: str = "") -> None:
        super().__init__(text)
        self.keys = keys
        self.hint = hint


@contextmanager
def within(*keys: str) -> Iterator[None]:
    """Tells where a template stands that is found to be wrong."""
    try:
        yield
    except TemplateError as error:
        raise TemplateError(str(error), (*keys, *error.keys), error.hint) from error


@dataclass(frozen=True)
class Scope:
    """What names mean: values below keys, and by dotted name the file that a value is from, where it is from one."""

    values: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> tuple[str, Any]:
        """The dotted name and the value of a reference. Raises TemplateError."""
        if not _NAME.fullmatch(name.strip()):
            raise TemplateError(f"${{{clean(name, 60)}}} is no name")
        way = [part.strip() for part in name.replace("[", ".").replace("]", "").split(".")]
        value: Any = self.values
        for part in way:
            try:
                value = value[int(part)] if isinstance(value, list) else value[part]
            except (LookupError, ValueError, TypeError):
                known = ", ".join(sorted(self.values)[:8])
                raise TemplateError(
                    f"${{{clean(name, 60)}}} is not among {clean(known, 200) or 'any values'}"
                ) from None
        return ".".join(way), value

    def with_items(self, items: Mapping[str, Any]) -> Scope:
        """With values of one stage of many, before which others of the same name stand back."""
        files = {name: file for name, file in self.files.items() if name.partition(".")[0] not in items}
        return Scope({**self.values, **items}, files)

    def with_vars(self, listed: Any, load: Load, folder: str) -> Scope:
        """With what a list of `vars` names: values, or files with values, `file:key,key` for some of a file."""
        scope = self
        if not isinstance(listed, list | None):
            raise TemplateError("vars is no list")
        for item in listed or ():
            if isinstance(item, dict):
                scope = scope._merged(item, "")
            elif isinstance(item, str) and item and "${" not in item:
                path, _, keys = item.partition(":")
                path = f"{folder}/{path}" if folder else path
                scope = scope._merged(_chosen(load(path), path, [key for key in keys.split(",") if key]), path)
            else:
                raise TemplateError("vars are mappings of values and names of files")
        return scope

    def _merged(self, values: Mapping[str, Any], file: str) -> Scope:
        """With more values. Raises TemplateError for one that is another already."""
        if file and all(self.files.get(name) == file for name in leaves(values)):
            return self
        files = {**self.files, **(dict.fromkeys(leaves(values), file) if file else {})}
        return Scope(_merge(self.values, values, ""), files)


def _chosen(told: Any, path: str, keys: list[str]) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise TemplateError(f"{clean(path, 100)} of vars is no file with a mapping of values")
    missing = next((key for key in keys if key not in told), None)
    if missing is not None:
        raise TemplateError(f"{clean(path, 100)} of vars has no {clean(missing, 60)}")
    return {key: told[key] for key in keys} if keys else told


def _merge(into: Mapping[str, Any], more: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found = dict(into)
    for key, value in more.items():
        if key not in found:
            found[key] = value
        elif isinstance(found[key], dict) and isinstance(value, dict):
            found[key] = _merge(found[key], value, f"{prefix}{key}.")
        else:
            raise TemplateError(f"vars give {clean(prefix + key, 60)} a second time")
    return found


def leaves(value: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all values that are no mappings."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from leaves(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def resolved(told: Any, scope: Scope, *, compound: bool = False) -> Any:
    """`told` with every reference in it replaced; with `compound` one may stand for a list or a mapping."""
    if isinstance(told, dict):
        return {_word(resolved(key, scope)): resolved(item, scope, compound=compound) for key, item in told.items()}
    if isinstance(told, list):
        return [resolved(item, scope, compound=compound) for item in told]
    if not isinstance(told, str):
        return told
    whole = _REFERENCE.fullmatch(told)
    if whole and "${" not in whole[1]:
        value = scope.find(whole[1])[1]
        return value if compound else _single(value, whole[1])
    text = _REFERENCE.sub(lambda match: _word(_single(scope.find(match[1])[1], match[1])), told)
    return text.replace("\\${", "${")


def command(line: str, scope: Scope) -> Iterator[Part]:
    """A command with its references: what is from a file is a parameter, all else stands there as text, as DVC puts it
    there. A mapping becomes options."""
    end = 0
    for match in _REFERENCE.finditer(line):
        yield Part(line[end : match.start()].replace("\\${", "${"))
        yield from _argument(*scope.find(match[1]), scope)
        end = match.end()
    yield Part(line[end:].replace("\\${", "${"))


def _argument(name: str, value: Any, scope: Scope) -> Iterator[Part]:
    if not isinstance(value, dict):
        known = name in scope.files and isinstance(value, str | int | float)
        yield Part(name, param=True) if known else Part(_word(_single(value, name)))
        return
    for number, (option, item) in enumerate(_options(value, "")):
        yield Part(f"{' ' if number else ''}--{option}{'' if item is True else ' '}")
        if item is not True:
            known = f"{name}.{option}" in scope.files and isinstance(item, str | int | float)
            yield Part(f"{name}.{option}", param=True) if known else Part(_quoted(item))


def _options(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _options(item, f"{prefix}{key}.")
        elif item is not False:
            yield f"{prefix}{key}", item


def _quoted(value: Any) -> str:
    if isinstance(value, list):
        if any(isinstance(item, list | dict) for item in value):
            raise TemplateError("a list within a list is no argument of a command")
        return " ".join(_quoted(item) for item in value)
    return shlex.quote(value) if isinstance(value, str) else _word(value)


def _single(value: Any, name: str) -> Any:
    if isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "a mapping"
        raise TemplateError(f"${{{clean(name, 60)}}} is {kind}, where one value belongs")
    return value


def _word(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def stages(told: Mapping[str, Any], scope: Scope) -> Iterator[tuple[str, Mapping[str, Any], Scope]]:
    """(name, what is written of it, what names mean in it) of every stage. Raises TemplateError."""
    count = 0
    for name, stage in told.items():
        with within("stages", name):
            for found in _expanded(name, stage, scope):
                count += 1
                if count > _STAGES_MAX:
                    raise TemplateError(f"it makes more than {_STAGES_MAX:,} stages")
                yield found


def _expanded(name: str, stage: Any, scope: Scope) -> Iterator[tuple[str, Mapping[str, Any], Scope]]:
    if not isinstance(stage, dict):
        raise TemplateError(f"stage {clean(name, 60)} is not a mapping")
    if "foreach" in stage:
        if not isinstance(stage.get("do"), dict):
            raise TemplateError("foreach needs a stage below do", ("foreach",))
        with within("foreach"):
            found = _foreach(stage["foreach"], scope)
        yield from ((f"{name}@{key}", stage["do"], scope.with_items(items)) for key, items in found.items())
    elif "matrix" in stage:
        with within("matrix"):
            found = _matrix(stage["matrix"], scope)
        inner = {key: value for key, value in stage.items() if key != "matrix"}
        yield from ((f"{name}@{key}", inner, scope.with_items(items)) for key, items in found.items())
    else:
        yield name, stage, scope


def _foreach(told: Any, scope: Scope) -> Mapping[str, Mapping[str, Any]]:
    """`item`, and for a mapping `key`, by the name of each stage."""
    items = resolved(told, scope, compound=True)
    if isinstance(items, dict):
        return {_word(key): {"item": item, "key": _word(key)} for key, item in items.items()}
    if not isinstance(items, list):
        raise TemplateError("foreach wants a list or a mapping")
    if any(isinstance(item, list | dict) for item in items):
        return {str(index): {"item": item} for index, item in enumerate(items)}
    return {_word(item): {"item": item} for item in items}


def _matrix(told: Any, scope: Scope) -> Mapping[str, Mapping[str, Any]]:
    axes = resolved(told, scope, compound=True)
    if not isinstance(axes, dict):
        raise TemplateError("matrix wants a mapping of lists")
    size = 1
    for name, values in axes.items():
        if not isinstance(values, list):
            raise TemplateError(f"matrix wants a list of {clean(name, 60)}", (name,))
        size *= len(values)
    if size > _STAGES_MAX:
        raise TemplateError(f"it makes more than {_STAGES_MAX:,} stages")
    found = {}
    for chosen in itertools.product(*(list(enumerate(values)) for values in axes.values())):
        pairs = list(zip(axes, chosen, strict=True))
        words = (f"{name}{at}" if isinstance(value, list | dict) else _word(value) for name, (at, value) in pairs)
        key = "-".join(words)
        found[key] = {"key": key, "item": {name: value for name, (_, value) in pairs}}
    return found
