"""From a wish to a running container, in two steps: record what was asked for, as it is now; then ask the engine.

What stands in a run's spec is all that the second step needs, so it may come much later and in another process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

from lab import paths
from lab.dataclass import dataclass
from lab.domain.commands import OPTIONS, filled
from lab.domain.datasets import DatasetVersion
from lab.domain.ids import short_id
from lab.domain.launch import LaunchRequest
from lab.domain.names import check_name, run_name
from lab.domain.numbers import jsonable
from lab.domain.resources import Resources
from lab.domain.runs import DataInput, Param, RunSpec
from lab.domain.seeds import is_seed
from lab.domain.text import clean
from lab.engine import home_id
from lab.engine.base import Engine, Environment, Job, Mount, Prepared
from lab.errors import ConflictError, UsageError
from lab.events import RUN_CREATED, RUN_ENDED, RUN_STARTED, RUN_TAGGED
from lab.experiments import code, param_files, tools
from lab.experiments.environments import environment
from lab.experiments.process import identity
from lab.journal import Journal
from lab.paths import LabHome, RunFolder
from lab.settings import EntrySettings, ProjectSettings
from lab.settings.arguments import reads_params
from lab.stores import locks, runfolder, runtimes, trees
from lab.stores.durable import sync_filesystem

Progress = Callable[[str], None]

_TRIES = 100
#: What bounds the threads of OpenMP, OpenBLAS, MKL, BLIS, Accelerate, numexpr, numba, polars and Rust's rayon: sums are
#: rounded by how they are cut into parts, so equal numbers of threads belong to equal results.
THREADS = (
    "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS BLIS_NUM_THREADS VECLIB_MAXIMUM_THREADS NUMEXPR_NUM_THREADS "
    "NUMBA_NUM_THREADS POLARS_MAX_THREADS RAYON_NUM_THREADS"
).split()


class DataSource(Protocol):
    """What launching needs of the dataset room."""

    def resolve(self, settings: ProjectSettings, name: str, version: str, progress: Progress) -> DatasetVersion: ...

    def get(self, ref: str) -> DatasetVersion: ...

    def mount(self, version: DatasetVersion) -> tuple[Path, Path]: ...


@dataclass(frozen=True)
class Plan:
    """A request with everything resolved but its identity, its code and its image."""

    settings: ProjectSettings
    entry: EntrySettings
    params: Mapping[str, Param]
    seed: int
    resources: Resources
    environment: Environment
    data: Mapping[str, DatasetVersion]


class Launcher:
    """Launches runs of one project on one engine."""

    def __init__(self, home: LabHome, journal: Journal, data: DataSource) -> None:
        self._home = home
        self._journal = journal
        self._data = data
        self._isolated: dict[str, bool] = {}

    def launch(self, request: LaunchRequest, settings: ProjectSettings, engine: Engine, progress: Progress) -> str:
        """Start one run and return its id; the environment is built first if it has to be.

        Raises what resolving raises (UsageError, NotFoundError), EngineError and EngineUnavailableError. A run that
        was recorded and then refused by the engine is journalled as failed.
        """
        with self.draft(request, settings, engine, progress) as draft:
            spec = self.record(draft)
        self.submit(spec, engine)
        return spec.id

    @contextmanager
    def draft(
        self, request: LaunchRequest, settings: ProjectSettings, engine: Engine, progress: Progress
    ) -> Iterator[RunSpec]:
        """The spec of a run that has no id yet: data, environment and code as they are now.

        Any number of runs may be recorded from it inside the block; gc waits until its end. Raises what resolving
        raises (UsageError, NotFoundError), EngineError and EngineUnavailableError.
        """
        plan = self._resolve(request, settings, progress)
        prepared = engine.prepare(plan.environment, progress)
        # gc waits until the journal tells what the run needs.
        with locks.share(self._home.store_lock):
            yield self._draft(request, plan, prepared, engine.name)

    def record(self, draft: RunSpec, *, queued: bool = False) -> RunSpec:
        """Write the run folder, then tell the journal: from here on the run exists. Returns the spec with its id."""
        run_id, folder = self._new_folder()
        spec = replace(draft, id=run_id, name=draft.name or run_name(run_id), created=time.time())
        code.keep_patch(self._home, spec.code, folder.patch)
        runfolder.write_spec(folder, spec)
        self._tell([spec], queued)
        return spec

    def record_all(self, drafts: Sequence[RunSpec]) -> list[RunSpec]:
        """`record` many runs that wait, all of them or none. The disk is made to keep them once, and not each."""
        specs = []
        for draft in drafts:
            run_id, folder = self._new_folder(durable=False)
            spec = replace(draft, id=run_id, name=draft.name or run_name(run_id), created=time.time())
            runfolder.write_spec(folder, spec, durable=False)
            specs.append(spec)
        if specs:
            sync_filesystem(self._home.runs)
        self._tell(specs, queued=True)
        return specs

    def _tell(self, specs: Sequence[RunSpec], queued: bool) -> None:
        who = {"launcher": identity(), "queued": queued}
        self._journal.append_all(RUN_CREATED, [(spec.id, {**created_body(spec), **who}) for spec in specs])
        self._journal.append_all(RUN_TAGGED, [(spec.id, {"tags": list(spec.tags)}) for spec in specs if spec.tags])

    def submit(self, spec: RunSpec, engine: Engine) -> None:
        """Hand a recorded run to the engine. One that the engine refuses is journalled as failed, and its error
        raised."""
        try:
            self.start(spec, engine)
        except Exception as error:
            self.refuse(spec.id, error)
            raise

    def start(self, spec: RunSpec, engine: Engine) -> None:
        """Hand a recorded run to the engine and tell the journal. When it raises, the run is as it was."""
        folder = self._home.run(spec.id)
        trees.remove_tree(self._home, folder.code)  # of a process that was killed while it did this
        trees.materialise(self._home, spec.code.tree, folder.code, read_only=False)
        param_files.put(folder.code, spec.params, spec.param_files)
        if spec.collecting.tools:
            folder.records.mkdir(exist_ok=True)
        engine.submit(self._job(spec, folder, isolated=self._isolates(engine)))
        self._journal.append(RUN_STARTED, spec.id)

    def refuse(self, run_id: str, error: Exception) -> None:
        """Journal that a recorded run could not be started."""
        cause = f"could not be started: {clean(str(error), 200)}"
        self._journal.append(RUN_ENDED, run_id, {"ending": "failed", "cause": cause, "authority": 2})

    def _resolve(self, request: LaunchRequest, settings: ProjectSettings, progress: Progress) -> Plan:
        entry = settings.entry(request.entry)
        if request.name:
            check_name("run", request.name)
        params = {**_reseeded(entry.params, request.seed), **request.params}
        overrides = {"cpus": request.cpus, "memory": request.memory, "gpus": request.gpus}
        wanted = {name: value for name, value in overrides.items() if value is not None}
        strangers = set(request.data) - set(entry.datasets)
        if strangers:
            raise UsageError(
                f"entry {entry.name!r} does not use the dataset {clean(min(strangers))!r}",
                f"it uses: {', '.join(entry.datasets) or 'none'}; add it to [entries.{entry.name}] datasets",
            )
        data = {
            name: self._data.resolve(settings, name, request.data.get(name, ""), progress) for name in entry.datasets
        }
        _check_command(entry, request.params, params, progress, settings.root)
        return Plan(
            settings=settings,
            entry=entry,
            params=params,
            seed=seed_of(request.seed, params),
            resources=replace(entry.resources, **wanted),  # type: ignore[arg-type]
            environment=environment(settings),
            data=data,
        )

    def _draft(self, request: LaunchRequest, plan: Plan, prepared: Prepared, engine: str) -> RunSpec:
        """Take the code; what remains to be given is the run's identity."""
        taken = code.take(
            plan.settings, self._home, exclude=[dataset.path for dataset in plan.settings.datasets.values()]
        )
        return RunSpec(
            id="",
            name=request.name,
            project=plan.settings.name,
            entry=plan.entry.name,
            command=plan.entry.command,
            shell=plan.entry.shell,
            script="" if request.entry == plan.entry.name else plan.entry.command[1],
            param_files=dict(plan.entry.files),
            workdir=plan.entry.workdir,
            params=dict(plan.params),
            seed=plan.seed,
            datasets={
                name: DataInput(name, version.label, version.id, plan.settings.dataset(name).path)
                for name, version in plan.data.items()
            },
            code=taken,
            engine=engine,
            image=prepared.image,
            environment=prepared.digest,
            image_id=prepared.image_id,
            base=prepared.base,
            base_id=prepared.base_id,
            resources=plan.resources,
            network=plan.entry.network,
            collecting=plan.entry.collecting,
            created=0.0,
            sweep=request.sweep,
            tags=request.tags,
            guards=(*plan.entry.guards, *request.guards),
            given_guards=request.guards,
        )

    def _isolates(self, engine: Engine) -> bool:
        """Whether jobs see mounts; asked once, since it never changes."""
        if engine.name not in self._isolated:
            self._isolated[engine.name] = engine.available().isolated
        return self._isolated[engine.name]

    def _new_folder(self, *, durable: bool = True) -> tuple[str, RunFolder]:
        """An id that no run has, and its folder."""
        for _ in range(_TRIES):
            run_id = short_id()
            folder = self._home.run(run_id)
            if not folder.root.exists():
                runfolder.create(folder, durable=durable)
                return run_id, folder
        raise ConflictError("no free run id", "look at the folder runs/ in the lab home")

    def _job(self, spec: RunSpec, folder: RunFolder, *, isolated: bool) -> Job:
        mounts = [
            Mount(folder.root, paths.RUN_DIR, read_only=False),
            Mount(runtimes.publish(self._home), paths.RUNTIME_DIR),
        ]
        env = {
            "LAB_RUN_DIR": paths.RUN_DIR,
            "LAB_RUN_ID": spec.id,
            "LAB_PARAMS": f"{paths.RUN_DIR}/{folder.params.name}",
            "LAB_MODEL_DIR": f"{paths.RUN_DIR}/{folder.model.name}",
            "LAB_SEED": str(spec.seed),
            "PYTHONPATH": paths.RUNTIME_DIR,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": str(spec.seed % 2**32),
        }
        if isolated:
            env["LAB_OWN_CGROUP"] = "1"  # so that what the control group uses is what the run uses
        if spec.collecting.tools:
            env |= tools.environment(f"{paths.RUN_DIR}/{folder.records.name}")
        if spec.resources.cpus:
            # Numerical libraries would start a thread for every core of the machine and fight over the quota.
            threads = str(max(1, round(spec.resources.cpus)))
            env.update(dict.fromkeys(THREADS, threads))
        env.update(spec.threads)
        for name, item in spec.datasets.items():
            root, target = self._data.mount(self._data.get(f"{spec.project}/{name}@{item.version}"))
            inside = f"{paths.DATA_DIR}/{name}"
            mounts.append(Mount(root, inside))
            given = inside if target == root else f"{inside}/{target.name}"
            env[f"LAB_DATA_{variable(name)}"] = given
            mounts += self._in_place(item, target, folder, isolated=isolated)
        workdir = f"{paths.RUN_DIR}/{folder.code.name}"
        return Job(
            id=spec.id,
            image=spec.image,
            command=("python3", "-m", "lab.runtime.entry", "--", *spec.argv),
            env=env,
            workdir=f"{workdir}/{spec.workdir}" if spec.workdir else workdir,
            mounts=mounts,
            resources=spec.resources,
            labels={"lab.home": home_id(self._home), "lab.run": spec.id, "lab.project": spec.project},
            network=spec.network,
        )

    def _in_place(self, item: DataInput, target: Path, folder: RunFolder, *, isolated: bool) -> list[Mount]:
        """Put the dataset also where the project has it, for scripts that know nothing of Lab."""
        relative = Path(item.place)
        place = folder.code / relative
        if not item.place or relative.is_absolute() or ".." in relative.parts or place.exists():
            return []
        place.parent.mkdir(parents=True, exist_ok=True)
        if not isolated:
            place.symlink_to(target)
            return []
        if target.is_dir():
            place.mkdir()
        else:
            place.touch()
        return [Mount(target, f"{paths.RUN_DIR}/{folder.code.name}/{relative.as_posix()}")]


def _reseeded(defaults: Mapping[str, Param], seed: int | None) -> dict[str, Param]:
    """Default parameters of a run whose seed was asked for: those that only seed are that seed."""
    return {
        name: seed if seed is not None and is_seed(name) and type(value) is int else value
        for name, value in defaults.items()
    }


def _check_command(
    entry: EntrySettings, asked: Mapping[str, Param], params: Mapping[str, Param], progress: Progress, root: Path
) -> None:
    """Raises UsageError for parameters that the command needs and has not, or that are misspelt, before anything is
    made; tells where nothing shows that those that were `asked` for get to the script."""
    if entry.shell:
        entry.shell.argv(entry.name, params)
        return
    argv = filled(entry.command, entry.name, params)
    for name in asked:
        twin = next((known for known in entry.params if _plain(known) == _plain(name)), name)
        if name not in entry.params and twin != name:
            raise UsageError(f"{clean(entry.name)} has no parameter {clean(name)}", f"did you mean {twin}?")
    if asked and argv == entry.command and not reads_params(root / entry.workdir, argv):
        progress(
            f"nothing shows that {clean(entry.name)} reads parameters: write {OPTIONS} into its command in lab.toml, "
            "or use track.params"
        )


def _plain(name: str) -> str:
    return name.replace("-", "_").lower()


def seed_of(asked: int | None, params: Mapping[str, Param]) -> int:
    """The seed that was asked for, else that of the parameter `seed`, else 0."""
    if asked is not None:
        return asked
    value = params.get("seed", 0)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def variable(name: str) -> str:
    """A dataset's name as it stands in the name of a variable."""
    return "".join(char if char.isalnum() and char.isascii() else "_" for char in name).upper()


def created_body(spec: RunSpec) -> dict[str, object]:
    """What the journal is told of a new run."""
    return {
        "name": spec.name,
        "project": spec.project,
        "entry": spec.entry,
        "engine": spec.engine,
        "image": spec.image,
        "code": spec.code.tree,
        "patch": spec.code.patch_tree,
        "sweep": spec.sweep,
        "seed": spec.seed,
        "memory": spec.resources.memory,
        "cpus": spec.resources.cpus,
        "gpus": spec.resources.gpus,
        "params": jsonable(spec.params),
        "datasets": {name: asdict(item) for name, item in spec.datasets.items()},
        **({"reproduces": spec.reproduces, "swapped": spec.swapped} if spec.reproduces else {}),
    }
