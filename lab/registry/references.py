"""What a registered model's requests are compared with, where that is another table than the run's own example."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass

SIGNATURE, PROFILE, GOLDEN = "signature.json", "profile.json", "golden.jsonl"


@dataclass(frozen=True)
class Referenced:
    """`profile` are the parts of one (`lab.runtime.profile`) that the table tells; `golden` lines of `golden.jsonl`,
    none where the model could not be asked: then its run's own stay."""

    profile: Mapping[str, Any]
    golden: Sequence[Mapping[str, Any]] = ()


#: From the folder of a model and its signature's inputs.
Reference = Callable[[Path, Sequence[Mapping[str, Any]]], Referenced]


@contextmanager
def referenced(
    folder: Path, signature: dict[str, Any], found: Referenced | None, workplace: Path
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folder and signature as they are to be kept; with what was `found` a copy in `workplace`, for the block."""
    if found is None:
        yield folder, signature
        return
    profile = {**_profile(folder), **found.profile}
    fresh = {**signature, "inputs": with_ranges(signature.get("inputs", []), profile["columns"])}
    with tempfile.TemporaryDirectory(dir=workplace) as name:
        copy = Path(name, "model")
        shutil.copytree(folder, copy, symlinks=True)
        texts = {SIGNATURE: json.dumps(fresh), PROFILE: json.dumps(profile)}
        if found.golden:
            texts[GOLDEN] = "".join(json.dumps(line) + "\n" for line in found.golden)
        for file, text in texts.items():
            (copy / file).unlink(missing_ok=True)
            (copy / file).write_text(text, encoding="utf-8")
        yield copy, fresh


def with_ranges(inputs: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The signature's inputs with the range or the categories that the profile's `columns` found."""
    found = {column["name"]: column for column in columns}
    described = []
    for given in inputs:
        column = found.get(given["name"], {})
        about = dict(given)
        if column.get("kind") == "numeric":
            about |= {"min": column["min"], "max": column["max"]}
        elif column.get("kind") == "category" and given.get("dtype") == "string":
            about["categories"] = list(column["categories"])
        described.append(about)
    return described


def _profile(folder: Path) -> dict[str, Any]:
    """What the run found out about the model's outputs; empty where it did not, or where it is no profile."""
    path = folder / PROFILE
    if path.is_symlink() or not path.is_file():
        return {}
    try:
        profile = json.loads(path.read_bytes())
    except ValueError:
        return {}
    kept = profile if isinstance(profile, dict) else {}
    return {key: kept[key] for key in ("v", "outputs", "score") if key in kept}
