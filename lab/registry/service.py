"""The model registry: names, immutable versions with their provenance, and aliases that move."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab.catalog import models as catalog_models
from lab.catalog.connection import Catalog
from lab.domain.models import CHAMPION, Model, ModelVersion
from lab.domain.names import check_name
from lab.domain.numbers import jsonable
from lab.domain.resources import format_size
from lab.domain.runs import Run, RunStatus
from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, NotFoundError, UsageError
from lab.events import MODEL_ALIASED, MODEL_REGISTERED
from lab.journal import Journal
from lab.paths import LabHome
from lab.registry.references import Reference, referenced
from lab.stores import locks, trees
from lab.stores.manifests import ManifestStore
from lab.stores.snapshot import snapshot

SIGNATURE = "signature.json"
_SIGNATURE_MAX = 4 << 20  # bytes

_PATIENCE = 60.0  # seconds to wait for another process that registers under the same name


class Models:
    """The registry room. `run_of` finds a run by id or name."""

    def __init__(self, home: LabHome, journal: Journal, catalog: Catalog, run_of: Callable[[str], Run]) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._run_of = run_of

    def register(
        self,
        run_ref: str,
        name: str,
        progress: Callable[[str], None] | None = None,
        reference: Reference | None = None,
    ) -> ModelVersion:
        """Keep the model that the run saved as the next version of `name`.

        With `reference`, the profile that drift is measured against, ranges, categories and golden rows are those that
        it finds for the signature's columns. Registering the same files again returns the version that has them.

        Raises ConflictError while the run is going or when it failed, NotFoundError if it saved no model,
        IntegrityError if its signature is damaged, and what `reference` raises.
        """
        check_name("model", name)
        run = self._run_of(run_ref)
        if run.status is not RunStatus.FINISHED:
            raise ConflictError(
                f"run {clean(run.name)} is {run.status.value}, so its model may be half a one",
                "wait, or pick another run",
            )
        folder = self._home.run(run.id).model
        if folder.is_symlink():
            raise IntegrityError(
                f"the model of run {clean(run.name)} is a link to elsewhere", "save it with track.model"
            )
        if not folder.is_dir():
            raise NotFoundError(
                f"run {clean(run.name)} saved no model", "save one in the script: track.model(estimator)"
            )
        signature = _signature(folder)
        found = reference(folder, signature.get("inputs", [])) if reference else None  # may take a container's time
        with (
            locks.hold(self._home.locks / f"model-{name}.lock", timeout=_PATIENCE),
            locks.share(self._home.store_lock),  # gc waits until the journal tells what the version needs
        ):
            with referenced(folder, signature, found, self._home.tmp) as (ready, signature):
                taken = snapshot(ready, self._home)
            self._catalog.refresh()
            known = self.versions(name)
            for version in known:
                if version.manifest == taken.id and version.run == run.id:
                    return version
            number = known[0].number + 1 if known else 1
            self._journal.append(
                MODEL_REGISTERED,
                f"{name}:v{number}",
                {
                    "model": name,
                    "number": number,
                    "manifest": taken.id,
                    "framework": str(signature.get("framework", "")),
                    "run": run.id,
                    "project": run.project,
                    "bytes": taken.manifest.size,
                    "signature": signature,
                    "metrics": jsonable({key: summary.last for key, summary in run.metrics.items()}),
                    "datasets": dict(run.datasets),
                },
            )
        if progress:
            progress(f"{name}:v{number}, {format_size(taken.manifest.size)}")
        self._catalog.refresh()
        return self.get(f"{name}:v{number}")

    def promote(self, ref: str, alias: str = CHAMPION) -> Model:
        """Let `alias` mean the version `ref`. Harmless when it does already."""
        check_name("alias", alias)
        if alias[0] == "v" and alias[1:].isdigit():
            raise UsageError(f"{alias!r} cannot be an alias: it names a version", "choose a word such as champion")
        version = self.get(ref)
        model = self._model(version.model)
        if model.aliases.get(alias) != version.number:
            self._journal.append(MODEL_ALIASED, version.model, {"alias": alias, "number": version.number})
            self._catalog.refresh()
        return self._model(version.model)

    def list(self) -> Sequence[Model]:
        return catalog_models.all_models(self._catalog)

    def versions(self, name: str) -> Sequence[ModelVersion]:
        """All versions of a model, newest first; empty if there is no such model."""
        return catalog_models.versions(self._catalog, name)

    def get(self, ref: str) -> ModelVersion:
        """The version that `ref` means: `name` (the latest), `name:v3`, `name@v3` or `name@alias`.

        Raises NotFoundError with what there is.
        """
        name, _, wanted = ref.replace(":", "@", 1).partition("@")
        found = self.versions(name)
        if not found:
            names = ", ".join(model.name for model in self.list()) or "none yet"
            raise NotFoundError(f"no model {clean(name)!r}", f"lab models register RUN NAME; there are: {names}")
        if not wanted:
            return found[0]
        aliases = self._model(name).aliases
        for version in found:
            if wanted == version.label or aliases.get(wanted) == version.number:
                return version
        known = ", ".join([*(version.label for version in reversed(found)), *sorted(aliases)])
        raise NotFoundError(f"model {clean(name)!r} has no version or alias {clean(wanted)!r}", f"there are: {known}")

    def files(self, version: ModelVersion) -> Sequence[tuple[str, int]]:
        """Names and sizes in bytes of a version's files."""
        return [(entry.path, entry.size) for entry in ManifestStore(self._home).read(version.manifest).files]

    def materialise(self, version: ModelVersion, dest: Path) -> dict[str, str]:
        """Put the version's files at `dest` (hash-checked, read-only); returns the blake3 of each."""
        manifest = ManifestStore(self._home).read(version.manifest)
        trees.materialise(self._home, version.manifest, dest)
        return {entry.path: entry.hash for entry in manifest.files}

    def _model(self, name: str) -> Model:
        for model in self.list():
            if model.name == name:
                return model
        raise NotFoundError(f"no model {clean(name)!r}", "lab models ls shows what there is")


def _signature(folder: Path) -> dict[str, Any]:
    """`signature.json` as the run wrote it; an empty one where there is none (a model of unknown make)."""
    path = folder / SIGNATURE
    if path.is_symlink() or not path.is_file():
        return {}
    if path.stat().st_size > _SIGNATURE_MAX:
        raise IntegrityError(f"the model's {SIGNATURE} is over {format_size(_SIGNATURE_MAX)}")
    try:
        signature = json.loads(path.read_bytes())
    except ValueError as error:
        raise IntegrityError(f"the model's {SIGNATURE} is not JSON: {error}", "save the model again") from error
    if not isinstance(signature, dict):
        raise IntegrityError(f"the model's {SIGNATURE} is not an object", "save the model again")
    return jsonable(signature)  # type: ignore[no-any-return]
