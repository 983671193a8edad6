"""What can be said of versions: profiles, differences, expectations. Each is computed once for a content and kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab.catalog import datasets as catalog_datasets
from lab.catalog.connection import Catalog
from lab.datasets import diff, expectations, infer, pandera_schemas, profile, tables
from lab.datasets.service import Datasets, Progress
from lab.domain.datasets import DatasetVersion, Verdict
from lab.domain.diffs import DatasetDiff, Side, SideFile
from lab.domain.expectations import CheckReport, Expectations, PanderaRule, Result
from lab.domain.profiles import Profile
from lab.errors import LabError, NotFoundError
from lab.events import DATASET_CHECKED
from lab.journal import Journal
from lab.paths import LabHome
from lab.settings import DatasetSettings, ProjectSettings
from lab.stores import trees
from lab.stores.durable import write_json

#: A new version's profile is made at once if its files are at most so many bytes together; else when it is asked for.
AT_ONCE = 64 << 20

SettingsOf = Callable[[str], ProjectSettings | None]


class Findings:
    """`settings_of` gives a project's settings by its name, None where its folder or lab.toml is gone."""

    def __init__(
        self, home: LabHome, journal: Journal, catalog: Catalog, datasets: Datasets, settings_of: SettingsOf
    ) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._datasets = datasets
        self._settings_of = settings_of

    def inspect(self, version: DatasetVersion, progress: Progress | None = None) -> bool:
        """Look at a version that has just been published: its expectations and, unless it is large, its profile.

        False if the profile is still to be made.
        """
        report = self.check(version, progress)
        if report is not None and progress:
            for result in report.failed:
                progress(f"{result.severity.value}: {result.sentence}")
        if version.bytes <= AT_ONCE:
            self.profile(version)
        return version.bytes <= AT_ONCE or self.known_profile(version) is not None

    # -- profiles ---------------------------------------------------------------------------------

    def profile(self, version: DatasetVersion, progress: Progress | None = None) -> Profile:
        """What is in the version's files; made when it is asked for first."""
        known = self.known_profile(version)
        if known is not None:
            return known
        made = profile.compute(self._tree(version), self._settings(version).label, progress)
        path = self._profile_path(version)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, made.to_json())
        return made

    def known_profile(self, version: DatasetVersion) -> Profile | None:
        """The profile if it was made before, also by another version of the same content."""
        try:
            return Profile.from_json(json.loads(self._profile_path(version).read_bytes()))
        except (FileNotFoundError, ValueError):  # another format, or cut short: it is made again
            return None

    def _profile_path(self, version: DatasetVersion) -> Path:
        """By content and label: those are all that a profile depends on."""
        label = self._settings(version).label
        suffix = f"-{hashlib.sha256(label.encode()).hexdigest()[:12]}" if label else ""
        return self._home.profiles / f"{version.id.removeprefix('b3:')}{suffix}.json"

    # -- differences ------------------------------------------------------------------------------

    def diff(
        self, old: DatasetVersion, new: DatasetVersion, key: Sequence[str] = (), progress: Progress | None = None
    ) -> DatasetDiff:
        """What changed from `old` to `new`: files, schema, rows by `key` (default: from lab.toml), distributions."""
        wanted = tuple(key) or self._settings(new).key
        return diff.compare(self._side(old), self._side(new), wanted, progress)

    def _side(self, version: DatasetVersion) -> Side:
        root = trees.materialise(self._home, version.id)
        manifest = self._datasets.manifest(version)
        files = [
            SideFile(entry.path, entry.hash, entry.size, root / entry.path, entry.executable)
            for entry in manifest.files
        ]
        return Side(version.label, files, manifest.links, manifest.folders)

    # -- expectations -----------------------------------------------------------------------------

    def check(self, version: DatasetVersion, progress: Progress | None = None) -> CheckReport | None:
        """Hold a version against what lab.toml expects of it, and remember the outcome; None if nothing is expected."""
        settings = self._settings(version)
        expected = settings.expect
        if not expected:
            if version.verdict and self._settings_of(version.project):
                self._remember(version, {"verdict": Verdict.NONE.value})
            return None
        if progress:
            progress(f"checking what is expected of {version.dataset}")
        before = self._before(version)
        report = expectations.check(
            self._frame(version),
            expected,
            key=settings.key,
            newest=self._newest(version),
            previous=before.columns if before else None,
            reference=self._reference(version, expected),
            pandera=self._pandera(version, settings),
        )
        self._remember(version, {"verdict": _verdict(report).value, **report.to_json()})
        return report

    def _remember(self, version: DatasetVersion, outcome: dict[str, Any]) -> None:
        body = {"project": version.project, "dataset": version.dataset, "number": version.number, "value": outcome}
        self._journal.append(DATASET_CHECKED, f"{version.project}/{version.dataset}", body)
        self._catalog.refresh()

    def report(self, version: DatasetVersion) -> CheckReport | None:
        """What was found when the version was last held against its expectations; None if it never was."""
        data: dict[str, Any] = catalog_datasets.report(self._catalog, version)
        try:
            return CheckReport.from_json(data) if data else None
        except (KeyError, TypeError, ValueError):  # written by another version of Lab: only its verdict is known
            return None

    def infer(self, version: DatasetVersion) -> str:
        """Expectations that the version itself meets, as text for lab.toml, to be read before it is believed."""
        return infer.infer(self.profile(version), version.dataset)

    def _pandera(self, version: DatasetVersion, settings: DatasetSettings) -> Callable[[PanderaRule], Result] | None:
        project = self._settings_of(version.project)
        if project is None:
            return None
        root = project.root
        return lambda rule: pandera_schemas.run(rule, root, self._tree(version), settings.key)

    def _frame(self, version: DatasetVersion) -> Any:
        try:
            return tables.scan(self._tree(version))
        except tables.NotATableError as error:
            return error

    def _before(self, version: DatasetVersion) -> DatasetVersion | None:
        """The live version before this one."""
        history = self._datasets.versions(version.dataset, version.project)
        return next((item for item in history if item.number < version.number and not item.retired), None)

    def _reference(self, version: DatasetVersion, expected: Expectations) -> Any:
        """The table that drift is measured from; None where the alias means nothing yet, or this very version."""
        if expected.drift is None:
            return None
        try:
            against = self._datasets.get(f"{version.project}/{version.dataset}@{expected.drift.against}")
        except NotFoundError:
            return None
        if against.id == version.id:
            return None
        frame = self._frame(against)
        return None if isinstance(frame, LabError) else frame

    def _newest(self, version: DatasetVersion) -> float | None:
        """When the newest file of the working copy was changed, if that still is what this version holds."""
        try:
            latest, changes = self._datasets.status(version.ref)
            place = self._datasets.place(latest)
        except LabError:
            return None
        if not changes.clean:
            return None
        files = [place] if place.is_file() else [place / path for path, _ in self._datasets.files(version)]
        return max((os.stat(path).st_mtime for path in files), default=None)

    # -- what all of them need --------------------------------------------------------------------

    def _tree(self, version: DatasetVersion) -> list[tuple[str, Path]]:
        root = trees.materialise(self._home, version.id)
        return [(entry.path, root / entry.path) for entry in self._datasets.manifest(version).files]

    def _settings(self, version: DatasetVersion) -> DatasetSettings:
        settings = self._settings_of(version.project)
        declared = settings.datasets.get(version.dataset) if settings else None
        return declared or DatasetSettings(version.dataset, "")


def _verdict(report: CheckReport) -> Verdict:
    if report.ok:
        return Verdict.OK
    return Verdict.BLOCKED if report.blocked else Verdict.WARNED
