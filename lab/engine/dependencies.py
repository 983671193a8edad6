"""From a project's dependency files to one way of installing them, and to the hash that names the result."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from lab.dataclass import dataclass
from lab.engine.base import Environment
from lab.errors import EngineError

#: Changed when the same files would be installed differently; part of every environment's hash.
BUILDER_VERSION = "1"

LOCK, PROJECT, REQUIREMENTS, NOTHING = "lock", "project", "requirements", ""

#: Names that conda-forge and the Python package index use for the same thing; the value is the index's name.
_CONDA = {
    **{
        name: name
        for name in (
            "altair catboost cloudpickle dask datasets duckdb fastapi imbalanced-learn ipykernel joblib jupyterlab "
            "keras lightgbm matplotlib mlflow networkx nltk notebook numba numpy onnx onnxruntime openpyxl optuna "
            "pandas pillow plotly polars pyarrow pydantic pytest pyyaml requests rich scikit-image scikit-learn "
            "scipy seaborn shap skops spacy statsmodels sympy tensorboard tensorflow tokenizers torchvision "
            "tqdm transformers uvicorn xgboost"
        ).split()
    },
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "py-xgboost": "xgboost",
}
_PLAIN_FORM = "write '  - name=version', one to a line, below 'dependencies:', or use a requirements.txt"
_CONDA_SPEC = re.compile(r"(?:[\w.-]+::)?([A-Za-z0-9_.-]+)\s*(.*)")


@dataclass(frozen=True)
class Plan:
    """How to install: `kind` is one of LOCK, PROJECT, REQUIREMENTS, NOTHING.

    `source` is the file that decided, `files` what the installer needs to see, `identity` what the
    environment's hash depends on, and `python` the version asked for ("" for any).
    """

    kind: str
    source: str
    files: Mapping[str, bytes]
    identity: str
    python: str


def plan(environment: Environment) -> Plan:
    """The one way of installing that follows from `environment.files`.

    `uv.lock` with `pyproject.toml`, else `pyproject.toml` if it declares a project, else
    `requirements.txt`, else `environment.yml`. Raises EngineError for files that cannot be understood.
    """
    files = dict(environment.files)
    project = _pyproject(files["pyproject.toml"]) if "pyproject.toml" in files else {}
    if "uv.lock" in files and project:
        return Plan(LOCK, "uv.lock", files, _digests(files), environment.python)
    if "project" in project:
        # Only what decides about packages: a change of a linter's settings must not build a new image.
        declared = {
            "dependencies": project["project"].get("dependencies"),
            "dynamic": project["project"].get("dynamic"),
            "python": project["project"].get("requires-python"),
            "uv": project.get("tool", {}).get("uv"),
        }
        if not declared["dependencies"] and "dependencies" not in (declared["dynamic"] or ()):
            return Plan(NOTHING, "pyproject.toml", {}, "", environment.python)
        identity = json.dumps(declared, sort_keys=True, default=str)
        return Plan(PROJECT, "pyproject.toml", files, identity, environment.python)
    if "requirements.txt" in files:
        if not _has_requirements(files["requirements.txt"]):
            return Plan(NOTHING, "requirements.txt", {}, "", environment.python)
        files.pop("pyproject.toml", None)  # it declares no project: settings of other tools
        return Plan(REQUIREMENTS, "requirements.txt", files, _digests(files), environment.python)
    if "environment.yml" in files:
        lines, python = _from_conda(files["environment.yml"].decode("utf-8", "replace"))
        data = "".join(f"{line}\n" for line in lines).encode()
        kind = REQUIREMENTS if lines else NOTHING
        converted = {"requirements.txt": data}
        return Plan(kind, "environment.yml", converted, _digests(converted), environment.python or python)
    return Plan(NOTHING, "", {}, "", environment.python)


def environment_key(*parts: str) -> str:
    """64 hexadecimal digits naming an environment: a hash over `parts` and this builder's version."""
    return hashlib.sha256(json.dumps([BUILDER_VERSION, *parts]).encode()).hexdigest()


def _digests(files: Mapping[str, bytes]) -> str:
    return json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())})


def _pyproject(data: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EngineError(f"pyproject.toml cannot be read: {error}", "mend the file, or remove it") from error


def _has_requirements(data: bytes) -> bool:
    return any(
        line.strip() and not line.strip().startswith("#") for line in data.decode("utf-8", "replace").split("\n")
    )


def _from_conda(text: str) -> tuple[list[str], str]:
    """Requirement lines and the Python version in an `environment.yml`.

    Only the plain form is read: a list of `dependencies` with at most one nested `pip` list. Conda packages whose
    name means the same on the Python package index are taken from there.
    """
    lines: list[str] = []
    foreign: list[str] = []
    python = ""
    for item, pip in _conda_items(text):
        if pip:
            lines.append(item)
            continue
        match = _CONDA_SPEC.fullmatch(item)
        name = match[1].lower() if match else item
        version = match[2].strip() if match else ""
        if name == "python":
            python = _python_version(version)
        elif name in _CONDA:
            lines.append(_CONDA[name] + _pip_version(version))
        elif name not in ("pip", "setuptools", "wheel", "uv"):
            foreign.append(name)
    if foreign:
        raise EngineError(
            f"environment.yml: conda packages are not supported: {', '.join(sorted(foreign))}",
            "list them under 'pip:' by their names on the Python package index, or use a requirements.txt",
        )
    return lines, python


def _conda_items(text: str) -> list[tuple[str, bool]]:
    """The dependencies in order, each with whether it stands in the `pip` list."""
    items: list[tuple[str, bool]] = []
    inside = False
    pip_indent = -1
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        word = line.strip()
        if indent == 0 and not word.startswith("-"):
            inside, pip_indent = word.startswith("dependencies:"), -1
            if inside and word != "dependencies:":
                raise EngineError("environment.yml: dependencies are not a list, one to a line", _PLAIN_FORM)
            continue
        if not inside:
            continue
        if not word.startswith("-"):
            raise EngineError(f"environment.yml: cannot read the line {word!r}", _PLAIN_FORM)
        item = word[1:].strip().strip("'\"")
        if item == "pip:":
            pip_indent = indent
        else:
            pip = 0 <= pip_indent < indent
            pip_indent = pip_indent if pip else -1
            items.append((item, pip))
    return items


def _python_version(version: str) -> str:
    match = re.search(r"\d+\.\d+", version)
    return match[0] if match else ""


def _pip_version(version: str) -> str:
    """A conda version in pip's words: `=1.2` is any 1.2, and a build string after the version is dropped."""
    version = version.replace(" ", "")
    match = re.fullmatch(r"(={1,2})([\w.*+!]+)(?:=.*)?", version)
    if match is None:
        return version
    exact = match[1] == "==" or match[2].endswith("*")
    return f"=={match[2]}" if exact else f"=={match[2]}.*"
