"""What can be done with a dataset version, wherever one is shown."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from lab.domain.datasets import DatasetVersion
from lab.errors import UsageError
from lab.ui.screens import data_flows, flows
from lab.ui.screens.base import LabScreen
from lab.ui.screens.copying import command, python


class VersionActions(LabScreen):
    """The actions that Data and a dataset's own screen share. A subclass tells which version they are about."""

    @property
    def version(self) -> DatasetVersion | None:
        """What actions are about; None where there is none."""
        return None

    @property
    def path(self) -> str:
        """The dataset's path, as it was given."""
        return ""

    async def pair(self) -> tuple[str, str]:
        """The versions to compare, older first. Raises UsageError where there are not two."""
        version = self.version
        if version is None:
            raise UsageError("nothing to compare: there is no version here")
        older = await self.before(version)
        if older is None:
            raise UsageError(f"{version.label} is the first version: there is none to compare it with",
                             "mark two versions with space")  # fmt: skip
        return older.ref, version.ref

    async def before(self, version: DatasetVersion, step: int = -1) -> DatasetVersion | None:
        """The next older version that is not removed; the next newer one with `step` 1."""
        known = await self.ask(lambda ws: list(ws.datasets.versions(version.dataset, version.project)))
        kept = [one for one in known if not one.retired and (one.number - version.number) * step > 0]
        return min(kept, key=lambda one: abs(one.number - version.number), default=None)

    def action_data_add(self) -> None:
        version = self.version
        self.start(flows.add_data(self, version.dataset if version else "", self.path))

    def action_data_diff(self) -> None:
        self.start(self._compare())

    async def _compare(self) -> None:
        old, new = await self.pair()
        await self.app.push_screen(import_module("lab.ui.screens.dataset_diff").DiffScreen(old, new))

    def action_data_checkout(self) -> None:
        if self.version is not None:
            self.start(data_flows.check_out(self, self.version))

    def action_data_alias(self) -> None:
        if self.version is not None:
            self.start(data_flows.move_alias(self, self.version))

    def action_data_tag(self) -> None:
        if self.version is not None:
            self.start(data_flows.edit_tags(self, self.version))

    def action_data_note(self) -> None:
        if self.version is not None:
            self.start(data_flows.edit_note(self, self.version))

    def action_data_write(self) -> None:
        if self.version is not None:
            self.start(data_flows.write_note(self, self.version))

    def action_data_verify(self) -> None:
        if self.version is not None:
            data_flows.verify(self, self.version)

    def action_data_repair(self) -> None:
        if self.version is not None:
            data_flows.verify(self, self.version, mend=True)

    def action_data_remove(self) -> None:
        if self.version is not None:
            self.start(data_flows.remove(self, self.version))

    def action_data_restore(self) -> None:
        version = self.version
        if version is not None:
            self.start(data_flows.bring_back(self, version.dataset, version.project))

    async def action_data_profile(self) -> None:
        await self.open_version("profile")

    async def action_data_expect(self) -> None:
        await self.open_version("expect")

    async def action_data_lineage(self) -> None:
        await self.open_version("lineage")

    async def open_version(self, tab: str) -> None:
        """Show the version itself, at one of its tabs."""
        if self.version is not None:
            screen = import_module("lab.ui.screens.dataset").DatasetScreen(self.version.ref, tab)
            await self.app.push_screen(screen)

    def copies(self) -> Sequence[tuple[str, str]]:
        version = self.version
        if version is None:
            return ()
        return [("name", version.dataset), ("version", version.ref), ("content id", version.id),
                command("lab", "data", "show", version.ref), python("datasets", version.ref)]  # fmt: skip
