"""Parameters that a script reads from files of its project: put into the run's own copy, and nothing else changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.domain.runs import Param
from lab.domain.text import clean
from lab.errors import UsageError


def put(code: Path, params: Mapping[str, Param], files: Mapping[str, str]) -> None:
    """Set parameters in the files below `code` that `files` names for them, where they have another value there.

    Raises UsageError for a file that cannot be read or changed.
    """
    for file in dict.fromkeys(files.values()):
        wanted = {name: params[name] for name, place in files.items() if place == file and name in params}
        path = code / file
        if not path.is_file() or path.is_symlink():
            raise UsageError(f"there is no {clean(file)} in the code to put parameters into", "add it to the project")
        old = path.read_text(encoding="utf-8")
        new = _json(old, wanted) if file.endswith(".json") else _yaml(old, wanted, file)
        if new != old:
            path.chmod(path.stat().st_mode | 0o200)
            path.write_text(new, encoding="utf-8")


def _json(text: str, wanted: Mapping[str, Param]) -> str:
    told = json.loads(text)
    changed = False
    for name, value in wanted.items():
        *way, last = name.split(".")
        place: Any = told
        for key in way:
            place = place[key]
        changed |= place[last] != value
        place[last] = value
    return json.dumps(told, indent=2) + "\n" if changed else text


def _yaml(text: str, wanted: Mapping[str, Param], file: str) -> str:
    """The text with the values in their places: comments, order and form of all else stay."""
    import yaml

    from lab.settings.foreign import plain

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    places: list[tuple[int, int, str]] = []
    for name, value in wanted.items():
        node = _find(root, name.split("."))
        if isinstance(node, yaml.ScalarNode):
            if plain(node.value) != value or type(plain(node.value)) is not type(value):
                places.append((node.start_mark.index, node.end_mark.index, _scalar(value)))
        else:
            raise UsageError(f"{clean(file)} has no value {clean(name)}", "see the parameters of the entry")
    if places and not file.endswith((".yaml", ".yml")):
        raise UsageError(f"parameters in {clean(file)} cannot be changed", "keep them in YAML or JSON")
    for begin, end, scalar in sorted(places, reverse=True):
        text = text[:begin] + scalar + text[end:]
    return text


def _find(node: Any, way: list[str]) -> Any:
    """The node at the end of a way of keys; None where it does not lead on. A key may hold dots itself."""
    if not way:
        return node
    pairs = getattr(node, "value", None)
    for key, value in pairs if isinstance(pairs, list) else ():
        for length in range(len(way), 0, -1):
            if getattr(key, "value", None) != ".".join(way[:length]):
                continue
            found = _find(value, way[length:])
            if found is not None:
                return found
    return None


def _scalar(value: Param) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text = repr(value)
    # YAML 1.1, which most scripts read, takes 1e-05 for text.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
