"""What a project's runs need installed, from the dependency files that it has."""

from __future__ import annotations

from lab.engine.base import Environment
from lab.errors import SettingsError
from lab.settings import ProjectSettings

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
        name = path.name if path.name in _FILES else "requirements.txt"
        return Environment(((name, path.read_bytes()),), image.base, image.python)
    files = tuple((name, (settings.root / name).read_bytes()) for name in _FILES if (settings.root / name).is_file())
    return Environment(files, image.base, image.python)
