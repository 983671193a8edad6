"""`python -m lab.runtime.golden`: what a model says of rows that somebody names, in the model's own environment.

`$LAB_MODEL_DIR` holds the model, `rows.json` in `$LAB_RUN_DIR` is a list of rows in the order of its columns. Leaves
`answers.json` there: `{"golden": [lines of golden.jsonl], "outputs": …, "score": …}` (`lab.runtime.profile`), without
any lines where no server could open such a model, or `{"error": sentence}` when the model cannot be asked.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lab.runtime import profile, reference
from lab.runtime.atomic import write_json
from lab.runtime.serving.compute import choose
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.files import read_checked, read_golden, read_signature
from lab.runtime.serving.loaders import LOADERS, Files, loader_of

ROWS, ANSWERS = "rows.json", "answers.json"


def answers(folder: Path, rows: list[list[Any]]) -> dict[str, Any]:
    """Raises LoadError for a model that cannot be opened or does not predict as it did in training, and what it raises
    of the rows."""
    signature = read_signature(folder)
    if signature.framework not in LOADERS:
        return {"golden": []}
    files = Files(folder, signature, read_checked(folder, signature.file, signature.sha256))
    own = next(way for way in loader_of(signature.framework).ways(files) if way.own)
    predict, _, _ = choose([own], read_golden(folder))
    golden = reference.golden_rows(rows)
    said, whole = predict(golden), predict(rows)
    about = profile.build((), [], (np.asarray(whole.predictions), whole.probabilities))
    lines = reference.golden_lines(golden, (said.predictions, said.probabilities))
    return {"golden": lines, **{name: about[name] for name in ("outputs", "score") if name in about}}


def main(env: Mapping[str, str] = os.environ) -> int:
    folder = Path(env["LAB_RUN_DIR"])
    rows = json.loads((folder / ROWS).read_bytes())
    try:
        told = answers(Path(env["LAB_MODEL_DIR"]), rows)
    except LoadError as error:
        told = {"error": str(error)}
    except Exception as error:  # the model's own code may raise anything  # noqa: BLE001
        told = {"error": f"the model fails on these rows ({type(error).__name__})"}
    write_json(folder / ANSWERS, told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
