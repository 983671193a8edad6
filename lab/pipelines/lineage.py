"""Questions across the rooms: who saw this data, and what did this model see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from blake3 import blake3

from lab.catalog import datasets as catalog_datasets
from lab.catalog import lineage as catalog_lineage
from lab.catalog.reader import Reader
from lab.domain.datasets import DatasetVersion
from lab.domain.deployments import Deployment
from lab.domain.lineage import Lineage
from lab.domain.models import ModelVersion
from lab.domain.runs import Run
from lab.errors import NotFoundError
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore


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

    def of_model(self, version: ModelVersion) -> Lineage:
        """What a model version saw: the data of its run, and where the model serves."""
        manifests = catalog_lineage.inputs_of(self._catalog, [version.run])
        known = catalog_datasets.by_manifest(self._catalog, manifests)
        return Lineage(
            version.id,
            known,
            [self._run_of(version.run)] if version.run else [],
            [version],
            self._serving([version]),
            tuple(sorted(set(manifests) - {item.id for item in known})),
        )

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
