"""Models that are files: what Lab can say of them, so that it can serve them. Standard library until it tries one.

A folder with a `predict.py` is served by it (`lab.runtime.serving.loaders.python`), an ONNX file by onnxruntime;
anything else is kept as it is.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lab.runtime.atomic import write_json

SIGNATURE, REQUIREMENTS = "signature.json", "requirements.txt"
PREDICT = "predict.py"


def describe(folder: Path, *, example: Any, framework: str | None, labels: Any, pii: Mapping[str, str]) -> list[str]:
    """Write `signature.json`, unless the folder brings its own; with `example`, golden rows and the profile too.

    Returns warnings: what will keep the model from being served, or checked.
    """
    if (folder / SIGNATURE).exists():
        return []
    kind, file = _what(folder, framework)
    about: dict[str, Any] = {"v": 1, "framework": kind, "task": "", "inputs": [], "outputs": [], "classes": []}
    about |= {"labels": [str(label) for label in labels or ()], "file": file}
    about["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    warnings: list[str] = []
    if file:
        about["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    if kind in ("python", "onnx"):
        warnings = _requirements(folder, kind)
        if example is None:
            warnings.append("without example= the server cannot check column types, nor that it predicts alike")
        else:
            try:
                about |= import_module("lab.runtime.trial").run(folder, about, example, pii)
            except Exception as error:  # whatever the model's code raises: it is worth keeping all the same  # noqa: BLE001
                warnings.append(f"saved, but its example= could not be used: {type(error).__name__}: {error}")
    write_json(folder / SIGNATURE, about)
    return warnings


def _what(folder: Path, framework: str | None) -> tuple[str, str]:
    """(framework, the file that it opens, "" where there is none to name)."""
    graphs = sorted(path.name for path in folder.glob("*.onnx"))
    if framework in (None, "python") and (folder / PREDICT).is_file():
        return "python", PREDICT
    if framework in (None, "onnx") and len(graphs) == 1:
        return "onnx", graphs[0]
    files = [path.name for path in folder.iterdir() if path.is_file() and path.name != REQUIREMENTS]
    return framework or "files", files[0] if len(files) == 1 else ""


def _requirements(folder: Path, kind: str) -> list[str]:
    """An ONNX model needs its runtime and no more; what a predict.py needs only its author knows."""
    if (folder / REQUIREMENTS).exists():
        return []
    if kind == "python":
        return [f"serving needs a {REQUIREMENTS} beside {PREDICT}, with lines such as numpy==2.4.0"]
    try:
        lines = [f"{name}=={version(name)}\n" for name in ("numpy", "onnxruntime")]
    except PackageNotFoundError as error:
        return [f"serving needs a {REQUIREMENTS} that names onnxruntime: {error.name} is not installed here"]
    (folder / REQUIREMENTS).write_text("".join(lines), encoding="utf-8")
    return []
