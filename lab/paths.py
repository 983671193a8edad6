"""Every path inside a lab home and a run folder; nothing else builds one.

Records hold only paths relative to the lab home, so that a home can be moved.
"""

from __future__ import annotations

import os
from pathlib import Path

from lab.dataclass import dataclass

#: Where a run's files are seen from inside a container. The process engine maps these back to the host.
RUN_DIR = "/lab/run"
CODE_DIR = "/lab/code"
DATA_DIR = "/lab/data"
RUNTIME_DIR = "/lab/runtime"
MODEL_DIR = "/lab/model"
SECRETS_DIR = "/lab/secrets"


def default_home() -> Path:
    """`$LAB_HOME`, else `~/.lab`."""
    return Path(os.environ.get("LAB_HOME") or Path.home() / ".lab").expanduser().absolute()


@dataclass(frozen=True)
class RunFolder:
    """`runs/<id>/`: all that one run read and wrote."""

    root: Path

    @property
    def spec(self) -> Path:
        """What was asked for; written before the engine hears of the run."""
        return self.root / "spec.json"

    @property
    def params(self) -> Path:
        """The parameters alone, as the script reads them (`LAB_PARAMS`)."""
        return self.root / "params.json"

    @property
    def events(self) -> Path:
        """Metrics and marks as JSON lines, appended by the run itself."""
        return self.root / "events.jsonl"

    @property
    def printed(self) -> Path:
        """Metrics that were found in what the run printed; see `lab.runtime.stdout_metrics`."""
        return self.root / "printed.jsonl"

    @property
    def collected(self) -> Path:
        """Metrics that were found in what other tracking tools wrote in the run."""
        return self.root / "collected.jsonl"

    @property
    def records(self) -> Path:
        """Where other tracking tools are told to write."""
        return self.root / "records"

    @property
    def stdout(self) -> Path:
        return self.root / "stdout.log"

    @property
    def exit(self) -> Path:
        """How the run ended, by our entry point: the first truth."""
        return self.root / "exit.json"

    @property
    def system(self) -> Path:
        """What it used of the machine as it went on, by our entry point."""
        return self.root / "system.jsonl"

    @property
    def metrics(self) -> Path:
        """Metric histories of an ended run, one zstd Parquet."""
        return self.root / "metrics.parquet"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def origin(self) -> Path:
        """Of an imported run: the tool and the place that it came from."""
        return self.root / "origin.json"

    @property
    def code(self) -> Path:
        """The project as it was at launch, read-only to the run."""
        return self.root / "code"

    @property
    def patch(self) -> Path:
        """What git knew as changed since the commit, binary files too; for people, since the code is in the store."""
        return self.root / "code.patch"

    @property
    def capture(self) -> Path:
        """Software and machine as the run's entry point saw them."""
        return self.root / "capture.json"

    @property
    def outputs(self) -> Path:
        """The files that the run left, with their hashes, by our entry point."""
        return self.root / "outputs.json"


@dataclass(frozen=True)
class ReleaseFolder:
    """`deployments/<id>/releases/<n>/`: one model version as a deployment serves it."""

    root: Path

    @property
    def model(self) -> Path:
        """The model version's files, hash-checked and read-only to the servers."""
        return self.root / "model"

    def run(self, replica: int) -> Path:
        """The one folder that a server may write; replicas count from 0."""
        return self.root / f"run-{replica}"

    def stdout(self, replica: int) -> Path:
        return self.run(replica) / "stdout.log"


@dataclass(frozen=True)
class DeploymentFolder:
    """`deployments/<id>/`: what one deployment serves, its router, its token."""

    root: Path

    @property
    def state(self) -> Path:
        """What is to run and who gets which share: what a Lab that comes next goes on from."""
        return self.root / "state.json"

    @property
    def abort(self) -> Path:
        """There when a rollout that another process drives is to be taken back."""
        return self.root / "abort"

    @property
    def router(self) -> Path:
        return self.root / "router"

    @property
    def secrets(self) -> Path:
        """Holds `token`: one a line, the first is Lab's own. Seen by the servers alone."""
        return self.root / "secrets"

    @property
    def health(self) -> Path:
        """Health as it was, thinned out with age."""
        return self.root / "health"

    @property
    def load_tests(self) -> Path:
        """What load tests have found, a line of JSON each."""
        return self.root / "load_tests.jsonl"

    def release(self, number: int) -> ReleaseFolder:
        return ReleaseFolder(self.root / "releases" / str(number))


@dataclass(frozen=True)
class SweepFolder:
    """`sweeps/<id>/`: what the runs of one sweep have in common."""

    root: Path

    @property
    def draft(self) -> Path:
        """The spec that each run is recorded from: code, data and environment as they were when it was asked for."""
        return self.root / "draft.json"

    @property
    def study(self) -> Path:
        """Of an adaptive sweep: what was tried and what came of it, as Optuna keeps it."""
        return self.root / "study.log"


@dataclass(frozen=True)
class LabHome:
    """The lab home: one per user, many projects. Constructing it touches nothing."""

    root: Path

    def create(self) -> LabHome:
        """Make the folders, private to the user. Returns itself."""
        for folder in (
            self.root,
            self.journal,
            self.index,
            self.objects,
            self.manifests,
            self.runs,
            self.deployments,
            self.locks,
            self.tmp,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def index_db(self) -> Path:
        return self.index / "catalog.duckdb"

    @property
    def index_snapshot(self) -> Path:
        """The last published copy of the index, for readers beside the holder."""
        return self.index / "snapshot.duckdb"

    @property
    def index_lock(self) -> Path:
        return self.index / "index.lock"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def objects(self) -> Path:
        return self.store / "objects"

    @property
    def manifests(self) -> Path:
        return self.store / "manifests"

    @property
    def mounts(self) -> Path:
        """Hardlink trees of dataset versions, for read-only mounts."""
        return self.store / "mounts"

    @property
    def assembled(self) -> Path:
        """Whole copies of objects that are stored in parts: a cache."""
        return self.store / "assembled"

    @property
    def quarantine(self) -> Path:
        """Objects and manifests whose bytes turned out not to be what their names say."""
        return self.store / "quarantine"

    @property
    def trash(self) -> Path:
        """What gc took out of the store, one folder for each sweep."""
        return self.store / "trash"

    @property
    def scrub_state(self) -> Path:
        """How far the background check of all objects has come."""
        return self.store / "scrub.json"

    @property
    def store_lock(self) -> Path:
        """Shared by all who publish into the store, held alone by those who take out of it."""
        return self.locks / "store.lock"

    @property
    def queue_lock(self) -> Path:
        """Held while it is decided which waiting runs start: what one process has claimed, no other does."""
        return self.locks / "queue.lock"

    @property
    def driver_lock(self) -> Path:
        """Held for as long as a process drives the queue."""
        return self.locks / "driver.lock"

    def sweep(self, sweep_id: str) -> SweepFolder:
        return SweepFolder(self.root / "sweeps" / sweep_id)

    @property
    def tmp(self) -> Path:
        return self.store / "tmp"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def deployments(self) -> Path:
        return self.root / "deployments"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def environments(self) -> Path:
        """Process engine: virtual environments by hash."""
        return self.root / "environments"

    @property
    def build_cache(self) -> Path:
        """Downloaded packages, shared by image builds."""
        return self.root / "cache" / "build"

    @property
    def stat_cache(self) -> Path:
        """What the files of datasets looked like to stat when they were hashed."""
        return self.root / "cache" / "stat"

    @property
    def profiles(self) -> Path:
        """Profiles of datasets, by content."""
        return self.root / "cache" / "profiles"

    @property
    def runtime(self) -> Path:
        """Copies of `lab/runtime`, by hash, as mounted into containers."""
        return self.root / "cache" / "runtime"

    @property
    def jobs(self) -> Path:
        """What engines note of their jobs, one folder each: the process engine's records, marks of asked-for stops."""
        return self.root / "jobs"

    @property
    def id_file(self) -> Path:
        """The home's own id: engines label its jobs with it, and it stays when the home is moved."""
        return self.root / "id"

    @property
    def imports(self) -> Path:
        """What was last seen of each place that runs were imported from: a cache."""
        return self.root / "cache" / "imports"

    @property
    def collecting(self) -> Path:
        """How far the records of other tools in runs that go on have been read: a cache."""
        return self.root / "cache" / "collecting"

    @property
    def unpacked(self) -> Path:
        """Archives while they are imported: each at a place of its own, which is the same every time."""
        return self.root / "cache" / "unpacked"

    @property
    def crashes(self) -> Path:
        """Reports about faults that ended the app."""
        return self.root / "crashes"

    @property
    def told(self) -> Path:
        """Events that one of the open apps has told outside of itself: an empty file each, kept for a while."""
        return self.root / "cache" / "told"

    @property
    def ui_state(self) -> Path:
        return self.root / "ui.json"

    def run(self, run_id: str) -> RunFolder:
        return RunFolder(self.runs / run_id)

    def deployment(self, deployment_id: str) -> DeploymentFolder:
        return DeploymentFolder(self.deployments / deployment_id)
