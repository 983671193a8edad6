"""The capture of a run, put together from what its folder holds: what was asked for, what its entry point saw from
inside, and what it left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lab.domain.capture import ARTIFACT, FILE, MODEL, Capture, Machine, Output, Software
from lab.domain.runs import IMPORTED, OWN, Run, RunSpec
from lab.domain.text import count_of
from lab.errors import ConflictError, IntegrityError, NotFoundError
from lab.paths import LabHome, RunFolder
from lab.stores import runfolder
from lab.stores.objects import ObjectStore

#: More than this of one kind is not what a run sees of a machine.
_LIST_MAX, _TEXT_MAX = 20_000, 300
_KINDS = (ARTIFACT, MODEL, FILE)


class Captures:
    """Reads captures; `get` finds a run by its name or id."""

    def __init__(self, home: LabHome, get: Callable[[str], Run]) -> None:
        self._home = home
        self._get = get

    def of(self, ref: str) -> Capture:
        """All that is known of a run. Raises NotFoundError for an unknown run or one without `spec.json`,
        IntegrityError where that is damaged, ConflictError for a run that another tool recorded."""
        run = self._get(ref)
        if run.engine == IMPORTED:
            raise ConflictError(
                f"run {run.name} was imported: what went into it is not in the lab",
                "start it once with lab run, then everything is captured",
            )
        folder = self._home.run(run.id)
        spec = runfolder.read_spec(folder)
        capture = gather(spec, folder, ended=not run.status.active)
        if spec.code.patch and not self._has_patch(spec, folder):
            capture = replace(
                capture, missing=(*capture.missing, "patch: it is neither in the store nor beside the run")
            )
        return capture

    def _has_patch(self, spec: RunSpec, folder: RunFolder) -> bool:
        """Runs of earlier versions have it only beside them."""
        return ObjectStore(self._home).size(spec.code.patch) is not None or folder.patch.is_file()

    def known(self, ref: str) -> Capture | None:
        """The same, None for a run of which nothing was captured."""
        try:
            return self.of(ref)
        except (NotFoundError, IntegrityError, ConflictError):
            return None


def gather(spec: RunSpec, folder: RunFolder, *, ended: bool) -> Capture:
    """The capture of the run that `spec` asked for. What is not there is told in `missing`, never an error."""
    missing: list[str] = []
    inside = _read(folder, folder.capture.name, "its environment was not seen from inside", missing)
    record, _ = runfolder.read_exit(folder)
    told = inside.get("software")
    software = _software(spec, told if isinstance(told, dict) else {})
    if record is not None and not software.packages:
        software = _with_record(software, record)
    if not software.image_id and spec.engine not in OWN:
        missing.append("image: the engine told no id of its content")
    outputs = _outputs(_read(folder, folder.outputs.name, "its outputs were not listed", missing)) if ended else ()
    if spec.code.partial:
        missing.append(f"code: partial, {count_of(len(spec.code.skipped), 'file')} over the caps left out")
    if spec.code.dirty and not spec.code.patch and not spec.code.untracked:
        missing.append("patch: what changed since the commit was too much for one; the files are in the snapshot")
    pointers = sum(item.pointer for item in spec.code.lfs)
    if pointers:
        missing.append(
            f"code: {count_of(pointers, 'file')} of Git LFS only as a pointer: git lfs pull before the launch"
        )
    if any(not item.commit for item in spec.code.submodules):
        missing.append("code: a submodule was not checked out: git submodule update --init before the launch")
    if any(not item.sha256 for item in outputs):
        missing.append("outputs: some have no hash, since there was too much to read or the run was stopped")
    return Capture(
        run=spec.id,
        entry=spec.entry,
        command=spec.shown,
        code=spec.code,
        workdir=spec.workdir,
        data=spec.datasets,
        params=spec.params,
        seed=spec.seed,
        resources=spec.resources,
        network=spec.network,
        software=software,
        machine=_machine(inside.get("machine")),
        outputs=outputs,
        missing=tuple(missing),
    )


def _read(folder: RunFolder, name: str, lack: str, missing: list[str]) -> Mapping[str, Any]:
    data, reason = runfolder.document(folder.root / name)
    if data is None:
        missing.append(f"{lack}: {f'{name}: {reason}' if reason else f'there is no {name}'}")
    return data or {}


def _software(spec: RunSpec, told: Mapping[str, Any]) -> Software:
    return Software(
        engine=spec.engine,
        image=spec.image,
        image_id=spec.image_id,
        base=spec.base,
        base_id=spec.base_id,
        environment=spec.environment,
        python=_text(told.get("python")),
        libc=_text(told.get("libc")),
        packages=_texts(told.get("packages")),
        blas=_list(told.get("blas")),
        threads=_texts(told.get("threads")),
        timezone=_text(told.get("timezone")),
        locale=_text(told.get("locale")),
        variables=_list(told.get("variables")),
        blas_name=_text(told.get("blas_name")),
        blas_version=_text(told.get("blas_version")),
        blas_threads=_count(told.get("blas_threads")),
    )


def _with_record(software: Software, record: runfolder.ExitRecord) -> Software:
    """Of a run whose folder has no `capture.json`, the exit record knows this much."""
    return replace(software, packages=dict(record.packages), python=software.python or record.python)


def _machine(told: Any) -> Machine:
    facts = told if isinstance(told, dict) else {}
    return Machine(
        system=_text(facts.get("system")),
        cpu=_text(facts.get("cpu")),
        cores=_count(facts.get("cores")),
        memory=_count(facts.get("memory")),
        gpus=_list(facts.get("gpus")),
        driver=_text(facts.get("driver")),
    )


def _outputs(data: Mapping[str, Any]) -> tuple[Output, ...]:
    listed = data.get("files")
    found = []
    for item in listed[:_LIST_MAX] if isinstance(listed, list) else ():
        if isinstance(item, dict) and item.get("kind") in _KINDS:
            digest = _text(item.get("sha256"))
            found.append(Output(_text(item.get("path"), 4096), item["kind"], _count(item.get("size")), digest))
    return tuple(found)


def _text(value: Any, most: int = _TEXT_MAX) -> str:
    return value[:most] if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _list(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in value[:_LIST_MAX] if isinstance(item, str)) if isinstance(value, list) else ()


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name[:_TEXT_MAX]: _text(item) for name, item in list(value.items())[:_LIST_MAX] if isinstance(item, str)}
