"""The Open Inference Protocol, version 2, over REST, with binary tensors.

After `specification/protocol/inference_rest.md` and the `binary_tensor_data` extension of KServe's and Triton's
specification. A request brings either one matrix of shape [rows, columns], or a tensor of shape [rows] or [rows, 1] for
each column.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import lab
from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import Answer, Headers, Request, Route, json_answer, parse_json
from lab.runtime.serving.rows import RowReader
from lab.runtime.serving.service import Prediction, Query, Service
from lab.runtime.serving.signature import Row
from lab.runtime.serving.tensors import LENGTH_HEADER, Tensor, encode, read_tensors, split_body

PREFIX = "/v2"
INPUT = "input"
_DATATYPES = {"bool": "BOOL", "int64": "INT64", "float64": "FP64", "string": "BYTES"}


def routes(service: Service) -> list[Route]:
    async def server(_request: Request) -> Answer:
        about = {"name": "lab", "version": lab.__version__, "extensions": ["binary_tensor_data"]}
        return json_answer(200, about)

    async def live(_request: Request) -> Answer:
        return json_answer(200, {"live": True})

    async def ready(_request: Request) -> Answer:
        return json_answer(503 if service.ready_reason else 200, {"ready": not service.ready_reason})

    async def model_ready(_request: Request) -> Answer:
        is_ready = not service.ready_reason
        return json_answer(200 if is_ready else 503, {"name": service.name, "ready": is_ready})

    async def metadata(_request: Request) -> Answer:
        return json_answer(200, _metadata(service))

    def read(headers: Headers, body: bytes) -> Query:
        return _query(service, body, headers.get(LENGTH_HEADER))

    table = [
        Route(PREFIX, "GET", server, error=error_sentence),
        Route(f"{PREFIX}/health/live", "GET", live, guarded=False, error=error_sentence),
        Route(f"{PREFIX}/health/ready", "GET", ready, guarded=False, error=error_sentence),
    ]
    for model in _model_paths(service):
        table += [
            Route(model, "GET", metadata, label="/v2/models", error=error_sentence),
            Route(f"{model}/ready", "GET", model_ready, guarded=False, label="/v2/models/ready", error=error_sentence),
            Route(f"{model}/infer", "POST", read=read, label="/v2/infer", error=error_sentence),
        ]
    return table


def _model_paths(service: Service) -> list[str]:
    """Of the model, and of its version as `v3` and as `3`."""
    model = f"{PREFIX}/models/{service.name}"
    version = service.config.version
    spellings = dict.fromkeys((version, version.removeprefix("v"))) if version else {}
    return [model, *(f"{model}/versions/{spelling}" for spelling in spellings if spelling)]


def error_sentence(error: RequestError) -> Answer:
    """This protocol's errors are a sentence; ours has the columns in it."""
    names = f": {', '.join(error.columns)}" if error.columns else ""
    return json_answer(error.status, {"error": error.message + names, "code": error.code})


def _metadata(service: Service) -> dict[str, Any]:
    model = service.model
    about: dict[str, Any] = {
        "name": service.name,
        "versions": [service.config.version] if service.config.version else [],
        "platform": "",
        "inputs": [],
        "outputs": [],
    }
    if model is None:
        return about
    signature = model.signature
    if signature.numeric and signature.positional:
        inputs = [{"name": INPUT, "datatype": "FP64", "shape": [-1, len(signature.columns) or -1]}]
    else:
        inputs = [
            {"name": column.name, "datatype": _DATATYPES[column.dtype], "shape": [-1, 1]}
            for column in signature.columns
        ]
    outputs = [
        {
            "name": str(output.get("name", "")),
            "datatype": _DATATYPES.get(str(output.get("dtype", "")), "BYTES"),
            "shape": [-1, output["width"]] if "width" in output else [-1],
        }
        for output in signature.outputs
        if isinstance(output, dict)
    ]
    return about | {
        "platform": f"{signature.framework}_{model.choice.way}",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": {"task": signature.task, "golden_rows": model.golden, "compute": model.choice.about},
    }


def _query(service: Service, body: bytes, json_length: bytes | None) -> Query:
    head, binary = split_body(body, json_length)
    request = parse_json(head)
    if not isinstance(request, dict):
        raise RequestError(422, "shape", "the request must be an object")
    tensors = read_tensors(request.get("inputs"), binary, service.config.max_rows)
    rows = _rows(service.reader, tensors, service.config.max_rows)
    return Query(rows, request.get("id"), partial(_answer, service, request))


def _rows(reader: RowReader, tensors: Sequence[Tensor], max_rows: int) -> list[Row]:
    first, names = tensors[0], reader.signature.names
    is_matrix = len(first.shape) == 2 and (first.name not in names or first.shape[1] != 1)
    if len(tensors) == 1 and is_matrix:
        width = first.shape[1]
        rows = [first.values[start : start + width] for start in range(0, len(first.values), width or 1)]
        return reader.by_position(rows, max_rows)
    for tensor in tensors:
        if len(tensor.shape) == 2 and tensor.shape[1] != 1:
            message = "a column's tensor must be of shape [rows] or [rows, 1]"
            raise RequestError(422, "shape", message, (tensor.name,))
    return reader.by_column({tensor.name: tensor.values for tensor in tensors}, max_rows)


def _wanted(request: dict[str, Any], known: tuple[str, ...]) -> list[tuple[str, bool]]:
    """(name, whether as bytes) of each output that the request asks for; all of them if it names none."""
    parameters = _object(request.get("parameters"))
    binary = parameters.get("binary_data_output") is True
    outputs = request.get("outputs")
    if outputs is None or outputs == []:
        return [(name, binary) for name in known]
    if not isinstance(outputs, list):
        raise RequestError(422, "shape", "the outputs must be a list")
    wanted = []
    for output in outputs:
        name = _object(output).get("name")
        if not isinstance(name, str) or name not in known:
            raise RequestError(400, "unknown_output", f"the model gives: {', '.join(known)}")
        own = _object(_object(output).get("parameters")).get("binary_data")
        wanted.append((name, binary if own is None else own is True))
    return wanted


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _answer(service: Service, request: dict[str, Any], done: Prediction) -> Answer:
    known = ("predictions",) if done.output.probabilities is None else ("predictions", "probabilities")
    wanted = _wanted(request, known)
    outputs, blobs = [], []
    for name, binary in wanted:
        array = done.output.predictions if name == "predictions" else done.output.probabilities
        about, blob = encode(name, array, binary=binary)
        outputs.append(about)
        blobs.append(blob)
    answer: dict[str, Any] = {"model_name": service.name, "id": done.id, "outputs": outputs}
    if service.config.version:
        answer["model_version"] = service.config.version
    if done.findings:
        answer["parameters"] = {"warnings": [finding.told for finding in done.findings]}
    whole = json_answer(200, answer)
    if not any(binary for _, binary in wanted):
        return whole
    headers = (
        (b"content-type", b"application/octet-stream"),
        (LENGTH_HEADER, str(len(whole.body)).encode()),
    )
    return Answer(200, whole.body + b"".join(blobs), headers)
