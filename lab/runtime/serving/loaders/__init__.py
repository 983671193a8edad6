"""Frameworks whose models the server knows. To add one: a module with `ways`, a line in `LOADERS`, a test case."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from lab.runtime.serving.compute import Way
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.signature import Signature

#: Framework of a signature → the module that opens its models, imported when one comes.
LOADERS = {
    "sklearn": "lab.runtime.serving.loaders.sklearn",
    "onnx": "lab.runtime.serving.loaders.onnx",
    "python": "lab.runtime.serving.loaders.python",
}


@dataclass(frozen=True)
class Files:
    """A model folder, with the bytes of the file that its signature names, whose hash was checked."""

    folder: Path
    signature: Signature
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


class Loader(Protocol):
    """What a module in `LOADERS` is."""

    def ways(self, files: Files) -> Iterator[Way]:
        """The ways to ask this model, one of them its own, the most promising first, each opened as it is asked for.

        Raises LoadError, here or in `Way.open`, for a model that may not or cannot be opened.
        """


def loader_of(framework: str) -> Loader:
    """Raises LoadError for a framework that nobody knows, or whose library is not installed."""
    name = LOADERS.get(framework)
    if name is None:
        raise LoadError(f"no server for models of the framework {framework[:40]!r}")
    try:
        loader: Loader = import_module(name)
    except ImportError as error:
        raise LoadError(f"the library of the framework {framework} is not installed ({error.name})") from error
    return loader
