"""What those who launch and look after runs work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.catalog.connection import Catalog
from lab.dataclass import dataclass
from lab.journal import Journal
from lab.paths import LabHome
from lab.settings import ProjectSettings

if TYPE_CHECKING:
    from lab.engine.base import Engine
    from lab.experiments.launch import Launcher


@dataclass(frozen=True)
class Parts:
    """`launcher` makes the launcher at its first use, `engine_of` connects the engine of a name, `settings_for` gives
    the settings that an entry is launched by."""

    home: LabHome
    journal: Journal
    catalog: Catalog
    launcher: Callable[[], Launcher]
    engine_of: Callable[[str], Engine]
    settings_for: Callable[[str], ProjectSettings]
