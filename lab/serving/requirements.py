"""What a serving image must hold: the model's exact packages and the server's own."""

from __future__ import annotations

import re
from pathlib import Path

from lab.domain.text import clean
from lab.engine.base import Environment
from lab.errors import IntegrityError, NotFoundError
from lab.runtime.serving.requirements import SERVING_REQUIREMENTS

_NAME = "requirements.txt"
_MAX_BYTES = 64 << 10

#: A pinned package and nothing else. The file comes out of a container: an option such as an index, a URL or a path
#: in it would run a stranger's code in the build.
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+")


def environment(model: Path) -> Environment:
    """The environment that serves the model in folder `model`.

    Raises NotFoundError if the model names no requirements, IntegrityError if a line is not `name==version`.
    """
    path = model / _NAME
    if not path.is_file():
        raise NotFoundError(
            f"the model has no {_NAME}, so Lab does not know how to serve it",
            "save it with track.model(estimator, example=rows); beside a predict.py, write it yourself",
        )
    text = path.read_bytes()[:_MAX_BYTES].decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in lines:
        if not _PINNED.fullmatch(line):
            raise IntegrityError(
                f"the model's {_NAME} holds {clean(line, 60)!r}", "only lines such as numpy==2.4.0 are taken"
            )
    content = "\n".join([*sorted(lines), *SERVING_REQUIREMENTS]) + "\n"
    return Environment(files=((_NAME, content.encode()),))
