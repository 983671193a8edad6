"""What a training script calls: `from lab import track`.

Nothing here raises into training, opens a socket, or needs more than the standard library. Inside a run it appends
JSON lines to `$LAB_RUN_DIR/events.jsonl`; outside any run it only prints.

Lines: metrics `{"t": unix seconds, "s": step, "m": {name: value}}`, where values that JSON has no number for are
`"NaN"`, `"Infinity"`, `"-Infinity"`; marks `{"t": …, "k": "artifact" | "model", "path": relative to the run folder}`.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
from _json import encode_basestring_ascii as quote  # json itself, with re, would cost every run seven milliseconds
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from time import time_ns

from lab.runtime.events_file import EventsFile

TYPE_CHECKING = False  # type checkers take it for true; importing typing would cost every run five milliseconds
if TYPE_CHECKING:
    from pathlib import Path  # imported where it is used: it would cost every run four milliseconds
    from typing import Any, ParamSpec

    from lab.runtime.own_run import OwnRun

    _P = ParamSpec("_P")

__all__ = ["artifact", "data", "flush", "log", "model", "params", "run", "run_dir", "seed"]

#: Names met so far, ready for a line; bounded, for a script that makes names up as it goes.
_KEYS: dict[str, str] = {}
_KEYS_MAX = 4096

_steps = itertools.count()
_reported: set[str] = set()
_events: EventsFile | None = None
_opened = False


def _report(subject: str, message: str) -> None:
    """Say once per subject, on stderr, what went wrong."""
    if subject in _reported:
        return
    _reported.add(subject)
    try:
        sys.stderr.write(f"lab: {message}\n")
    except (OSError, ValueError, AttributeError):
        return  # stderr is closed or gone: there is nobody left to tell


def _never_raises(function: Callable[_P, None]) -> Callable[_P, None]:
    """A training run must outlive any fault in its tracking, also one in an object that the script handed over."""

    @functools.wraps(function)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - foreign __float__, __str__, predict may raise anything
            _report(f"{function.__name__}:{error}", f"{function.__name__}: {type(error).__name__}: {error}")

    return guarded


def _stream() -> EventsFile | None:
    """The run's event file, opened at first use; None outside a run."""
    global _events, _opened
    if not _opened:
        _opened = True
        folder = os.environ.get("LAB_RUN_DIR")
        _events = EventsFile(os.path.join(folder, "events.jsonl"), _report) if folder else None
    return _events


def run(
    name: str = "",
    *,
    params: Mapping[str, Any] | None = None,
    project: str = "",
    tags: Any = (),
    data: Any = (),
    stdout: bool = True,
) -> OwnRun:
    """A run of this very process, in the lab home: `with track.run("first try", params={"lr": 0.1}):`.

    `data` names datasets that it sees, `"sales"` (the latest version), `"sales@v3"`, several of them, or a mapping from
    name to version: `track.data("sales")` then gives that version, and the run says so. What is printed inside is kept
    as the run's log, since a notebook's output is gone with its next execution; `stdout=False` leaves it alone.

    For notebooks and plain scripts. Everything that is logged inside belongs to it; it ends `finished`, or `failed`
    by the exception that leaves the block. `start()` and `end()` do the same over several cells of a notebook. Inside a
    run there is that one already: this says so once, and all goes there.
    """
    # Here and not above: who is run by Lab never needs it.
    from lab.runtime.own_run import OwnRun

    return OwnRun(name, params or {}, project, tags, data, stdout)


def _change_runs() -> None:
    """Write out what is left, and look again where the run is: from here on there is another, or none."""
    global _events, _opened, _steps
    stream, _events, _opened = _events, None, False
    _steps = itertools.count()
    if stream is not None:
        stream.close()
    params._values = None  # type: ignore[attr-defined]


def _key(name: Any) -> str:
    """`,"name":` as JSON; text that UTF-8 cannot hold is replaced."""
    text = "," + quote(str(name).encode("utf-8", "replace").decode()) + ":"
    if isinstance(name, str) and len(_KEYS) < _KEYS_MAX:
        _KEYS[name] = text
    return text


def _number(name: Any, value: Any) -> float | None:
    """`value` as float; None, reported once per name, where it is not a number."""
    if isinstance(value, (str, bytes, bytearray)):
        _report(f"value:{name}", f"log: {str(name)[:80]!r} is text, not a number: skipped")
        return None
    try:
        return float(value)
    except Exception as error:  # noqa: BLE001 - tensors raise RuntimeError, frames ValueError, mocks anything
        _report(f"value:{name}", f"log: {str(name)[:80]!r} is not a number ({type(error).__name__}): skipped")
        return None


def _not_finite(value: float) -> str:
    return '"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"'


def _step(step: Any) -> str:
    """`step` as a JSON number; the next of this process's own count where there is none."""
    if type(step) is int:
        return str(step)
    if step is not None:
        number = _number("step", step)
        if number is not None and number - number == 0.0:
            return str(int(number)) if number.is_integer() else repr(number)
    return str(next(_steps))


def log(values: Any = None, at: Any = None, /, *, step: Any = None, **metrics: Any) -> None:
    """Append metrics: `log(loss=0.3, step=1)`, `log({"loss": 0.3}, step=1)`, `log(1, loss=0.3)`.

    Anything that `float()` takes is a value, NaN and infinities too; what it does not take is reported once and
    skipped. Without a step, calls are counted from 0. One call is one line, whole even when the process is killed.
    """
    # The one function that training loops call millions of times: hence no helper calls on the common path.
    try:
        if values is not None:
            if isinstance(values, Mapping):
                metrics = {**values, **metrics}
                step = at if step is None else step
            else:
                step = values if step is None else step
        body = ""
        for name, value in metrics.items():
            if value.__class__ is not float:
                value = _number(name, value)
                if value is None:
                    continue
            key = _KEYS.get(name) or _key(name)
            body += key + (repr(value) if value - value == 0.0 else _not_finite(value))
        if not body:
            return
        stream = _events if _opened else _stream()
        if stream is None:
            _print(_step(step), metrics)
            return
        if step.__class__ is not int:
            step = _step(step)
        now = time_ns() // 1000
        digits = str(now)
        stream.append(f'{{"t":{digits[:-6]}.{digits[-6:]},"s":{step},"m":{{{body[1:]}}}}}\n', now)
    except Exception as error:  # noqa: BLE001 - foreign mappings and names may raise anything
        _report(f"log:{error}", f"log: {type(error).__name__}: {error}")


def _print(step: str, metrics: Mapping[Any, Any]) -> None:
    shown = []
    for name, value in metrics.items():
        number = _number(name, value)
        if number is not None:
            shown.append(f"{name}={number:.6g}")
    sys.stdout.write(f"step {step}  {'  '.join(shown)}\n")


def flush() -> None:
    """Write out what a burst of more than about 2,000 calls a second left in memory."""
    if _events is not None:
        _events.flush()


class _Params(Mapping[str, "Any"]):
    """The run's parameters, read from `$LAB_PARAMS` at first use; empty outside a run."""

    def __init__(self) -> None:
        self._values: dict[str, Any] | None = None

    def _load(self) -> dict[str, Any]:
        if self._values is None:
            self._values = self._read()
        return self._values

    @staticmethod
    def _read() -> dict[str, Any]:
        path = os.environ.get("LAB_PARAMS")
        if not path:
            return {}
        try:
            with open(path, encoding="utf-8") as file:
                values = import_module("json").load(file)
        except (OSError, ValueError) as error:
            _report("params", f"params: cannot read {path}: {error}")
            return {}
        if isinstance(values, dict):
            return values
        _report("params", f"params: {path} holds no JSON object")
        return {}

    def __getitem__(self, name: str) -> Any:
        return self._load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def __repr__(self) -> str:
        return f"params({self._load()!r})"


params: Mapping[str, Any] = _Params()


def run_dir() -> Path:
    """The run folder, which the script may write; the current folder outside a run."""
    from pathlib import Path

    return Path(os.environ.get("LAB_RUN_DIR") or os.getcwd())


def seed() -> int:
    """The run's seed (`$LAB_SEED`), 0 outside a run."""
    text = os.environ.get("LAB_SEED") or "0"
    try:
        return int(text)
    except ValueError:
        _report("seed", f"seed: LAB_SEED is {text!r}, not a whole number: 0 is taken")
        return 0


def data(name: str) -> Path:
    """Where the dataset `name` lies: the run's version of it, or outside a run what the project's `lab.toml` says."""
    from pathlib import Path

    plain = "".join(char if char.isascii() and char.isalnum() else "_" for char in name)
    given = os.environ.get(f"LAB_DATA_{plain.upper()}")
    if given:
        return Path(given)
    if os.environ.get("LAB_RUN_DIR"):
        _report(f"data:{name}", f"data: this run does not list the dataset {name!r}: add it to the entry's datasets")
    return _declared(name) or Path(name)


def _declared(name: str) -> Path | None:
    """`datasets.<name>.path` of the nearest `lab.toml` upwards of the current folder."""
    from pathlib import Path

    here = Path.cwd()
    for folder in (here, *here.parents):
        settings = folder / "lab.toml"
        if not settings.is_file():
            continue
        try:
            found = import_module("tomllib").loads(settings.read_text(encoding="utf-8"))
            return folder / str(found["datasets"][name]["path"])
        except (KeyError, TypeError):
            return None
        except (OSError, ValueError) as error:
            _report(f"data:{name}", f"data: cannot read {settings}: {error}")
            return None
    return None


@_never_raises
def artifact(path: str | os.PathLike[str], name: str | None = None) -> None:
    """Keep a file or folder with the run, as `artifacts/<name>` (its own name by default)."""
    from pathlib import Path

    source = Path(path)
    target = name or source.resolve().name
    folder = os.environ.get("LAB_RUN_DIR")
    stream = _stream()
    if not folder or stream is None:
        sys.stdout.write(f"artifact {target}  {source}\n")
        return
    # Here and not above: most scripts only log, and shutil would cost each of them four milliseconds.
    from lab.runtime.copying import copy_into

    kept = copy_into(source, Path(folder) / "artifacts", target)
    _mark(stream, "artifact", kept.relative_to(folder).as_posix())


@_never_raises
def model(obj: Any, *, example: Any = None, framework: str | None = None, labels: Any = None, pii: Any = None) -> None:
    """Keep the trained model with the run; the last one kept wins.

    `obj` is a file or folder, whose files are copied as they are, or a fitted scikit-learn estimator, which is saved
    by skops together with its signature. `example` is some rows of its input: a data frame, a list of dicts, or a 2-D
    array; from it come column names, types and ranges, and golden rows that a server must predict alike. `labels`
    names the classes for people, in the order of `classes_`. `pii` names columns that are personal, as a list, or as
    `{column: "hash" | "drop"}` for what a server keeps of them.
    """
    folder, stream = os.environ.get("LAB_RUN_DIR"), _stream()
    if not folder or stream is None:
        sys.stdout.write("model  not saved: outside a run\n")
        return
    from pathlib import Path

    from lab.runtime.copying import replace_with

    target = Path(os.environ.get("LAB_MODEL_DIR") or os.path.join(folder, "model"))
    personal = dict(pii) if isinstance(pii, Mapping) else dict.fromkeys(pii or (), "hash")
    about = {"example": example, "framework": framework, "labels": labels, "pii": personal}
    with replace_with(target) as fresh:
        if isinstance(obj, (str, os.PathLike)):
            _copy_model(Path(obj), fresh)
            warnings = import_module("lab.runtime.file_model").describe(fresh, **about)
        else:
            warnings = import_module("lab.runtime.sklearn_model").save(obj, fresh, **about)
        for warning in warnings:
            _report(f"model:{warning}", f"model: {warning}")
    _mark(stream, "model", Path(os.path.relpath(target, folder)).as_posix())


def _copy_model(source: Path, fresh: Path) -> None:
    from lab.runtime.copying import copy_into

    if source.is_dir():
        for entry in sorted(source.iterdir()):
            copy_into(entry, fresh, entry.name)
    else:
        copy_into(source, fresh, source.name)


def _mark(stream: EventsFile, kind: str, path: str) -> None:
    now = time_ns() // 1000
    text = quote(path.encode("utf-8", "replace").decode())
    stream.append(f'{{"t":{now / 1e6:.6f},"k":"{kind}","path":{text}}}\n', now)
    stream.flush()
