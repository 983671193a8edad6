"""`with track.run("name"):` makes a run of the process that it stands in: a notebook's kernel or a plain script.

Its beginning is told to the lab home by `lab.workspace`, which is loaded by name when it is needed and only where Lab
is installed whole; its end is an `exit.json`, like that of any run. Nothing here raises into the caller's code.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from lab.runtime import tracking
from lab.runtime.atomic import write_json
from lab.runtime.copied_output import CopiedOutput

TYPE_CHECKING = False  # as in tracking
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

_INTERRUPTED = 130  # as a shell tells of a process that Ctrl-C ended
_ERROR_MAX = 300
_HASHING = 10.0  # seconds that the end of a block may take for hashing what the run keeps


class OwnRun:
    """A run of this process. `id` and `name` are "" until it has begun, and where no lab could be written."""

    def __init__(
        self, name: str, params: Mapping[str, Any], project: str, tags: Any, data: Any = (), stdout: bool = True
    ) -> None:
        self.id = ""
        self.name = name
        self._wish = (params, project, (tags,) if isinstance(tags, str) else tags, data)
        self._stdout = stdout
        self._copied: CopiedOutput | None = None
        self._folder = ""
        self._pid = 0
        self._began = self._clock = 0.0
        self._outside: dict[str, str | None] = {}

    def __repr__(self) -> str:
        return f"<run {self.name or '(unnamed)'}{f' {self.id}' if self.id else ''}>"

    def __enter__(self) -> OwnRun:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.end(error)

    def start(self) -> OwnRun:
        """Begin; harmless when it has begun. Where that fails, it is said on stderr and what is logged only printed."""
        if self._folder:
            return self
        if os.environ.get("LAB_RUN_DIR"):
            tracking._report("run", "run: there is a run around this already: everything goes there")
            return self
        try:
            self._start()
        except ImportError as error:
            tracking._report("run", f"run: Lab is not installed whole here ({error}): nothing is kept")
        except Exception as error:  # noqa: BLE001 - training goes on whatever the lab home is like
            hint = getattr(error, "hint", "")
            tracking._report(f"run:{error}", f"run: nothing is kept: {error}" + (f" ({hint})" if hint else ""))
        return self

    def _start(self) -> None:
        params, project, tags, data = self._wish
        wish = import_module("lab.experiments.own_runs").Wish(
            self.name,
            {str(name): _param(value) for name, value in params.items()},
            project,
            tuple(str(tag) for tag in tags),
            *_main(),
            data=_versions(data),
        )
        self._began, self._clock = time.time(), time.monotonic()
        with import_module("lab.workspace").Workspace() as ws:
            begun = ws.own_runs.begin(wish)
        self.id, self.name, self._folder, self._pid = begun.id, begun.name, begun.folder, os.getpid()
        for name, value in begun.env.items():
            self._outside[name] = os.environ.get(name)
            os.environ[name] = value
        tracking._change_runs()
        for trouble in begun.troubles:
            tracking._report(f"run:{trouble}", f"run: {trouble}")
        if self._stdout:
            self._copied = CopiedOutput(os.path.join(begun.folder, "stdout.log"))

    def end(self, error: BaseException | None = None) -> None:
        """End as finished, or as `error` says; harmless when it has ended or never begun."""
        if not self._folder or os.getpid() != self._pid:  # a fork that leaves the block is not the run
            return
        folder, self._folder = self._folder, ""
        copied, self._copied = self._copied, None
        if copied is not None:
            copied.close()
        tracking._change_runs()
        for name, value in self._outside.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        try:
            self._tell(folder, error)
        except Exception as trouble:  # noqa: BLE001 - a full disk, an exception with a broken __str__
            tracking._report("run:end", f"run: its end is not kept: {type(trouble).__name__}: {trouble}")

    def _tell(self, folder: str, error: BaseException | None) -> None:
        from lab.runtime.entry import packages

        code = _exit_code(error)
        if error is not None and code:
            _keep_traceback(os.path.join(folder, "stdout.log"), error)
        ended = time.monotonic()
        duration = ended - self._clock
        installed = packages()
        # Packages and machine as they are at the end: a notebook may install what it then imports.
        self._note(folder, "capture.json", lambda: import_module("lab.runtime.surroundings").describe(installed))
        since = int(self._began * 1e9)
        self._note(
            folder,
            "outputs.json",
            lambda: import_module("lab.runtime.outputs").describe(
                folder, since, (), lambda: time.monotonic() - ended > _HASHING
            ),
        )
        record: dict[str, object] = {
            "v": 1,
            "exit_code": code,
            "signal": 0,
            "received": 2 if isinstance(error, KeyboardInterrupt) else 0,
            "error": _sentence(error) if error is not None and code else "",
            "oom": False,
            "started": self._began,
            "ended": self._began + duration,
            "duration": duration,
            "python": ".".join(map(str, sys.version_info[:3])),
            "packages": installed,
        }
        write_json(os.path.join(folder, "exit.json"), record)

    def _note(self, folder: str, name: str, describe: Callable[[], dict[str, Any]]) -> None:
        """Where it fails that is said, and the run ends all the same."""
        try:
            write_json(os.path.join(folder, name), describe())
        except OSError as error:
            tracking._report(f"run:{name}", f"run: {name} could not be written: {error}")


def _versions(data: Any) -> dict[str, str]:
    """Version by dataset, "" for the latest, of `"sales@v3"`, several such, or a mapping."""
    if isinstance(data, Mapping):
        return {str(name): str(version or "") for name, version in data.items()}
    named = [data] if isinstance(data, str) else data
    return {name: version for name, _, version in (str(item).partition("@") for item in named)}


def _exit_code(error: BaseException | None) -> int:
    """What a script that ended so would have had."""
    if error is None or isinstance(error, GeneratorExit):
        return 0
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(error, SystemExit):
        code = error.code
        return 0 if code is None else code & 0xFF if isinstance(code, int) else 1
    return 1


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return (f"{type(error).__name__}: {text}" if text else type(error).__name__)[:_ERROR_MAX]


def _keep_traceback(path: str, error: BaseException) -> None:
    lines = import_module("traceback").format_exception(error)
    with open(path, "a", encoding="utf-8", errors="replace") as file:
        file.writelines(lines)


def _param(value: Any) -> object:
    """A parameter as JSON holds it; what is no number, text or truth stands as its text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0.0 else str(value)
    item = getattr(value, "item", None)  # numpy's and torch's scalars
    if callable(item) and getattr(value, "shape", None) == ():
        return _param(item())
    return str(value)[:1000]


def _main() -> tuple[str, str, str, str, tuple[str, ...]]:
    """What this process executes: (engine to show, script, notebook, text where there is no file of it, arguments)."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        # Jupyter's server tells kernels the one, VS Code the other.
        told = os.environ.get("JPY_SESSION_NAME") or getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__") or ""
        return "notebook", "", os.path.basename(str(told)), _cells(shell), ()
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if path and os.path.isfile(path):
        return "local", os.path.abspath(path), "", "", tuple(sys.argv[1:])
    return "local", "", "", "", ()


def _cells(shell: Any) -> str:
    """The cells that were executed up to now, oldest first, in the percent format of Jupytext."""
    inputs = getattr(shell, "user_ns", {}).get("In", ())
    cells: Iterable[tuple[int, str]] = enumerate(map(str, inputs)) if isinstance(inputs, list) else ()
    return "".join(f"# %% [{number}]\n{text.rstrip()}\n\n" for number, text in cells if text.strip())
