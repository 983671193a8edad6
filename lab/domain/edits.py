"""What users edit and can undo: of runs, dataset versions, aliases of datasets and models."""

from __future__ import annotations

from lab.dataclass import dataclass
from lab.domain.runs import Edit

RUN, DATASET, MODEL = "run", "dataset", "model"


@dataclass(frozen=True)
class Undone:
    """What was undone or done again. `kind` is RUN, DATASET or MODEL, `id` what the object's screen and command take,
    `name` what people call it; `edit` is the edit that was made for it, `what` of an alias is `alias NAME`."""

    kind: str
    id: str
    name: str
    edit: Edit
