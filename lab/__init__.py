"""Lab: a terminal-first lab manager for machine learning on your own machine.

Containers mount this package beside `lab.runtime` alone, so importing it needs
nothing but the standard library.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # type checkers take it for true; importing typing would cost every run ten milliseconds
if TYPE_CHECKING:
    from lab.runtime import tracking as track
    from lab.workspace import Workspace

__version__ = "0.1.0"
__all__ = ["Workspace", "__version__", "track"]


def __getattr__(name: str) -> object:
    if name == "track":
        return import_module("lab.runtime.tracking")
    if name == "Workspace":
        return import_module("lab.workspace").Workspace
    raise AttributeError(f"module 'lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "Workspace", "track"]
