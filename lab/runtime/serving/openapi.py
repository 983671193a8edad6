"""The server's own description: an OpenAPI document from the model's signature, and a page of it for people."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from lab.runtime.serving.feedback import MAX_LABEL
from lab.runtime.serving.service import MAX_ID, Service

if TYPE_CHECKING:
    from lab.runtime.serving.signature import Column

_JSON_TYPES = {"bool": "boolean", "int64": "number", "float64": "number", "string": "string"}
_OUTPUT_TYPES = {"bool": "boolean", "int64": "integer", "float64": "number", "string": "string"}
_ID = {"type": "string", "maxLength": MAX_ID}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "columns": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}
_REASONS = {
    400: "not JSON, or columns or types that the model does not have",
    401: "the token is missing or wrong",
    405: "another method is meant",
    408: "the body did not arrive in time",
    411: "no Content-Length",
    413: "the body is too large, or has too many rows",
    415: "a kind of body that is not taken",
    422: "a shape that the model does not take, or rows that a policy or the model refuses",
    500: "the model failed",
    501: "there is no folder to keep it in",
    503: "not ready, or too many requests wait; Retry-After says when",
    504: "the model took too long",
    507: "what is kept is as large as it may be",
}
_PREDICT_ERRORS = (400, 401, 405, 408, 411, 413, 415, 422, 500, 503, 504)

Json = dict[str, Any]

_OPEN: Json = {"security": []}


def document(service: Service) -> Json:
    """OpenAPI 3.1, for the signature once the model is loaded, else for any rows."""
    secured: Json = {"security": [{"token": []}]} if service.config.token_file else {}
    about: Json = {
        "openapi": "3.1.0",
        "info": {"title": f"{service.name} {service.config.version}".strip(), "version": service.config.version or "0"},
        "paths": _paths(service),
        **secured,
    }
    if secured:
        about["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    return about


def _paths(service: Service) -> Json:
    columns = service.model.signature.columns if service.model else ()
    row, record = _row(columns), _record(columns)
    model, open_to_all = f"/v2/models/{service.name}", _OPEN
    invocations = _operation(
        "Predict, as clients of MLflow ask", _body(_invocations(columns, row, record)), _mlflow_errors()
    )
    return {
        "/predict": {
            "post": _operation(
                "Predict", _body(_predict(columns, row, record)), _errors(*_PREDICT_ERRORS), _answer(service)
            )
        },
        "/invocations": {"post": invocations},
        f"{model}/infer": {
            "post": _operation(
                "Predict, by the Open Inference Protocol", _body(_infer()), _any_errors(*_PREDICT_ERRORS)
            )
        },
        "/feedback": {
            "post": _operation(
                "Tell what was true of earlier predictions",
                _body(_feedback()),
                _errors(400, 401, 405, 408, 411, 413, 415, 422, 501, 507),
                status="202",
            )
        },
        model: {"get": _page("The model's tensors, and how it is computed")},
        "/livez": {"get": _page("Whether the server runs") | open_to_all},
        "/readyz": {"get": _page("Whether the model may be asked", 503) | open_to_all},
    }


def _operation(summary: str, body: Json, errors: Json, answer: Json | None = None, status: str = "200") -> Json:
    done = {"description": "done", "content": {"application/json": {"schema": answer or {"type": "object"}}}}
    return {"summary": summary, "requestBody": body, "responses": {status: done, **errors}}


def _page(summary: str, *errors: int) -> Json:
    answer = {"content": {"application/json": {"schema": {"type": "object"}}}}
    statuses = {200: "done", 401: _REASONS[401], 405: _REASONS[405], **dict.fromkeys(errors, "not now")}
    return {
        "summary": summary,
        "responses": {str(status): {"description": text, **answer} for status, text in statuses.items()},
    }


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _errors(*statuses: int, schema: Json = _ERROR) -> Json:
    content = {"application/json": {"schema": schema}}
    return {str(status): {"description": _REASONS[status], "content": content} for status in statuses}


def _any_errors(*statuses: int) -> Json:
    return _errors(
        *statuses, schema={"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    )


def _mlflow_errors() -> Json:
    texts = {"error_code": {"type": "string"}, "message": {"type": "string"}}
    return _errors(*_PREDICT_ERRORS, schema={"type": "object", "required": list(texts), "properties": texts})


def _value(column: Column) -> Json:
    kind = _JSON_TYPES[column.dtype]
    about: Json = {"type": [kind, "null"] if column.nullable else kind}
    if column.low is not None and column.high is not None:
        about["description"] = f"in training from {column.low:g} to {column.high:g}"
    if column.categories is not None and not column.pii:
        about["description"] = f"in training one of {', '.join(sorted(column.categories))}"[:500]
    return about


def _row(columns: tuple[Column, ...]) -> Json:
    if not columns:
        return {"type": "array", "minItems": 1, "items": {"type": "number"}}
    values = [_value(column) for column in columns]
    return {"type": "array", "prefixItems": values, "items": False, "minItems": len(values), "maxItems": len(values)}


def _record(columns: tuple[Column, ...]) -> Json:
    return {
        "type": "object",
        "required": [column.name for column in columns],
        "properties": {column.name: _value(column) for column in columns},
        "additionalProperties": False,
    }


def _list(items: Json) -> Json:
    return {"type": "array", "minItems": 1, "items": items}


def _one_of(columns: tuple[Column, ...], shapes: dict[str, Json], named: tuple[str, ...]) -> Json:
    """Objects with exactly one of `shapes`; those in `named` only for a model that names its columns."""
    known = {key: schema for key, schema in shapes.items() if columns or key not in named}
    return {
        "type": "object",
        "properties": {**known, "id": {"anyOf": [_ID, {"type": "null"}]}},
        "oneOf": [{"required": [key]} for key in known],
    }


def _predict(columns: tuple[Column, ...], row: Json, record: Json) -> Json:
    return _one_of(columns, {"rows": _list(record), "data": _list(row)}, ("rows",))


def _invocations(columns: tuple[Column, ...], row: Json, record: Json) -> Json:
    split = {"type": "object", "required": ["data"], "properties": {"data": _list(row)}}
    shapes = {
        "dataframe_split": split,
        "dataframe_records": _list(record),
        "instances": _list(row),
        "inputs": _list(row),
    }
    return _one_of(columns, shapes, ("dataframe_records",))


def _infer() -> Json:
    tensor = {
        "type": "object",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "data": {"type": "array"},
        },
    }
    return {"type": "object", "required": ["inputs"], "properties": {"id": _ID, "inputs": _list(tensor)}}


def _feedback() -> Json:
    label = {"anyOf": [{"type": ["boolean", "number"]}, {"type": "string", "maxLength": MAX_LABEL}]}
    known = {"id": {**_ID, "minLength": 1}, "row": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}}
    one = _closed({**known, "label": label}, "id", "label")
    more = _closed({**known, "labels": _list(label)}, "id", "labels")
    return {"anyOf": [one, more, _closed({"feedback": _list({"anyOf": [one, more]})}, "feedback")]}


def _closed(properties: Json, *required: str) -> Json:
    """An object with these properties and no others."""
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _answer(service: Service) -> Json:
    known = service.model.signature.outputs if service.model else ()
    properties: Json = {name: {"type": "string"} for name in ("id", "model", "model_version")}
    for output in known:
        value = {"type": [_OUTPUT_TYPES.get(str(output.get("dtype")), "string"), "null"]}
        properties[str(output.get("name"))] = {"type": "array", "items": _list(value) if "width" in output else value}
    return {"type": "object", "required": ["predictions", "id"], "properties": properties}


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "pre{overflow-x:auto;padding:.7rem;border:1px solid #8886;border-radius:4px;font-size:13px}"
    "h2{font:600 1rem ui-monospace,monospace;margin-top:2rem}"
)


def html_page(about: Json) -> str:
    """The document as one page that loads nothing from anywhere."""
    parts = [
        f"<h1>{html.escape(about['info']['title'])}</h1>",
        '<p>As a document: <a href="/openapi.json">openapi.json</a></p>',
    ]
    for path, methods in about["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2>{method.upper()} {html.escape(path)}</h2><p>{html.escape(operation['summary'])}</p>")
            body = operation.get("requestBody")
            if body:
                parts.append(_pre(body["content"]["application/json"]["schema"]))
            told = [
                f"<li>{status}: {html.escape(a['description'])}</li>" for status, a in operation["responses"].items()
            ]
            parts.append(f"<ul>{''.join(told)}</ul>")
    title = html.escape(about["info"]["title"])
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
    return head + "".join(parts) + "</html>"


def _pre(schema: Json) -> str:
    return f"<pre>{html.escape(json.dumps(schema, indent=1, ensure_ascii=False))}</pre>"
