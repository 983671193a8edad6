"""Labels that come later: `POST /feedback` appends them, by prediction id, to `feedback.jsonl` in the run folder.

One line is one label: `{"id", "at": seconds since the epoch, "row": its place in the request, "label"}`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import Answer, Request, Route, json_answer, parse_json
from lab.runtime.serving.jsonlines import append
from lab.runtime.serving.service import MAX_ID, Service, now

FILE = "feedback.jsonl"
MAX_LABELS = 10_000
MAX_LABEL = 256
_KEYS = frozenset({"id", "row", "label", "labels"})


def routes(service: Service) -> list[Route]:
    async def feedback(request: Request) -> Answer:
        config = service.config
        body = await service.body(request)
        labels = read_labels(parse_json(body))
        if config.run_dir is None:
            raise RequestError(501, "no_run_folder", "this server has no folder to keep feedback in")
        _keep(config.run_dir / FILE, labels, config.feedback_bytes)
        service.metrics.feedback += len(labels)
        return json_answer(202, {"accepted": len(labels)})

    return [Route("/feedback", "POST", feedback)]


def read_labels(request: Any) -> list[dict[str, Any]]:
    """The labels of `{"id", "label", "row"?}`, `{"id", "labels": […]}` or `{"feedback": [of these]}`.

    Raises RequestError 413, 422.
    """
    several = isinstance(request, dict) and request.keys() == {"feedback"}
    entries = request["feedback"] if several else [request]
    if not isinstance(entries, list) or not entries:
        raise RequestError(422, "shape", 'the body must be an object with "id" and "label", or with "feedback"')
    labels = [label for entry in entries for label in _entry(entry)]
    if len(labels) > MAX_LABELS:
        raise RequestError(413, "too_many_labels", f"at most {MAX_LABELS} labels fit one request")
    return labels


def _entry(entry: Any) -> list[dict[str, Any]]:
    if not isinstance(entry, dict) or ("label" in entry) == ("labels" in entry) or not entry.keys() <= _KEYS:
        raise RequestError(
            422, "shape", 'feedback has an "id", either "label" or "labels", "row" if it must, and no more'
        )
    name, row = entry.get("id"), entry.get("row", 0)
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID:
        raise RequestError(422, "id", f"an id is a text of 1 to {MAX_ID} characters")
    if isinstance(row, float) and row.is_integer():
        row = int(row)
    if type(row) is not int or not 0 <= row < 2**31:
        raise RequestError(422, "row", "a row is its place in the request, from 0")
    values = entry["labels"] if "labels" in entry else [entry["label"]]
    if not isinstance(values, list) or not values:
        raise RequestError(422, "shape", '"labels" must be a list of one label or more')
    for value in values:
        if not isinstance(value, (bool, int, float, str)) or (isinstance(value, str) and len(value) > MAX_LABEL):
            raise RequestError(
                422, "label", f"a label is a number, true or false, or a text up to {MAX_LABEL} characters"
            )
    at = now()
    return [{"id": name, "at": at, "row": row + index, "label": value} for index, value in enumerate(values)]


def _keep(path: Path, labels: list[dict[str, Any]], limit: int) -> None:
    """Append; raises RequestError 507 when the file is as large as it may be, or the disk is full.

    Whoever has taken the labels over may move the file away at any time.
    """
    lines = b"".join(orjson.dumps(label) + b"\n" for label in labels)
    try:
        size = os.path.getsize(path) if path.exists() else 0
        if size + len(lines) > limit:
            raise RequestError(507, "feedback_full", "the feedback file is full: nothing was kept")
        append(path, lines)
    except OSError as error:
        raise RequestError(507, "feedback_failed", f"the feedback could not be kept: {error.strerror}") from error
