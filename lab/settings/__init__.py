"""Settings: a project's `lab.toml` and the user's `config.toml`, read into frozen dataclasses.

Errors name file, line and key, and the nearest right key: `lab.toml:12: unknown key "cpu" in [resources]`.
"""

from __future__ import annotations

from lab.settings.data import DatasetSettings, RemoteSettings
from lab.settings.project import (
    PROJECT_FILE,
    CodeSettings,
    EntrySettings,
    ImageSettings,
    ProjectSettings,
    find_project,
    is_project,
    legal_name,
    load_project,
    settings_for_script,
)
from lab.settings.template import render_template
from lab.settings.user import USER_FILE, UserSettings, user_settings

__all__ = [
    "PROJECT_FILE",
    "USER_FILE",
    "CodeSettings",
    "DatasetSettings",
    "EntrySettings",
    "ImageSettings",
    "ProjectSettings",
    "RemoteSettings",
    "UserSettings",
    "find_project",
    "is_project",
    "legal_name",
    "load_project",
    "render_template",
    "settings_for_script",
    "user_settings",
]
