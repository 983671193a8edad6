"""Lab's own protocol: `POST /predict`, for people, curl and `lab deployments predict`."""

from __future__ import annotations

from typing import Any

from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import Answer, Headers, Route, json_answer, parse_json
from lab.runtime.serving.rows import RowReader
from lab.runtime.serving.service import Prediction, Query, Service, plain
from lab.runtime.serving.signature import Row

PATH = "/predict"


def routes(service: Service) -> list[Route]:
    about = {"model": service.config.name, "model_version": service.config.version}

    def read(_headers: Headers, body: bytes) -> Query:
        request = parse_json(body)
        rows = read_rows(service.reader, request, service.config.max_rows)
        return Query(rows, request.get("id"), tell)

    def tell(done: Prediction) -> Answer:
        return _answer(done, about)

    return [Route(PATH, "POST", read=read)]


def read_rows(reader: RowReader, request: Any, max_rows: int) -> list[Row]:
    """The rows of `{"rows": [{column: value}]}` or `{"data": [[value]]}`, unchecked. Raises RequestError."""
    if not isinstance(request, dict):
        raise RequestError(422, "shape", 'the body must be an object with "rows" or "data"')
    if ("rows" in request) == ("data" in request):
        raise RequestError(422, "shape", 'the body must have either "rows" or "data"')
    if "rows" in request:
        return reader.by_name(request["rows"], max_rows)
    return reader.by_position(request["data"], max_rows)


def _answer(done: Prediction, about: dict[str, str]) -> Answer:
    answer: dict[str, Any] = {"predictions": plain(done.output.predictions)}
    if done.output.probabilities is not None:
        answer["probabilities"] = done.output.probabilities
    answer |= about
    answer["id"] = done.id
    if done.findings:
        answer["warnings"] = [finding.told for finding in done.findings]
    return json_answer(200, answer)
