"""Tensors of the Open Inference Protocol: JSON or raw little-endian bytes, in and out.

Texts (`BYTES`) are, as raw bytes, each preceded by its length in four bytes. No size that a request claims is believed
before it fits what the request brought.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lab.runtime.serving.errors import RequestError

LENGTH_HEADER = b"inference-header-content-length"

_MAX_TENSORS = 10_000
_NUMPY = {"BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"} | {
    f"{kind}{8 * size}": f"<{code}{size}" for kind, code in (("INT", "i"), ("UINT", "u")) for size in (1, 2, 4, 8)
}


@dataclass(frozen=True)
class Tensor:
    """`values` are Python's own, flat, in row-major order; NaN is None."""

    name: str
    shape: tuple[int, ...]
    values: list[Any]


def split_body(body: bytes, json_length: bytes | None) -> tuple[bytes, bytes]:
    """(JSON, raw bytes of tensors) of a request whose header says how long its JSON is."""
    if json_length is None:
        return body, b""
    if not json_length.isdigit() or len(json_length) > 12 or int(json_length) > len(body):
        raise RequestError(400, "header_length", "Inference-Header-Content-Length is not a length inside the body")
    return body[: int(json_length)], body[int(json_length) :]


def read_tensors(inputs: Any, binary: bytes, max_rows: int) -> list[Tensor]:
    """At least one tensor of rank 1 or 2, no name twice. Raises RequestError 400, 413, 422."""
    if not isinstance(inputs, list) or not 0 < len(inputs) <= _MAX_TENSORS:
        raise RequestError(422, "shape", "the inputs must be a list of one tensor or more")
    tensors, offset = [], 0
    for given in inputs:
        if not isinstance(given, dict) or not isinstance(given.get("name"), str):
            raise RequestError(422, "shape", "an input must be an object with a name, datatype, shape and data")
        name, shape = given["name"], _shape(given, max_rows)
        size = _binary_size(given)
        if size is None:
            values = _flat(name, given.get("data"), shape)
        else:
            blob = binary[offset : offset + size]
            offset += size
            if len(blob) != size:
                raise RequestError(400, "binary", "the tensor's bytes are not all there", (name,))
            values = _values(name, given.get("datatype"), blob, math.prod(shape))
        tensors.append(Tensor(name, shape, values))
    if offset != len(binary):
        raise RequestError(400, "binary", "the body holds bytes that belong to no tensor")
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise RequestError(400, "repeated_columns", "a tensor is named twice")
    return tensors


def _shape(given: dict[str, Any], max_rows: int) -> tuple[int, ...]:
    name, shape, datatype = given["name"], given.get("shape"), given.get("datatype")
    if not isinstance(datatype, str) or datatype not in (*_NUMPY, "BYTES"):
        raise RequestError(422, "datatype", "the tensor's datatype is not known", (name,))
    if not isinstance(shape, list) or len(shape) not in (1, 2) or not all(type(n) is int and n > 0 for n in shape):
        raise RequestError(422, "shape", "a shape must be [rows] or [rows, columns]", (name,))
    if shape[0] > max_rows:
        raise RequestError(413, "too_many_rows", f"at most {max_rows} rows fit one request")
    return tuple(shape)


def _binary_size(given: dict[str, Any]) -> int | None:
    parameters = given.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return None
    if type(size) is not int or size < 0 or "data" in given:
        raise RequestError(
            422, "binary", "binary_data_size must be a length, and then there is no data", (given["name"],)
        )
    return size


def _flat(name: str, given: Any, shape: tuple[int, ...]) -> list[Any]:
    data: list[Any] = given if isinstance(given, list) else []
    if not data:
        raise RequestError(422, "shape", "the tensor's data must be a list", (name,))
    if len(shape) == 2 and data and isinstance(data[0], list):
        if any(not isinstance(row, list) or len(row) != shape[1] for row in data):
            raise RequestError(422, "shape", "the tensor's data is not of its shape", (name,))
        data = [value for row in data for value in row]
    if len(data) != math.prod(shape):
        raise RequestError(422, "shape", "the tensor's data is not of its shape", (name,))
    return data


def _values(name: str, datatype: Any, blob: bytes, count: int) -> list[Any]:
    if datatype == "BYTES":
        return _texts(name, blob, count)
    numpy = import_module("numpy")  # late: the server answers before the model and its libraries are there
    kind = numpy.dtype(_NUMPY[datatype])
    if len(blob) != count * kind.itemsize:
        raise RequestError(422, "binary", "the tensor's bytes are not of its shape", (name,))
    array = numpy.frombuffer(blob, kind)
    if kind.kind == "b":
        array = numpy.frombuffer(blob, "u1") != 0
    values: list[Any] = array.tolist()
    if kind.kind == "f" and not numpy.isfinite(array).all():
        if numpy.isinf(array).any():
            raise RequestError(400, "infinite", "the tensor holds infinities", (name,))
        return [None if value != value else value for value in values]
    return values


def _texts(name: str, blob: bytes, count: int) -> list[Any]:
    texts: list[Any] = []
    at = 0
    while at < len(blob):
        size = int.from_bytes(blob[at : at + 4], "little")
        text = blob[at + 4 : at + 4 + size]
        if at + 4 > len(blob) or len(text) != size or len(texts) == count:
            raise RequestError(422, "binary", "the tensor's bytes are not of its shape", (name,))
        try:
            texts.append(text.decode())
        except UnicodeDecodeError:
            raise RequestError(400, "type", "the tensor's text is not UTF-8", (name,)) from None
        at += 4 + size
    if len(texts) != count:
        raise RequestError(422, "binary", "the tensor's bytes are not of its shape", (name,))
    return texts


def encode(name: str, array: Any, *, binary: bool) -> tuple[dict[str, Any], bytes]:
    """(the output's JSON, its raw bytes, empty where the JSON holds the data)."""
    datatype, convert = _encoding(array)
    about: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(array.shape)}
    if not binary:
        return about | {"data": convert(array).ravel().tolist()}, b""
    blob = _text_bytes(array) if datatype == "BYTES" else convert(array).tobytes()
    return about | {"parameters": {"binary_data_size": len(blob)}}, blob


def _encoding(array: Any) -> tuple[str, Callable[[Any], Any]]:
    kind = array.dtype.kind
    if kind == "f":
        return "FP64", lambda values: values.astype("<f8")
    if kind in "iu":
        return "INT64", lambda values: values.astype("<i8")
    if kind == "b":
        return "BOOL", lambda values: values
    return "BYTES", lambda values: values.astype(str).astype(object)


def _text_bytes(array: Any) -> bytes:
    texts = [str(value).encode() for value in array.ravel().tolist()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
