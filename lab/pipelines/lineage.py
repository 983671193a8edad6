"""Questions across the rooms: who saw this data, and what did this model see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from blake3 import blake3

from lab.catalog import datasets as catalog_datasets
from lab.catalog import lineage as catalog_lineage
from lab.catalog import runs as catalog_runs
from lab.catalog.reader import Reader
from lab.domain.datasets import DatasetVersion
from lab.domain.deployments import Deployment
from lab.domain.lineage import CodeTree, Lineage, TreeFile
from lab.domain.models import ModelVersion
from lab.domain.runs import Run
from lab.errors import IntegrityError, NotFoundError
from lab.paths import LabHome
from lab.stores import runfolder
from lab.stores.manifests import ManifestStore

#: Files of one manifest that are named.
MOST_FILES = 200


class LineageRoom:
    """Answers from the index and the manifests; nothing is run or changed."""

    def __init__(
        self,
        catalog: Reader,
        home: LabHome,
        run_of: Callable[[str], Run],
        model_of: Callable[[str], ModelVersion],
        deployments: Callable[[], Sequence[Deployment]],
    ) -> None:
        self._catalog = catalog
        self._home = home
        self._manifests = ManifestStore(home)
        self._run_of = run_of
        self._model_of = model_of
        self._deployments = deployments

    def of_version(self, version: DatasetVersion) -> Lineage:
        """Everything that saw the content of this version, under whatever name or number."""
        return self._downstream(version.ref, [version.id])

    def of_file(self, version: DatasetVersion, path: str) -> Lineage:
        """Everything that saw this file of a version: with these bytes, in any version of any dataset.

        Raises NotFoundError if the version has no such file.
        """
        for entry in self._manifests.read(version.id).files:
            if entry.path == path:
                return self._downstream(f"{path} of {version.ref}", self._holding(entry.hash))
        raise NotFoundError(f"{version.ref} has no file {path!r}", f"lab data show {version.ref}")

    def of_content(self, path: Path) -> Lineage:
        """The same for a file on disk, as it is now. Raises NotFoundError if there is none."""
        try:
            digest = blake3(max_threads=1).update_mmap(path).hexdigest()
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFoundError(f"no file at {path}") from error
        return self._downstream(str(path), self._holding(digest))

    def of_run(self, run: Run) -> Lineage:
        """What a run saw, down to files and code, and what came of it."""
        pairs = catalog_lineage.models_of(self._catalog, [run.id])
        models = [self._model_of(f"{model}:v{number}") for model, number in pairs]
        return self._both(run.name, [run], models, self._serving(models))

    def of_model(self, version: ModelVersion) -> Lineage:
        """What a model version saw: the data and code of its run, and where the model serves."""
        return self._both(version.id, self._origin(version), [version], self._serving([version]))

    def of_deployment(self, deployment: Deployment) -> Lineage:
        """What a deployment serves, and what that saw."""
        version = self._model_of(f"{deployment.model}:v{deployment.version}")
        return self._both(deployment.name, self._origin(version), [version], [deployment])

    def _origin(self, version: ModelVersion) -> list[Run]:
        """The run of a model; none where this lab does not know it."""
        try:
            return [self._run_of(version.run)] if version.run else []
        except NotFoundError:
            return []

    def _both(
        self, name: str, runs: Sequence[Run], models: Sequence[ModelVersion], deployments: Sequence[Deployment]
    ) -> Lineage:
        ids = [run.id for run in runs]
        manifests = catalog_lineage.inputs_of(self._catalog, ids)
        known = self._named(catalog_datasets.by_manifest(self._catalog, manifests), runs)
        code = [tree for run in runs if (tree := self._code(run)) is not None]
        shown = {*(item.id for item in known), *(item.tree for item in code)}
        return Lineage(
            name,
            known,
            runs,
            models,
            deployments,
            tuple(sorted(set(manifests) - {item.id for item in known})),
            code,
            {manifest: self._first_files(manifest) for manifest in sorted(shown)},
            frozenset(run.id for run in catalog_runs.purged(self._catalog, ids)),
        )

    def _named(self, versions: Sequence[DatasetVersion], runs: Sequence[Run]) -> Sequence[DatasetVersion]:
        """Of several versions with one content those that the runs asked for by name, where any are."""
        asked = {(run.project, name, label) for run in runs for name, label in run.datasets.items()}
        mine = {item.id for item in versions if (item.project, item.dataset, item.label) in asked}
        return [item for item in versions if item.id not in mine or (item.project, item.dataset, item.label) in asked]

    def _code(self, run: Run) -> CodeTree | None:
        """The code of a run, as its spec tells it, or as far as the index does where that is gone."""
        try:
            code = runfolder.read_spec(self._home.run(run.id)).code
        except (NotFoundError, IntegrityError):
            return CodeTree(run.code, run.id, 0, 0) if run.code else None
        return CodeTree(code.tree, run.id, code.files, code.size, code.commit, code.dirty, bool(code.skipped))

    def _first_files(self, manifest: str) -> Sequence[TreeFile]:
        try:
            files = self._manifests.read(manifest).files
        except (NotFoundError, IntegrityError):  # `lab data verify` tells of it
            return ()
        return tuple(TreeFile(file.path, file.hash, file.size) for file in files[:MOST_FILES])

    def _downstream(self, data: str, manifests: Iterable[str]) -> Lineage:
        wanted = list(manifests)
        runs = [self._run_of(run) for run in catalog_lineage.runs_that_saw(self._catalog, wanted)]
        pairs = catalog_lineage.models_of(self._catalog, [run.id for run in runs])
        models = [self._model_of(f"{model}:v{number}") for model, number in pairs]
        versions = catalog_datasets.by_manifest(self._catalog, wanted)
        return Lineage(data, versions, runs, models, self._serving(models))

    def _serving(self, models: Sequence[ModelVersion]) -> list[Deployment]:
        wanted = {(model.model, model.number) for model in models}
        return [item for item in self._deployments() if (item.model, item.version) in wanted]

    def _holding(self, digest: str) -> list[str]:
        """The manifests that hold the object."""
        needle = digest.encode()
        found = []
        for manifest in catalog_lineage.dataset_manifests(self._catalog):
            path = self._manifests.path(manifest)
            if path.exists() and needle in path.read_bytes():
                found.append(manifest)
        return found
