"""The sample projects that come with Lab, and what a demonstration does with each."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.dataclass import dataclass
from lab.errors import NotFoundError
from lab.paths import LabHome

#: Inside an installed package, and in a checkout.
_PLACES = (
    Path(__file__).resolve().parent.parent / "sample_projects",
    Path(__file__).resolve().parent.parent.parent / "sample_projects",
)


@dataclass(frozen=True)
class Sample:
    """How to show a sample: `metric` chooses the best run, `label` is the column that held-out rows are scored on.

    `kinds` are values of the parameter `model`. `higher` tells whether a higher metric is better.
    """

    name: str
    metric: str
    label: str
    kinds: tuple[str, ...]
    task: str
    higher: bool = True
    holdout: str = "holdout"
    seeds: tuple[int, ...] = (1, 2, 3)


SAMPLES = {
    sample.name: sample
    for sample in (
        Sample("digits", "val_accuracy", "label", ("logistic", "mlp"), "classification"),
        Sample("breast-cancer", "val_accuracy", "diagnosis", ("logistic", "forest"), "classification"),
        Sample("diabetes", "rmse", "progression", ("ridge", "forest"), "regression", higher=False),
    )
}


def sample(name: str) -> Sample:
    """Raises NotFoundError with the names that there are."""
    if name not in SAMPLES:
        raise NotFoundError(f"no sample project {name!r}", f"there are: {', '.join(SAMPLES)}")
    return SAMPLES[name]


def checkout(home: LabHome, name: str) -> Path:
    """The user's own copy of a sample project in the lab home, made when there is none yet."""
    sample(name)
    target = home.root / "samples" / name
    if target.exists():
        return target
    source = next((place / name for place in _PLACES if (place / name).is_dir()), None)
    if source is None:
        raise NotFoundError(f"the sample project {name!r} is not part of this installation", "install Lab again")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh, ignore=shutil.ignore_patterns("__pycache__"))
    fresh.rename(target)
    return target
