"""What a project's runs need installed, from the dependency files that it has."""

from __future__ import annotations

import re
from pathlib import Path

from lab.engine.base import Environment
from lab.errors import SettingsError
from lab.settings import ImageSettings, ProjectSettings

#: The engine picks one way of installing from those that are there; see `Environment`.
_FILES = ("uv.lock", "pyproject.toml", "requirements.txt", "environment.yml")


def environment(settings: ProjectSettings) -> Environment:
    """`[image] requirements` alone when it is given, else the known dependency files of the project's folder.

    Raises SettingsError when the file that is named is not there.
    """
    image = settings.image
    if image.requirements:
        path = settings.root / image.requirements
        if not path.is_file():
            raise SettingsError(
                f"[image] requirements names {image.requirements!r}, and there is no such file in {settings.root}",
                "correct lab.toml or add the file",
            )
        if path.suffix in (".yaml", ".yml") and path.name not in _FILES:
            return _of_yaml(path, image)
        name = path.name if path.name in _FILES else "requirements.txt"
        return Environment(((name, path.read_bytes()),), image.base, image.python)
    files = tuple((name, (settings.root / name).read_bytes()) for name in _FILES if (settings.root / name).is_file())
    return Environment(files, image.base, image.python)


def _of_yaml(path: Path, image: ImageSettings) -> Environment:
    """A conda environment under any name, or MLflow's `python_env.yaml`: a Python, and lines of requirements."""
    from lab.settings import plain_yaml  # most projects have none

    data = path.read_bytes()
    told = plain_yaml.parse(data, path.name)
    if not isinstance(told, dict) or "channels" in told or not {"python", "build_dependencies"} & set(told):
        return Environment((("environment.yml", data),), image.base, image.python)
    lines: list[str] = []
    for line in told.get("dependencies") or ():
        if isinstance(line, str) and line.startswith(("-r ", "--requirement ")):
            lines += _included(path, line.split(None, 1)[1])
        elif isinstance(line, str):
            lines.append(line)
    text = "".join(f"{line}\n" for line in lines)
    version = re.match(r"\d+\.\d+", str(told.get("python") or ""))
    return Environment(
        (("requirements.txt", text.encode()),), image.base, image.python or (version[0] if version else "")
    )


def _included(path: Path, name: str) -> list[str]:
    other = (path.parent / name.strip()).resolve()
    if not other.is_file() or path.parent.resolve() not in other.parents:
        raise SettingsError(
            f"{path.name} names {name.strip()!r}, and there is no such file", "correct it, or add the file"
        )
    return other.read_text(encoding="utf-8", errors="replace").splitlines()
