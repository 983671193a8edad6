"""The user's own `config.toml` in the lab home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from lab.dataclass import dataclass
from lab.settings.schema import BOOLEAN, LINE, Document, Table, one_of

USER_FILE = "config.toml"

SCHEMA = Table(
    {
        "ui": Table({"theme": LINE, "read_only": BOOLEAN, "notify": BOOLEAN}),
        "engine": Table({"default": one_of("auto", "docker", "process")}),
        "keys": Table(each=LINE),
    }
)


@dataclass(frozen=True)
class UserSettings:
    """`theme` is "" for the app's own choice; `engine` is auto, docker or process; `keys` maps actions to keys.
    `read_only` hides every verb of the app that changes anything; without `notify` nothing is told outside of it."""

    theme: str = ""
    engine: str = "auto"
    keys: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    notify: bool = True


def user_settings(home: Path) -> UserSettings:
    """Read `home/config.toml`; the defaults if there is none. Raises SettingsError for all that is wrong with it."""
    try:
        data = Document(home / USER_FILE, SCHEMA).data
    except FileNotFoundError:
        return UserSettings()
    return UserSettings(
        theme=data.get("ui", {}).get("theme", ""),
        read_only=data.get("ui", {}).get("read_only", False),
        notify=data.get("ui", {}).get("notify", True),
        engine=data.get("engine", {}).get("default", "auto"),
        keys=data.get("keys", {}),
    )
