"""Lab's own protocol: `POST /predict`, for people, curl and `lab deployments predict`."""

from __future__ import annotations

from typing import Any

from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import Answer, Request, Route, json_answer, parse_json
from lab.runtime.serving.rows import RowReader
from lab.runtime.serving.service import Service, plain
from lab.runtime.serving.signature import Row

PATH = "/predict"


def routes(service: Service) -> list[Route]:
    async def predict(request: Request) -> Answer:
        body = await service.read(request)
        return await _predict(service, body)

    return [Route(PATH, "POST", predict, predicts=True)]


def read_rows(reader: RowReader, request: Any, max_rows: int) -> list[Row]:
    """The rows of `{"rows": [{column: value}]}` or `{"data": [[value]]}`, unchecked. Raises RequestError."""
    if not isinstance(request, dict):
        raise RequestError(422, "shape", 'the body must be an object with "rows" or "data"')
    if ("rows" in request) == ("data" in request):
        raise RequestError(422, "shape", 'the body must have either "rows" or "data"')
    if "rows" in request:
        return reader.by_name(request["rows"], max_rows)
    return reader.by_position(request["data"], max_rows)


async def _predict(service: Service, body: bytes) -> Answer:
    model = service.model
    assert model is not None
    request = parse_json(body)
    rows = read_rows(model.rows, request, service.config.max_rows)
    done = await service.predict(rows, request.get("id"))
    answer: dict[str, Any] = {"predictions": plain(done.output.predictions)}
    if done.output.probabilities is not None:
        answer["probabilities"] = done.output.probabilities
    answer |= {"model": service.config.name, "model_version": service.config.version, "id": done.id}
    if done.findings:
        answer["warnings"] = [finding.told for finding in done.findings]
    return json_answer(200, answer)
