"""Comparisons that walk through several rooms: predictions beside the rows of the data, versions of datasets, files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from lab.datasets import rows, tables
from lab.datasets.columns import as_text
from lab.datasets.findings import Findings
from lab.datasets.service import Datasets
from lab.domain.compare import DataDifference
from lab.domain.files import ArtifactChanges, Picture
from lab.domain.predictions import CLASSES, SampleChanges, SampleRow, class_changes, confusion_of
from lab.domain.reproduction import Agreement, PredictionVerdict, Tolerance
from lab.domain.runs import DataInput, Run, RunSpec
from lab.errors import IntegrityError, LabError, NotFoundError
from lab.experiments import artifacts, filediff, pictures, prediction_table, predictions, probes
from lab.experiments.artifacts import Artifact
from lab.paths import LabHome
from lab.stores import runfolder, trees
from lab.stores.manifests import ManifestStore

#: A file of predictions is read up to so many bytes, and so many rows: a small file may hold very many.
LARGEST = 1 << 30
MOST_ROWS = 20_000_000
#: So many columns of a dataset's row are shown.
_MOST_COLUMNS = 200


class Comparing:
    """`run_of` finds a run by name or id."""

    def __init__(self, home: LabHome, run_of: Callable[[str], Run], datasets: Datasets, findings: Findings) -> None:
        self._home = home
        self._run_of = run_of
        self._datasets = datasets
        self._findings = findings

    def data(self, new: str, old: str) -> Sequence[DataDifference]:
        """What lies between the dataset versions of the two, for every dataset that is not the same."""
        mine, theirs = self._run_of(new), self._run_of(old)
        names = dict.fromkeys((*mine.datasets, *theirs.datasets))
        moved = [name for name in names if mine.datasets.get(name) != theirs.datasets.get(name)]
        return [self._difference(name, theirs, mine) for name in moved]

    def _difference(self, name: str, old: Run, new: Run) -> DataDifference:
        labels = old.datasets.get(name, ""), new.datasets.get(name, "")
        if not all(labels):
            return DataDifference(name, *labels, note="only one of the runs has it")
        try:
            versions = [
                self._datasets.get(f"{run.project}/{name}@{label}")
                for run, label in zip((old, new), labels, strict=True)
            ]
            return DataDifference(name, *labels, self._findings.diff(versions[0], versions[1]))
        except (NotFoundError, IntegrityError) as error:
            return DataDifference(name, *labels, note=error.message)

    def files(self, new: str, old: str) -> ArtifactChanges:
        """The artifacts of the two that differ; text with a diff."""
        both = [artifacts.artifacts(self._home.run(self._run_of(ref).id)) for ref in (old, new)]
        return filediff.compare_files(both[0], both[1])

    def pictures(self, new: str, old: str, path: str, width: int, height: int) -> tuple[Picture, Picture]:
        """The picture at `path` of `old` and of `new`, each in at most `width` × `height` pixels.

        Raises NotFoundError if one has none, LabError where it cannot be shown.
        """
        found = []
        for ref in (old, new):
            run = self._run_of(ref)
            file = next((one for one in artifacts.artifacts(self._home.run(run.id)) if one.path == path), None)
            if file is None:
                raise NotFoundError(f"{run.name} has no {path}")
            found.append(pictures.thumbnail(file.real, width, height))
        return found[0], found[1]

    def samples(self, new: str, old: str, limit: int = 200) -> SampleChanges:
        """What `new` predicts otherwise than `old`, with at most `limit` rows.

        Raises NotFoundError where the two have neither predictions nor confusion matrices in common.
        """
        mine, theirs = self._run_of(new), self._run_of(old)
        files = [artifacts.artifacts(self._home.run(run.id)) for run in (theirs, mine)]
        known = [artifacts.named(one, "predictions", artifacts.PREDICTIONS) for one in files]
        shared = _shared(*known)
        if not shared:
            return self._matrices(theirs, mine, *files)
        first, second = shared[0]
        before, now = self._read(theirs, first), self._read(mine, second)
        found = predictions.compare(before, now, first.path, limit)
        others = ", ".join(one.path for one, _ in shared[1:4])
        notes = (*found.notes, *([f"also in both runs: {others}"] if others else []))
        if _numbered(found) and now.key in prediction_table.ROWS and mine.datasets != theirs.datasets:
            notes = ("the runs saw other versions of the data: a row's number may mean another sample", *notes)
        return self._with_features(replace(found, notes=notes), mine, now)

    def predictions(self, old: Run, new: Run, tolerance: Tolerance) -> tuple[PredictionVerdict, ...]:
        """Whether two runs predicted the same, by file of predictions that both left; nothing where there is none."""
        found = []
        files = [artifacts.artifacts(self._home.run(run.id)) for run in (old, new)]
        for first, second in _shared(*(artifacts.named(one, "predictions", artifacts.PREDICTIONS) for one in files)):
            try:
                found.append(probes.judge(first.path, _table(old, first), _table(new, second), tolerance))
            except LabError as error:
                found.append(PredictionVerdict(first.path, Agreement.UNKNOWN, note=error.message))
        return tuple(found)

    def _read(self, run: Run, file: Artifact) -> prediction_table.Predictions:
        try:
            return prediction_table.recognise(_table(run, file))
        except (tables.NotATableError, prediction_table.NotPredictionsError) as error:
            raise LabError(
                f"{file.path} of {run.name} cannot be compared: {error.message}",
                "README, 'What a run can leave behind', tells the columns",
            ) from error

    def _matrices(
        self, old: Run, new: Run, old_files: tuple[Artifact, ...], new_files: tuple[Artifact, ...]
    ) -> SampleChanges:
        shared = _shared(*(artifacts.named(one, "confusion", artifacts.CONFUSION) for one in (old_files, new_files)))
        if not shared:
            lacking = [
                run.name
                for run, files in ((old, old_files), (new, new_files))
                if not artifacts.named(files, "predictions", artifacts.PREDICTIONS)
            ]
            raise NotFoundError(
                f"no predictions of {' and '.join(lacking) or 'both under one name'}",
                "a script leaves them with track.artifact('predictions.csv'): id or row, label, prediction, score",
            )
        matrices = [artifacts.read_matrix(file) for file in shared[0]]
        labels = tuple(dict.fromkeys((*matrices[0].labels, *matrices[1].labels)))
        counts = [
            {(label, predicted): count
             for label, row in zip(one.labels, one.counts, strict=True)
             for predicted, count in zip(one.labels, row, strict=True) if count}
            for one in matrices
        ]  # fmt: skip
        right = [sum(count for (label, predicted), count in one.items() if label == predicted) for one in counts]
        whole = confusion_of(labels, counts[0], counts[1], len(labels))
        note = "only confusion matrices: which samples changed is not known"
        return SampleChanges(
            CLASSES, shared[0][0].path, sum(counts[0].values()), sum(counts[1].values()), 0, old_right=right[0],
            new_right=right[1], classes=class_changes(whole), notes=(note,),
            confusion=confusion_of(labels, counts[0], counts[1], predictions.MOST_SHOWN),
        )  # fmt: skip

    # -- features -----------------------------------------------------------------------------------

    def _with_features(self, found: SampleChanges, run: Run, told: prediction_table.Predictions) -> SampleChanges:
        """The rows shown, with the dataset's columns where the run's predictions say which row of what they are."""
        if not found.rows:
            return found
        try:
            dataset = _dataset(runfolder.read_spec(self._home.run(run.id)), told.dataset)
            frame = self._frame(dataset)
            shown = _by_number(frame, found.rows) if _numbered(found) else _by_key(frame, told.key, found.rows)
        except (NotFoundError, IntegrityError, tables.NotATableError) as error:
            return replace(found, notes=(*found.notes, f"without the data's columns: {error.message}"))
        note = f"columns are those of {dataset.name} {dataset.version}"
        return replace(found, rows=shown, notes=(*found.notes, note))

    def _frame(self, dataset: DataInput) -> pl.LazyFrame:
        root = trees.materialise(self._home, dataset.manifest)
        files = ManifestStore(self._home).read(dataset.manifest).files
        return tables.scan([(file.path, root / file.path) for file in files])


def _table(run: Run, file: Artifact) -> pl.DataFrame:
    """A file of predictions. Raises LabError for one that is too large or no table."""
    if file.size > LARGEST:
        raise LabError(f"{file.path} of {run.name} is larger than {LARGEST >> 30} GB", "write fewer columns")
    frame = tables.scan([(file.path, file.real)])
    count = int(tables.collect(frame.select(pl.len())).item())
    if count > MOST_ROWS:
        raise LabError(f"{file.path} of {run.name} has {count:,} rows", f"at most {MOST_ROWS:,} are compared")
    return tables.collect(frame)


def _shared(old: dict[str, Artifact], new: dict[str, Artifact]) -> list[tuple[Artifact, Artifact]]:
    """Files of one path in both runs, the shortest path first; one of each where only the ends of the names differ."""
    paths = sorted({*old} & {*new}, key=lambda path: (path.count("/"), len(path), path))
    if not paths and len(old) == len(new) == 1:
        return [(next(iter(old.values())), next(iter(new.values())))]
    return [(old[path], new[path]) for path in paths]


def _dataset(spec: RunSpec, named: str) -> DataInput:
    """The dataset that the predictions are about: the one they name, or the only one."""
    known = spec.datasets
    if named in known:
        return known[named]
    if len(known) == 1:
        return next(iter(known.values()))
    raise NotFoundError("the run has no dataset" if not known else "a column dataset tells which of several it is")


def _numbered(found: SampleChanges) -> bool:
    return any(row.row is not None for row in found.rows)


def _by_number(frame: pl.LazyFrame, shown: tuple[SampleRow, ...]) -> tuple[SampleRow, ...]:
    wanted = sorted({row.row for row in shown if row.row is not None and row.row >= 0})
    count = int(tables.collect(frame.select(pl.len())).item())
    known = [number for number in wanted if number < count]
    taken = rows.take(frame, pl.Series(known, dtype=pl.Int64).to_numpy(), False)
    features = dict(zip(known, _features(taken), strict=True))
    return tuple(replace(row, features=features.get(-1 if row.row is None else row.row, ())) for row in shown)


def _by_key(frame: pl.LazyFrame, key: str, shown: tuple[SampleRow, ...]) -> tuple[SampleRow, ...]:
    if not key or key not in frame.collect_schema():
        raise NotFoundError(f"it has no column {key}" if key else "the rows' numbers are not told")
    ids = [row.id for row in shown]
    number = "row number"
    while number in frame.collect_schema():
        number += "_"
    same = pl.col(key).cast(pl.String, strict=False).is_in(pl.Series(ids, dtype=pl.String).implode())
    taken = tables.collect(frame.with_row_index(number).filter(same), streaming=True)
    taken = taken.unique(key, keep="first", maintain_order=True)
    texts = taken[key].cast(pl.String, strict=False).to_list()
    features = dict(zip(texts, zip(taken[number].to_list(), _features(taken.drop(number)), strict=True), strict=True))
    return tuple(
        replace(row, row=features[row.id][0], features=features[row.id][1]) if row.id in features else row
        for row in shown
    )


def _features(frame: pl.DataFrame) -> list[tuple[tuple[str, str | None], ...]]:
    columns = frame.get_columns()[:_MOST_COLUMNS]
    texts = [(column.name, as_text(column)) for column in columns]
    return [tuple((name, values[at]) for name, values in texts) for at in range(frame.height)]
